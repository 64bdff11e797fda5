"""What an inversion makes small: how far images are from those that are looked for.

All are one number for each row, so that no image feels another, and add up: ``Pixels() + 0.1 * Shell()``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ganzoo.inference import BLOCK, Inference
from ganzoo.inversion.rows import Array, as_tensor
from ganzoo.roles import Space

SEEN = 64  # pixels of a side that LPIPS needs
Measure = Callable[[Tensor, Tensor, Tensor], Tensor]  # images [n, C, H, W], latents [n, D], numbers of the rows -> [n]


class Loss:
    """A term, or a weighted sum of terms."""

    of_pixels = True  # whether a mask hides a part of what it measures

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return what measures images and latents against x, [N, C, H, W]."""
        raise NotImplementedError

    def of(self, part: slice) -> Loss:
        """Return the loss of a part of the images: another one where the loss holds something of each."""
        return self

    def check(self, space: Space) -> None:
        """Check that the loss means something in a space.

        Raises:
            ValueError: it does not.
        """

    def __add__(self, other: Loss) -> Loss:
        """Return the sum."""
        return Sum([*parts(self), *parts(other)])

    def __rmul__(self, weight: float) -> Loss:
        """Return the term with a weight."""
        return Sum([(weight * own, term) for own, term in parts(self)])


class Sum(Loss):
    """Σ weight · term."""

    def __init__(self, terms: Sequence[tuple[float, Loss]]) -> None:
        if not all(math.isfinite(weight) for weight, _ in terms):
            raise ValueError(f"weights must be finite, got {[weight for weight, _ in terms]}")
        self.terms = list(terms)

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the sum of what its terms measure."""
        measures = [(weight, term.against(x, model)) for weight, term in self.terms]

        def measure(images: Tensor, u: Tensor, rows: Tensor) -> Tensor:
            values = [weight * each_row(one(images, u, rows), rows) for weight, one in measures]
            return torch.stack(values).sum(dim=0)

        return measure

    def of(self, part: slice) -> Loss:
        """Return the sum of what its terms are of a part of the images."""
        return Sum([(weight, term.of(part)) for weight, term in self.terms])

    def check(self, space: Space) -> None:
        """Check that each term means something in a space."""
        for _, term in self.terms:
            term.check(space)


def parts(loss: Loss) -> list[tuple[float, Loss]]:
    """Return the terms of a loss with their weights."""
    return loss.terms if isinstance(loss, Sum) else [(1.0, loss)]


class Pixels(Loss):
    """The mean over pixels and channels of (G(z) - x)², pixels from -1 to 1."""

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the squared error against x."""
        return lambda images, u, rows: squared(images, x[rows])


class Features(Loss):
    """The squared error of what layers of a network make of the images.

        Σ_j mean((F_j(G(z)) - F_j(x))²) / s_j,    s_j = mean(F_j(x)²) of the image, or 1

    With VGG-16, the layers relu1_1, 1_2, 3_2 and 4_2 and s_j = 1 it is L_percept of Image2StyleGAN: Abdal et al., 2019,
    section 5.2 (there λ_j = 1, beside λ_mse · Pixels()). https://arxiv.org/abs/1904.03189

    Args:
        network: Images in [-1, 1] -> anything, in evaluation mode; each image by itself.
        layers: Names of modules of the network, as ``named_modules`` has them.
        relative: Whether to divide by s_j, so that no layer outweighs the others.

    Raises:
        ValueError: the network has no such layer, or none is given.
    """

    def __init__(self, network: nn.Module, layers: Sequence[str], relative: bool = True) -> None:
        known = [name for name, _ in network.named_modules() if name]
        if not layers:
            raise ValueError(f"give one layer or more of {', '.join(known)}")
        for layer in layers:
            if layer not in known:
                raise ValueError(f"{type(network).__name__} has no layer {layer!r}: it has {', '.join(known)}")
        self.network, self.layers, self.relative = network.eval(), list(layers), relative

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return what the layers make of images, each [n, numbers]."""
        seen: dict[str, Tensor] = {}

        def keep(layer: str) -> RemovableHandle:
            return self.network.get_submodule(layer).register_forward_hook(
                lambda _, __, out: seen.update({layer: out.clone()})  # the next layer may work in place
            )

        hooks = [keep(layer) for layer in self.layers]
        try:
            self.network(images.to(next(self.network.parameters(), images)))
        finally:
            for hook in hooks:
                hook.remove()
        return [seen[layer].flatten(1).float().cpu() for layer in self.layers]

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the squared error of the layers against those of x."""
        with torch.no_grad():
            blocks = [self.maps(block) for block in filled(x).split(BLOCK)]
        wanted = [torch.cat(maps)[: len(x)] for maps in zip(*blocks, strict=True)]
        scales = [squared(maps, torch.zeros_like(maps)) if self.relative else torch.ones(len(x)) for maps in wanted]

        def measure(images: Tensor, u: Tensor, rows: Tensor) -> Tensor:
            found = zip(self.maps(images), wanted, scales, strict=True)
            terms = [squared(maps, target[rows]) / scale[rows].clamp(min=1e-12) for maps, target, scale in found]
            return torch.stack(terms).sum(dim=0)

        return measure


class LPIPS(Loss):
    """The learned perceptual distance of torchmetrics, which weighs layers as people judged pictures.

    Images under ``SEEN`` pixels are enlarged. Weights come with torchmetrics, those of the network below from
    torchvision, which downloads them once. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a
    Perceptual Metric", 2018. https://arxiv.org/abs/1801.03924

    Args:
        net: "alex", "vgg" or "squeeze".

    Raises:
        ValueError: there is no such network, or its weights cannot be downloaded.
    """

    def __init__(self, net: Literal["alex", "vgg", "squeeze"] = "alex") -> None:
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        try:
            self.network = LearnedPerceptualImagePatchSimilarity(net_type=net).net
        except OSError as error:
            place = Path(torch.hub.get_dir()) / "checkpoints"
            raise ValueError(
                f"LPIPS needs torchvision's weights of {net}; the download failed ({error}): put the file into {place}"
            ) from error

    def seen(self, images: Tensor) -> Tensor:
        """Return images as the network takes them: three channels, large enough."""
        images = images.expand(-1, 3, -1, -1)
        side = min(images.shape[2:])
        if side >= SEEN:
            return images
        return F.interpolate(images, scale_factor=float(-(-SEEN // side)), mode="bilinear")

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the distance from x."""
        return lambda images, u, rows: self.network(self.seen(images), self.seen(x[rows])).flatten()


class Masked(Loss):
    """A loss of a part of the image: outside the mask what is measured is x itself.

        loss(m · G(z) + (1 - m) · x) / mean(m)

    Args:
        loss: Of the images.
        mask: m, 1 where it counts and 0 elsewhere: [H, W], or one for each image, [N, 1, H, W].

    Raises:
        ValueError: the mask holds other numbers, or is 0 everywhere in an image.
    """

    def __init__(self, loss: Loss, mask: Array) -> None:
        mask = as_tensor(mask)
        m = mask[None, None] if mask.ndim == 2 else mask
        if m.ndim != 4 or m.shape[1] != 1:
            raise ValueError(f"a mask is [H, W], or [N, 1, H, W], got {list(mask.shape)}")
        if not bool(((m >= 0) & (m <= 1)).all()) or not bool((m.flatten(1) > 0).any(dim=1).all()):
            raise ValueError("a mask holds numbers from 0 to 1, and some above 0 in each image")
        self.loss, self.mask = loss, m.float()

    def of(self, part: slice) -> Loss:
        """Return the loss with the masks of a part of the images."""
        return Masked(self.loss.of(part), self.mask if len(self.mask) == 1 else self.mask[part])

    def check(self, space: Space) -> None:
        """Check that the loss behind the mask means something in a space."""
        self.loss.check(space)

    def against(self, x: Tensor, model: Inference) -> Measure:
        """Return the loss inside the mask.

        Raises:
            ValueError: the mask is of another size than x, or of another number of images.
        """
        if self.mask.shape[2:] != x.shape[2:] or len(self.mask) not in (1, len(x)):
            raise ValueError(f"expected a mask of {len(x)} images {list(x.shape[2:])}, got {list(self.mask.shape)}")
        m = self.mask.expand(len(x), -1, -1, -1)
        share = m.flatten(1).mean(dim=1)
        terms = [(weight, term.of_pixels, term.against(x, model)) for weight, term in parts(self.loss)]

        def measure(images: Tensor, u: Tensor, rows: Tensor) -> Tensor:
            own = m[rows]
            inside = own * images + (1 - own) * x[rows]
            values = [
                weight * (each_row(one(inside, u, rows), rows) / share[rows] if masked else one(images, u, rows))
                for weight, masked, one in terms
            ]
            return torch.stack(values).sum(dim=0)

        return measure


def each_row(value: Tensor, rows: Tensor) -> Tensor:
    """Return what a loss has measured, if it is one number for each row.

    Raises:
        ValueError: it is not.
    """
    if value.shape != rows.shape:
        raise ValueError(f"a loss must be one number for each of {len(rows)} images, got {list(value.shape)}")
    return value


def squared(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean of (a - b)² of each row, [n]."""
    return (a - b).square().flatten(1).mean(dim=1)


def filled(rows: Tensor) -> Tensor:
    """Return rows, and zeros behind them to a whole number of blocks."""
    return torch.cat([rows, rows.new_zeros(-len(rows) % BLOCK, *rows.shape[1:])])
