"""Inception score, of any classifier."""

import math

import torch
from torch import Tensor

from ganzoo.metrics.moments import check_features


def classifier_score(logits: Tensor, splits: int = 10) -> tuple[float, float]:
    """Return mean and standard deviation (ddof=0) over splits of exp E KL(p(y|x) || p(y)).

    It is 1 where every image gets the same prediction and K where K classes are predicted with certainty and
    equally often. Split i holds the rows from i N // splits to (i + 1) N // splits in the order given: no
    shuffling, so images sorted by class score too low.

    Only the logits of the official Inception network, without their bias, make this the "inception score".

    Salimans et al., "Improved Techniques for Training GANs", 2016. https://arxiv.org/abs/1606.03498

    Args:
        logits: [N, num_classes].
        splits: Number of parts.

    Raises:
        ValueError: fewer images than splits, a wrong shape, or a value that is not finite.
    """
    check_features(logits, name="logits")
    n = len(logits)
    if not 1 <= splits <= n:
        raise ValueError(f"splits must be from 1 to the number of images, {n}, got {splits}")
    log_p = logits.detach().double().log_softmax(dim=1)
    scores = [_score(log_p[i * n // splits : (i + 1) * n // splits]) for i in range(splits)]
    values = torch.tensor(scores, dtype=torch.float64)
    return float(values.mean()), float(values.std(correction=0))


def _score(log_p: Tensor) -> float:
    log_marginal = log_p.logsumexp(dim=0) - math.log(len(log_p))
    return math.exp(float((log_p.exp() * (log_p - log_marginal)).sum(dim=1).mean()))
