"""The residual networks that WGAN-GP and SN-GAN train on CIFAR-10."""

import math
from collections.abc import Sequence
from typing import Literal, get_args

from torch import Tensor, nn

from ganzoo.networks.attention import attend, map_of
from ganzoo.networks.labels import Label, Labelled, LabelledSequential, Projection, check_label
from ganzoo.networks.layers import (
    Size,
    add_spectral_norm,
    check_counts,
    check_word,
    has_norm,
    is_batch_norm,
    ladder,
    make_norm,
    xavier,
)
from ganzoo.priors import Normal, Prior
from ganzoo.roles import Discriminator, Generator

START, END = 7, 8  # the most that the smaller side of G's first map, and of D's last map, has
GeneratorNorm = Literal["batch", "batch+spectral", "layer", "instance", "none"]
DiscriminatorNorm = Literal["batch", "layer", "instance", "spectral", "none"]


class ResNetGenerator(Generator):
    """Pre-activation residual blocks that double a 4x4 map up to the image; tanh output.

    Of other sizes the maps are halves, rounded up, until a side is less than 8: 7 -> 14 -> 28, 6 -> 12 -> 24 -> 48. A
    doubling to an odd side leaves the last row or column out.

    Weights are drawn as by Glorot & Bengio, with gain √2 in the 3x3 convolutions of the blocks. In blocks
    with a norm convolutions have no bias. The label of a conditional G chooses the gain and bias of batch norm
    (``ConditionalBatchNorm2d``: a new network makes the same image of every class); with another norm a learnt
    vector of it is appended to z.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017. https://arxiv.org/abs/1704.00028

    Args:
        image_shape: (C, H, W), sides of at least 8.
        prior: The distribution of z.
        width: Channels of every map; 128 in the paper, 256 in SN-GAN (https://arxiv.org/abs/1802.05957).
        norm: Normalisation before each activation, and of weights ("batch+spectral").
        num_classes: Number of classes that G is conditioned on; 0: unconditional.
        attention: ``SelfAttention2d`` stands behind the map of 1/attention of the image's side; 0: nowhere.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (3, 32, 32),
        prior: Prior = Normal(dim=128),
        width: int = 128,
        norm: GeneratorNorm = "batch",
        num_classes: int = 0,
        attention: int = 0,
    ) -> None:
        super().__init__(image_shape, prior, num_classes)
        check_word("norm", norm, get_args(GeneratorNorm))
        check_counts(width=width)
        sizes = ladder(image_shape, START)[::-1]
        start, at = sizes[0], map_of(attention, sizes[-1], sizes)
        normed = num_classes if is_batch_norm(norm) else 0
        self.label = Label(num_classes - normed)
        layers: list[nn.Module] = [
            xavier(nn.Linear(prior.dim + self.label.dim, width * math.prod(start))),
            nn.Unflatten(1, (width, *start)),
            *attend(at, start, width),
        ]
        for size in sizes[1:]:
            layers += [_up_block(width, norm, normed, size), *attend(at, size, width)]
        layers += [make_norm(norm, width, normed), nn.ReLU()]
        layers += [xavier(nn.Conv2d(width, image_shape[0], 3, padding=1)), nn.Tanh()]
        self.body = LabelledSequential(*layers)
        if norm == "batch+spectral":
            add_spectral_norm(self)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Return images [N, C, H, W] in [-1, 1] for latents z [N, dim] and labels y [N]."""
        check_label("generator", self.num_classes, y)
        images: Tensor = self.body(self.label(z, y) if self.label.dim else z, y)
        return images


class ResNetDiscriminator(Discriminator):
    """Residual blocks that halve the image to an 8x8 map, two more, global pooling.

    Of other sizes until a side is at most 8 (28 -> 14 -> 7, 48 -> 24 -> 12 -> 6, 8 -> 4); of odd sides the last row or
    column is pooled alone.

    Weights are drawn as in ``ResNetGenerator``. The first block has no norm; in blocks with a norm
    convolutions have no bias; the last layer has no bias. Features are averaged over positions (Gulrajani et
    al.), with "spectral" summed (Miyato et al.), because there no weight can make up for the scale.
    ``features`` maps x to them, [N, width].

    With "batch" a logit depends on the other images of the batch: penalties on gradients need another norm.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017. https://arxiv.org/abs/1704.00028
    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
    https://arxiv.org/abs/1802.05957

    Args:
        image_shape: (C, H, W), sides of at least 8.
        width: Channels of every map.
        norm: Normalisation before each activation, or of weights ("spectral").
        num_classes: Number of classes that D is conditioned on, by a projection of its features (Miyato & Koyama,
            https://arxiv.org/abs/1802.05637); 0: unconditional.
        attention: ``SelfAttention2d`` stands behind the map of 1/attention of the image's side; 0: nowhere.

    Raises:
        ValueError: an argument is none of the allowed words or numbers.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (3, 32, 32),
        width: int = 128,
        norm: DiscriminatorNorm = "none",
        num_classes: int = 0,
        attention: int = 0,
    ) -> None:
        super().__init__(image_shape, num_classes)
        check_word("norm", norm, get_args(DiscriminatorNorm))
        check_counts(width=width)
        check_counts(least=0, num_classes=num_classes)
        image, *sizes = ladder(image_shape, END)
        at = map_of(attention, image, sizes)
        layers: list[nn.Module] = [_first_block(image_shape[0], width), *attend(at, sizes[0], width)]
        for size in sizes[1:]:
            layers += [_down_block(width, norm), *attend(at, size, width)]
        self.features = nn.Sequential(
            *layers,
            *(_flat_block(width, norm) for _ in range(2)),
            nn.ReLU(),
            _GlobalPool("sum" if norm == "spectral" else "mean"),
        )
        self.head = xavier(nn.Linear(width, 1, bias=False))
        self.projection = Projection(num_classes, width) if num_classes else None
        if norm == "spectral":
            add_spectral_norm(self)

    def embed(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return what ``features`` takes: images x [N, C, H, W] as they are."""
        check_label("discriminator", self.num_classes, y)
        return x

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N] of images x [N, C, H, W] and labels y [N]."""
        features = self.features(self.embed(x, y))
        logits: Tensor = self.head(features).reshape(x.shape[0])
        return logits if self.projection is None else logits + self.projection(features, y)


class _Residual(Labelled):
    def __init__(self, residual: LabelledSequential, shortcut: nn.Module) -> None:
        super().__init__()
        self.residual, self.shortcut = residual, shortcut

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        total: Tensor = self.residual(x, y) + self.shortcut(x)
        return total


class _GlobalPool(nn.Module):
    def __init__(self, how: Literal["sum", "mean"]) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        return x.sum(dim=(2, 3)) if self.how == "sum" else x.mean(dim=(2, 3))


def _halve() -> nn.Module:
    return nn.AvgPool2d(2, ceil_mode=True)


def _up_block(width: int, norm: str, num_classes: int, size: Size) -> nn.Module:
    # a 1x1 convolution commutes with upsampling and pooling of its input: shortcuts work on the smaller map
    shortcut = nn.Sequential(_conv1(width, width, bias=not has_norm(norm)), nn.Upsample(size))
    return _Residual(_residual(width, norm, num_classes, before=nn.Upsample(size)), shortcut)


def _down_block(width: int, norm: str) -> nn.Module:
    shortcut = nn.Sequential(_halve(), _conv1(width, width, bias=not has_norm(norm)))
    return _Residual(_residual(width, norm, after=_halve()), shortcut)


def _flat_block(width: int, norm: str) -> nn.Module:
    return _Residual(_residual(width, norm), nn.Identity())


def _first_block(n_in: int, width: int) -> nn.Module:
    residual = LabelledSequential(_conv3(n_in, width), nn.ReLU(), _conv3(width, width), _halve())
    return _Residual(residual, nn.Sequential(_halve(), _conv1(n_in, width)))


def _residual(
    width: int, norm: str, num_classes: int = 0, before: nn.Module | None = None, after: nn.Module | None = None
) -> LabelledSequential:
    """Twice norm, ReLU, convolution; ``before`` resizes the first one's input, ``after`` the last output."""
    return LabelledSequential(
        make_norm(norm, width, num_classes),
        nn.ReLU(),
        before or nn.Identity(),
        _conv3(width, width, bias=not has_norm(norm)),
        make_norm(norm, width, num_classes),
        nn.ReLU(),
        _conv3(width, width, bias=not has_norm(norm)),
        after or nn.Identity(),
    )


def _conv3(n_in: int, n_out: int, bias: bool = True) -> nn.Conv2d:
    return xavier(nn.Conv2d(n_in, n_out, 3, padding=1, bias=bias), gain=math.sqrt(2))


def _conv1(n_in: int, n_out: int, bias: bool = True) -> nn.Conv2d:
    return xavier(nn.Conv2d(n_in, n_out, 1, bias=bias))
