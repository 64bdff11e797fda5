"""An encoder that looks at what the generator makes of its answer, and improves it."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ganzoo.networks.image_shape import for_images
from ganzoo.networks.layers import check_counts
from ganzoo.roles import Encoder, Generator, told


class Refiner(Encoder):
    """E that sees an image beside G's, stacked along channels, and says by how much to change the latent.

        z_0 = s,    z_{t+1} = z_t + E([x, G(z_t)]),    t = 0 .. T-1

    s is ``Prior.start``: where nothing is known of the image. Only the first layer of the inner encoder grows. The
    network itself is called with pairs; ``over`` a generator it is an encoder of images, which takes all T steps.

    Alaluf et al., "ReStyle: A Residual-Based StyleGAN Encoder via Iterative Refinement", 2021.
    https://arxiv.org/abs/2104.02699

    Args:
        encoder: Sees 2 C channels (of points: 2 d features); deterministic.
        steps: T; the paper has 5.
        image_shape: Of one image; given, the inner encoder is made anew for pairs of it.

    Raises:
        ValueError: ``steps`` is smaller than 1, the inner encoder sees an odd number of channels or has a
            distribution; when called, the images are no pairs.
    """

    def __init__(self, encoder: Encoder, steps: int = 5, image_shape: Sequence[int] | None = None) -> None:
        check_counts(steps=steps)
        if encoder.steps:
            raise ValueError("Refiner wraps an encoder of images, not another Refiner: give the encoder in it")
        encoder = for_images(encoder, image_shape and (2 * image_shape[0], *image_shape[1:]))
        channels, *rest = encoder.image_shape
        if channels % 2:
            raise ValueError(
                "the encoder in Refiner sees two images stacked along channels: its image_shape must be"
                f" {tuple(['2 * channels', *rest])}, got {encoder.image_shape}".replace("'", "")
            )
        if encoder.posterior != "point":
            raise ValueError(f"the encoder in Refiner must have posterior='point', got {encoder.posterior!r}")
        super().__init__((channels // 2, *rest), encoder.dim, num_classes=encoder.num_classes)
        self.inner, self.steps = encoder, steps

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the change of z, [N, dim], for pairs x, [N, 2 C, H, W], and labels y [N]."""
        if tuple(x.shape[1:]) != self.inner.image_shape:
            raise ValueError(
                f"Refiner compares images with G's: of images {list(x.shape)} alone take model.encode(x), or"
                " encoder.over(generator)(x)"
            )
        return self.inner.numbers(x, y)

    def change(self, x: Tensor, seen: Tensor, y: Tensor | None = None) -> Tensor:
        """Return E([x, G(z)]), [N, dim], of images x and G(z), [N, C, H, W], and labels y [N]."""
        return told(self, torch.cat([x, seen], dim=1), y)

    def over(self, generator: Generator) -> Encoder:
        """Return the encoder of images that takes all steps."""
        return _Refined(self, generator)


class _Refined(Encoder):
    """A refiner and its generator: images, and classes if one of the two is told them -> z_T.

    G is no part of it: its weights are neither moved nor counted with E's.
    """

    def __init__(self, refiner: Refiner, generator: Generator) -> None:
        super().__init__(refiner.image_shape, refiner.dim, num_classes=refiner.num_classes or generator.num_classes)
        self.refiner, self.steps = refiner, refiner.steps
        self.G = (generator,)  # in a tuple, where torch does not look for weights

    def numbers(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Return z_T, [N, dim], of images x [N, *image_shape] and labels y [N]."""
        E, (G,) = self.refiner, self.G
        z = G.prior.start().to(x).expand(len(x), -1)
        for _ in range(E.steps):
            z = z + E.change(x, told(G, z, y if G.num_classes else None), y if E.num_classes else None)
        return z
