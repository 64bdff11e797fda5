"""Data sets of the Hugging Face hub, or in their format on disk."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganzoo.data.archives import Entry
from ganzoo.data.files import FileData, Scan, split_named

SAVED = ("dataset_dict.json", "state.json")  # in folders written by save_to_disk


class Rows:
    """Reads encoded pictures from the rows of tables.

    Args:
        tables: The table of each split.
        column: The one with pictures.
    """

    def __init__(self, tables: Mapping[str, Any], column: str) -> None:
        self.tables, self.column = tables, column

    def __call__(self, entry: Entry) -> bytes:
        """Return the encoded picture of a row: ``path`` is the split, ``offset`` the row."""
        found = self.tables[entry.path][entry.offset][self.column]
        if found["bytes"] is not None:
            return bytes(found["bytes"])
        return Path(found["path"]).read_bytes()


class HuggingFace(FileData):
    """A data set of the Hugging Face hub by its name, or a folder by ``save_to_disk`` or of parquet files.

    Splits train, val (valid, validation) and test are kept; one that is missing is taken from the training images by a
    hash. Code of a data set is not run: ``datasets`` 4 has no scripts any more.

    Args:
        root: Name, such as "ylecun/mnist", or folder.
        size: Side that the central square of an image is resized to; or [height, width], for the middle of that shape.
        image: The column with the pictures.
        label: The column with the classes; none: one class, "image".
        **others: As ``FileData``: channels, batch_size, seed, hflip, num_workers, in_memory, on_corrupt, fractions.

    Raises:
        ValueError: an argument is out of range.
    """

    name = "HuggingFace"

    def __init__(
        self,
        root: str,
        size: int | tuple[int, int],
        image: str = "image",
        label: str | None = "label",
        **others: Any,
    ) -> None:
        super().__init__(root, size, **others)
        self.columns = image, label

    def scan(self) -> Scan:
        """Open the set and look up the classes.

        Raises:
            ImportError: datasets is not installed.
            ValueError: there is no such set or column, or a split of another name.
        """
        image, label = self.columns
        tables = by_split(opened(str(self.root)), str(self.root))
        from datasets import Image  # type: ignore[import-untyped]

        for table in tables.values():
            for column in (image, *([label] if label else [])):
                if column not in table.features:
                    known = ", ".join(table.features)
                    raise ValueError(f"{self.root} has no column {column!r} but {known}: set image and label")
            if not isinstance(table.features[image], Image):
                raise ValueError(
                    f"{self.root}: column {image!r} holds {table.features[image]}, not pictures: set image"
                )
        tables = {split: table.cast_column(image, Image(decode=False)) for split, table in tables.items()}
        self.encoded = Rows(tables, image)
        names, labels = classes_of(tables, label, str(self.root))
        official = {}
        for split, table in tables.items():
            average = table.data.nbytes // max(1, len(table))
            official[split] = [Entry(f"{split}/{i}", k, split, i, average) for i, k in enumerate(labels[split])]
        return official, names


def opened(root: str) -> Any:
    """Return what ``datasets`` makes of a name or a folder.

    Raises:
        ImportError: it is not installed.
        ValueError: there is no such set.
    """
    try:
        import datasets
    except ImportError as error:
        raise ImportError("HuggingFace needs datasets: pip install ganzoo[datasets]") from error
    folder = Path(root).expanduser()
    try:
        if any((folder / name).is_file() for name in SAVED):
            return datasets.load_from_disk(str(folder))
        return datasets.load_dataset(str(folder) if folder.exists() else root)
    except Exception as error:  # the library's own errors have many kinds
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ValueError(
            f"no data set {root!r}: {lines[0]}: give a name of the hub, or a folder by save_to_disk"
        ) from error


def by_split(found: Any, root: str) -> dict[str, Any]:
    """Return the tables by the splits that their names mean; one alone is divided.

    Raises:
        ValueError: a name means none, or two mean the same.
    """
    if not isinstance(found, dict):
        return {"": found}
    if len(found) == 1:
        return {"": next(iter(found.values()))}
    splits: dict[str, Any] = {}
    for name, table in found.items():
        split = split_named(name)
        if not split or split in splits:
            there = ", ".join(found)
            raise ValueError(f"{root} has the splits {there}: {name!r} must be the only train, val or test; save these")
        splits[split] = table
    return splits


def classes_of(tables: dict[str, Any], label: str | None, root: str) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """Return the names of the classes, and the class of each row of each table.

    Raises:
        ValueError: the column holds neither classes nor numbers nor names.
    """
    if label is None:
        return ("image",), {split: [0] * len(table) for split, table in tables.items()}
    values: dict[str, Any] = {split: list(table[label]) for split, table in tables.items()}
    feature = next(iter(tables.values())).features[label]
    all_values: Any = {value for column in values.values() for value in column if isinstance(value, (int, str))}
    kinds = {type(value) for column in values.values() for value in column}
    if kinds == {str}:
        names = sorted(all_values)
        return tuple(map(str, names)), {s: [names.index(v) for v in column] for s, column in values.items()}
    if kinds != {int} or min(all_values) < 0:
        raise ValueError(f"{root}: column {label!r} must hold numbers from 0, or names; or set label to null")
    last = max(all_values)
    return tuple(getattr(feature, "names", None) or map(str, range(last + 1))), values
