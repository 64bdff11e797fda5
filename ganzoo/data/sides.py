"""Finding the two sides of pairs in folders and archives, and keeping the splits apart."""

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

from ganzoo.data.archives import LABELS, SUFFIXES, TARS, Entry, files_of, in_tar, is_shown
from ganzoo.data.files import split_named
from ganzoo.data.folder import ARRAYS, OTHERS, nothing_in
from ganzoo.data.shards import split_of

SIDES = ("A", "B")
REMEDIES = {**dict.fromkeys(ARRAYS, "save them as PNG or TIFF"), ".zip": OTHERS[".zip"]}  # pairs are pictures


class Picture(NamedTuple):
    """A picture of one side; ``name`` is without the folders of split and side, its ending, and ``_A`` or ``_B``."""

    name: str
    side: str  # "A", "B", or "": both side by side
    split: str  # "": none
    entry: Entry

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Where it lies."""
        return (self.entry,)


class Pair(NamedTuple):
    """Two pictures that belong together."""

    name: str
    a: Entry
    b: Entry

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Where they lie."""
        return self.a, self.b


T = TypeVar("T", Picture, Pair)


def pictures_in(root: Path, side: str = "") -> list[Picture]:
    """Return the pictures in a folder or an archive, with the split and the side that their folders name.

    Known are ``train/A``, ``A/train``, ``trainA`` and ``A``; what lies outside of them is left out, with a warning. If
    the side is given, only splits are looked for. A folder without pictures may hold shards of them.

    Raises:
        FileNotFoundError: there are none.
        ValueError: some are in folders of splits and some are not, or folders of both sides are given as one side.
    """
    found = [placed(entry, side, root) for entry in files_of(root) if not entry.name.endswith(LABELS)]
    found = found or [placed(entry, side, root) for entry in in_shards(root)]
    if not found:
        raise FileNotFoundError(nothing_in(root, REMEDIES))
    sides = {top for top, *rest in (picture.name.split("/") for picture in found) if rest and any(split_and_side(top))}
    if side and len(sides) > 1:
        raise ValueError(
            f"{root} holds {', '.join(sorted(sides))}: if it has both sides, give it alone as root"
            f" (--data.root {root}), else call its folders train, val and test"
        )
    sided = [picture for picture in found if picture.side]
    if sided and len(sided) < len(found):
        outside = [picture.entry.name for picture in found if not picture.side]
        warnings.warn(
            f"{root}: left out {len(outside)} pictures outside of its folders of A and B, such as {min(outside)}",
            stacklevel=2,
        )
    kept = sided or found
    outside = [picture.entry.name for picture in kept if not picture.split]
    if outside and len(outside) < len(kept):
        raise ValueError(
            f"{root} has folders train, val or test, and outside of them {min(outside)}: move it, or remove it"
        )
    return kept


def in_shards(root: Path) -> Iterator[Entry]:
    """Yield the pictures in all tar files of a folder, named as if each tar file were a folder there.

    Raises:
        ValueError: a shard is damaged.
    """
    for shard in sorted(path for path in root.rglob("*.*") if path.name.endswith(TARS)):
        for entry in in_tar(shard):
            entry = entry._replace(name=f"{shard.relative_to(root).as_posix()}/{entry.name}")
            if entry.name.lower().endswith(SUFFIXES) and is_shown(entry):
                yield entry


def placed(entry: Entry, side: str, root: Path) -> Picture:
    """Return a picture with what its folders say, or KEY.a.png, of its side.

    If the side is given, the root's name goes before its own.
    """
    given, split, parts = side, "", entry.name.split("/")
    while len(parts) > 1:
        top = parts[0]
        if top.endswith(TARS):
            split = split or split_of(top)
        elif not split and split_named(top):
            split = split_named(top)
        elif not side and top.upper() in SIDES:
            side = top.upper()
        elif not side and not split and any(split_and_side(top)):
            split, side = split_and_side(top)
        else:
            break
        parts = parts[1:]
    stem = Path(parts[-1]).stem
    if not side and stem.upper().endswith((".A", ".B")):
        side, stem = stem[-1].upper(), stem[:-2]
    name = "/".join([*parts[:-1], stem.removesuffix(f"_{side}" if side else "")])
    return Picture(name, side, split, entry._replace(name=f"{root.name}/{entry.name}") if given else entry)


def split_and_side(name: str) -> tuple[str, str]:
    """Return the split and the side that a folder's name says together, such as trainA, or nothing."""
    split, side = split_named(name[:-1]), name[-1:].upper()
    return (split, side) if split and side in SIDES else ("", "")


def both_sides(root: Path | None, root_a: Path | None, root_b: Path | None) -> list[Picture]:
    """Return the pictures of two folders or archives, or those in one with their sides.

    Raises:
        ValueError: neither one nor two are given, or one of two holds no splits that the other has.
    """
    if root is not None and root_a is None and root_b is None:
        return pictures_in(root)
    if root is not None:
        raise ValueError("root holds both sides: give root alone, or root_a and root_b without it")
    if root_a is None and root_b is None:
        raise ValueError("give root, or root_a and root_b (--data.root_a FOLDER --data.root_b FOLDER)")
    if root_a is None or root_b is None:
        there, lacks = ("root_b", "root_a") if root_a is None else ("root_a", "root_b")
        raise ValueError(f"{there} is given, but {lacks} is missing: add the other side (--data.{lacks} FOLDER)")
    a, b = pictures_in(root_a, "A"), pictures_in(root_b, "B")
    if bool(a[0].split) != bool(b[0].split):
        which, other = (root_a, root_b) if a[0].split else (root_b, root_a)
        raise ValueError(f"{which} has folders train, val or test, but {other} has none: give it the same")
    return [*a, *b]


def matched(pictures: Sequence[Picture], where: str) -> dict[str, list[Pair]]:
    """Return the pairs of each split: pictures of one name and split on both sides.

    What has no partner is left out, with a warning.

    Raises:
        ValueError: no picture has a partner, or two of a side have one name.
    """
    sides: dict[str, dict[tuple[str, str], Entry]] = {side: {} for side in SIDES}
    for name, side, split, entry in pictures:
        if (split, name) in sides[side]:
            twin = sides[side][split, name].name
            raise ValueError(f"{where} has {twin} and {entry.name}, which mean the same pair: keep one")
        sides[side][split, name] = entry
    a, b = sides.values()
    if not a.keys() & b.keys():
        firsts = " and ".join(next((entry.name for entry in side.values()), "nothing") for side in (a, b))
        raise ValueError(
            f"{where} has no pair, a name that both sides have, but {firsts}: give both pictures of a pair one name"
            " (endings may differ), or take Unpaired"
        )
    if alone := [*(a[key].name for key in a.keys() - b.keys()), *(b[key].name for key in b.keys() - a.keys())]:
        warnings.warn(
            f"{where}: left out {len(alone)} pictures that have no partner on the other side, such as {min(alone)}",
            stacklevel=2,
        )
    pairs: dict[str, list[Pair]] = {}
    for split, name in sorted(a.keys() & b.keys()):
        pairs.setdefault(split, []).append(Pair(name, a[split, name], b[split, name]))
    return pairs


def without_copies(splits: dict[str, list[T]], where: str) -> dict[str, list[T]]:
    """Leave out of training what is in validation or testing too, and out of validation what is in testing.

    Files of the same bytes are the same picture; only those of one length are compared. One warning says how many.
    """
    lengths: dict[int, set[str]] = {}
    for split, items in splits.items():
        for entry in (entry for item in items for entry in item.entries):
            lengths.setdefault(length(entry), set()).add(split)
    held: set[bytes] = set()
    kept: dict[str, list[T]] = {}
    left: list[T] = []
    for split in ("test", "val", "train"):
        contents = [{content(e) for e in item.entries if len(lengths[length(e)]) > 1} for item in splits[split]]
        copies = [bool((found - {b""}) & held) for found in contents]
        left += [item for item, copy in zip(splits[split], copies, strict=True) if copy]
        kept[split] = [item for item, copy in zip(splits[split], copies, strict=True) if not copy]
        held.update(*contents)
    if left:
        warnings.warn(
            f"{where}: left out {len(left)} of the pictures to train or validate with, as validation or testing has the"
            f" same, such as {left[0].entries[0].name}",
            stacklevel=2,
        )
    return kept


def length(entry: Entry) -> int:
    """Return how many bytes an encoded picture has."""
    return entry.deflated or entry.size


def content(entry: Entry) -> bytes:
    """Return the sha256 of an encoded picture, or nothing if it cannot be read, which is said when it is needed."""
    with suppress(OSError, ValueError):
        return hashlib.sha256(entry.read()).digest()
    return b""
