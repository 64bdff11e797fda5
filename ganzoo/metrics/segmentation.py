"""Label maps against true ones: how many pixels, classes and regions are right."""

from typing import NamedTuple

import torch
from torch import Tensor


class Segmentation(NamedTuple):
    """What ``segmentation_scores`` returns, each from 0 to 1; ``class_`` is the mean accuracy of a class."""

    pixel: float
    class_: float
    iou: float


def confusion(true: Tensor, guess: Tensor, classes: int) -> Tensor:
    """Return M, int64 [classes, classes]: M[k, j] is the number of pixels of class k that are taken for class j.

    Args:
        true: The class of each pixel, whole numbers [...] from 0 on.
        guess: What they are taken for, of the same shape.
        classes: Number of classes.

    Raises:
        ValueError: shapes that differ, values that are no classes.
    """
    if true.shape != guess.shape:
        raise ValueError(f"label maps must be of one shape, got {list(true.shape)} and {list(guess.shape)}")
    for name, labels in (("true", true), ("guess", guess)):
        if labels.is_floating_point() or labels.is_complex():
            raise ValueError(f"{name} must be whole numbers, the class of each pixel, got {labels.dtype}")
        if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
            least, most = int(labels.min()), int(labels.max())
            raise ValueError(f"{name} must be classes from 0 to {classes - 1}, got {least} to {most}")
    places = true.flatten().long() * classes + guess.flatten().long().to(true.device)
    return torch.bincount(places, minlength=classes**2).view(classes, classes)


def segmentation_scores(matrix: Tensor) -> Segmentation:
    """Return the scores of a confusion matrix M, of one for a whole set: a mean over images would be another number.

        pixel: tr M / Σ M
        class: mean over k of M_kk / Σ_j M_kj
        IoU: mean over k of M_kk / (Σ_j M_kj + Σ_j M_jk - M_kk)

    Both means leave out classes that no true pixel has.

    Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2015, section 5.
    https://arxiv.org/abs/1411.4038

    Args:
        matrix: M[true, guess], [K, K].

    Raises:
        ValueError: no square matrix, or one without pixels.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"expected a confusion matrix [K, K], got {list(matrix.shape)}")
    M = matrix.double()
    right, true, guess = M.diag(), M.sum(dim=1), M.sum(dim=0)
    if not float(M.sum()) > 0:
        raise ValueError("the confusion matrix counts no pixels: give label maps")
    there = true > 0
    classes = (right / true)[there].mean()
    iou = (right / (true + guess - right))[there].mean()
    return Segmentation(float(right.sum() / M.sum()), float(classes), float(iou))
