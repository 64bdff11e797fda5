"""Disentanglement by fixing one true factor on purpose: the metrics of β-VAE and of FactorVAE.

They take two functions, never a model: ``draw`` makes the images of given factors, ``represent`` encodes them.
Where all images fit in memory, encode each one once and draw their numbers instead: with ``draw = index`` and
``represent = lambda i: codes[i]`` the metrics take seconds.

Give the mean of the posterior, not a sample of it, and networks in evaluation mode. Codes are looked at as they
come, on the CPU in float64.
"""

from collections.abc import Callable, Sequence

import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import skip_init
from tqdm import tqdm

from ganzoo.metrics.disentanglement import varying
from ganzoo.metrics.moments import check_features

Represent = Callable[[Tensor], Tensor]  # images uint8 [N, C, H, W] to codes [N, d]
Draw = Callable[[Tensor], Tensor]  # factors int64 [N, F] to images [N, C, H, W]


def higgins(
    represent: Represent,
    draw: Draw,
    sizes: Sequence[int],
    factors: Sequence[int] | None = None,
    n_pairs: int = 64,
    n_train: int = 10_000,
    n_test: int = 5_000,
    steps: int | None = None,
    block: int = 1024,
    seed: int = 0,
) -> float:
    """Return the accuracy with which a linear classifier sees which factor was held fixed.

        One point: choose a factor k; draw L pairs of factors (v, v'), with v_k = v'_k within each pair and all
        else independent; x = 1/L Σ |represent(draw(v)) - represent(draw(v'))|, [d], with label k.
        Score: accuracy of multinomial logistic regression from x to k on points that it has not seen.

    Chance is 1 / K for K factors that can be fixed, and that is about what constant codes get. x is not
    standardised: doing so lifts untrained networks. But the classifier is regularised or stopped, so codes of a
    small scale score less. PCA has 84.9 % in the paper: show it beside any model.

    Higgins et al., "β-VAE: Learning Basic Visual Concepts with a Constrained Variational Framework", 2017.
    https://openreview.net/forum?id=Sy2fzU9gl

    The paper's classifier is stopped after a number of steps that it does not say, and the score depends on it: with
    1,000 and 5,000 steps of Adagrad(1e-2) PCA of sprites has 82 and 94 % (benchmarks/RESULTS.md). So say ``steps`` with
    a score.

    Differs from the paper: no run is discarded (the paper leaves out the worse half).

    Args:
        represent: Images uint8 [N, C, H, W] to codes [N, d], the posterior mean.
        draw: Factors int64 [N, F] to images.
        sizes: Number of values of each factor, F of them; factor k has the values 0 to ``sizes[k]`` - 1.
        factors: Numbers of the factors that can be fixed, K of them; None: all. The paper leaves out the shape of
            sprites: 1, 2, 3, 4. The others always vary.
        n_pairs: L, pairs of a point.
        n_train: Points that the classifier learns from.
        n_test: Points that it is scored on.
        steps: Steps of Adagrad with learning rate 1e-2, each on 64 points; None: the classifier is fitted to
            convergence, with C = 1.
        block: Images that are encoded at once, about; at least one point, 2 L images.
        seed: Of all factors that are drawn.

    Raises:
        ValueError: factors that are fewer than two, not there or of one value, a count under 1, or codes that
            are not finite [N, d].
    """
    fixed = _fixed(sizes, factors, n_pairs, n_train, n_test)
    generator = torch.Generator().manual_seed(seed)
    points, n = [], n_train + n_test
    labels = torch.randint(len(fixed), (n,), generator=generator)
    for part in _bar(labels.split(max(1, block // (2 * n_pairs))), "Higgins metric"):
        v = _values(sizes, (2, len(part), n_pairs), generator)
        rows, k = torch.arange(len(part)), fixed[part]
        v[1, rows, :, k] = v[0, rows, :, k]
        first, second = _encode(represent, draw, v)
        points.append((first - second).abs().mean(dim=1))
    x = torch.cat(points)
    if steps is not None:
        logits = by_adagrad(x[:n_train], labels[:n_train], len(fixed), steps, generator)(x[n_train:])
        return float((logits.argmax(dim=1) == labels[n_train:]).double().mean())
    classifier = LogisticRegression(max_iter=10_000).fit(x[:n_train].numpy(), labels[:n_train].numpy())
    return float(classifier.score(x[n_train:].numpy(), labels[n_train:].numpy()))


def by_adagrad(x: Tensor, labels: Tensor, n_classes: int, steps: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear softmax classifier of points x, [N, d], after so many steps, each on 64 of them."""
    classifier: nn.Linear = skip_init(nn.Linear, x.shape[1], n_classes, dtype=x.dtype)
    bound = x.shape[1] ** -0.5  # as torch draws them
    for weights in classifier.parameters():
        nn.init.uniform_(weights, -bound, bound, generator=generator)
    optimizer = torch.optim.Adagrad(classifier.parameters(), lr=1e-2)
    for _ in range(steps):
        some = torch.randint(len(x), (64,), generator=generator)
        optimizer.zero_grad()
        cross_entropy(classifier(x[some]), labels[some]).backward()
        optimizer.step()
    classifier.requires_grad_(False)
    return classifier


def factor_vae(
    represent: Represent,
    draw: Draw,
    sizes: Sequence[int],
    factors: Sequence[int] | None = None,
    batch: int = 64,
    n_train: int = 10_000,
    n_test: int = 5_000,
    n_scale: int = 10_000,
    prune: float = 0.05,
    block: int = 1024,
    seed: int = 0,
) -> float:
    """Return the accuracy of the coordinate that varies least as a vote for the factor that was held fixed.

        One vote: choose a factor k and a value; draw L images with v_k at this value and all else independent;
        vote j = argmin_j Var(z_j) / s_j², s_j the standard deviation of z_j over images of all factors.
        Classifier: each coordinate j stands for the factor of most of its votes, in ``n_train`` votes.
        Score: its accuracy on ``n_test`` votes that it has not seen.

    Coordinates that hardly vary, s_j < ``prune`` max_j s_j, do not take part. The rule is relative since codes of
    a GAN have no scale of their own; of a VAE whose active posterior means have deviation 1 it is the absolute
    0.05 of later comparisons. So coordinates must be of comparable scale. Constant codes have no coordinate left
    and the score 0; the chance of codes that know nothing is 1 / K.

    Kim and Mnih, "Disentangling by Factorising", 2018. https://arxiv.org/abs/1802.05983

    Differs from the paper: the votes that are scored are not those that made the classifier.

    Args:
        represent: Images uint8 [N, C, H, W] to codes [N, d], the posterior mean.
        draw: Factors int64 [N, F] to images.
        sizes: Number of values of each factor, F of them; factor k has the values 0 to ``sizes[k]`` - 1.
        factors: Numbers of the factors that can be fixed, K of them; None: all. The others always vary.
        batch: L, images of a vote.
        n_train: Votes that make the classifier.
        n_test: Votes that it is scored on.
        n_scale: Images that s_j is taken from.
        prune: Share of the largest s_j below which a coordinate does not take part.
        block: Images that are encoded at once, about; at least one vote, L images.
        seed: Of all factors that are drawn.

    Raises:
        ValueError: factors that are fewer than two, not there or of one value, a count that is too small, or
            codes that are not finite [N, d].
    """
    fixed = _fixed(sizes, factors, n_train, n_test, batch - 1, n_scale - 1)
    generator = torch.Generator().manual_seed(seed)
    parts = _values(sizes, (n_scale,), generator).split(block)
    z = torch.cat([_encode(represent, draw, part) for part in parts])
    scale = z.std(dim=0).where(varying(z), 0)
    kept = (scale > 0) & (scale >= prune * scale.max())
    if not kept.any():
        return 0.0
    votes, labels = [], torch.randint(len(fixed), (n_train + n_test,), generator=generator)
    for part in _bar(labels.split(max(1, block // batch)), "FactorVAE metric"):
        v = _values(sizes, (len(part), batch), generator)
        rows, k = torch.arange(len(part)), fixed[part]
        v[rows, :, k] = v[rows, :1, k]
        votes.append((_encode(represent, draw, v)[..., kept] / scale[kept]).var(dim=1).argmin(dim=1))
    return _majority(torch.cat(votes), labels, n_train, int(kept.sum()), len(fixed))


def _majority(votes: Tensor, labels: Tensor, n_train: int, n_votes: int, n_labels: int) -> float:
    """Return how often the most frequent label of a vote, over the first ``n_train``, is right for the others."""
    counts = torch.zeros(n_votes, n_labels, dtype=torch.long)
    counts.index_put_((votes[:n_train], labels[:n_train]), torch.tensor(1), accumulate=True)
    told = counts.argmax(dim=1)[votes[n_train:]]
    return float((told == labels[n_train:]).double().mean())


def _fixed(sizes: Sequence[int], factors: Sequence[int] | None, *counts: int) -> Tensor:
    """Return the numbers of the factors that can be fixed, [K]."""
    fixed = list(range(len(sizes)) if factors is None else factors)
    known = all(0 <= k < len(sizes) and sizes[k] > 1 for k in fixed)
    if not known or len(set(fixed)) != len(fixed) or len(fixed) < 2 or min(sizes) < 1:
        raise ValueError(
            f"expected 2 or more different factors of 2 or more values, got {fixed} of sizes {list(sizes)}"
        )
    if min(counts) < 1:
        raise ValueError("expected at least 1 pair, training and test point, and batch and n_scale of at least 2")
    return torch.tensor(fixed)


def _values(sizes: Sequence[int], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw values of all factors, independent and uniform, [*shape, F]."""
    return torch.stack([torch.randint(size, shape, generator=generator) for size in sizes], dim=-1)


def _encode(represent: Represent, draw: Draw, values: Tensor) -> Tensor:
    """Return the codes, [..., d], of images with the factors ``values``, [..., F]."""
    flat = values.flatten(0, -2)
    with torch.no_grad():
        codes = represent(draw(flat))
    check_features(codes, name="codes")
    if len(codes) != len(flat):
        raise ValueError(f"represent must return a code for each image, got {len(codes)} for {len(flat)}")
    return codes.cpu().double().reshape(*values.shape[:-1], -1)


def _bar(parts: Sequence[Tensor], name: str) -> "tqdm[Tensor]":
    return tqdm(parts, desc=name, unit="block", leave=False, disable=None)
