"""Discriminators that change what another discriminator sees: noise, packs, augmentations."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ganzoo.networks.image_shape import for_images
from ganzoo.networks.layers import check_counts, check_word
from ganzoo.roles import Discriminator, Images


class Wrapper(Discriminator):
    """A discriminator that hands transformed images to the discriminator in it; a subclass says which transform.

    ``features`` and ``both`` are those of the inner discriminator, where it has them, of the transformed images.

    Args:
        discriminator: Judges the transformed images.
        image_shape: Of the images; given, the inner discriminator is made anew for it.
    """

    def __init__(self, discriminator: Discriminator, image_shape: Sequence[int] | None = None) -> None:
        if not isinstance(discriminator, Discriminator):
            raise ValueError(f"{type(self).__name__} wraps a D of images, not {type(discriminator).__name__}")
        discriminator = for_images(discriminator, image_shape)
        super().__init__(discriminator.image_shape, discriminator.num_classes)
        self.inner, self.condition = discriminator, discriminator.condition
        self.pack, self.n_classes = discriminator.pack, discriminator.n_classes
        self.categorical, self.uniform = discriminator.categorical, discriminator.uniform

    def transform(self, x: Tensor) -> Tensor:
        """Return what the inner discriminator sees of images x [N, *image_shape]."""
        raise NotImplementedError

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return logits [N / pack] of images x [N, *image_shape] and labels y [N]."""
        seen = self.transform(x)
        logits: Tensor = self.inner(seen) if y is None else self.inner(seen, y)
        return logits

    def both(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N / pack], and what else is read in images x [N, *image_shape]."""
        return self.inner.both(self.transform(x))

    def __getattr__(self, name: str) -> Any:
        if name == "features":
            features = self.inner.features
            return lambda x: features(self.transform(x))
        if name == "head":
            return self.inner.head
        return super().__getattr__(name)


class InstanceNoise(Wrapper):
    """Adds normal noise to all images that D sees in training, so that real and generated ones overlap.

        D(x + σ ε),    ε ~ N(0, I),    σ = std · max(0, 1 - batch / stop)

    With it the divergence that D estimates is finite and smooth in G also where the two distributions lie on
    different manifolds. In evaluation mode D sees the images as they are.

    Sønderby et al., "Amortised MAP Inference for Image Super-resolution", 2016. https://arxiv.org/abs/1610.04490
    Arjovsky & Bottou, "Towards Principled Methods for Training Generative Adversarial Networks", 2017.
    https://arxiv.org/abs/1701.04862

    Args:
        discriminator: Judges the noisy images.
        std: σ at the first batch, in units of pixels in [-1, 1].
        stop: Number of batches after which σ is 0; 0: σ is constant.
        image_shape: Of the images; given, the inner discriminator is made anew for it.

    Raises:
        ValueError: ``std`` or ``stop`` is negative.
    """

    sigma: Tensor

    def __init__(
        self,
        discriminator: Discriminator,
        std: float = 0.1,
        stop: int = 0,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(discriminator, image_shape)
        if std < 0:
            raise ValueError(f"std must not be negative, got {std}")
        check_counts(least=0, stop=stop)
        self.std, self.stop = std, stop
        # a tensor: a compiled network would be compiled anew for every value of a number
        self.register_buffer("sigma", torch.tensor(float(std)), persistent=False)

    @property
    def batch(self) -> int:
        """Number of batches done; setting it sets σ."""
        return self._batch

    @batch.setter
    def batch(self, batch: int) -> None:
        self._batch = batch
        if "sigma" in self._buffers and self.stop:
            self.sigma.fill_(self.std * max(0.0, 1 - batch / self.stop))

    def transform(self, x: Tensor) -> Tensor:
        """Return x + σ ε in training mode, and x as it is in evaluation mode."""
        return x + self.sigma.to(x.dtype) * torch.randn_like(x) if self.training else x


class Packed(Wrapper):
    """Judges several images with one logit: stacked along channels, all real or all generated.

        D(x_1, .., x_m)    (section 2)

    Only the first layer of the inner discriminator grows. Consecutive rows of a batch make a pack, so that the parts
    of a batch that several processes hold keep its packs.

    Lin et al., "PacGAN: The power of two samples in generative adversarial networks", 2018.
    https://arxiv.org/abs/1712.04086

    Args:
        discriminator: Judges m·C channels (of points: m·d features).
        pack: m.
        image_shape: Of one image; given, the inner discriminator is made anew for packs of it.

    Raises:
        ValueError: ``pack`` is smaller than 1, does not divide the inner discriminator's channels, or the inner
            discriminator is conditional; when called, the batch does not divide into packs.
    """

    def __init__(self, discriminator: Discriminator, pack: int = 2, image_shape: Sequence[int] | None = None) -> None:
        check_counts(pack=pack)
        super().__init__(discriminator, image_shape and (pack * image_shape[0], *image_shape[1:]))
        discriminator = self.inner
        channels, *rest = discriminator.image_shape
        if channels % pack:
            raise ValueError(
                f"the discriminator in Packed(pack={pack}) judges {pack} images stacked along channels: its image_shape"
                f" must be {tuple([f'{pack} * channels', *rest])}, got {discriminator.image_shape}".replace("'", "")
            )
        if discriminator.num_classes:
            raise ValueError(
                "the images of a pack share one logit but not one class: the discriminator in Packed must have"
                f" num_classes=0, got {discriminator.num_classes}"
            )
        self.image_shape = (channels // pack, *rest)
        self.stacked = pack
        self.pack = pack * discriminator.pack

    def transform(self, x: Tensor) -> Tensor:
        """Return packs [N/m, m·C, H, W] of images x [N, C, H, W]."""
        if len(x) % self.pack:
            raise ValueError(
                f"a batch of {len(x)} images does not divide into packs of {self.pack}: choose a batch size (and"
                f" accumulate) that leaves a multiple of {self.pack} in every part, and drop the last batch"
            )
        return x.reshape(-1, self.stacked * x.shape[1], *x.shape[2:])


class DiffAugment(Wrapper):
    """Augments all images that D sees in training, at random and differentiably: G is trained through it too.

        L_D, L_G as they are, on D(T(x)) and D(T(G(z)))    (Eqs. 3, 4)

    T is drawn anew for every image. "color" changes brightness, saturation (nothing of a grey image) and contrast;
    "translation" shifts by up to 1/8 of the side; "cutout" blanks a square of half the side, which may stick out.
    As in the paper's code what is shifted in or cut out is 0, mid-grey: on a background of -1 it shows as a frame,
    on real and generated images alike. In evaluation mode D sees the images as they are.

    Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020.
    https://arxiv.org/abs/2006.10738

    Args:
        discriminator: Judges the augmented images. To pack augmented images: ``DiffAugment(Packed(..))``.
        policy: Augmentations in the order in which they are applied, separated by commas.
        image_shape: Of the images; given, the inner discriminator is made anew for it.

    Raises:
        ValueError: a word of ``policy`` is not known, or the discriminator judges points.
    """

    def __init__(
        self,
        discriminator: Discriminator,
        policy: str = "color,translation,cutout",
        image_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(discriminator, image_shape)
        discriminator = self.inner
        if len(discriminator.image_shape) != 3:
            raise ValueError(f"DiffAugment needs a discriminator of images (C, H, W), got {discriminator.image_shape}")
        if isinstance(self.condition, Images):
            raise ValueError("DiffAugment would move an image away from its pair: let D judge images (sees='image')")
        words = [word.strip() for word in policy.split(",")]
        for word in words:
            check_word("every word of policy", word, tuple(AUGMENTATIONS))
        self.steps = [step for word in words for step in AUGMENTATIONS[word]]

    def transform(self, x: Tensor) -> Tensor:
        """Return T(x), of the shape and type of x, in training mode, and x as it is in evaluation mode."""
        if self.training:
            for step in self.steps:
                x = step(x)
        return x


def brightness(x: Tensor) -> Tensor:
    """Add a number from U[-1/2, 1/2] to every image of x, [N, C, H, W]."""
    return x + _uniform(x, -0.5, 0.5)


def saturation(x: Tensor) -> Tensor:
    """Scale the distance of every pixel to its mean over channels by a number from U[0, 2] per image."""
    grey = x.mean(dim=1, keepdim=True)
    return grey + (x - grey) * _uniform(x, 0.0, 2.0)


def contrast(x: Tensor) -> Tensor:
    """Scale the distance of every image to its mean by a number from U[1/2, 3/2]."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * _uniform(x, 0.5, 1.5)


def translation(x: Tensor) -> Tensor:
    """Shift every image by up to 1/8 of its sides in whole pixels, and fill up with 0."""
    down, right = (_integers(x, -_part(side, 8), _part(side, 8)) for side in x.shape[2:])
    return shift(x, down, right)


def cutout(x: Tensor) -> Tensor:
    """Set a rectangle of half the sides to 0 in every image; its middle is anywhere in the image."""
    rows, columns = (_half(x, side) for side in x.shape[2:])
    return x.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0)


AUGMENTATIONS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "color": (brightness, saturation, contrast),
    "translation": (translation,),
    "cutout": (cutout,),
}


def shift(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift image n of x, [N, C, H, W], by down[n] and right[n] pixels, at most 1/8 of its sides; fill with 0."""
    n, c, h, w = x.shape
    v, u = _part(h, 8), _part(w, 8)
    images, channels, rows, columns = (torch.arange(size, device=x.device) for size in (n, c, h, w))
    return F.pad(x, (u, u, v, v))[
        images[:, None, None, None],
        channels[:, None, None],
        (rows + v - down[:, None])[:, None, :, None],
        (columns + u - right[:, None])[:, None, None, :],
    ]


def _uniform(x: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(len(x), 1, 1, 1, dtype=x.dtype, device=x.device)


def _integers(x: Tensor, low: int, high: int) -> Tensor:
    return torch.randint(low, high + 1, (len(x),), device=x.device)


def _part(side: int, n: int) -> int:
    """Return the n-th part of a side in whole pixels, halves rounded up as in the paper's code: 4 of 28 by 8."""
    return int(side / n + 0.5)


def _half(x: Tensor, side: int) -> Tensor:
    """Draw which of ``side`` pixels are in a span of half of them, [N, side].

    The middle of the span is any pixel; if its length is even, any edge of a pixel.
    """
    length = _part(side, 2)
    first = _integers(x, 0, side - length % 2) - length // 2
    behind = torch.arange(side, device=x.device) - first[:, None]
    return (behind >= 0) & (behind < length)
