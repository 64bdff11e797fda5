"""Layers that look at several images at once."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from ganzoo.networks.image_shape import for_images
from ganzoo.roles import Generator

Minibatch = Literal["none", "std", "discrimination"]


class MinibatchDiscrimination(nn.Module):
    """Appends to each sample's features how close the other samples of the batch are.

        M_i = f(x_i) T,    o(x_i)_b = Σ_{j≠i} exp(-|M_ib - M_jb|_1)                     (section 3.2)

    T starts from N(0, 1 / features). A logit then depends on the whole batch, as with batch norm.

    Salimans et al., "Improved Techniques for Training GANs", 2016. https://arxiv.org/abs/1606.03498

    Args:
        features: Size of f(x), all its dimensions together.
        n_kernels: Number of closenesses b.
        kernel_dim: Size of M_ib.

    Raises:
        ValueError: a size is smaller than 1.
    """

    def __init__(self, features: int, n_kernels: int = 100, kernel_dim: int = 5) -> None:
        super().__init__()
        if min(features, n_kernels, kernel_dim) < 1:
            raise ValueError(
                f"features, n_kernels and kernel_dim must be at least 1, got {features}, {n_kernels}, {kernel_dim}"
            )
        self.n_extra = n_kernels
        self.kernel_dim = kernel_dim
        self.T = nn.Linear(features, n_kernels * kernel_dim, bias=False)
        nn.init.normal_(self.T.weight, std=1 / math.sqrt(features))

    def forward(self, x: Tensor) -> Tensor:
        """Return features [N, C + n_kernels, ...] for features x [N, C, ...]; maps get constant planes."""
        m = self.T(x.flatten(1)).unflatten(1, (self.n_extra, self.kernel_dim))
        distance = (m[:, None] - m[None]).abs().sum(dim=3)
        return append(x, torch.exp(-distance).sum(dim=1) - 1)  # the distance to itself is 0


class MinibatchStd(nn.Module):
    """Appends to each sample's features how much the features of its group vary: a single number.

    The number is the standard deviation over the group, averaged over all features. Consecutive
    rows are a group, so that the parts of a batch that several processes hold keep its groups. A batch smaller than
    ``group`` is one group.

    Karras et al., "Progressive Growing of GANs", 2018, section 3. https://arxiv.org/abs/1710.10196

    Args:
        group: Samples in a group.

    Raises:
        ValueError: ``group`` is smaller than 2.
    """

    n_extra = 1

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        if group < 2:
            raise ValueError(f"group must be at least 2, got {group}")
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """Return features [N, C + 1, ...] for features x [N, C, ...]; maps get a constant plane.

        Raises:
            ValueError: the batch cannot be cut into groups.
        """
        group = min(self.group, x.shape[0])
        if x.shape[0] % group:
            raise ValueError(f"the batch size must be a multiple of the group of {group} samples, got {x.shape[0]}")
        variance = x.reshape(x.shape[0] // group, group, -1).var(dim=1, correction=0)
        spread = (variance + 1e-8).sqrt().mean(dim=1)
        return append(x, spread.repeat_interleave(group)[:, None])


def append(x: Tensor, extra: Tensor) -> Tensor:
    """Append numbers [N, K] to vectors [N, C], or to maps [N, C, H, W] as K constant planes."""
    extra = extra.to(x.dtype).reshape(*extra.shape, *[1] * (x.ndim - 2))
    return torch.cat([x, extra.expand(-1, -1, *x.shape[2:])], dim=1)


def minibatch_layers(word: Minibatch, features: int) -> tuple[list[nn.Module], int]:
    """Return the layers that a word stands for, and how many features they append."""
    if word == "none":
        return [], 0
    layer = MinibatchStd() if word == "std" else MinibatchDiscrimination(features)
    return [layer], layer.n_extra


class VirtualBatchNorm2d(nn.Module):
    """Batch norm with the statistics of a fixed reference batch and of the sample itself.

    The first ``n_reference`` rows that it sees are the reference, normalised by their own statistics; every other
    row is normalised by those of the reference and itself, n_reference + 1 samples, whatever else is in the batch,
    in training and in evaluation.

    Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.5. https://arxiv.org/abs/1606.03498

    Args:
        channels: C.
        n_reference: Rows of the reference; 0: told later, by ``VirtualBatchGenerator``.
        eps: Added to the variance.
    """

    def __init__(self, channels: int, n_reference: int = 0, eps: float = 1e-5) -> None:
        super().__init__()
        self.n_reference, self.eps = n_reference, eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [N, C, H, W] for maps x.

        Raises:
            ValueError: the batch does not start with a reference.
        """
        n = self.n_reference
        if not 0 < n <= x.shape[0]:
            raise ValueError(
                f"virtual batch norm expects a batch that starts with its reference, got {x.shape[0]} rows and a"
                f" reference of {n}: wrap the generator in VirtualBatchGenerator"
            )
        var, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
        center = mean[:n].mean(dim=0, keepdim=True)
        spread = (var[:n] + (mean[:n] - center).square()).mean(dim=0, keepdim=True)
        own = (torch.arange(x.shape[0], device=x.device) >= n).to(x.dtype)[:, None, None, None] / (n + 1)
        shift = mean - center
        variance = (1 - own) * spread + own * var + own * (1 - own) * shift.square()
        gain = self.weight[:, None, None] * torch.rsqrt(variance + self.eps)
        return (x - center - own * shift) * gain + self.bias[:, None, None]


class VirtualBatchGenerator(Generator):
    """A generator with virtual batch norm and the reference batch that it needs.

    The reference is made of fixed latents (and labels, the classes in turn) that go through G in front of every
    batch: an image depends on its own latent and on them, never on the other images.

    Salimans et al., "Improved Techniques for Training GANs", 2016, section 3.5. https://arxiv.org/abs/1606.03498

    Args:
        generator: G, with norm "virtual".
        n_reference: Latents in the reference.
        image_shape: Of the images; given, the generator is made anew for it.

    Raises:
        ValueError: G has no virtual batch norm, or the reference is empty.
    """

    z: Tensor
    y: Tensor | None

    def __init__(self, generator: Generator, n_reference: int = 64, image_shape: Sequence[int] | None = None) -> None:
        generator = for_images(generator, image_shape)
        super().__init__(generator.image_shape, generator.prior, generator.num_classes)
        layers = [module for module in generator.modules() if isinstance(module, VirtualBatchNorm2d)]
        if not layers:
            raise ValueError('generator must have virtual batch norm, got none: give it norm="virtual"')
        if n_reference < 1:
            raise ValueError(f"n_reference must be at least 1, got {n_reference}")
        for layer in layers:
            layer.n_reference = n_reference
        self.generator = generator
        last = 2**32  # seeds that nobody samples
        self.register_buffer("z", self.prior.seeded(range(last - n_reference, last)))
        self.register_buffer("y", torch.arange(n_reference) % self.num_classes if self.num_classes else None)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, *image_shape] for latents z [N, dim] and labels y [N]."""
        labels = y if y is None or self.y is None else torch.cat([self.y, y])
        images: Tensor = self.generator(torch.cat([self.z, z]), labels)
        return images[len(self.z) :]
