"""What every source of pairs offers: targets and sources, together or apart."""

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ganzoo.data.base import LARGEST, RESIDENT, ImageData, check_size, check_split
from ganzoo.data.memory import MemoryLoader
from ganzoo.data.order import Order, mix
from ganzoo.data.workers import WorkerLoader

Loader = MemoryLoader | WorkerLoader


class UnpairedLoader:
    """Iterates batches (x, y) of two sets that do not belong together, each in an order of its own.

    An epoch is one of the larger set. The smaller set begins its next epoch whenever it has ended one; with
    ``overfit_batches`` it begins anew with each epoch, so that all epochs are alike.

    Args:
        targets: Batches (x, ...) of the images to make.
        sources: Batches (y, ...) of the images to translate.
    """

    def __init__(self, targets: Loader, sources: Loader) -> None:
        self.targets, self.sources = targets, sources
        both = targets, sources
        self.leader, self.follower = both if targets.batch_sampler.n >= sources.batch_sampler.n else both[::-1]
        first, second = self.leader.batch_sampler, self.follower.batch_sampler
        second.limit = len(second)
        if not first.repeats:
            second.epoch, second.position = divmod(first.epoch * first.limit + first.position, len(second))

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.leader)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the rest of the epoch: x and y, uint8 [B, C, H, W]."""
        first, second = self.leader.batch_sampler, self.follower.batch_sampler
        first.roll()
        if first.repeats and first.position == 0:
            second.epoch, second.position = 0, 0
        others = again_and_again(self.follower)
        for batch in self.leader:
            pair = batch[0], next(others)[0]
            yield pair if self.leader is self.targets else pair[::-1]

    def state_dict(self) -> dict[str, Any]:
        """Return the places in both sets."""
        return {"targets": self.targets.state_dict(), "sources": self.sources.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to saved places.

        Raises:
            ValueError: they are not those of two sets.
        """
        if not isinstance(state, dict) or state.keys() != {"targets", "sources"}:
            raise ValueError(
                f"places in unpaired data are those of targets and of sources, got {str(state)[:80]}:"
                " resume with the data of the run (paired=False, or Unpaired)"
            )
        self.targets.load_state_dict(state["targets"])
        self.sources.load_state_dict(state["sources"])


def again_and_again(loader: Loader) -> Iterator[Any]:
    """Yield the rest of an epoch, and all epochs after it."""
    while True:
        yield from loader


class PairData(ImageData):
    """Pictures to translate, the sources, and pictures as they should become, the targets.

    A batch is (x, y): x are targets, y are sources; pix2pix calls them y and x. Both are uint8 until they are on the
    device, then floats in [-1, 1]. A set has two sides, A and B: sources are of A and targets of B, or ``reverse``.
    A subclass says its ``name``, its shapes (``set_shapes``), and how to ``read_sides``.

    If a set of pairs is not ``paired``, the training sources are of one half of its pairs and the targets of the other
    half. So no pair is in the data, and each side has an order of its own. Validation and testing stay in pairs.

    Args:
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        paired: Train on pairs; or on sources of one half of them and targets of the other.
        reverse: Translate B to A.
        hflip: Mirror training images with probability 1/2, both sides of a pair alike.
        jitter: Training images are ``size + jitter`` pixels high and wide, and cropped to ``size`` at a random place,
            both sides of a pair alike.

    Raises:
        ValueError: an argument is out of range.
    """

    judged_in_pairs: bool = True  # whether source i and target i of validation and testing belong together

    def __init__(
        self,
        batch_size: int = 1,
        seed: int = 0,
        paired: bool = True,
        reverse: bool = False,
        hflip: bool = False,
        jitter: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        if isinstance(jitter, bool) or not isinstance(jitter, int) or not 0 <= jitter <= LARGEST:
            raise ValueError(f"jitter must be a number of pixels from 0 to {LARGEST}, got {jitter!r}")
        if paired and not self.judged_in_pairs:
            raise ValueError(f"{self.name} has no pairs to train on: leave paired=False, or take Pairs")
        self.paired, self.reverse, self.hflip, self.jitter = paired, reverse, hflip, jitter
        self._sides: dict[str, tuple[Tensor, Tensor]] = {}

    def set_shapes(self, size: int | tuple[int, int], a: int, b: int) -> None:
        """Set height and width of the images, and the channels of sides A and B.

        Raises:
            ValueError: a side is below 1, or larger than any picture.
        """
        self.size = check_size(size)
        target, source = self.turned(a, b)
        self.image_shape, self.source_shape = (target, *self.size), (source, *self.size)

    def read_sides(self, split: str, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Return sides A and B of a split, uint8 [N, C, *size] and [M, C, *size], in a fixed order.

        Image i of A belongs to image i of B, unless the set never has pairs.
        """
        raise NotImplementedError

    def held_pairs(self, split: str) -> bool:
        """Return whether source i and target i of a split belong together."""
        return self.judged_in_pairs and (self.paired or check_split(split) != "train")

    def turned(self, a: Any, b: Any) -> tuple[Any, Any]:
        """Return what belongs to the targets and what belongs to the sources, of sides A and B."""
        return (a, b) if self.reverse else (b, a)

    def apart(self, split: str, a: Any, b: Any) -> tuple[Any, Any]:
        """Return sides A and B of pairs as they are, or what of them is trained on if no pair may be: half of each.

        Raises:
            ValueError: there is but one pair.
        """
        if not self.judged_in_pairs or self.held_pairs(split):
            return a, b
        if len(a) < 2:
            raise ValueError(f"{self.name} has {len(a)} training pairs, which cannot be taken apart: set paired=True")
        half = len(a) // 2
        return a[:half], b[half:]

    def sides(self, split: str) -> tuple[Tensor, Tensor]:
        """Return targets and sources of a split, uint8 [N, C, H, W] and [M, C, H, W]; they are read once.

        Raises:
            ValueError: there is no such split.
        """
        if check_split(split) not in self._sides:
            self._sides[split] = self.turned(*self.apart(split, *self.read_sides(split, self.size)))
        return self._sides[split]

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Return the targets of a split, uint8 [N, C, H, W], and zeros: there are no classes."""
        targets, _ = self.sides(split)
        return targets, torch.zeros(len(targets), dtype=torch.long)

    def conditions(self, split: str) -> Tensor:
        """Return the sources of a split, uint8 [M, C, H, W]."""
        return self.sides(split)[1]

    def fingerprint(self, split: str) -> str:
        """Return the sha256 of targets and sources of a split, their shapes included."""
        digest = hashlib.sha256()
        for images in self.sides(split):
            digest.update(f"{images.dtype} {list(images.shape)}".encode())
            digest.update(images.contiguous().numpy().data)
        return digest.hexdigest()

    def train_dataloader(self) -> Loader | UnpairedLoader:  # type: ignore[override]
        """Return the loader of this process, with the images on its accelerator if they are few."""
        targets, sources = self.training_sides()
        device = self.device if targets.nbytes + sources.nbytes <= RESIDENT else torch.device("cpu")
        targets, sources = targets.to(device), sources.to(device)
        if self.held_pairs("train"):
            return MemoryLoader(targets, sources, self.order(len(targets)), self.hflip, self.jitter)
        loaders = (
            MemoryLoader(images, images.new_zeros(len(images)), order, self.hflip, self.jitter)
            for images, order in zip((targets, sources), self.orders(len(targets), len(sources)), strict=True)
        )
        return UnpairedLoader(*loaders)

    def training_sides(self) -> tuple[Tensor, Tensor]:
        """Return targets and sources of the training set, larger than ``size`` by ``jitter`` pixels."""
        if not self.jitter:
            return self.sides("train")
        height, width = self.size
        a, b = self.read_sides("train", (height + self.jitter, width + self.jitter))
        return self.turned(*self.apart("train", a, b))

    def orders(self, n_targets: int, n_sources: int) -> tuple[Order, Order]:
        """Return the orders of training targets and sources that do not belong together."""
        return self.order(n_targets), self.order(n_sources, mix(self.seed, "sources"))
