"""WebDataset shards: tar files whose members KEY.jpg and KEY.cls are an image and its class."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from ganzoo.data.base import SPLITS
from ganzoo.data.files import SUFFIXES, Entry, FileData, Scan


class Shards(FileData):
    """Images in uncompressed tar files ``root/*.tar``, in the WebDataset layout.

    Members are KEY.jpg (or .png, ...) and KEY.cls, the class as a number in ASCII. Shards named train-*,
    val-* and test-* are the official splits. ``root/classes.txt`` names the classes, one per line. The places
    of all members are looked up once, so that images are read in any order, as from a folder.
    """

    name = "Shards"

    def scan(self) -> Scan:
        """Look up all members of all shards.

        Raises:
            FileNotFoundError: there are no shards.
            ValueError: a class beyond those of classes.txt.
        """
        shards = sorted(self.folder.glob("*.tar"))
        if not shards:
            raise FileNotFoundError(f"no shards (*.tar) under {self.folder}: set root")
        official: dict[str, list[Entry]] = {}
        for shard in shards:
            official.setdefault(split_of(shard.name), []).extend(members(shard))
        entries = [entry for split in official.values() for entry in split]
        names = self.folder / "classes.txt"
        last = max((entry.label for entry in entries), default=-1)
        classes = names.read_text().split("\n") if names.exists() else [str(k) for k in range(last + 1)]
        classes = [name.strip() for name in classes if name.strip()]
        if last >= len(classes):
            raise ValueError(f"{names} names {len(classes)} classes, but the shards have class {last}")
        return official, tuple(classes)


def split_of(shard: str) -> str:
    """Return the official split that a shard's name tells, or ""."""
    return next((split for split in SPLITS if shard.startswith((f"{split}-", f"{split}_", f"{split}."))), "")


def members(shard: Path) -> Iterator[Entry]:
    """Yield where the images of a shard lie.

    Raises:
        ValueError: the shard is damaged or compressed, or an image has no class.
    """
    try:
        with tarfile.open(shard, "r:") as tar:
            yield from _members(shard, tar)
    except tarfile.TarError as error:
        raise ValueError(f"{shard} is not a whole, uncompressed tar file ({error}): fetch or write it again") from error


def _members(shard: Path, tar: tarfile.TarFile) -> Iterator[Entry]:
    images: dict[str, tuple[int, int]] = {}
    labels: dict[str, int] = {}
    for member in tar:
        folder, _, base = member.name.rpartition("/")
        stem, _, suffix = base.partition(".")
        key = f"{folder}/{stem}" if folder else stem
        if f".{suffix.lower()}" in SUFFIXES:
            images[key] = (member.offset_data, member.size)
        elif suffix == "cls":
            labels[key] = _label(shard, member.name, tar.extractfile(member).read())  # type: ignore[union-attr]
    for key, (offset, size) in images.items():
        if key not in labels:
            raise ValueError(f"{shard}: image {key} has no {key}.cls; add it (0 for a set without classes)")
        yield Entry(f"{shard.name}/{key}", labels[key], str(shard), offset, size)


def _label(shard: Path, member: str, text: bytes) -> int:
    if not text.strip().isdigit():
        raise ValueError(f"{shard}: {member} must hold a class number such as 3, got {text[:20]!r}")
    return int(text)


def write_shards(images: Tensor, labels: Tensor, path_pattern: str, per_shard: int = 10_000) -> None:
    """Write images as PNG, and their classes, into WebDataset shards.

    Args:
        images: uint8 [N, C, H, W] with C of 1 or 3.
        labels: Whole numbers, [N].
        path_pattern: Path of shard number i, such as "data/train-%04d.tar".
        per_shard: Images per shard.

    Raises:
        ImportError: webdataset is not installed.
    """
    try:
        from webdataset.writer import ShardWriter
    except ImportError as error:
        raise ImportError("write_shards needs webdataset: pip install ganzoo[stream]") from error
    with ShardWriter(path_pattern, maxcount=per_shard, verbose=0, mtime=0) as writer:
        for i, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
            writer.write({"__key__": f"{i:09d}", "png": encode(image), "cls": str(label).encode()})


def encode(image: Tensor) -> bytes:
    """Return a uint8 image [C, H, W] as PNG."""
    from PIL import Image

    pixels = image.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()
