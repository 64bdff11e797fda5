"""Samples beside the training images nearest to them: has G copied?"""

from typing import NamedTuple

from torch import Tensor, cat

from ganzoo.metrics.features import Extractor, Raw
from ganzoo.metrics.neighbours import nearest
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
