"""FCN-scores: how much of the label map of a street can be read in its translation to a photograph, and the reverse.

What is read is compared with the true label map, pixel by pixel, over all test scenes at once. In photographs
``StreetsFCN`` reads it, in label maps it is the nearest colour of the palette. So both directions have one scale.
"""

import torch
from torch import Tensor

from ganzoo.data import Streets
from ganzoo.data.street_canvas import CLASSES
from ganzoo.data.streets import nearest_labels
from ganzoo.metrics.pairs import l1, roughness
from ganzoo.metrics.segmentation import confusion, segmentation_scores
from ganzoo.metrics.streets_fcn import StreetsFCN
from ganzoo.pixels import to_float, to_uint8

SCORES = ("pixel", "class", "iou")
WAYS = ("fcn", "fcn_back")


class StreetScores:
    """Collects what is read in translations of scenes of a split: "fcn" on the way that the data say, "fcn_back" back.

    Label maps become photographs on the way "fcn" of ``Streets``, and on the way "fcn_back" if ``reverse``.

    Args:
        data: The scenes.
        device: Of the network.
        split: Of the scenes.
    """

    def __init__(self, data: Streets, device: torch.device | str = "cpu", split: str = "test") -> None:
        self.true, self.reverse, self.judge = data.label_maps(split), data.reverse, StreetsFCN().to(device)
        self.matrices = {way: torch.zeros(len(CLASSES), len(CLASSES), dtype=torch.long) for way in WAYS}

    def add(self, way: str, made: Tensor, first: int = 0) -> None:
        """Read translations [N, 3, H, W], uint8 or in [-1, 1], of the scenes from number ``first`` on."""
        photographs = (way == "fcn") != self.reverse
        read = self.judge(to_uint8(made)) if photographs else nearest_labels(made)
        self.matrices[way] += confusion(self.true[first : first + len(made)], read.cpu(), len(CLASSES))

    def values(self) -> dict[str, float]:
        """Return fcn_pixel, fcn_class and fcn_iou, and fcn_back_* if translations of the way back were added."""
        return {
            f"{way}_{kind}": score
            for way, matrix in self.matrices.items()
            if matrix.any()
            for kind, score in zip(SCORES, segmentation_scores(matrix), strict=True)
        }


def ceilings_of_streets(data: Streets, n: int | None = None, split: str = "test") -> dict[str, float]:
    """Return the scores, of both ways, of real images in the place of translations of a split's first ``n`` scenes."""
    scores = StreetScores(data, split=split)
    for way, real in zip(WAYS, data.sides(split), strict=True):
        scores.add(way, real[:n])
    return scores.values()


def floors_of_streets(data: Streets) -> dict[str, dict[str, float]]:
    """Return what images get that no translator made, by what they are, in the direction of the data.

        real: the true translations, which no translator is better than
        colours: each class in the mean colour that it has in test photographs; of label maps to photographs only
        input: the images that are to be translated, as they are
        shuffled: the true translation of another scene

    Values: fcn_pixel, fcn_class, fcn_iou, pair_l1 and sharpness. A translator has learnt something if it is above
    colours; one that is not above shuffled makes street scenes, but not of its input.
    """
    targets, sources = data.sides("test")
    kinds = {"real": targets}
    if not data.reverse:
        kinds["colours"] = mean_colours(targets, data.label_maps("test"))
    kinds |= {"input": sources, "shuffled": targets.roll(1, dims=0)}
    return {kind: scores_of(data, images, targets) for kind, images in kinds.items()}


def scores_of(data: Streets, images: Tensor, targets: Tensor) -> dict[str, float]:
    """Return the values of images in the place of translations of all test scenes."""
    scores = StreetScores(data)
    scores.add("fcn", images)
    made, real = to_float(images), to_float(targets)
    sharpness = float(roughness(made).mean() / roughness(real).mean())
    return {**scores.values(), "pair_l1": float(l1(real, made).mean()), "sharpness": sharpness}


def mean_colours(photos: Tensor, labels: Tensor) -> Tensor:
    """Return photographs of label maps, [N, H, W], in which each class has the mean colour of ``photos``; uint8."""
    pixels = photos.movedim(1, -1)
    means = [pixels[labels == k].double().mean(dim=0) for k in range(len(CLASSES))]
    palette = torch.stack(means).nan_to_num().round().to(torch.uint8)
    return palette[labels.long()].movedim(-1, 1)
