"""Judging by what the data knows of itself: its modes, or who can name its classes."""

from typing import Any

from torch import Tensor

from ganzoo.metrics.features import Extractor
from ganzoo.metrics.lenet import LeNet64
from ganzoo.metrics.modes import class_report, mode_report
from ganzoo.metrics.stacked import StackedLeNet64

CLASSIFIERS: dict[str, type[Extractor]] = {cls.id: cls for cls in (LeNet64, StackedLeNet64)}


def of_classifier(data: Any, extractor: Extractor, logits: Tensor | None) -> Tensor | None:
    """Return ``logits`` if they are those of the data's own classes, else None."""
    return logits if logits is not None and extractor.id == data.classifier else None


def mode_values(data: Any, features: Tensor, logits: Tensor | None) -> dict[str, float]:
    """Return what the data's modes say of samples; nothing where it knows of none.

    Args:
        data: A mixture's Gaussians are its modes, else the classes that a classifier knows.
        features: Of the samples: the points themselves, [N, d].
        logits: Of a classifier of the data's classes, [N, K], or None.
    """
    if data.mixture:
        return mode_report(features, data.means, data.std, data.weights)._asdict()
    if logits is not None:
        return class_report(logits.argmax(dim=1), data.num_classes)._asdict()
    return {}
