"""Changing one attribute of images through their latents, and measuring what else changes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from ganzoo.inference import Inference, decode
from ganzoo.latent.traverse import traverse_direction
from ganzoo.roles import Generator, Given, Space


class Rescoring(NamedTuple):
    """How the scores of a classifier change along a direction: means over the latents, with their signs.

    Args:
        target: Change of the score of the attribute that is edited, [S].
        others: Changes of the other scores, [S, K - 1].
        random_target: The same as ``target`` along a random direction of the same length: the floor.
        random_others: The same as ``others`` along the random direction.
    """

    target: Tensor
    others: Tensor
    random_target: Tensor
    random_others: Tensor

    @property
    def selectivity(self) -> Tensor:
        """|change of the target| / Σ |changes of the others|, [S]."""
        return self.target.abs() / self.others.abs().sum(dim=1)


def attribute_direction(z: Tensor, labels: Tensor, positive: int = 1, negative: int | None = None) -> Tensor:
    """Return the direction of an attribute, the difference of two class means, [dim].

        q = mean(z | positive) - mean(z | negative)

    z + q has the attribute as much as the positive class has. For latents that are normal with equal variances it is
    the direction of the best linear classifier too.

    Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2015.
    https://arxiv.org/abs/1512.09300

    Args:
        z: Latents, [N, dim]: of images by an encoder, or of samples that a classifier has labelled.
        labels: Class or attribute of each, [N].
        positive: The class to move to.
        negative: The class to move from; None: all the others.

    Raises:
        ValueError: as many labels as latents are expected, and some of each class.
    """
    if z.ndim != 2 or labels.shape != z.shape[:1]:
        raise ValueError(f"expected latents [N, dim] and labels [N], got {list(z.shape)} and {list(labels.shape)}")
    labels = labels.to(z.device)
    have = labels == positive
    lack = ~have if negative is None else labels == negative
    if not have.any() or not lack.any():
        counts = f"{int(have.sum())} of class {positive} and {int(lack.sum())} of the other side"
        raise ValueError(f"a direction needs latents of both sides, got {counts}")
    return z[have].mean(dim=0) - z[lack].mean(dim=0)


def conditional_direction(direction: Tensor, others: Tensor) -> Tensor:
    """Return a direction, [dim], without its part along the directions of attributes that shall stay.

        q - Q Q'q,    others = Q R

    Shen et al., "Interpreting the Latent Space of GANs for Semantic Face Editing", 2020.
    https://arxiv.org/abs/1907.10786

    Args:
        direction: q, [dim].
        others: One or more directions, [K, dim], linearly independent.

    Raises:
        ValueError: shapes that do not fit, or others that depend on each other.
    """
    if direction.ndim != 1 or others.ndim != 2 or others.shape[1] != len(direction):
        raise ValueError(f"expected [dim] and [K, dim], got {list(direction.shape)} and {list(others.shape)}")
    if int(torch.linalg.matrix_rank(others)) < len(others):
        raise ValueError(f"the {len(others)} directions that shall stay depend on each other: leave one out")
    Q, _ = torch.linalg.qr(others.T)
    left: Tensor = direction - Q @ (Q.T @ direction)
    return left


@torch.no_grad()
def rescore(
    classifier: Callable[[Tensor], Tensor],
    place: Generator | Inference | Space,
    z: Tensor,
    direction: Tensor,
    strengths: Sequence[float],
    target: int,
    condition: Given = None,
    seed: int = 0,
) -> Rescoring:
    """Return how much an edit changes the score of its attribute and of the others, against a random direction.

        Δ_k(α) = mean over z of score_k(G(z + α q)) - score_k(G(z))

    Yang et al., "Semantic Hierarchy Emerges in Deep Generative Representations for Scene Synthesis", 2019.
    https://arxiv.org/abs/1911.09267

    Differs from the paper: negative changes count, and there is a baseline.

    Args:
        classifier: Images [N, C, H, W] in [-1, 1] -> scores [N, K], such as probabilities.
        place: G, a model, or another space than z; in evaluation mode.
        z: [N, dim]; 2000 give means to about 0.01.
        direction: q, [dim].
        strengths: The α, S of them.
        target: Which of the K scores is that of the attribute.
        condition: One value for all, or one per latent; only for a conditional G.
        seed: Of the random direction.

    Raises:
        ValueError: shapes that do not fit, no latents, a condition that is wrong, or no such score.
    """
    if not len(z):
        raise ValueError("rescore needs at least one latent, got none")
    noise = torch.randn(len(direction), generator=torch.Generator().manual_seed(seed), dtype=torch.float32)
    random = noise.to(direction) / noise.to(direction).norm() * direction.norm()
    before = _scores(classifier, decode(place, z, condition), target)
    changes = []
    with tqdm(total=2 * len(strengths), desc="rescoring", unit="walk", leave=False, disable=None) as bar:
        for q in (direction, random):
            for moved in traverse_direction(z, q, strengths).unbind(dim=1):
                changes.append((_scores(classifier, decode(place, moved, condition), target) - before).mean(dim=0))
                bar.update()
    change = torch.stack(changes).unflatten(0, (2, -1))  # [2, S, K]
    rest = [k for k in range(change.shape[2]) if k != target]
    return Rescoring(change[0, :, target], change[0][:, rest], change[1, :, target], change[1][:, rest])


def _scores(classifier: Callable[[Tensor], Tensor], images: Tensor, target: int) -> Tensor:
    scores = classifier(images)
    if scores.ndim != 2 or len(scores) != len(images) or not 0 <= target < scores.shape[1]:
        raise ValueError(f"expected scores [{len(images)}, K] with K over target={target}, got {list(scores.shape)}")
    return scores.double()
