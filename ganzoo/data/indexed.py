"""Archives of pictures beside an index that says what they are."""

import json
from collections.abc import Sequence
from pathlib import Path

from ganzoo.data.archives import one_file

INDEX = "index.json"
Thing = dict[str, str]  # what the index says of a thing, by its field


def place_of(folder: Path, archive: str, title: str, origin: str) -> Path:
    """Return the archive ``folder/NAME/NAME.tar``, or the folder ``folder/NAME/NAME`` that it was unpacked to.

    Args:
        folder: With the data.
        archive: NAME.
        title: What the set is called in the message.
        origin: Where it is from.

    Raises:
        FileNotFoundError: there is neither.
    """
    packed, unpacked = folder / archive / f"{archive}.tar", folder / archive / archive
    if not packed.is_file() and not unpacked.is_dir():
        raise FileNotFoundError(
            f"{title} not found: put the archive at {packed} (or unpacked at {unpacked}), or set GANZOO_DATA; it is"
            f" {origin}"
        )
    return packed if packed.is_file() else unpacked


def things_in(place: Path, fields: Sequence[str]) -> list[Thing]:
    """Return what the index of an archive or a folder says of each thing: key, split and other fields.

    Raises:
        ValueError: there is no index, or it is not of its form.
    """
    text, needed = one_file(place, INDEX), ["key", "split", *(f for f in fields if f not in ("key", "split"))]
    if not text:
        raise ValueError(f"{place} has no {INDEX}, which says what the pictures are: fetch the archive again")
    try:
        things = [{field: str(thing[field]) for field in needed} for thing in json.loads(text)]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{place}: {INDEX} must be a list of things with {', '.join(needed)} ({type(error).__name__}: {error}):"
            " fetch the archive again"
        ) from error
    if wrong := [thing["key"] for thing in things if thing["split"] not in ("train", "test")]:
        raise ValueError(f"{place}: {INDEX} has {wrong[0]!r} in a split that is neither train nor test: mend it")
    return things
