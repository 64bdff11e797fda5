"""Peeps: drawn faces with labelled attributes, each once without and once with glasses."""

from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from ganzoo.data.archives import files_of
from ganzoo.data.base import SPLITS
from ganzoo.data.files import FileData, Scan, hash_of
from ganzoo.data.indexed import INDEX, Thing, place_of, things_in

Which = Literal["both", "plain", "glasses"]

KINDS = ("plain", "glasses")
VAL = 0.1  # share of the training faces, never to change: it decides who is in which split
ATTRIBUTES = {  # and what the index calls them
    "glasses": "accessories",
    "head": "head",
    "face": "face",
    "skinColor": "skinColor",
    "clothingColor": "clothingColor",
    "headContrastColor": "headContrastColor",
}
SOURCE = "Open Peeps by Pablo Stanley, CC0, https://www.openpeeps.com, drawn by npm @dicebear/collection 9.4.3"


class Peeps(FileData):
    """3,410 drawn faces, each without and with glasses and else equal: 6,820 pictures of 64 x 64, in colour.

    The class is whether there are glasses. The two pictures of a face are always in the same split: ``test`` is the
    official one, the last 500 faces, ``val`` a fixed tenth of the other faces, chosen by their key.

    The data lie in ``root/peeps/peeps.tar``, or unpacked in ``root/peeps/peeps``: ``index.json``, a list of faces with
    ``key``, ``split`` ("train" or "test"), ``head`` (the hair, or a hat), ``face`` (the expression), ``accessories``
    (the glasses), ``skinColor``, ``clothingColor`` and ``headContrastColor`` (of the hair; many heads do not show it),
    and beside it the pictures ``SPLIT/plain/KEY.png`` and ``SPLIT/glasses/KEY.png``.

    Pablo Stanley, "Open Peeps", CC0 1.0 (public domain). https://www.openpeeps.com
    Drawn by DiceBear's style open-peeps (npm @dicebear/collection 9.4.3, MIT). https://www.dicebear.com

    Args:
        root: Folder with the data; none: the environment's GANZOO_DATA, or ~/.cache/ganzoo.
        size: Side that images are resized to.
        which: Pictures of "both" kinds, or only those that are "plain" or with "glasses"; one kind is one class.
        batch_size: Images per batch and process.
        seed: Seed of the order of the training images.
        hflip: Mirror each training image with probability 1/2.
        num_workers: Number of processes that read; 0: the one that trains.
        in_memory: Decode every image once and keep the pixels.

    Raises:
        ValueError: an argument is out of range.
    """

    name = "Peeps"

    def __init__(
        self,
        root: str | None = None,
        size: int = 64,
        which: Which = "both",
        batch_size: int = 64,
        seed: int = 0,
        hflip: bool = False,
        num_workers: int = 0,
        in_memory: bool = True,
    ) -> None:
        super().__init__(root or "", size, 3, batch_size, seed, hflip, num_workers, in_memory)
        if which not in get_args(Which):
            raise ValueError(f"which must be one of {', '.join(get_args(Which))}, got {which!r}")
        self.root, self.which = root, which
        self.class_names = KINDS if which == "both" else (which,)
        self._faces: dict[str, Thing] = {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, known without the files."""
        return self.class_names

    @property
    def place(self) -> Path:
        """The archive, or the folder that it was unpacked to.

        Raises:
            FileNotFoundError: there is neither.
        """
        return place_of(self.folder, "peeps", self.name, SOURCE)

    def scan(self) -> Scan:
        """Find the pictures of the faces in the index.

        Raises:
            FileNotFoundError: there is no archive.
            ValueError: the index is not of its form, or names a picture that is not there.
        """
        place = self.place
        self._faces = {face["key"]: face for face in things_in(place, list(ATTRIBUTES.values()))}
        pictures = {entry.name: entry for entry in files_of(place)}
        splits: Scan = ({split: [] for split in SPLITS}, self.classes)
        for key, face in self._faces.items():
            for label, kind in enumerate(self.classes):
                name = f"{face['split']}/{kind}/{key}.png"
                if name not in pictures:
                    raise ValueError(f"{place} lacks {name}, which its {INDEX} names: fetch the archive again")
                splits[0][split_of(key, face)].append(pictures[name]._replace(label=label))
        return splits

    @property
    def faces(self) -> dict[str, Thing]:
        """What the index says of each face, by its key."""
        self.scanned  # noqa: B018
        return self._faces

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Names of the values of each attribute, in the order of their numbers: sorted, "none" of glasses first."""
        values = {ours: sorted({face[theirs] for face in self.faces.values()}) for ours, theirs in ATTRIBUTES.items()}
        return {name: ("none", *found) if name == "glasses" else tuple(found) for name, found in values.items()}

    def attributes(self, split: str) -> dict[str, Tensor]:
        """Return the number of the value of each attribute, int64 [N] each, in the order of ``arrays(split)``.

        Raises:
            ValueError: there is no such split.
        """
        names, shown = self.names, self._shown(split)
        numbers = {name: {value: i for i, value in enumerate(values)} for name, values in names.items()}
        rows = {name: [numbers[name][self.faces[key][ATTRIBUTES[name]]] for _, key in shown] for name in names}
        rows["glasses"] = [k if kind == "glasses" else 0 for k, (kind, _) in zip(rows["glasses"], shown, strict=True)]
        return {name: torch.tensor(row, dtype=torch.long) for name, row in rows.items()}

    def pairs(self, split: str) -> tuple[Tensor, Tensor]:
        """Return where the plain pictures stand in ``arrays(split)``, and where the same faces with glasses do.

        Both are int64 [N / 2], in the order of the keys.

        Raises:
            ValueError: the data have pictures of one kind only, or there is no such split.
        """
        if self.which != "both":
            raise ValueError(f"pairs need pictures of both kinds, but which is {self.which!r}: set which='both'")
        at = {picture: i for i, picture in enumerate(self._shown(split))}
        keys = sorted({key for _, key in at})
        plain, glasses = ([at[kind, key] for key in keys] for kind in KINDS)
        return torch.tensor(plain, dtype=torch.long), torch.tensor(glasses, dtype=torch.long)

    def _shown(self, split: str) -> list[tuple[str, str]]:
        """Return kind and key of each picture of a split, in its order."""
        parts = (entry.name.split("/") for entry in self.entries(split))
        return [(kind, file.removesuffix(".png")) for _, kind, file in parts]


def split_of(key: str, face: Thing) -> str:
    """Return the split of a face: "test" as the index says, "val" by the hash of its key."""
    return "test" if face["split"] == "test" else "val" if hash_of(f"peeps {key}") < VAL else "train"
