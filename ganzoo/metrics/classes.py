"""Judging a generator that is told the class: does it make that class, and how well each."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ganzoo.metrics.judge import fd, gaussian, halves
from ganzoo.metrics.references import Reference

PerClass = dict[int, float]


class Obedience(NamedTuple):
    """The two values of a conditional generator, and what they are per class."""

    values: dict[str, float]
    classes: dict[str, PerClass]


def judge_classes(features: Tensor, logits: Tensor | None, labels: Tensor, reference: Reference) -> Obedience:
    """Return ``class_fd``, the mean over classes, and ``label_accuracy``, the mean over samples, where they can be had.

    Args:
        features: Of the samples, [N, d].
        logits: Of a classifier of these classes, [N, K]; None: there is none.
        labels: Classes that the samples were asked for, int64 [N].
        reference: Of the training images, with features and labels; without them there is no ``class_fd``.
    """
    values, classes = {}, {}
    if reference.features is not None and reference.labels is not None:
        classes["class_fd"] = class_frechet(features, labels, reference.features, reference.labels)
        values["class_fd"] = mean_of(classes["class_fd"])
    if logits is not None:
        right = _right(logits, labels)
        values["label_accuracy"] = float(right.mean())
        classes["label_accuracy"] = {k: float(right[labels == k].mean()) for k in labels.unique().tolist()}
    return Obedience(values, classes)


def floor_classes(reference: Reference, held_out: Reference, n: int) -> dict[str, float]:
    """Return ``class_fd`` of ``n`` training images to the others, and ``label_accuracy`` of the held-out images.

    Args:
        reference: Of the training images, with features and labels; without them there is no ``class_fd``.
        held_out: Of real images that were not trained on, with labels; its logits are those of a classifier of
            these classes, or None.
        n: Number of samples that are judged.
    """
    assert held_out.labels is not None
    real, labels, floors = reference.features, reference.labels, {}
    if real is not None and labels is not None:
        a, b = halves(len(real), n)
        floors["class_fd"] = mean_of(class_frechet(real[a], labels[a], real[b], labels[b]))
    if held_out.logits is not None:
        floors["label_accuracy"] = label_accuracy(held_out.logits, held_out.labels)
    return floors


def class_frechet(features: Tensor, labels: Tensor, real: Tensor, real_labels: Tensor) -> PerClass:
    """Return the Fréchet distance of the samples of each class to the real images of that class.

    A class with fewer than two samples, or fewer than two real images, has no distance and is left out. The
    distances of few samples are large by nature: read them beside the floor only.

    Args:
        features: Of the samples, [N, d].
        labels: Their classes, int64 [N].
        real: Features of real images, [M, d].
        real_labels: Their classes, int64 [M].

    Raises:
        ValueError: not as many labels as features.
    """
    if len(features) != len(labels) or len(real) != len(real_labels):
        raise ValueError(
            f"got {len(features)} features with {len(labels)} labels, {len(real)} real ones with {len(real_labels)}"
        )
    found = {}
    for k in labels.unique().tolist():
        mine, theirs = features[labels == k], real[real_labels == k]
        if min(len(mine), len(theirs)) > 1:
            found[k] = fd(mine, gaussian(theirs))
    return found


def label_accuracy(logits: Tensor, labels: Tensor) -> float:
    """Return the share of images whose label, [N], is the class of the greatest logit, [N, K].

    Raises:
        ValueError: not as many labels as logits, or none.
    """
    return float(_right(logits, labels).mean())


def mean_of(values: PerClass) -> float:
    """Return the mean over classes, each counted once; nan without any."""
    return math.fsum(values.values()) / len(values) if values else math.nan


def _right(logits: Tensor, labels: Tensor) -> Tensor:
    if len(logits) != len(labels) or not len(labels):
        raise ValueError(f"got {len(labels)} labels for {len(logits)} images")
    return (logits.argmax(dim=1) == labels).to(torch.float64)
