"""Pieces that the networks share: normalisations, initialisations and the ladder of sizes."""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from ganzoo.networks.labels import ConditionalBatchNorm2d, Projection
from ganzoo.networks.minibatch import VirtualBatchNorm2d
from ganzoo.roles import Translator

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)
Upsampling = Literal["transposed", "resize"]

SMALLEST = 8  # side of an image that convolutions take
Size = tuple[int, int]  # height and width of a map


def check_word(name: str, word: str, words: Sequence[str]) -> None:
    """Check an argument that is one of a few words.

    Raises:
        ValueError: ``word`` is none of ``words``.
    """
    if word not in words:
        raise ValueError(f"{name} must be one of {', '.join(words)}, got {word!r}")


def check_counts(least: int = 1, **counts: int) -> None:
    """Check sizes and numbers of layers.

    Raises:
        ValueError: a count is smaller than ``least``.
    """
    for name, count in counts.items():
        if count < least:
            raise ValueError(f"{name} must be at least {least}, got {count}")


def ladder(image_shape: Sequence[int], most: int) -> list[Size]:
    """Return the sizes of maps from the image's down: halves, rounded up, until a side is at most ``most``.

    With ``most`` 4: 32, 16, 8, 4;  28, 14, 7, 4;  100, 50, 25, 13, 7, 4;  64 x 96, ..., 4 x 6. There are at least two.

    Args:
        image_shape: (C, H, W), sides of at least ``SMALLEST``.
        most: What the smaller side of the last map may have.

    Raises:
        ValueError: points, or an image that is too small.
    """
    if len(image_shape) != 3 or min(image_shape[1:]) < SMALLEST:
        raise ValueError(
            f"convolutions take images (channels, height, width) with sides of at least {SMALLEST}, got"
            f" {tuple(image_shape)}: enlarge them (--data.size {SMALLEST}), or take networks for any shape"
            " (MLPGenerator, MLPDiscriminator, MLPEncoder)"
        )
    check_counts(channels=image_shape[0])
    sizes = [(image_shape[1], image_shape[2])]
    while len(sizes) == 1 or min(sizes[-1]) > most:
        height, width = sizes[-1]
        sizes.append(((height + 1) // 2, (width + 1) // 2))
    return sizes


def check_halvings(sides: Sequence[int], n: int, end: int, argument: str = "") -> None:
    """Check that the sides of images can be halved without a remainder.

    Args:
        sides: H and W.
        n: How often they are.
        end: The least that a side has then.
        argument: What ``n`` follows from, while a network is made: the name of its argument; "": it is being used.

    Raises:
        ValueError: they cannot, or there are not two.
    """
    if len(sides) == 2 and all(side >> n >= end and side >> n << n == side for side in sides):
        return
    times = "once" if n == 1 else f"{n} times"
    if argument:
        fewer = f", or take a smaller {argument} (--model.generator.{argument})" if n > 1 else ""
        remedy = f"resize them (--data.size){fewer}"
    else:
        remedy = f"give sides of {end << n} or more" + (f", multiples of {2**n}" if n else "")
    raise ValueError(
        f"expected images whose height and width can be halved {times}, to {end} or more, got sides"
        f" {tuple(sides)}: {remedy}"
    )


def check_source(network: Translator, z: Tensor, y: Tensor | None) -> Tensor:
    """Return the images y, [N, C, H, W], that a translator is told.

    Raises:
        ValueError: there are none, they have other channels, sides that it does not take, or z has another size.
    """
    channels = network.source_shape[0]
    if y is None or y.ndim != 4 or y.shape[1] != channels:
        got = None if y is None else list(y.shape)
        raise ValueError(f"{type(network).__name__} translates images: give y, [N, {channels}, H, W], got {got}")
    height, width = y.shape[2:]
    expected = [y.shape[0], network.dim_of(height, width)]
    if list(z.shape) != expected:
        raise ValueError(f"expected latents {expected} for images of {height} x {width} (dim_of), got {list(z.shape)}")
    return y


def doubling(n_in: int, n_out: int, kernel: int, upsampling: Upsampling) -> list[nn.Module]:
    """Return layers that double the sides of a map [N, n_in, H, W].

    "transposed" is a transposed convolution with stride 2. "resize" repeats every pixel, then convolves 3x3: it has no
    checkerboards, which come of kernels that cover some pixels more often or with weights of their own.

    Odena et al., "Deconvolution and Checkerboard Artifacts", 2016. https://distill.pub/2016/deconv-checkerboard/

    Args:
        n_in: Channels of the map.
        n_out: Channels of the result.
        kernel: Side of the transposed kernel: 3 or 4.
        upsampling: "transposed" or "resize".
    """
    if upsampling == "transposed":
        return [nn.ConvTranspose2d(n_in, n_out, kernel, 2, padding=1, output_padding=kernel % 2)]
    return [nn.Upsample(scale_factor=2), nn.ReflectionPad2d(1), nn.Conv2d(n_in, n_out, 3)]


def make_norm(word: str, channels: int, num_classes: int = 0) -> nn.Module:
    """Return the normalisation of maps [N, C, H, W]; nothing for "none" and "spectral".

    "layer" normalises a sample over C, H and W, "instance" each of its channels over H and W; "batch" alone
    mixes samples, "virtual" mixes them with a reference. With classes, batch norm is conditional.
    """
    if is_batch_norm(word):
        return ConditionalBatchNorm2d(num_classes, channels) if num_classes else nn.BatchNorm2d(channels)
    if word == "virtual":
        return VirtualBatchNorm2d(channels)
    if word == "layer":
        return nn.GroupNorm(1, channels)
    if word == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()


def make_vector_norm(word: str, features: int) -> nn.Module:
    """Return the normalisation of vectors [N, features]; nothing for "none" and "spectral"."""
    if word == "batch":
        return nn.BatchNorm1d(features)
    if word == "layer":
        return nn.LayerNorm(features)
    return nn.Identity()


def has_norm(word: str) -> bool:
    """Tell whether the word stands for a normalisation of maps: it has a shift, so layers need no bias."""
    return word not in ("none", "spectral")


def is_batch_norm(word: str) -> bool:
    """Tell whether the word stands for batch norm, with or without spectral norm of the weights."""
    return word in ("batch", "batch+spectral")


def add_spectral_norm(network: nn.Module) -> None:
    """Divide the weight of every layer by its largest singular value; call it after the initialisation.

        W -> W / σ(W)    (Eq. 8)

    A kernel is reshaped to [out, in * k * k], also that of a transposed convolution; σ follows W by one power
    iteration per forward in training mode.

    Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
    https://arxiv.org/abs/1802.05957
    """
    for module in list(network.modules()):
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear, Projection)):
            parametrizations.spectral_norm(module)
            picklable(module)


def picklable(layer: nn.Module) -> None:
    """Let a layer with spectral norm be pickled; torch makes a class for each such layer, and refuses."""
    type(layer).__reduce__ = lambda self: (unpickled, (type(self).__mro__[1], self.__dict__))  # type: ignore[method-assign]


def unpickled(cls: type[nn.Module], state: dict[str, Any]) -> nn.Module:
    """Return the layer of class ``cls`` that was pickled: its weight is a property again."""
    layer = cls.__new__(cls)
    layer.__dict__.update(state)
    parametrize._inject_new_class(layer)
    parametrize._inject_property(layer, "weight")
    picklable(layer)
    return layer


def init_radford(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02), gains of norms from N(1, 0.02), set biases to 0; for ``network.apply``.

    Radford et al., "Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
    Networks", 2016. https://arxiv.org/abs/1511.06434
    """
    layers, norms = (
        (nn.Conv2d, nn.ConvTranspose2d, nn.Linear),
        (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, VirtualBatchNorm2d),
    )
    if isinstance(module, layers + norms) and module.weight is not None:
        nn.init.normal_(module.weight, 0.0 if isinstance(module, layers) else 1.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def he(layer: Layer, slope: float = 0.0) -> Layer:
    """Draw weights from N(0, 2 / ((1 + slope²) fan_in)), set the bias to 0, and return the layer.

    ``slope`` is that of the leaky ReLU behind the layer; 1: none follows.

    He et al., "Delving Deep into Rectifiers", 2015. https://arxiv.org/abs/1502.01852
    """
    nn.init.kaiming_normal_(layer.weight, a=slope, nonlinearity="leaky_relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def xavier(layer: Layer, gain: float = 1.0) -> Layer:
    """Draw uniform weights of variance gain² * 2 / (fan_in + fan_out), set the bias to 0, return the layer.

    Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    https://proceedings.mlr.press/v9/glorot10a.html
    """
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
