"""Brush editing: the latents nearest to z_0 whose images are what strokes ask for."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ganzoo.inference import Inference, check_latents, decode
from ganzoo.inversion.free import Free
from ganzoo.inversion.inverter import PART, Task, in_whole_blocks
from ganzoo.inversion.losses import Loss, Measure, Sum, squared
from ganzoo.inversion.solvers import LBFGS, Solver
from ganzoo.inversion.starts import At
from ganzoo.priors import Normal, check_seed
from ganzoo.roles import Discriminator, Generator, Given, JointDiscriminator, told

NEAR = 2  # a candidate is kept whose loss is at most so many times the least


class Edited(NamedTuple):
    """What was found for each of N images: K candidates.

    Args:
        latents: z of the candidates, [N, K, dim].
        images: What G makes of them, [N, K, C, H, W].
        before: The error of the strokes on G(z_0), [N].
        after: The same of the candidates, [N, K].
        loss: What was made small: the error and how far z went, [N, K].
        score: D's logits, [N, K]; None without a discriminator that judges single images.
        order: Numbers of the candidates from the best on, [N, K].
        kept: How many of these are good: their loss is at most twice the least, [N].
    """

    latents: Tensor
    images: Tensor
    before: Tensor
    after: Tensor
    loss: Tensor
    score: Tensor | None
    order: Tensor
    kept: Tensor

    def best(self) -> tuple[Tensor, Tensor]:
        """Return latents, [N, dim], and images of the candidates that are ranked first."""
        rows = torch.arange(len(self.order))
        return self.latents[rows, self.order[:, 0]], self.images[rows, self.order[:, 0]]


class Near(Loss):
    """How far latents went: mean((z - z_0)²).

    Args:
        z: z_0 of each row, [n, dim].
    """

    of_pixels = False

    def __init__(self, z: Tensor) -> None:
        self.z = z

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the squared distance; images do not matter."""
        return lambda images, u, rows: squared(u, self.z[rows])


@torch.no_grad()
def brush(
    model: Inference | Generator,
    z: Tensor,
    strokes: Loss | Sequence[Loss],
    condition: Given = None,
    *,
    stay: float = 2.0,
    candidates: int = 8,
    jitter: float = 0.3,
    solver: Solver = LBFGS(30),
    seed: int = 0,
) -> Edited:
    """Return latents near z_0 whose images are what the strokes ask for.

        z* = argmin over z of Σ_g loss_g(G(z)) + λ_s mean((z - z_0)²),    candidates from z_0 and from z_0 + jitter · n

    Candidates within twice the least loss come first, by D's logit where there is a D, else by their loss; then the
    others by their loss. An image has the same candidates, to the last bit, alone and in company.

    Zhu et al., "Generative Visual Manipulation on the Natural Image Manifold", 2016,
    "Manipulating the latent vector" and "Editing operations".
    https://arxiv.org/abs/1609.03552

    Differs from the paper: L-BFGS with a curvature for each candidate, not Adam on their sum; D ranks candidates and is
    no term of the loss, as in the authors' code, whose weight for it is 0.

    Args:
        model: In evaluation mode.
        z: z_0 of the images that are edited, [N, dim].
        strokes: ``Colour``, ``Shape`` and ``Warp``, or a sum of them with weights; the same for all images.
        condition: What G is told: one value for all, or one for each.
        stay: λ_s. Where it is small, a digit becomes another digit.
        candidates: How many, from as many starts.
        jitter: Standard deviation of what is added to z_0, in free numbers (``free.py``). The first start is z_0.
        solver: What moves latents.
        seed: Of the jitter.

    Raises:
        ValueError: an argument is out of range, or does not fit the model.
    """
    model = Inference({"generator": model}) if isinstance(model, Generator) else model
    z, y, wanted = check(model, z, strokes, condition)
    for name, value, least in (("stay", stay, 0), ("candidates", candidates, 1), ("jitter", jitter, 0)):
        if not least <= value < math.inf:
            raise ValueError(f"{name} must be a finite number from {least} on, got {value}")
    check_seed(seed + candidates - 1)
    noise = jitter * Normal(z.shape[1]).seeded(range(seed, seed + candidates))
    noise[0] = 0
    at_once, parts = max(1, PART // candidates), []
    for first in range(0, len(z), at_once):
        own = slice(first, first + at_once)
        parts.append(solved(model, z[own], None if y is None else y[own], wanted, stay, noise, solver))
    joined: list[Any] = [None if values[0] is None else torch.cat(values) for values in zip(*parts, strict=True)]
    return Edited(*joined)


def check(
    model: Inference, z: Tensor, strokes: Loss | Sequence[Loss], condition: Given
) -> tuple[Tensor, Tensor | None, Loss]:
    """Return latents, conditions and the sum of the strokes, which fit the model.

    Raises:
        ValueError: one does not.
    """
    G = model.generator
    if not G.prior.dim or len(G.image_shape) != 3:
        raise ValueError(f"{type(G).__name__} has no latents of pictures: there is nothing to paint on")
    check_latents(G.spaces["z"], z)
    if not len(z) or not bool(z.isfinite().all()):
        raise ValueError(f"expected one latent or more, all finite, got {list(z.shape)}")
    terms = [strokes] if isinstance(strokes, Loss) else list(strokes)
    if not terms:
        raise ValueError("no strokes: give one Colour, Shape or Warp, or more")
    return z.float().cpu(), G.condition.check(condition, len(z)), Sum([(1.0, term) for term in terms])


def solved(
    model: Inference, z: Tensor, y: Tensor | None, strokes: Loss, stay: float, noise: Tensor, solver: Solver
) -> Edited:
    """Return the candidates of some images: all of them as rows of one solve."""
    n, K, G = len(z), len(noise), model.generator
    of = torch.arange(n).repeat_interleave(K)  # the image of each row
    x, z_0, told_y = decode(model, z, y).float().cpu(), z[of], None if y is None else y[of]
    free = Free(G.prior)
    starts = free.latents((free.free(z)[:, None] + noise).flatten(0, 1))
    loss = strokes + stay * Near(z_0)
    found = Task(model, G.spaces["z"], At(starts), solver, loss, x[of], told_y).solved(starts, told_y, 0)
    measure = strokes.against(x[of], model)
    before = measured(measure, x, z, torch.arange(n) * K)
    after = measured(measure, found.images, found.latents, torch.arange(n * K)).unflatten(0, (n, K))
    latents, images = found.latents.unflatten(0, (n, K)), found.images.unflatten(0, (n, K))
    score = scored(model, latents, images, y)
    order, kept = ranked(found.loss.unflatten(0, (n, K)), score)
    return Edited(latents, images, before, after, found.loss.unflatten(0, (n, K)), score, order, kept)


def measured(measure: Measure, images: Tensor, u: Tensor, rows: Tensor) -> Tensor:
    """Return what is measured of images and latents, a whole block at a time, [n]."""
    size = u.shape[1]

    def of_block(both: Tensor, numbers: Tensor) -> Tensor:
        return measure(both[:, size:].unflatten(1, images.shape[1:]), both[:, :size], numbers)

    return in_whole_blocks(of_block, torch.cat([u, images.flatten(1)], dim=1), rows)


def scored(model: Inference, z: Tensor, images: Tensor, y: Tensor | None) -> Tensor | None:
    """Return D's logits of candidates, [n, K, ...], each image's by themselves; None without such a D."""
    D = model.networks.get("discriminator")
    if not isinstance(D, Discriminator | JointDiscriminator) or getattr(D, "pack", 1) > 1:
        return None

    like = next(D.parameters(), torch.zeros(0))

    def logits(of_one: Tensor, u: Tensor, own: Tensor | None) -> Tensor:
        def judge(x: Tensor, v: Tensor, _: Tensor) -> Tensor:
            if isinstance(D, JointDiscriminator):
                pair: Tensor = D(x.to(like), v.to(like))
                return pair.float().cpu()
            assert isinstance(D, Discriminator)
            y_of_each = own.expand(len(x)).to(like.device) if own is not None and D.num_classes else None
            return told(D, x.to(like), y_of_each).float().cpu()

        return measured(judge, of_one, u, torch.arange(len(u)))

    each = [logits(images[i], z[i], None if y is None else y[i]) for i in range(len(z))]
    return torch.stack(each).float()


def ranked(loss: Tensor, score: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the numbers of candidates from the best on, [n, K], and how many are good, [n]."""
    order = loss.argsort(dim=1, stable=True)
    good = loss <= NEAR * loss.min(dim=1, keepdim=True).values
    if score is not None:
        key = torch.where(good, -score, math.inf).gather(1, order)
        order = order.gather(1, key.argsort(dim=1, stable=True))
    return order, good.sum(dim=1)
