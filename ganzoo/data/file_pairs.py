"""What pairs in files have in common: encoded pictures of two sides, read together or apart."""

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.archives import Entry
from ganzoo.data.base import check_n, check_split
from ganzoo.data.files import Files, Half, blocks_of, check_workers, content_of
from ganzoo.data.order import Order
from ganzoo.data.pairs import Loader, PairData, UnpairedLoader
from ganzoo.data.workers import OnCorrupt, Skipped, Source, WorkerLoader

Sides = tuple[list[Entry], list[Entry]]  # A and B


class Together:
    """Reads two sources of one length as pairs (x, y): if one image of a pair is corrupt, the pair is.

    Args:
        x: The images to make.
        y: The images to translate.
    """

    def __init__(self, x: Files, y: Files) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        """Return the number of pairs."""
        return len(self.x)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return (x, y) for (index, epoch), both uint8 [C, H, W].

        Raises:
            CorruptImage: one of them cannot be read.
        """
        return self.x[key][0], self.y[key][0]


class FilePairData(PairData):
    """Encoded pictures of two sides, read by workers, or once into memory.

    A subclass says its ``name`` and how to ``scan``. A picture whose shape is not that of ``size`` is cropped to its
    middle.

    Args:
        num_workers: Number of processes that read; 0: the one that trains.
        in_memory: Decode every image once and keep the pixels.
        on_corrupt: "raise", or "skip" to take the next readable image or pair of the split.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        num_workers: int = 2,
        in_memory: bool = False,
        on_corrupt: OnCorrupt = "raise",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_workers(num_workers)
        self.num_workers, self.in_memory, self.on_corrupt = num_workers, in_memory, on_corrupt
        self.corrupt = Skipped()
        self.halves: tuple[Half, Half] = ("", "")  # of a picture that sides A and B are
        self._scan: dict[str, Sides] | None = None
        self._fingerprints: dict[str, str] = {}

    def scan(self) -> dict[str, Sides]:
        """Return the entries of sides A and B of each split, in a fixed order; those of pairs belong together."""
        raise NotImplementedError

    @property
    def scanned(self) -> dict[str, Sides]:
        """What was found, once."""
        if self._scan is None:
            self._scan = self.scan()
        return self._scan

    @property
    def skipped(self) -> int:
        """Number of corrupt files met so far."""
        return len(self.corrupt)

    def setup(self, stage: str) -> None:
        """Look for the files, and read the training images if they are to be kept in memory."""
        self.scanned  # noqa: B018
        if stage == "fit" and self.in_memory and not self.jitter:
            self.sides("train")

    def files(self, split: str, size: tuple[int, int]) -> tuple[Files, Files]:
        """Return targets and sources of a split, as far as they are trained on or judged."""
        channels = self.image_shape[0]
        sides = self.apart(split, *self.scanned[check_split(split)])
        a, b = (Files(side, channels, size, half=half) for side, half in zip(sides, self.halves, strict=True))
        targets, sources = self.turned(a, b)
        return targets, sources

    def sides(self, split: str) -> tuple[Tensor, Tensor]:
        """Return targets and sources of a split, uint8 [N, C, H, W] and [M, C, H, W]; they are decoded once.

        Raises:
            ValueError: there is no such split.
        """
        if check_split(split) not in self._sides:
            self._sides[split] = self._decoded(split, self.size)
        return self._sides[split]

    def training_sides(self) -> tuple[Tensor, Tensor]:
        """Return targets and sources of the training set, larger than ``size`` by ``jitter`` pixels."""
        return self._decoded("train", self._training_size()) if self.jitter else self.sides("train")

    def images(self, split: str, n: int | None = None) -> Iterator[Tensor]:
        """Yield the first ``n`` (default: all) targets of a split in blocks, uint8 [64, C, H, W].

        Raises:
            ValueError: the split has fewer than ``n`` targets.
        """
        if self.in_memory or split in self._sides:
            yield from super().images(split, n)
            return
        targets, sources = self.files(split, self.size)
        source = Together(targets, sources) if self.held_pairs(split) else targets
        for x, _ in self._blocks(source, check_n(n, len(targets), split)):
            yield x

    def labels(self, split: str) -> Tensor:
        """Return zeros, one for each target of a split, int64 [N]: there are no classes."""
        return torch.zeros(len(self.files(split, self.size)[0]), dtype=torch.long)

    def n_conditions(self, split: str) -> int:
        """Return the number of sources of a split; none is decoded for that."""
        return len(self.files(split, self.size)[1])

    def fingerprint(self, split: str) -> str:
        """Return the sha256 of the files of a split, and of what an image becomes; read once."""
        if split not in self._fingerprints:
            targets, sources = self.files(split, self.size)
            parts = [
                content_of(f.entries, f"{self.image_shape} on white {f.half}", f.encoded) for f in (targets, sources)
            ]
            self._fingerprints[split] = hashlib.sha256(" ".join(parts).encode()).hexdigest()
        return self._fingerprints[split]

    def train_dataloader(self) -> Loader | UnpairedLoader:  # type: ignore[override]
        """Return the loader of this process."""
        if self.in_memory:
            return super().train_dataloader()
        targets, sources = self.files("train", self._training_size())
        if self.held_pairs("train"):
            return self._loader(Together(targets, sources), self.order(len(targets)))
        orders = self.orders(len(targets), len(sources))
        return UnpairedLoader(self._loader(targets, orders[0]), self._loader(sources, orders[1]))

    def _loader(self, source: Source, order: Order) -> WorkerLoader:
        return WorkerLoader(
            source,
            order,
            self.num_workers,
            hflip=self.hflip,
            on_corrupt=self.on_corrupt,
            pin_memory=self.device.type == "cuda",
            skipped=self.corrupt,
            jitter=self.jitter,
        )

    def _training_size(self) -> tuple[int, int]:
        return self.size[0] + self.jitter, self.size[1] + self.jitter

    def _decoded(self, split: str, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        targets, sources = self.files(split, size)
        empty = torch.empty(0, self.image_shape[0], *size, dtype=torch.uint8)
        if self.held_pairs(split):
            blocks = [(empty, empty), *self._blocks(Together(targets, sources), len(targets))]
            return torch.cat([x for x, _ in blocks]), torch.cat([y for _, y in blocks])
        x, y = (torch.cat([empty, *(x for x, _ in self._blocks(f, len(f)))]) for f in (targets, sources))
        return x, y

    def _blocks(self, source: Source, n: int) -> Iterator[tuple[Tensor, Any]]:
        return blocks_of(source, n, self.num_workers, self.on_corrupt, self.corrupt)
