"""Pictures in folders, or in zip and tar files of folders."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.data.archives import LABELS, SUFFIXES, Entry, files_of
from ganzoo.data.files import FileData, Scan, split_named

ARRAYS = (".npz", ".npy")
OTHERS = {  # what takes files that are no pictures
    **dict.fromkeys((".tar", ".gz", ".tgz"), "take --config data/shards"),
    **dict.fromkeys(ARRAYS, "take --config data/arrays"),
    ".zip": "give the zip file itself as root",
}


class ImageFolder(FileData):
    """Image files in ``root/class/``, or all in ``root`` (one class, "image"); root: a folder, a zip or a tar file.

    If there is a folder ``train``, then ``train``, ``val`` (or ``valid``, ``validation``) and ``test`` are the official
    splits. ``dataset.json``, as StyleGAN's tools write it, says the classes instead of folders.
    """

    name = "ImageFolder"

    def scan(self) -> Scan:
        """Find the image files.

        Raises:
            FileNotFoundError: there are none, or no such folder.
            ValueError: some image files are in class folders and some are not, or in a split of another name.
        """
        files = files_of(self.folder)
        images = [entry for entry in files if not entry.name.endswith(LABELS)]
        if not images:
            raise FileNotFoundError(nothing_in(self.folder))
        listed = [entry for entry in files if entry.name == LABELS]
        classes_of_names = labels_in(listed[0], self.folder) if listed else {}
        if classes_of_names:
            return {"": labelled(images, classes_of_names, self.folder)}, classes(classes_of_names.values())
        return by_folders(images, self.folder)


def by_folders(images: list[Entry], root: Path) -> Scan:
    """Return the images of each split, with the classes that their folders are.

    Raises:
        ValueError: some are in class folders and some are not, or in a split of another name.
    """
    parts = [entry.name.split("/") for entry in images]
    tops = {part[0] if len(part) > 1 else "" for part in parts}
    official = any(split_named(top) == "train" for top in tops)
    if official:
        check_splits(tops, root)
    skip = int(official)
    folders = [part[skip] if len(part) > skip + 1 else "" for part in parts]
    names = sorted(set(folders))
    if "" in names and len(names) > 1:
        raise ValueError(f"{root} has image files in class folders ({names[-1]}) and outside: move these")
    splits: dict[str, list[Entry]] = {}
    for entry, part, folder in zip(images, parts, folders, strict=True):
        split = split_named(part[0]) if official else ""
        splits.setdefault(split, []).append(entry._replace(label=names.index(folder)))
    return splits, tuple(names) if names[0] else ("image",)


def check_splits(tops: set[str], root: Path) -> None:
    """Check that what lies beside ``train`` are splits, one folder each.

    Raises:
        ValueError: names what is none.
    """
    for top in sorted(tops):
        if not split_named(top):
            what = f"{top}/" if top else "pictures outside"
            raise ValueError(f"{root} has train/ and {what}: call it val or test, or move it away")
        if twice := sorted(tops & {other for other in tops if split_named(other) == split_named(top)} - {top}):
            raise ValueError(f"{root} has {top}/ and {twice[0]}/, which are the same split: keep one")


def nothing_in(root: Path, remedies: Mapping[str, str] = OTHERS) -> str:
    """Say that there are no pictures, but what there is, and the remedy for files of a kind."""
    kinds: Counter[str] = Counter()
    if root.is_dir():
        kinds.update(path.suffix.lower() or "no suffix" for path in root.rglob("*") if path.is_file())
    there = f"but files with {', '.join(kind for kind, _ in kinds.most_common(3))}" if kinds else "it is empty"
    remedy = next((f": {remedies[kind]}" for kind in kinds if kind in remedies), "")
    return f"no image files ({', '.join(SUFFIXES)}) in {root}, {there}{remedy}"


def labels_in(entry: Entry, root: Path) -> dict[str, int]:
    """Return the labels by name of a ``dataset.json``; none if it has none.

    Raises:
        ValueError: it is not of StyleGAN's form.
    """
    try:
        found: Any = json.loads(entry.read())
        pairs = found.get("labels") or []
        return {str(name): label_of(label) for name, label in pairs}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f'{root}: {LABELS} must be {{"labels": [["name.png", 3], ...]}} with whole numbers ({error})'
        ) from error


def label_of(label: Any) -> int:
    """Return a class number.

    Raises:
        ValueError: it is none.
    """
    if isinstance(label, bool) or not isinstance(label, int) or label < 0:
        raise ValueError(f"a class must be a number from 0, got {label!r}")
    return label


def labelled(images: list[Entry], labels: dict[str, int], root: Path) -> list[Entry]:
    """Return images with their labels.

    Raises:
        ValueError: one has none.
    """
    for entry in images:
        if entry.name not in labels:
            raise ValueError(f"{root}: {LABELS} has no label of {entry.name}: add it, or remove {LABELS}")
    return [entry._replace(label=labels[entry.name]) for entry in images]


def classes(labels: Any) -> tuple[str, ...]:
    """Return the names of classes that only have numbers."""
    return tuple(str(k) for k in range(max(labels, default=-1) + 1))
