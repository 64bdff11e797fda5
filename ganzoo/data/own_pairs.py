"""Pictures of one's own on two sides: pairs, and sets that do not belong together."""

from pathlib import Path
from typing import Any, Literal

from ganzoo.data.base import data_root
from ganzoo.data.file_pairs import FilePairData, Sides
from ganzoo.data.files import check_reading, divided
from ganzoo.data.sides import SIDES, Pair, both_sides, matched, without_copies

Channels = Literal[1, 2, 3, 4]


class FolderPairData(FilePairData):
    """Pictures of two sides in one or two folders, zip or tar files.

    Args:
        root: Folder or archive with both sides; none: they are in two.
        root_a: Folder or archive with side A.
        root_b: Folder or archive with side B.
        size: Side of the images, or [height, width].
        channels: 1: grey, 2: grey and opacity, 3: RGB, 4: RGB and opacity, of both sides.
        val_fraction: Share of the images for validation, if there is no folder of it.
        test_fraction: Share of the images for testing, if there is no folder of it.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        root: str | None = None,
        root_a: str | None = None,
        root_b: str | None = None,
        size: int | tuple[int, int] = 256,
        channels: Channels = 3,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_reading(channels, val_fraction, test_fraction)
        self.set_shapes(size, channels, channels)
        self.root, self.root_a, self.root_b = root, root_a, root_b
        self.val_fraction, self.test_fraction = val_fraction, test_fraction

    @property
    def places(self) -> list[Path | None]:
        """Both folders, and those of A and B, as far as they are given."""
        return [None if root is None else data_root(root) for root in (self.root, self.root_a, self.root_b)]

    @property
    def where(self) -> str:
        """What the folders are called in messages."""
        return " and ".join(str(place) for place in self.places if place is not None)


class Pairs(FolderPairData):
    """Pairs of pictures of one's own: A is translated to B.

    ``root_a`` and ``root_b`` hold files of the same names; endings may differ: ``a.jpg`` and ``a.png`` are a pair.
    Or ``root`` holds both sides: in folders ``A`` and ``B``, ``train/A`` and ``train/B``, or ``trainA`` and ``trainB``,
    or as ``KEY.a.png`` and ``KEY.b.png``, or side by side in one picture, as pix2pix's sets do: the left half is A. All
    are folders, zip or tar files, or folders of shards: tar files, of which train-*, val-* and test-* are splits.

    If there are folders ``train``, ``val`` and ``test``, they are the official splits; what is missing is taken from
    the training pairs by a hash of their name. A pair with a picture that a held-out split has too is not trained on.

    Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2016.
    https://arxiv.org/abs/1611.07004
    """

    name = "Pairs"

    def scan(self) -> dict[str, Sides]:
        """Find the pairs.

        Raises:
            FileNotFoundError: there are no pictures, or no such folder.
            ValueError: no picture has a partner, or some are outside of the folders of sides or splits.
        """
        pictures = both_sides(*self.places)
        if pictures[0].side:
            found = matched(pictures, self.where)
        else:
            self.halves, found = ("left", "right"), {}
            for name, _, split, entry in pictures:
                found.setdefault(split, []).append(Pair(name, entry, entry))
        splits = without_copies(divided(found, self.val_fraction, self.test_fraction), self.where)
        return {split: ([pair.a for pair in pairs], [pair.b for pair in pairs]) for split, pairs in splits.items()}


class Unpaired(FolderPairData, paired=False):
    """Pictures of two kinds, of one's own, that do not belong together: A is translated to B.

    ``root_a`` and ``root_b`` hold pictures of any names, numbers, sizes and shapes. Or ``root`` holds both sides: in
    ``trainA``, ``trainB``, ``testA`` and ``testB``, as CycleGAN's sets do, or in ``train/A``, ..., or in ``A`` and
    ``B``. All are folders, zip or tar files, or folders of shards: tar files, of which train-*, val-* and test-* are
    splits.

    If there are folders ``train``, ``val`` and ``test``, they are the official splits; what is missing is taken from
    the training pictures by a hash of their name. A picture that a held-out split has too is not trained on.

    Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017.
    https://arxiv.org/abs/1703.10593
    """

    name = "Unpaired"
    judged_in_pairs = False

    def scan(self) -> dict[str, Sides]:
        """Find the pictures of both sides.

        Raises:
            FileNotFoundError: there are no pictures, or no such folder.
            ValueError: a side has none, or some are outside of the folders of sides or splits.
        """
        pictures = both_sides(*self.places)
        sides = []
        for side in SIDES:
            of_side = [picture for picture in pictures if picture.side == side]
            if not of_side:
                raise ValueError(
                    f"{self.where} has no pictures of side {side}: put them in folders A and B, or trainA and trainB,"
                    " or give root_a and root_b"
                )
            official = {s: [p for p in of_side if p.split == s] for s in {p.split for p in of_side}}
            splits = without_copies(divided(official, self.val_fraction, self.test_fraction), self.where)
            sides.append({split: [picture.entry for picture in found] for split, found in splits.items()})
        return {split: (found, sides[1][split]) for split, found in sides[0].items()}
