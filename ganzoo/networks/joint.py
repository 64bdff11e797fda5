"""The discriminators of BiGAN: they judge an image and a latent together."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ganzoo.networks.dcgan import DCGANDiscriminator
from ganzoo.networks.dcgan import DiscriminatorNorm as DCGANNorm
from ganzoo.networks.layers import add_spectral_norm, check_counts, check_word, has_norm, he, make_vector_norm
from ganzoo.networks.mlp import _size, _stack
from ganzoo.roles import JointDiscriminator

MLPNorm = Literal["batch", "layer", "spectral", "none"]


class MLPJointDiscriminator(JointDiscriminator):
    """``depth`` hidden layers of leaky ReLU units with slope 0.2; z enters each of them but the first.

        h_1 = φ(W_1 x + b_1),    h_k = φ(norm(W_k h_{k-1} + U_k z + b_k)),    logit = <v, h_depth>

    The first hidden layer has no norm. Weights are drawn as by He et al. (https://arxiv.org/abs/1502.01852), so
    that image and latent have the same share in a new network's W_k h + U_k z; or, as in the paper, from N(0, std²).
    With the paper's 1024 units and batch norm He's are so large that D wins within three epochs of MNIST, for good.

    Donahue et al., "Adversarial Feature Learning", 2017, permutation-invariant MNIST. https://arxiv.org/abs/1605.09782
    Differs from the paper: biases, and batch norm has a gain and a shift.

    Args:
        image_shape: Any shape, such as (C, H, W) or (d,).
        dim: Size of z.
        width: Units of a hidden layer; the paper has 1024.
        depth: Number of hidden layers, at least 2: the first sees the image only. The paper has 2.
        norm: Normalisation of the hidden layers behind the first, or of all weights ("spectral"); the paper has
            "batch", with which a logit depends on the other pairs of the batch.
        std: Of initial weights; the paper has 0.02. None: He's.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 28, 28),
        dim: int = 64,
        width: int = 256,
        depth: int = 3,
        norm: MLPNorm = "none",
        std: float | None = None,
    ) -> None:
        super().__init__(image_shape, dim)
        check_word("norm", norm, get_args(MLPNorm))
        if std is not None and std <= 0:
            raise ValueError(f"std must be positive, got {std}")
        check_counts(dim=dim)
        check_counts(least=2, depth=depth)
        first, _ = _stack(_size(image_shape), width, 1, "none", slope=0.2)
        self.first = nn.Sequential(nn.Flatten(), *first)
        self.others = nn.ModuleList([_Joined(width, dim, norm) for _ in range(depth - 1)])
        self.head = he(nn.Linear(width, 1, bias=False), slope=1.0)
        if std is not None:
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    nn.init.normal_(layer.weight, std=std)
        if norm == "spectral":
            add_spectral_norm(self)

    def features(self, x: Tensor, z: Tensor) -> Tensor:
        """Return the last hidden layer, [N, width], of images x [N, *image_shape] and latents z [N, dim]."""
        h: Tensor = self.first(x)
        for layer in self.others:
            h = layer(h, z)
        return h

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits [N] of images x [N, *image_shape] and latents z [N, dim]."""
        logits: Tensor = self.head(self.features(x, z)).squeeze(1)
        return logits


class _Joined(nn.Module):
    """h, z -> φ(norm(W h + U z + b))."""

    def __init__(self, width: int, dim: int, norm: str) -> None:
        super().__init__()
        self.W = he(nn.Linear(width, width, bias=not has_norm(norm)), slope=0.2)
        self.U = he(nn.Linear(dim, width, bias=False), slope=0.2)
        with torch.no_grad():  # the sum of two is as large as one
            self.W.weight.mul_(math.sqrt(0.5))
            self.U.weight.mul_(math.sqrt(0.5))
        self.out = nn.Sequential(make_vector_norm(norm, width), nn.LeakyReLU(0.2))

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """Return [N, width] for h [N, width] and z [N, dim]."""
        joined: Tensor = self.out(self.W(h) + self.U(z))
        return joined


class DCGANJointDiscriminator(JointDiscriminator):
    """The convolutions of ``DCGANDiscriminator`` for x, two linear layers for z, two more for both together.

        f = φ(L_4 φ(L_3 [conv(x), φ(L_2 φ(L_1 z))])),    logit = <v, f>

    φ is a leaky ReLU with slope 0.2. The linear layers have no norm; their weights are drawn as by He et al.
    (https://arxiv.org/abs/1502.01852), those of convolutions from N(0, 0.02).

    Dumoulin et al., "Adversarially Learned Inference", 2017. https://arxiv.org/abs/1606.00704
    Differs from the paper: DCGAN's convolutions, no dropout, no maxout, and fewer units.

    Args:
        image_shape: (C, H, W), sides of at least 8.
        dim: Size of z.
        width: Channels of the largest map; they double with every halving of the map, up to 8 * width.
        norm: Normalisation of hidden maps, or of all weights ("spectral"). With "batch" a logit depends on the other
            pairs of the batch.
        units: Units of each of the linear layers.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (1, 32, 32),
        dim: int = 100,
        width: int = 64,
        norm: DCGANNorm = "batch",
        units: int = 512,
    ) -> None:
        super().__init__(image_shape, dim)
        check_counts(dim=dim, units=units)
        body = DCGANDiscriminator(image_shape, width, norm)
        n_features = body.head.in_channels * math.prod(body.end)
        self.of_x = nn.Sequential(body.features, nn.Flatten())
        self.of_z, _ = _stack(dim, units, 2, "none", slope=0.2)
        self.of_both, _ = _stack(n_features + units, units, 2, "none", slope=0.2)
        self.head = he(nn.Linear(units, 1, bias=False), slope=1.0)
        if norm == "spectral":
            for part in (self.of_z, self.of_both, self.head):  # the convolutions have it already
                add_spectral_norm(part)

    def features(self, x: Tensor, z: Tensor) -> Tensor:
        """Return the last hidden layer, [N, units], of images x [N, C, H, W] and latents z [N, dim]."""
        joined: Tensor = self.of_both(torch.cat([self.of_x(x), self.of_z(z)], dim=1))
        return joined

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Return logits [N] of images x [N, C, H, W] and latents z [N, dim]."""
        logits: Tensor = self.head(self.features(x, z)).squeeze(1)
        return logits
