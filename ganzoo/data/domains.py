"""Sets of pairs with a name: the same things, drawn in several ways."""

from pathlib import Path
from typing import Any, ClassVar

from ganzoo.data.archives import files_of
from ganzoo.data.base import SPLITS
from ganzoo.data.file_pairs import FilePairData, Sides
from ganzoo.data.files import hash_of
from ganzoo.data.indexed import INDEX, place_of, things_in
from ganzoo.data.sides import Pair, without_copies

VAL = 0.1  # share of what is not for testing, never to change: it decides who is in which split


class DomainData(FilePairData, num_workers=0, in_memory=True):
    """Pictures of the same things in several domains, of which two are the sides of pairs.

    The data lie in ``root/NAME/NAME.tar``, or unpacked in ``root/NAME/NAME``: ``index.json``, a list of things with
    ``key`` and ``split`` ("train" or "test"), and beside it the pictures ``SPLIT/DOMAIN/KEY.png``. ``val`` is a fixed
    tenth of what is not for testing, chosen by the hash of a field.

    Args:
        source: Domain of side A.
        target: Domain of side B.
        root: Folder with the data; none: the environment's GANZOO_DATA, or ~/.cache/ganzoo.
        size: Side that images are resized to.

    Raises:
        ValueError: an argument is out of range, or there is no such domain.
    """

    archive: ClassVar[str]
    origin: ClassVar[str]  # who made the pictures, under which licence
    domains: ClassVar[tuple[str, ...]]
    channels: ClassVar[int] = 3
    group: ClassVar[str] = "key"  # the field whose hash chooses the things to validate with

    def __init__(self, source: str, target: str, root: str | None = None, size: int = 64, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.set_shapes(size, self.channels, self.channels)
        if source == target or not {source, target} <= set(self.domains):
            raise ValueError(f"source and target must be two of {', '.join(self.domains)}; got {source} and {target}")
        self.root, self.source, self.target = root, source, target

    @property
    def place(self) -> Path:
        """The archive, or the folder that it was unpacked to.

        Raises:
            FileNotFoundError: there is neither.
        """
        return place_of(self.folder, self.archive, self.name, self.origin)

    def scan(self) -> dict[str, Sides]:
        """Find the pairs that the index names.

        Raises:
            FileNotFoundError: there is no archive.
            ValueError: the index is not of its form, or names a picture that is not there.
        """
        place = self.place
        pictures = {entry.name: entry for entry in files_of(place)}
        splits: dict[str, list[Pair]] = {split: [] for split in SPLITS}
        for thing in things_in(place, [self.group]):
            key, split = thing["key"], thing["split"]
            names = [f"{split}/{domain}/{key}.png" for domain in (self.source, self.target)]
            if missing := [name for name in names if name not in pictures]:
                raise ValueError(f"{place} lacks {missing[0]}, which its {INDEX} names: fetch the archive again")
            held = split == "train" and hash_of(f"{self.archive} {thing[self.group]}") < VAL
            splits["val" if held else split].append(Pair(key, *(pictures[name] for name in names)))
        mixed = {
            split: sorted(pairs, key=lambda pair: (hash_of(pair.name), pair.name)) for split, pairs in splits.items()
        }
        kept = without_copies(mixed, str(place))
        return {split: ([pair.a for pair in pairs], [pair.b for pair in pairs]) for split, pairs in kept.items()}


class Emoji(DomainData, source="noto", target="twemoji"):
    """1,592 emoji, each as three vendors draw it, 64 x 64, in colour on white; none with a skin tone.

    A family is all emoji with the same first code point. No family is in two splits: 1,258 emoji are for training, 141
    for validation and 193 for testing. The shapes differ between vendors, so this is a hard set.

    noto: Noto Emoji, Google Inc, Apache 2.0. https://github.com/googlefonts/noto-emoji
    twemoji: Twemoji, copyright Twitter, Inc and other contributors, CC BY 4.0. https://github.com/jdecked/twemoji
    fluent-emoji-flat: Fluent Emoji, copyright Microsoft Corporation, MIT. https://github.com/microsoft/fluentui-emoji
    Drawn by npm @resvg/resvg-js 2.6.2 from npm @iconify-json/noto, twemoji and fluent-emoji-flat.
    """

    name = "Emoji"
    archive, group = "emoji", "family"
    domains = ("noto", "twemoji", "fluent-emoji-flat")
    origin = (
        "Noto Emoji (Google, Apache 2.0), Twemoji (Twitter and contributors, CC BY 4.0) and Fluent Emoji (Microsoft,"
        " MIT), drawn from npm @iconify-json/noto, twemoji and fluent-emoji-flat by npm @resvg/resvg-js 2.6.2"
    )


class Hanzi(DomainData, source="sans", target="serif"):
    """The 3,755 characters of level 1 of GB 2312 in two typefaces, 64 x 64, grey: black on white.

    2,967 characters are for training, 316 for validation and 472 for testing.

    Noto Sans CJK SC and Noto Serif CJK SC, copyright Adobe (Source Han) and Google, SIL Open Font License 1.1, which
    does not restrict pictures. https://github.com/notofonts/noto-cjk
    Set with Debian's package fonts-noto-cjk 1:20220127+repack1-1 by Pillow, at 56 pixels.
    """

    name = "Hanzi"
    archive, channels = "hanzi", 1
    domains = ("sans", "serif")
    origin = (
        "Noto Sans and Noto Serif CJK SC (Adobe and Google, SIL Open Font License 1.1), set with Debian's package"
        " fonts-noto-cjk by Pillow"
    )


class Glasses(DomainData, source="plain", target="glasses"):
    """3,410 drawn faces, each without glasses and with, and else equal, 64 x 64, in colour; ``reverse`` takes them off.

    They are the pictures of ``Peeps``, from the same archive, with the same splits: 2,599 faces are for training, 311
    for validation and 500 for testing. The glasses change some 4 % of the pixels of a face.

    Pablo Stanley, "Open Peeps", CC0 1.0 (public domain). https://www.openpeeps.com
    Drawn by DiceBear's style open-peeps (npm @dicebear/collection 9.4.3, MIT). https://www.dicebear.com
    """

    name = "Glasses"
    archive = "peeps"
    domains = ("plain", "glasses")
    origin = "Open Peeps by Pablo Stanley, CC0, https://www.openpeeps.com, drawn by npm @dicebear/collection 9.4.3"
