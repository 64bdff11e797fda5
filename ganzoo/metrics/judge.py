"""All values of a verdict from one set of features, and the floor: what as many real images get."""

from typing import NamedTuple

import torch
from torch import Tensor

from ganzoo.metrics.frechet import frechet, frechet_from_features
from ganzoo.metrics.kernel import draw_subsets, kernel_distance, kernel_distance_subsets
from ganzoo.metrics.moments import Moments
from ganzoo.metrics.neighbours import density_coverage, memorisation, precision_recall
from ganzoo.metrics.references import Reference
from ganzoo.metrics.score import classifier_score

KINDS = {
    "fd": "Fréchet distance, lower is better",
    "kd": "kernel distance (MMD²), lower is better",
    "precision": "samples that look real, k = 3",
    "recall": "real images that can occur, k = 3",
    "density": "samples per real neighbourhood, k = 5",
    "coverage": "real images with a sample near, k = 5",
    "nn_ratio": "distance to training set, 0: copies",
    "authenticity": "samples that are no copies",
    "classifier_score": "inception score's formula",
    "modes": "modes reached, of those that there are",
    "high_quality": "points within 3 std of a mode",
    "reverse_kl": "KL(modes of the points || true weights), nats",
    "kl_uniform": "KL(classes of the samples || uniform), nats",
    "class_fd": "mean Fréchet distance within a class",
    "label_accuracy": "samples that are of the class asked for",
    "recon_mse": "squared error of G(E(x)) per pixel, [-1, 1]",
    "recon_psnr": "the same in dB, higher is better",
    "recon_ssim": "structural similarity of G(E(x)) and x",
    "recon_ratio": "|x - G(E(x))| over that of other pairs",
    "code_accuracy": "classes told by the first code, matched",
    "information": "L_I: what Q reads of the codes, nats",
    "information_max": "the most that L_I can be: what the codes hold",
    "information_lower": "I^L <= I(z; x): what q reads of z, nats",
    "information_upper": "I^U >= I(z; x): what the channel lets through",
    "pair_l1": "|G(x) - y| of pairs per pixel, [-1, 1]",
    "pair_psnr": "squared error of pairs in dB, higher is better",
    "pair_ssim": "structural similarity of G(x) and y",
    "cycle_l1": "|F(G(x)) - x| per pixel, [-1, 1]",
    "cycle_back_l1": "|G(F(y)) - y| per pixel, [-1, 1]",
    "sharpness": "differences of neighbours over real ones, 1: as sharp",
    "fcn_pixel": "pixels of G(x) with the right class",
    "fcn_class": "the same, mean over classes",
    "fcn_iou": "intersection over union, mean over classes",
    "fcn_back_pixel": "pixels of F(y) with the right class",
    "fcn_back_class": "the same, mean over classes",
    "fcn_back_iou": "intersection over union, mean over classes",
}
LOWER = (
    "fd",
    "kd",
    "reverse_kl",
    "kl_uniform",
    "class_fd",
    "recon_mse",
    "recon_ratio",
    "pair_l1",
    "cycle_l1",
    "cycle_back_l1",
)  # a smaller value is better; of all others a larger one
OF_IMAGES = ("kd", "precision", "recall", "density", "coverage", "nn_ratio", "authenticity", "class_fd")
# need the features of single real images, which a file of statistics does not hold
EXACT_KD = 20_000  # beyond this many images the kernel distance is averaged over subsets


class Verdict(NamedTuple):
    """The values by kind, and what real images get for the same number of images; ``classes`` by kind and class."""

    values: dict[str, float]
    floors: dict[str, float]
    n: int
    n_floor: int
    classes: dict[str, dict[int, float]] | None = None


def judge(features: Tensor, logits: Tensor | None, reference: Reference, held_out: Tensor) -> dict[str, float]:
    """Return all values that the features of samples allow.

    Args:
        features: Of the samples, float32 [N, d].
        logits: Of the samples, [N, K], or None.
        reference: Of the training images; without its features those of ``OF_IMAGES`` are left out.
        held_out: Features of real images that were not trained on, [M, d].
    """
    values = {"fd": fd(features, reference)}
    if reference.features is not None:
        values |= of_images(features, reference.features, held_out)
    if logits is not None:
        values["classifier_score"] = classifier_score(logits)[0]
    return values


def of_images(features: Tensor, real: Tensor, held_out: Tensor) -> dict[str, float]:
    """Return the values that need the features of single real images; see ``judge``."""
    same = real[: len(features)]
    p, r = precision_recall(same, features)
    density, coverage = density_coverage(same, features)
    copies = memorisation(real, held_out, features)
    return {
        "kd": kd(features, real),
        "precision": p,
        "recall": r,
        "density": density,
        "coverage": coverage,
        "nn_ratio": copies.nn_ratio,
        "authenticity": copies.authenticity,
    }


def floor(reference: Reference, n: int) -> tuple[dict[str, float], int]:
    """Return what ``n`` real images get when judged against the others, and how many they were.

    The images are split by a fixed permutation; with fewer than 2 n of them, each part gets half.
    """
    real = reference.features
    assert real is not None
    a, b = halves(len(real), n)
    logits = None if reference.logits is None else reference.logits[a]
    return judge(real[a], logits, gaussian(real[b]), real[a]), len(a)


def floor_of_file(reference: Reference, held_out: Reference, n: int) -> tuple[dict[str, float], int]:
    """Return what ``n`` held-out images get when judged against the statistics of a file, and how many they were."""
    assert held_out.features is not None
    real = held_out.features[:n]
    logits = None if held_out.logits is None else held_out.logits[:n]
    return judge(real, logits, reference, real), len(real)


def halves(n_real: int, n: int) -> tuple[Tensor, Tensor]:
    """Return the numbers of ``n`` of the real images, of half of them at most, and those of all others."""
    order = torch.randperm(n_real, generator=torch.Generator().manual_seed(0))
    n = min(n, n_real // 2)
    return order[:n], order[n:]


def gaussian(features: Tensor) -> Reference:
    """Return the statistics of features, with the features."""
    moments = Moments(features.shape[1])
    moments.update(features)
    return Reference(moments.mean.clone(), moments.cov(), len(features), features=features)


def fd(features: Tensor, reference: Reference) -> float:
    """Return the Fréchet distance of features to a reference."""
    if len(features) <= features.shape[1]:
        return frechet_from_features(features, reference.mu, reference.sigma, reference.n)
    own = gaussian(features)
    return frechet(reference.mu, reference.sigma, own.mu, own.sigma, reference.n, own.n)


def kd(features: Tensor, real: Tensor) -> float:
    """Return the kernel distance of features to as many real ones (at least 5,000, where there are)."""
    real = real[: max(len(features), 5_000)]
    if len(features) <= EXACT_KD:
        return kernel_distance(features, real)
    generator = torch.Generator().manual_seed(0)
    pairs = draw_subsets(len(features), generator=generator), draw_subsets(len(real), generator=generator)
    return kernel_distance_subsets(features, real, *pairs)[0]
