"""Image files in folders."""

import os
from collections import Counter
from pathlib import Path

from ganzoo.data.base import SPLITS
from ganzoo.data.files import SUFFIXES, Entry, FileData, Scan


class ImageFolder(FileData):
    """Image files in ``root/class/``, or all in ``root`` (one class, "image").

    If ``root/train`` is a folder, ``root/train``, ``root/val`` and ``root/test`` are the official splits.
    """

    name = "ImageFolder"

    def scan(self) -> Scan:
        """Find the image files.

        Raises:
            FileNotFoundError: there are none, or no such folder.
            ValueError: some image files are in class folders and some are not.
        """
        if not self.folder.is_dir():
            what = "is a file: unpack it, and" if self.folder.exists() else "is not there:"
            raise FileNotFoundError(f"{self.folder} {what} give the folder with your pictures as root")
        official = [s for s in SPLITS if (self.folder / s).is_dir()] if (self.folder / "train").is_dir() else [""]
        found = {split: image_files(self.folder / split) for split in official}
        parts = {path.parts[0] if len(path.parts) > 1 else "" for paths in found.values() for path in paths}
        if not parts:
            known = ", ".join(SUFFIXES)
            raise FileNotFoundError(f"no image files ({known}) under {self.folder}, {others(self.folder)}")
        if "" in parts and len(parts) > 1:
            raise ValueError(f"{self.folder} has image files in class folders ({max(parts)}) and outside: move these")
        classes = sorted(parts)
        splits = {
            split: [
                _entry(self.folder, Path(split) / path, classes.index(path.parts[0] if classes[0] else ""))
                for path in paths
            ]
            for split, paths in found.items()
        }
        return splits, tuple(classes) if classes[0] else ("image",)


def others(folder: Path) -> str:
    """Say what else is in a folder."""
    kinds = Counter(path.suffix.lower() or "no suffix" for path in folder.rglob("*") if path.is_file())
    return f"but files with {', '.join(kind for kind, _ in kinds.most_common(3))}" if kinds else "which is empty"


def image_files(folder: Path) -> list[Path]:
    """Return the image files below ``folder``, relative to it; hidden files and folders are left out."""
    found = []
    for base, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names = [name for name in files if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
        found += [Path(base, name).relative_to(folder) for name in names]
    return sorted(found)


def _entry(root: Path, path: Path, label: int) -> Entry:
    full = root / path
    return Entry(path.as_posix(), label, str(full), 0, full.stat().st_size)
