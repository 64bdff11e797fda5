"""How the label of an image enters a network."""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

Entry = Literal["concat", "projection"]


def check_label(network: str, num_classes: int, y: Tensor | None) -> None:
    """Check that a network gets labels if, and only if, it is conditional.

    Args:
        network: What to call it: "generator" or "discriminator".
        num_classes: Number of classes that it is conditioned on; 0: unconditional.
        y: Labels [N], or None.

    Raises:
        ValueError: labels are missing, or given to an unconditional network.
    """
    if num_classes == 0 and y is not None:
        raise ValueError(f"this {network} is unconditional: call it without labels")
    if num_classes and y is None:
        raise ValueError(f"this {network} is conditional on {num_classes} classes: give labels y, [N]")


class Labelled(nn.Module):
    """A layer whose forward takes the labels y, [N] or None, as a second argument."""


class LabelledSequential(Labelled, nn.Sequential):
    """Layers one after the other; those that are ``Labelled`` are given the labels."""

    def forward(self, input: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the output of the last layer."""
        for layer in self:
            input = layer(input, y) if isinstance(layer, Labelled) else layer(input)
        return input


class LabelPlane(nn.Module):
    """Appends a learnt plane of the label to images: x [N, C, H, W] -> [N, C + 1, H, W].

    Args:
        num_classes: Number of classes.
        height: H.
        width: W.
    """

    def __init__(self, num_classes: int, height: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(num_classes, height * width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return [N, C + 1, H, W]."""
        plane = self.table(y).reshape(x.shape[0], 1, *x.shape[2:])
        return torch.cat([x, plane], dim=1)


class Projection(nn.Module):
    """What the label adds to a logit: <V_y, φ(x)>, with a learnt vector V_y for each class.

        D(x, y) = ψ(φ(x)) + <V_y, φ(x)>

    At the optimum ψ(φ(x)) = log p(x) / q(x) and <V_y, φ(x)> = log p(y|x) / q(y|x), up to a function of x that
    moves between them. V_y is drawn from N(0, I / features).

    Miyato & Koyama, "cGANs with Projection Discriminator", 2018. https://arxiv.org/abs/1802.05637

    Args:
        num_classes: Number of classes.
        features: Size of φ(x), all its dimensions together.
    """

    def __init__(self, num_classes: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_classes, features) / math.sqrt(features))

    def forward(self, features: Tensor, y: Tensor) -> Tensor:
        """Return [N] for φ(x), [N, ...], and labels y [N]."""
        return (embedding(y, self.weight) * features.flatten(1)).sum(dim=1)


class ConditionalBatchNorm2d(Labelled):
    """Batch norm whose gain and bias are learnt for each class; they start at 1 and 0.

        γ_y (x - μ) / sqrt(σ² + ε) + β_y        (μ and σ² are those of the whole batch, or of training)

    Dumoulin et al., "A Learned Representation For Artistic Style", 2017, Eq. 5. https://arxiv.org/abs/1610.07629

    Args:
        num_classes: Number of classes.
        channels: C.
    """

    def __init__(self, num_classes: int, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.bias = nn.Embedding(num_classes, channels), nn.Embedding(num_classes, channels)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Return maps [N, C, H, W] for maps x and labels y [N]."""
        gain, bias = self.gain(y)[:, :, None, None], self.bias(y)[:, :, None, None]
        return torch.addcmul(bias, gain, self.norm(x))


class Label(nn.Module):
    """Appends a learnt vector of the label to z; with ``num_classes=0`` it returns z as it is.

    A new vector has length 1 on average, as much as one coordinate of z: ACGANs with longer ones made one image for
    each class, because G learnt to do without z.

    Args:
        num_classes: Number of classes.
        dim: Size of the vector.
    """

    def __init__(self, num_classes: int, dim: int = 32) -> None:
        super().__init__()
        self.num_classes, self.dim = num_classes, dim if num_classes else 0
        self.table = nn.Embedding(num_classes, dim) if num_classes else None
        if self.table is not None:
            nn.init.normal_(self.table.weight, std=dim**-0.5)

    def forward(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return [N, dim of z + dim].

        Raises:
            ValueError: labels are missing, or given to an unconditional network.
        """
        if self.table is None:
            if y is not None:
                raise ValueError("this generator is unconditional: call it without labels")
            return z
        if y is None:
            raise ValueError(f"this generator is conditional on {self.num_classes} classes: give labels y, [N]")
        return torch.cat([z, self.table(y)], dim=1)
