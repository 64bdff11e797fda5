"""What folders and shards have in common: encoded images at known places of known files."""

import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal, Protocol, TypeVar

import torch
from torch import Tensor
from tqdm import tqdm

from ganzoo.data.archives import Entry
from ganzoo.data.base import BLOCK, SPLITS, ImageData, check_n, check_size, check_split
from ganzoo.data.memory import MemoryLoader
from ganzoo.data.workers import (
    CorruptImage,
    OnCorrupt,
    Reader,
    Skipped,
    Source,
    WithNames,
    WorkerLoader,
    reading,
    stacked,
)
from ganzoo.pixels import MODES, resize_uint8

WORKERS = 128  # the most processes that read
CONTENT = 2**31  # bytes of a split whose content is compared; of a larger one, those of every k-th file
ALIASES = {  # names of the splits
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}

Read = Callable[[Entry], bytes]
Half = Literal["", "left", "right"]  # of a picture that holds two side by side
Scan = tuple[dict[str, list[Entry]], tuple[str, ...]]


class Named(Protocol):
    """What can be put in a split by its name."""

    @property
    def name(self) -> str:
        """A name that no other thing has."""


T = TypeVar("T", bound=Named)


class Files:
    """Images that are decoded, cropped to the middle and resized when they are asked for.

    Args:
        entries: Where they lie.
        channels: 1: grey, 2: grey and opacity, 3: RGB, 4: RGB and opacity.
        size: Height and width of an image.
        read: Returns the encoded image of an entry.
        half: Which half of each picture is the image, of those that hold two side by side.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        channels: int,
        size: tuple[int, int],
        read: Read = Entry.read,
        half: Half = "",
    ) -> None:
        self.entries, self.channels, self.size, self.encoded, self.half = entries, channels, size, read, half

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.entries)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        """Return (x, y) for (index, epoch): x uint8 [channels, *size].

        Raises:
            CorruptImage: it cannot be read.
        """
        from ganzoo.pictures import UNREADABLE

        entry = self.entries[key[0]]
        try:
            pixels = decode(self.encoded(entry), self.channels, self.size, self.half)
        except UNREADABLE as error:
            why = re.sub(r" <_io\.BytesIO.*>", "", str(error))
            raise CorruptImage(
                f"{entry.name} is not a readable image ({why}): replace it, or set on_corrupt='skip'"
                " (--data.on_corrupt skip)",
                entry.name,
            ) from error
        return resize_uint8(pixels[None], self.size)[0], entry.label


def decode(data: bytes, channels: int, size: tuple[int, int], half: Half = "") -> Tensor:
    """Decode an image or a half, as the camera was held, and crop it to its middle of the shape of ``size``.

    Transparent pixels become white. A picture whose EXIF data are damaged is read as it lies.
    """
    import numpy as np
    from PIL import Image, ImageOps

    from ganzoo.pictures import UNREADABLE, eight_bits

    with Image.open(io.BytesIO(data)) as image:
        image.load()
        with suppress(*UNREADABLE):
            ImageOps.exif_transpose(image, in_place=True)  # else it copies those that lie upright
        whole = max(1, image.width // 2) if half else image.width
        scale = min(image.height / size[0], whole / size[1])
        height, width = max(1, round(scale * size[0])), max(1, round(scale * size[1]))
        left, top = (whole - width) // 2, (image.height - height) // 2
        left += image.width - whole if half == "right" else 0
        middle = eight_bits(image, channels).crop((left, top, left + width, top + height))
    return torch.from_numpy(np.array(middle)).view(height, width, channels).permute(2, 0, 1)


class FileData(ImageData):
    """Encoded images in files, read by workers, or once into memory.

    Official splits are kept; a split that the source lacks is taken from its training images by a hash of the
    name, so that adding or removing files moves no other file to another split.

    Args:
        root: Folder or archive with the files.
        size: Side that the central square of an image is resized to; or [height, width], for the middle of that shape.
        channels: 1: grey, 2: grey and opacity, 3: RGB, 4: RGB and opacity.
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        hflip: Mirror each training image with probability 1/2.
        num_workers: Number of processes that read; 0: the one that trains.
        in_memory: Decode every image once and keep the pixels.
        on_corrupt: "raise", or "skip" to take the next readable image of the split in place of a corrupt one.
        val_fraction: Share of the images for validation, if the source does not set any apart.
        test_fraction: Share of the images for testing, if the source does not set any apart.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        root: str,
        size: int | tuple[int, int],
        channels: Literal[1, 2, 3, 4] = 3,
        batch_size: int = 64,
        seed: int = 0,
        hflip: bool = False,
        num_workers: int = 2,
        in_memory: bool = False,
        on_corrupt: OnCorrupt = "raise",
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        check_workers(num_workers)
        check_reading(channels, val_fraction, test_fraction)
        self.hflip, self.num_workers, self.in_memory, self.on_corrupt = (
            hflip,
            num_workers,
            in_memory,
            on_corrupt,
        )
        self.root, self.val_fraction, self.test_fraction = root, val_fraction, test_fraction
        self.image_shape = (channels, *check_size(size))
        self.corrupt = Skipped()
        self.encoded: Read = Entry.read
        self._scan: Scan | None = None
        self._fingerprints: dict[str, str] = {}

    def scan(self) -> Scan:
        """Return the entries of each official split ("train", "val", "test"; "": none), and the classes."""
        raise NotImplementedError

    @property
    def scanned(self) -> Scan:
        """The entries of each split in the order of their hashes, and the classes; found once."""
        if self._scan is None:
            official, classes = self.scan()
            self._scan = divided(official, self.val_fraction, self.test_fraction), classes
        return self._scan

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of their labels."""
        return self.scanned[1]

    @property
    def skipped(self) -> int:
        """Number of corrupt files met so far."""
        return len(self.corrupt)

    def entries(self, split: str) -> list[Entry]:
        """Return where the images of a split lie, in a fixed shuffled order."""
        return self.scanned[0][check_split(split)]

    def setup(self, stage: str) -> None:
        """Look for the files, and read the training images if they are to be kept in memory."""
        if stage == "fit" and self.in_memory:
            self.arrays("train")
        self.scanned  # noqa: B018

    def read(self, split: str) -> tuple[Tensor, Tensor]:
        """Decode a whole split, uint8 [N, C, H, W]."""
        blocks = list(self._blocks(split, len(self.entries(split))))
        if not blocks:
            return torch.empty(0, *self.image_shape, dtype=torch.uint8), torch.empty(0, dtype=torch.long)
        return torch.cat([x for x, _ in blocks]), torch.cat([y for _, y in blocks])

    def images(self, split: str, n: int | None = None) -> Iterator[Tensor]:
        """Yield the first ``n`` (default: all) images of a split in blocks, uint8 [64, C, H, W].

        Raises:
            ValueError: the split has fewer than ``n`` images.
        """
        if self.in_memory:
            yield from super().images(split, n)
        else:
            for x, _ in self._blocks(split, check_n(n, len(self.entries(split)), split)):
                yield x

    def labels(self, split: str) -> Tensor:
        """Return the labels of a split, int64 [N]; out of memory, those of corrupt files are their own."""
        if self.in_memory:
            return super().labels(split)
        return torch.tensor([entry.label for entry in self.entries(split)], dtype=torch.long)

    def fingerprint(self, split: str) -> str:
        """Return the sha256 of the files of a split, and of what an image becomes; read once.

        Of more than ``CONTENT`` bytes the contents of every k-th file count, and the names and sizes of all.
        """
        if split not in self._fingerprints:
            self._fingerprints[split] = content_of(self.entries(split), f"{self.image_shape} on white", self.encoded)
        return self._fingerprints[split]

    def train_dataloader(self) -> MemoryLoader | WorkerLoader:
        """Return the loader of this process."""
        if self.in_memory:
            return super().train_dataloader()
        files = self._files(self.entries("train"))
        return WorkerLoader(
            files,
            self.order(len(files)),
            self.num_workers,
            hflip=self.hflip,
            on_corrupt=self.on_corrupt,
            pin_memory=self.device.type == "cuda",
            skipped=self.corrupt,
        )

    def _files(self, entries: Sequence[Entry]) -> Files:
        return Files(entries, self.image_shape[0], (self.image_shape[1], self.image_shape[2]), self.encoded)

    def _blocks(self, split: str, n: int) -> Iterator[tuple[Tensor, Tensor]]:
        return blocks_of(self._files(self.entries(split)), n, self.num_workers, self.on_corrupt, self.corrupt)


def check_workers(num_workers: int) -> None:
    """Check how many processes are to read.

    Raises:
        ValueError: out of range.
    """
    if not 0 <= num_workers <= WORKERS:
        raise ValueError(f"num_workers must be from 0 to {WORKERS}, got {num_workers}")


def check_reading(channels: int, val_fraction: float, test_fraction: float) -> None:
    """Check as what files are to be read, and how they are to be divided.

    Raises:
        ValueError: an argument is out of range.
    """
    if channels not in MODES:
        raise ValueError(f"channels must be {', '.join(map(str, MODES))}, got {channels}: more are for arrays")
    if min(val_fraction, test_fraction) < 0 or val_fraction + test_fraction >= 1:
        raise ValueError(f"fractions must leave images to train on, got {val_fraction} and {test_fraction}")


def blocks_of(
    source: Source, n: int, num_workers: int, on_corrupt: OnCorrupt, corrupt: Skipped
) -> Iterator[tuple[Tensor, Any]]:
    """Yield (x, y) of the first ``n`` images of a source, 64 at a time."""
    keys = [[(i, 0) for i in range(start, min(start + BLOCK, n))] for start in range(0, n, BLOCK)]
    for (x, y), names in reading(Reader(source, on_corrupt), num_workers, WithNames(stacked), batch_sampler=keys):
        corrupt.note(names)
        yield (x.clone(), y.clone()) if num_workers else (x, y)  # a worker's tensor holds a file open


def content_of(entries: Sequence[Entry], form: str, read: Read) -> str:
    """Return the sha256 of files, their names and classes."""
    digest = hashlib.sha256(form.encode())
    every = -(-sum(entry.size for entry in entries) // CONTENT) or 1
    for i, entry in enumerate(tqdm(entries, desc="comparing files", unit="file", leave=False, disable=None)):
        digest.update(f"\n{entry.name} {entry.label} {entry.deflated or entry.size} ".encode())
        if i % every == 0:
            with suppress(OSError, ValueError):  # what cannot be read is said when it is needed
                digest.update(hashlib.sha256(read(entry)).digest())
    return digest.hexdigest()


def split_named(name: str) -> str:
    """Return the split that a folder's name or the start of a shard's name means, or ""."""
    return ALIASES.get(name.lower(), "")


def hash_of(name: str) -> float:
    """Return a number in [0, 1) that depends on ``name`` alone."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64


def divided(official: dict[str, list[T]], val_fraction: float, test_fraction: float) -> dict[str, list[T]]:
    """Take the splits that are not official from the training images by hash, and order each by hash."""
    val = 0.0 if "val" in official else val_fraction
    test = 0.0 if "test" in official else test_fraction
    splits: dict[str, list[T]] = {split: list(official.get(split, [])) for split in SPLITS if split != "train"}
    splits["train"] = []
    for entry in [*official.get("train", []), *official.get("", [])]:
        share = hash_of(entry.name)
        splits["test" if share < test else "val" if share < test + val else "train"].append(entry)
    return {split: sorted(splits[split], key=lambda e: (hash_of(e.name), e.name)) for split in SPLITS}
