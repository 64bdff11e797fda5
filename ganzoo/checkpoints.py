"""Writing and reading training checkpoints: nothing that they hold is run, and no bit may differ from what was written.

A checkpoint is a zip archive of a pickle of plain values and of the raw numbers of tensors. torch writes a CRC-32 of
every record beside it, but does not look at it again; here it is checked. The few bytes between the records (names,
places, padding) are covered by a hash in the archive's comment, the seal. Both together cost next to nothing when a
checkpoint is written. Checkpoints of version 0.1 have no seal; of them only the records are checked.
"""

import hashlib
import pickle
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

from ganzoo.trust import check_plain

REMEDY = "use another, such as best.ckpt"
MARK, SEAL = b"ganzoo ", 71  # the comment of an archive: a mark and 64 hexadecimal digits
TAIL = struct.Struct("<4sQHHIIQQQQ4sIQI4sHHHHIIH")  # the three records at the end of an archive that torch has written
RECORDS, PICKLE = 100_000, 4 * 2**20  # the most that the checkpoint of a game has: records, bytes of plain values
SPARE, TIMES = 2**30, 100  # a file may hold so many bytes, and so many times its networks, beside them
GROWS = re.compile(rb"c(?:__builtin__|builtins)\nbytearray\n|ctorch\n\w*Tensor\n")  # can be called with a size


def write_checkpoint(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a checkpoint with its seal.

    Raises:
        ValueError: it has more plain values than would be read again.
    """
    torch.save(checkpoint, path)
    with open(path, "r+b") as file, zipfile.ZipFile(file) as archive:
        if (n := pickle_of(archive).file_size) > PICKLE:
            raise ValueError(f"the state of callbacks is too long: {n} bytes of plain values; keep numbers in tensors")
        seal = hash_between(file, archive, path.stat().st_size - 2)
        file.seek(-2, 2)
        file.write(struct.pack("<H", SEAL) + seal)


def read_checkpoint(path: str | Path, fits: Callable[[dict[str, Any]], Any] | None = None) -> dict[str, Any]:
    """Read a checkpoint written by a game; only tensors and plain values are accepted.

    The tensors are parts of the file, mapped into memory.

    Args:
        path: The file.
        fits: Called before the numbers of tensors are read, to refuse what does not fit.

    Raises:
        ValueError: the file is damaged, was altered, holds pickled objects, or was not written by a game.
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    try:
        records = check_archive(path)
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged file can fail in any way
        raise refusal(path, error) from error
    content = check_content(checkpoint, str(path))
    check_sizes(content, sum(size for name, size in records.items() if name.startswith("data/")), str(path))
    if fits is not None:
        fits(content)
    try:
        check_records(path)
    except Exception as error:
        raise refusal(path, error) from error
    check_tensors(content["state_dict"], str(path))
    return content


def refusal(path: Path, error: Exception) -> ValueError:
    """Return the error that says why a file was refused."""
    with open(path, "rb") as file:
        bare = file.read(1) == b"\x80"
    if bare or (isinstance(error, pickle.UnpicklingError) and "operand" not in str(error)):
        return ValueError(f"{path} holds pickled objects and was refused: loading them could run code")
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:120]
    return ValueError(f"{path} is cut off, damaged or no checkpoint: {REMEDY} ({reason})")


def check_archive(path: Path) -> dict[str, int]:
    """Look at an archive before torch does: its directory, its seal, its pickle; return the sizes of its records.

    Raises:
        ValueError: it is not laid out as torch does it, is compressed, was altered, or its pickle is too long.
        zipfile.BadZipFile: it is damaged.
    """
    with open(path, "rb") as file:
        seal, end = find_end(file, path.stat().st_size)
        with zipfile.ZipFile(file) as archive:
            check_directory(archive, end)
            if seal and seal != hash_between(file, archive, end - 2):
                raise ValueError("its seal is broken")
            return {record.filename.partition("/")[2]: record.file_size for record in archive.infolist()}


def find_end(file: BinaryIO, size: int) -> tuple[bytes, int]:
    """Return the seal of an archive, or nothing, and where its last record ends.

    Raises:
        ValueError: its last records are not those that torch writes.
    """
    file.seek(max(0, size - TAIL.size - SEAL))
    last = file.read()
    seal = last[-SEAL:] if last[-SEAL:].startswith(MARK) else b""
    end = size - len(seal)
    tail = last[: len(last) - len(seal)][-TAIL.size :]
    if len(tail) < TAIL.size:
        raise ValueError("its end is missing")
    long, place, short, fields = *(tail[at : at + 4] for at in (0, 56, 76)), TAIL.unpack(tail)
    n, length, start = fields[7:10]
    same = all(a in (b, 2**16 - 1, 2**32 - 1) for a, b in zip(fields[17:21], (n, n, length, start), strict=True))
    if (long, place, short) != (b"PK\x06\x06", b"PK\x06\x07", b"PK\x05\x06") or not same or fields[21] != len(seal):
        raise ValueError("its end is missing")
    if not fields[12] == start + length == end - TAIL.size or n > RECORDS:
        raise ValueError("its directory is not where it should be")
    return seal, end


def check_directory(archive: zipfile.ZipFile, size: int) -> None:
    """Check that the records of an archive are as long as they say, and that its pickle is that of a game.

    Raises:
        ValueError: they are not.
    """
    records = archive.infolist()
    if len({record.filename for record in records}) < len(records) or records[0].header_offset:
        raise ValueError("its directory is wrong")
    if any(r.compress_type or r.flag_bits & 1 or r.file_size != r.compress_size for r in records):
        raise ValueError("its records are compressed")
    if sum(record.file_size for record in records) > size:
        raise ValueError("its records are longer than the file")
    values = pickle_of(archive)
    if values.file_size > PICKLE:
        raise ValueError(f"{values.file_size} bytes of plain values")
    if GROWS.search(archive.read(values)):
        raise ValueError("it makes objects of any size")


def pickle_of(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the record that holds plain values."""
    (values,) = (record for record in archive.infolist() if record.filename.endswith("/data.pkl"))
    return values


def check_records(path: Path) -> None:
    """Compare every record with the CRC-32 that was written beside it.

    Raises:
        zipfile.BadZipFile: it differs.
    """
    with zipfile.ZipFile(path) as archive:
        for record in archive.infolist():
            with archive.open(record) as content:
                while content.read(2**20):
                    pass


def hash_between(file: BinaryIO, archive: zipfile.ZipFile, end: int) -> bytes:
    """Return the seal: the hash of all bytes up to ``end`` that lie in no record."""
    digest = hashlib.sha256()
    for first, last in _between(file, archive, end):
        file.seek(first)
        digest.update(file.read(last - first))
    return MARK + digest.hexdigest().encode()


def _between(file: BinaryIO, archive: zipfile.ZipFile, end: int) -> Iterator[tuple[int, int]]:
    at = 0
    for record in sorted(archive.infolist(), key=lambda record: record.header_offset):
        file.seek(record.header_offset + 26)
        start = record.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))  # after its name and its padding
        yield at, start
        at = start + record.file_size
    yield at, end


def check_content(checkpoint: Any, where: str) -> dict[str, Any]:
    """Return the content of a checkpoint; refuse what no game has written, and weights that are no numbers.

    Raises:
        ValueError: names what is wrong.
    """
    ours = checkpoint.get("ganzoo") if isinstance(checkpoint, dict) else None
    weights = checkpoint.get("state_dict") if ours else None
    if not isinstance(ours, dict) or not isinstance(weights, dict):
        raise ValueError(f"{where} was not written by a ganzoo game")
    check_plain(ours, where)
    wrong = [key for key, right in PARTS.items() if not right(ours.get(key))]
    if wrong:
        raise ValueError(f"{where} was not written by a ganzoo game: {wrong[0]} is {str(ours.get(wrong[0]))[:80]!r}")
    if not are_counts(checkpoint.get("loops", {})):
        raise ValueError(f"{where} was not written by a ganzoo game: its loops have counted wrongly")
    return dict(checkpoint)


def check_sizes(checkpoint: dict[str, Any], written: int, where: str) -> None:
    """Refuse a file that holds other numbers than its tensors, or far more than its networks.

    Args:
        checkpoint: Its content.
        written: Bytes of numbers in the file.
        where: The file, for errors.

    Raises:
        ValueError: it does.
    """
    tensors = list(_tensors(checkpoint))
    if any(tensor.layout != torch.strided for tensor in tensors):
        raise ValueError(f"{where} holds a sparse tensor: a checkpoint is of plain values and dense tensors")
    storages = [tensor.untyped_storage() for tensor in tensors if tensor.device.type == "cpu"]
    used = sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
    networks = sum(value.nbytes for value in checkpoint["state_dict"].values() if isinstance(value, Tensor))
    if written != used or written > SPARE + TIMES * networks:
        raise ValueError(f"{where} holds {written} bytes of numbers, its tensors {used}, its networks {networks}")


def _tensors(value: Any) -> Iterator[Tensor]:
    return (item for item in _within(value) if isinstance(item, Tensor))


def _within(value: Any) -> Iterator[Any]:
    """Yield what is in nested dicts and lists, each once, however often it is referred to."""
    left, seen = [value], set()
    while left:
        item = left.pop()
        if id(item) not in seen:
            seen.add(id(item))
            yield item
            left += item.values() if isinstance(item, dict) else item if isinstance(item, (list, tuple, set)) else ()


def are_counts(loops: Any) -> bool:
    """Whether what Lightning's loops have counted are whole numbers."""
    counts = [part.items() for part in _within(loops) if isinstance(part, dict)]
    return isinstance(loops, dict) and all(_is_count(key, value) for items in counts for key, value in items)


def _is_count(key: Any, value: Any) -> bool:
    if key in ("total", "current"):
        return isinstance(value, dict) and all(isinstance(count, int) and count >= 0 for count in value.values())
    return key != "_batches_that_stepped" or isinstance(value, int)


def _is_made(value: Any) -> bool:
    """Whether a value says how an object was made, or why nobody knows."""
    return isinstance(value, dict) and (
        isinstance(value.get("class_path"), str) or isinstance(value.get("reason"), str)
    )


def _is_number(value: Any) -> bool:
    return type(value) is int


def check_tensors(tensors: dict[Any, Any], where: str) -> None:
    """Refuse tensors that are larger than what lies in the file, and weights that are no finite numbers.

    Raises:
        ValueError: names the tensor.
    """
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise ValueError(f"{where}: {name} is no tensor of numbers")
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise ValueError(f"{where}: {name} repeats the numbers in the file, which no weight does")
        if tensor.is_floating_point() and not torch.isfinite(tensor.sum()) and not torch.isfinite(tensor).all():
            raise ValueError(f"{where}: {name} holds NaN or infinite numbers")


PARTS: dict[str, Callable[[Any], bool]] = {  # of what a game says in its checkpoint
    "format": _is_number,
    "model": _is_made,
    "networks": lambda value: value is None or (isinstance(value, dict) and all(map(_is_made, value.values()))),
    "data": lambda value: value is None or _is_made(value),
    "seed": _is_number,
    "images_seen": _is_number,
    "batches": _is_number,
}
