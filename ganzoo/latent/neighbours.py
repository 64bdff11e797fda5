"""Samples beside the training images nearest to them: has G copied?"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from torch import Tensor, cat

from ganzoo.files import write_atomically
from ganzoo.metrics.features import Extractor, Raw
from ganzoo.metrics.neighbours import nearest
from ganzoo.pictures import grid, headed, tiled
from ganzoo.pixels import to_float, to_uint8


class Pairs(NamedTuple):
    """Samples and their nearest training images.

    Args:
        images: Each sample, and to its right its neighbour, [N, C, H, 2 W] in [-1, 1]: ready for ``picture``.
        distance: In units of the features, [N].
        at: Index of the neighbour in the training set, [N].
    """

    images: Tensor
    distance: Tensor
    at: Tensor


def nearest_training(samples: Tensor, training: Tensor, extractor: Extractor | None = None) -> Pairs:
    """Return each sample beside the training image whose features are nearest to its own; of equals the first.

    Samples are rounded to 256 levels first, as the training images are: so a copy is at distance 0.

    Args:
        samples: [N, C, H, W] in [-1, 1].
        training: [M, C, H, W], in [-1, 1] or uint8.
        extractor: What to compare; None: pixels / 127.5 - 1.

    Raises:
        ValueError: images of different shapes, or none.
    """
    if samples.ndim != 4 or samples.shape[1:] != training.shape[1:] or not len(samples) or not len(training):
        raise ValueError(
            "expected samples [N, C, H, W] and training images of the same C, H and W, one or more of each,"
            f" got {list(samples.shape)} and {list(training.shape)}"
        )
    samples, training = to_uint8(samples.detach().float().cpu()), to_uint8(training.detach().cpu())
    extract = extractor or Raw(samples[0].numel())
    distance, at = (found.cpu() for found in nearest(extract(samples).features, extract(training).features))
    return Pairs(to_float(cat([samples, training[at]], dim=3)), distance, at)


def drawn(found: Pairs, names: Sequence[str], columns: int) -> Image.Image:
    """Tile the pairs: above each the name of the sample, the number of its neighbour, and how far it is."""
    words = zip(names, found.at.tolist(), found.distance.tolist(), strict=True)
    heads = [(f"sample\n{name}", f"train {at}\ndistance {gap:.3g}") for name, at, gap in words]
    sheets = (grid(pair[None], columns=1, gap=0, cell=128) for pair in found.images)
    return tiled([headed(sheet, head) for sheet, head in zip(sheets, heads, strict=True)], columns)


def write_table(file: Path, found: Pairs, names: Sequence[str], classes: Tensor | None) -> None:
    """Write a row for each sample: its name, the number of its neighbour, that one's label if there are any, distance.

    Args:
        file: The CSV.
        found: Samples and neighbours.
        names: Of the samples.
        classes: Of the training images, [M].
    """
    columns = {"sample": list(names), "neighbour": found.at.tolist()}
    if classes is not None:
        columns["label"] = classes[found.at].tolist()
    columns["distance"] = found.distance.tolist()

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="", encoding="utf-8") as opened:
            table = csv.writer(opened, lineterminator="\n")
            table.writerow(columns)
            table.writerows(zip(*columns.values(), strict=True))

    write_atomically(file, write)
