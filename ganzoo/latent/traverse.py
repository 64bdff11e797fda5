"""Walks through latents, one code, one dimension or one direction at a time, and directions worth walking."""

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import jvp
from tqdm import tqdm

from ganzoo.inference import Inference, check_latents, space_of
from ganzoo.priors import Code, Coded, Prior, Uniform
from ganzoo.roles import Generator, Given, Space

HELD = 2**26  # numbers of Jacobians held at once: 256 MiB of float32


class Directions(NamedTuple):
    """Directions in latent space, the strongest first.

    Args:
        vectors: [k, dim], of length 1; the entry of the largest size is positive.
        values: Eigenvalues that belong to them, [k], falling.
    """

    vectors: Tensor
    values: Tensor


# -- walks: rows are samples, columns are values


def traverse_code(z: Tensor, code: Code, values: Sequence[float] | Tensor) -> Tensor:
    """Return z with one code set to each value, [N, V, dim].

    Args:
        z: [N, dim].
        code: Which columns.
        values: Of a categorical code its classes, each of which becomes a one-hot vector; otherwise numbers.

    Raises:
        ValueError: z has no such columns, there are no values, or one is not a class.
    """
    if code.kind != "categorical":
        return traverse_dimension(z, code.start, values)
    numbers = torch.as_tensor(values)
    if not torch.isin(numbers, torch.arange(code.size)).all():
        raise ValueError(f"{code.name} has the classes 0 to {code.size - 1}, got {numbers.tolist()}")
    walk = _repeated(z, len(numbers), code.start + code.size)
    rows = torch.nn.functional.one_hot(numbers.long(), code.size).to(walk)
    walk[:, :, code.start : code.start + code.size] = rows
    return walk


def traverse_dimension(z: Tensor, dimension: int, values: Sequence[float] | Tensor) -> Tensor:
    """Return z with one entry set to each value, [N, V, dim].

    Raises:
        ValueError: z has no such entry, or there are no values.
    """
    walk = _repeated(z, len(values))
    if not 0 <= dimension < walk.shape[2]:
        raise ValueError(f"z has the dimensions 0 to {walk.shape[2] - 1}, got {dimension}")
    walk[:, :, dimension] = torch.as_tensor(values).to(walk)
    return walk


def traverse_direction(z: Tensor, direction: Tensor, strengths: Sequence[float] | Tensor) -> Tensor:
    """Return z + α q for each strength α, [N, V, dim].

    Args:
        z: [N, dim].
        direction: q, [dim].
        strengths: The α.

    Raises:
        ValueError: the direction has another size than z, or there are no strengths.
    """
    if direction.ndim != 1:
        raise ValueError(f"a direction must have shape [dim], got {list(direction.shape)}")
    walk = _repeated(z, len(strengths))
    if walk.shape[2] != len(direction):
        raise ValueError(f"the direction has {len(direction)} entries, z has {walk.shape[2]}")
    return walk + torch.as_tensor(strengths).to(walk)[:, None] * direction.to(walk)


def code_values(code: Code, n: int = 8) -> list[float]:
    """Return what to walk a code through: all its classes, or ``n`` values from its lowest to its highest.

    A uniform code is walked twice as far, -2 to 2, as its paper shows it: what it means shows more clearly there.
    """
    if code.kind == "categorical":
        return [float(value) for value in range(code.size)]
    reach = 2 if code.kind == "uniform" else 1
    return _even(reach * code.low, reach * code.high, n)


def dimension_values(prior: Prior, dimension: int = 0, n: int = 8) -> list[float]:
    """Return ``n`` values to walk a dimension of z through.

    A code's own range; otherwise -1 to 1 of a uniform prior, and -3 σ to 3 σ of any other.
    """
    for code in prior.codes:
        if code.start <= dimension < code.start + code.size:
            return _even(code.low, code.high, n)
    noise = prior.noise if isinstance(prior, Coded) else prior
    reach = 1.0 if isinstance(noise, Uniform) else 3.0
    return _even(-reach, reach, n)


# -- directions


@torch.no_grad()
def jacobian_directions(place: Generator | Inference | Space, z: Tensor, k: int, condition: Given = None) -> Directions:
    """Return the directions in which the images of z change most: the eigenvectors of E[J'J].

        |G(z + ε q) - G(z)|² ≈ ε² q' J'J q,    J = ∂G/∂z

    SeFa does the same with the weights of the first layer in place of J; this needs nothing but G.

    Shen & Zhou, "Closed-Form Factorization of Latent Semantics in GANs", 2020. https://arxiv.org/abs/2007.06600
    Ramesh et al., "A Spectral Regularizer for Unsupervised Disentanglement", 2018. https://arxiv.org/abs/1812.01161

    Args:
        place: G, a model, or another space than z. In evaluation mode, so that rows do not see each other.
        z: Where to take the Jacobian, [N, dim]; 64 draws do. Each costs dim forward passes.
        k: Number of directions.
        condition: One value for all, or one per latent; only for a conditional G.

    Returns:
        Directions and mean squared changes of the whole image per unit step along them.

    Raises:
        ValueError: G is in training mode, z does not fit it, k is not from 1 to dim, or the condition is wrong.
    """
    space = space_of(place)
    if space.generator.training:
        raise ValueError("the generator is in training mode, where rows depend on each other: call eval() first")
    dim = space.prior.dim
    check_latents(space, z)
    if not len(z):
        raise ValueError(f"expected latents [N, {dim}] with N at least 1, got {list(z.shape)}")
    _check_k(k, dim)
    y = space.generator.condition.check(condition, len(z))
    total = torch.zeros(dim, dim, dtype=torch.float64, device=z.device)
    for J in _jacobians(space, z, y):
        total += torch.einsum("jp,kp->jk", J, J).to(total)
    values, vectors = torch.linalg.eigh(total / len(z))  # rising
    return Directions(_signed(vectors.T.flip(0)[:k]).to(z), values.flip(0)[:k].to(z))


@torch.no_grad()
def principal_directions(z: Tensor, features: Tensor, k: int) -> Directions:
    """Return the directions in z that belong to the principal components of features of G(z).

        x_j = V' (f_j - mean f),    V: the first k principal components of f,    U = argmin Σ_j |U x_j - z_j|²

    The directions are the columns of U. Walking along the first changes what varies most between images.

    Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", 2020. https://arxiv.org/abs/2004.02546

    Differs from the paper: directions have length 1; the components are exact, from all features at once.

    Args:
        z: Draws from the prior, [N, dim].
        features: Of their images, [N, ...]: the images themselves, or what a layer of G makes of z.
        k: Number of directions.

    Returns:
        Directions, and variances of the features along the components.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, or features that vary in fewer than k ways.
    """
    f = features.flatten(1).double()
    if z.ndim != 2 or len(z) != len(f) or len(z) < 2:
        raise ValueError(
            f"expected latents [N, dim] and features [N, ...] with N at least 2, got {list(z.shape)} and"
            f" {list(features.shape)}"
        )
    if not f.isfinite().all() or not z.isfinite().all():
        raise ValueError("latents and features must be finite, got inf or nan: look for a diverged model")
    f = f - f.mean(dim=0)
    wide = f.shape[1] > len(f)
    gram = f @ f.T if wide else f.T @ f  # of the two, which share their eigenvalues, the smaller one
    values, basis = (x.flip(-1) for x in torch.linalg.eigh(gram))
    rank = int((values > values[0] * max(f.shape) * torch.finfo(f.dtype).eps).sum())
    _check_k(k, rank, "as many as the features vary in")
    x = basis[:, :k] if wide else f @ basis[:, :k]  # scores, [N, k], up to their scale: orthogonal columns
    vectors = x.T @ z.to(x)
    return Directions(_signed(vectors / vectors.norm(dim=1, keepdim=True)).to(z), (values[:k] / len(f)).to(z))


def _jacobians(space: Space, z: Tensor, y: Tensor | None) -> Iterator[Tensor]:
    """Yield Jacobians of some rows of z at a time, [dim, rows * pixels]: one column of all of them per product."""
    G, dim = space.generator, space.prior.dim
    pixels = torch.Size(G.image_shape).numel()
    n = max(1, HELD // (dim * pixels))
    like = next(G.parameters(), z)
    with tqdm(total=-(-len(z) // n) * dim, desc="jacobian", unit="column", leave=False, disable=None) as bar:
        for start in range(0, len(z), n):
            rows = z[start : start + n].to(like)
            own = () if y is None else (y[start : start + n].to(like.device),)
            columns = []
            for unit in torch.eye(dim).to(like):
                columns.append(_slope(space, rows, unit.repeat(len(rows), 1), *own).flatten())
                bar.update()
            yield torch.stack(columns)


def _slope(space: Space, z: Tensor, along: Tensor, *y: Tensor) -> Tensor:
    """Return the derivative of the images at z along a direction."""
    with warnings.catch_warnings():  # torch's own rules for this are made with what it has deprecated
        warnings.filterwarnings("ignore", message="`torch.jit.script` is deprecated", category=FutureWarning)
        slope: Tensor = jvp(lambda x: space.make(x, *y), (z,), (along,))[1]
    return slope


def _signed(vectors: Tensor) -> Tensor:
    """Turn each row so that its entry of the largest size is positive: an eigenvector has no sign of its own."""
    return vectors * vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True)).sign()


def _repeated(z: Tensor, n: int, needed: int = 1) -> Tensor:
    """Return a copy of z for each of n values, [N, n, dim]."""
    if z.ndim != 2 or z.shape[1] < needed:
        raise ValueError(f"expected latents [N, dim] with dim at least {needed}, got {list(z.shape)}")
    if n < 1:
        raise ValueError("give at least one value to walk through, got none")
    return z[:, None].repeat(1, n, 1)


def _even(low: float, high: float, n: int) -> list[float]:
    if n < 2:
        raise ValueError(f"a walk needs at least 2 values, got {n}")
    return [float(value) for value in torch.linspace(low, high, n, dtype=torch.float64)]


def _check_k(k: int, most: int, which: str = "the size of z") -> None:
    if not 1 <= k <= most:
        raise ValueError(f"k must be from 1 to {most}, {which}, got {k}")
