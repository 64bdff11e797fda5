"""Where encoded pictures lie: in folders, in zip files and in tar files, which are not unpacked."""

import gzip
import hashlib
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from ganzoo.files import cache_dir, write_atomically

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff")  # of a film the first frame
TARS = (".tar", ".tar.gz", ".tgz")
LABELS = "dataset.json"  # the classes of pictures by their names, as StyleGAN's tools write them
MOST = 2**28  # bytes of an encoded picture
BLOCK = 2**20  # bytes that are unpacked at a time
HEADER = 30  # bytes of a zip member's header in front of its name


class Entry(NamedTuple):
    """Where an encoded picture lies: ``size`` bytes from ``offset`` of the file at ``path``.

    ``deflated`` bytes become of these when they are inflated; 0: they are stored as they are.
    """

    name: str
    label: int
    path: str
    offset: int
    size: int
    deflated: int = 0

    def read(self) -> bytes:
        """Return the encoded picture.

        Raises:
            OSError: the file is gone or cannot be read.
            ValueError: what is there is damaged or too large for a picture.
        """
        if max(self.size, self.deflated) > MOST:
            raise ValueError(f"it has more than {MOST} bytes")
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if not self.deflated:
            return data
        try:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, self.deflated)
        except zlib.error as error:
            raise ValueError(f"cannot be inflated: {error}") from error
        if len(data) != self.deflated:
            raise ValueError("it ends too early")
        return data


def files_of(root: Path) -> list[Entry]:
    """Return the pictures, and the files of labels, in a folder or an archive; labels are -1, names relative to it.

    Hidden ones are left out.

    Raises:
        FileNotFoundError: there is no such path.
        ValueError: it is a file, but neither a zip nor a tar file.
    """
    if root.is_dir():
        found = _in_folder(root)
    elif not root.exists():
        raise FileNotFoundError(f"{root} is not there: give the folder, zip or tar file with your pictures as root")
    elif zipfile.is_zipfile(root):
        found = _without_top(_in_zip(root))
    else:
        found = _without_top(in_tar(root))
    wanted = (entry for entry in found if entry.name.lower().endswith(SUFFIXES) or entry.name.endswith(LABELS))
    return sorted(filter(is_shown, wanted), key=lambda entry: entry.name.split("/"))


def is_shown(entry: Entry) -> bool:
    """Whether neither a file nor a folder that it lies in is hidden."""
    return not any(part.startswith((".", "__MACOSX")) for part in entry.name.split("/"))


def in_tar(path: Path) -> Iterator[Entry]:
    """Yield all files in a tar file; a compressed one is unpacked once into the cache.

    Raises:
        ValueError: it is no tar file, or not a whole one.
    """
    try:
        with tarfile.open(inflated(path), "r:") as tar:
            for member in tar:
                if member.isreg():
                    yield Entry(member.name.removeprefix("./"), -1, str(tar.name), member.offset_data, member.size)
    except tarfile.TarError as error:
        raise ValueError(
            f"{path} is not a whole tar file, nor a zip ({error}): give a folder, or fetch or write it again"
        ) from error


def one_file(place: Path, name: str) -> bytes:
    """Return what a file in a folder or in a tar file holds, in the tar file perhaps below a folder; b"" if none."""
    if place.is_dir():
        return (place / name).read_bytes() if (place / name).is_file() else b""
    below = f"{place.stem}/{name}"
    return next((entry.read() for entry in in_tar(place) if entry.name in (name, below)), b"")


def inflated(path: Path) -> Path:
    """Return a tar file as it is, or where a compressed one lies after it was unpacked: once, into the cache.

    Raises:
        ValueError: it is damaged.
    """
    with open(path, "rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return path
    stat = path.stat()
    key = hashlib.sha256(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:12]
    place = cache_dir() / "unpacked" / f"{path.name.split('.')[0]}-{key}.tar"
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(place, lambda part: _inflate(path, part))
    return place


def _inflate(path: Path, place: Path) -> None:
    try:
        with gzip.open(path) as source, open(place, "wb") as file, tqdm(desc=f"unpacking {path}", unit="MiB") as bar:
            while block := source.read(BLOCK):
                file.write(block)
                bar.update()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{path} is damaged ({error}): fetch or write it again") from error


def _in_folder(root: Path) -> list[Entry]:
    found = []
    for base, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for path in (Path(base, name) for name in files if name.lower().endswith((*SUFFIXES, LABELS))):
            size = path.stat().st_size if path.exists() else 0  # a link to nothing is said when it is read
            found.append(Entry(path.relative_to(root).as_posix(), -1, str(path), 0, size))
    return found


def _in_zip(path: Path) -> Iterator[Entry]:
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
            for member in archive.infolist():
                if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise ValueError(f"{path}: {member.filename} is encrypted or packed in a rare way: zip it anew")
                file.seek(member.header_offset)
                header = file.read(HEADER)
                behind = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
                deflated = member.file_size if member.compress_type else 0
                at = member.header_offset + HEADER + behind
                yield Entry(member.filename, -1, str(path), at, member.compress_size, deflated)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"{path} is not a whole zip file ({error}): fetch or write it again") from error


def _without_top(found: Iterator[Entry]) -> list[Entry]:
    """Leave out the one folder in which all of an archive lies, if there are folders in it."""
    entries = [entry for entry in found if "__MACOSX" not in entry.name and not entry.name.endswith("/")]
    parts = [entry.name.split("/") for entry in entries]
    if len({part[0] for part in parts}) != 1 or not any(len(part) > 2 for part in parts):
        return entries
    return [entry._replace(name="/".join(part[1:])) for entry, part in zip(entries, parts, strict=True)]
