"""WebDataset shards: tar files whose members KEY.jpg and KEY.cls are an image and its class."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor

from ganzoo.data.archives import SUFFIXES, TARS, Entry, in_tar
from ganzoo.data.files import FileData, Scan, split_named
from ganzoo.data.folder import classes, label_of

FIELDS = ("cls", "label", "class")  # of KEY.json


class Shards(FileData):
    """Images in tar files ``root/*.tar`` (.tar.gz, .tgz), in the WebDataset layout; root may be one such file.

    Members are KEY.jpg (or .png, ...) and KEY.cls, the class as a number in ASCII, or KEY.json, in which "cls", "label"
    or "class" is a number or a name; without any there is one class, "image". Shards named train-*, val-* (valid-*,
    validation-*) and test-* are the official splits. ``root/classes.txt`` names the classes, one per line. The places
    of all members are looked up once, so that images are read in any order, as from a folder.
    """

    name = "Shards"

    def scan(self) -> Scan:
        """Look up all members of all shards.

        Raises:
            FileNotFoundError: there are no shards.
            ValueError: a class beyond those of classes.txt, a split of another name, or classes of some images only.
        """
        shards = [self.folder] if self.folder.is_file() else sorted(self.folder.glob("*.*"))
        shards = [path for path in shards if path.name.endswith(TARS)]
        if not shards:
            raise FileNotFoundError(f"no shards ({', '.join(TARS)}) in {self.folder}: set root (--data.root FOLDER)")
        found = [(split_of(shard.name), entry, label) for shard in shards for entry, label in members(shard)]
        splits = {split for split, _, _ in found}
        if "train" in splits and "" in splits:
            other = next(shard.name for shard in shards if not split_of(shard.name))
            raise ValueError(f"{self.folder} has shards train-* and {other}: name it val-* or test-*, or move it away")
        numbers, names = numbered([label for _, _, label in found], self.folder)
        official: dict[str, list[Entry]] = {}
        for (split, entry, _), number in zip(found, numbers, strict=True):
            official.setdefault(split, []).append(entry._replace(label=number))
        return official, named(names, self.folder)


def split_of(shard: str) -> str:
    """Return the official split that a shard's name tells, or ""."""
    return split_named(shard.replace("_", "-").replace(".", "-").split("-")[0])


def numbered(labels: list[int | str | None], root: Path) -> tuple[list[int], tuple[str, ...]]:
    """Return the labels as numbers, and the names of all classes.

    Raises:
        ValueError: some images have no class, or some have names and some have numbers.
    """
    kinds = {type(label) for label in labels}
    if len(kinds) > 1:
        raise ValueError(f"{root}: all images must have a number as class, or all a name, or none")
    if kinds <= {type(None)}:
        return [0] * len(labels), ("image",)
    if kinds == {str}:
        names = sorted({str(label) for label in labels})
        return [names.index(str(label)) for label in labels], tuple(names)
    numbers = [int(label) for label in labels if label is not None]
    return numbers, classes(numbers)


def named(names: tuple[str, ...], root: Path) -> tuple[str, ...]:
    """Return the names of classes as ``classes.txt`` tells them, if it is there.

    Raises:
        ValueError: it has too few.
    """
    file = root / "classes.txt"
    if not file.is_file():
        return names
    lines = [line.strip() for line in file.read_text().split("\n") if line.strip()]
    if len(lines) < len(names):
        raise ValueError(f"{file} names {len(lines)} classes, but the shards have class {len(names) - 1}")
    return tuple(lines)


def members(shard: Path) -> Iterator[tuple[Entry, int | str | None]]:
    """Yield where the images of a shard lie, and their classes.

    Raises:
        ValueError: the shard is damaged, or a class is none.
    """
    images: dict[str, Entry] = {}
    labels: dict[str, int | str | None] = {}
    for entry in in_tar(shard):
        folder, _, base = entry.name.rpartition("/")
        stem, _, suffix = base.partition(".")
        key = f"{folder}/{stem}" if folder else stem
        if f".{suffix.lower()}" in SUFFIXES:
            images[key] = entry
        elif suffix in ("cls", "json"):
            label = _number(shard, entry) if suffix == "cls" else _field(shard, entry)
            labels.update({key: label} if label is not None or key not in labels else {})
    for key, entry in images.items():
        yield entry._replace(name=f"{shard.name}/{key}"), labels.get(key)


def _number(shard: Path, entry: Entry) -> int:
    text = entry.read()
    if not text.strip().isdigit():
        raise ValueError(f"{shard}: {entry.name} must hold a class number such as 3, got {text[:20]!r}")
    return int(text)


def _field(shard: Path, entry: Entry) -> int | str | None:
    """Return the class in a KEY.json, None if it tells none."""
    try:
        found: Any = json.loads(entry.read())
    except ValueError as error:
        raise ValueError(f"{shard}: {entry.name} is no JSON ({error})") from error
    label = next((found[field] for field in FIELDS if field in found), None) if isinstance(found, dict) else None
    try:
        return label if label is None or isinstance(label, str) else label_of(label)
    except ValueError as error:
        raise ValueError(f"{shard}: {entry.name}: {error}, or a name") from error


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
