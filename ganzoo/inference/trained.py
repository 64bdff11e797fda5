"""Using trained networks: images of seeds, latents of images, images of latents."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from ganzoo.inference.blocks import decode, encode, images_of, sample_seeds
from ganzoo.inference.translations import translated
from ganzoo.priors import Code, which_seeds
from ganzoo.roles import Classes, Encoder, Generator, Given, Images


class Inference:
    """Trained networks by their names, ready to be used: a generator, and what else there is.

    Args:
        networks: In evaluation mode. "generator" is G; "encoder" E: images -> latents; "labeller" E_y: images ->
            logits of the classes that G is told; others are kept.

    Raises:
        ValueError: there is no generator.
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        G = networks.get("generator")
        if not isinstance(G, Generator):
            raise ValueError(f"generator must inherit from ganzoo.roles.Generator, got {type(G).__name__}")
        self.networks = dict(networks)

    @property
    def generator(self) -> Generator:
        """G."""
        G = self.networks["generator"]
        assert isinstance(G, Generator)
        return G

    @property
    def encoder(self) -> Encoder | None:
        """What encodes, if anything does: E, or E over G if it improves its answer in steps."""
        E = self.networks.get("encoder")
        return E.over(self.generator) if isinstance(E, Encoder) else None

    @property
    def labeller(self) -> Encoder | None:
        """E_y, if there is one."""
        E_y = self.networks.get("labeller")
        return E_y if isinstance(E_y, Encoder) else None

    def __call__(self, z: Tensor, condition: Given = None) -> Tensor:
        """Return G(z), [N, C, H, W] in [-1, 1]: the images of ``decode``, differentiable with respect to z."""
        return images_of(self.generator, z, condition)

    def sample(
        self,
        n: int | None = None,
        seed: int | None = None,
        condition: Given = None,
        *,
        seeds: Sequence[int] | None = None,
        generator: torch.Generator | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """Return images, [n, C, H, W] in [-1, 1], in the precision of the networks.

        Seed i is the same image, to the last bit, alone, in a range, in a list and on any batch size.

        Args:
            n: How many.
            seed: The first of ``n`` consecutive seeds; by default 0.
            condition: What G is told: a class, or an image to translate; one for all, or one for each.
            seeds: In place of n and seed: the seeds themselves, such as [3, 7].
            generator: In place of seeds: a random generator of torch, from which ``n`` latents are drawn.
            truncation: ψ: z becomes ψ z if the prior is ``Normal``, see ``Normal.truncated``; 1: none.
        """
        G = self.generator
        if generator is None:
            return sample_seeds(G, which_seeds(n, seed, seeds), condition, truncation)
        if not isinstance(generator, torch.Generator):
            raise ValueError(f"generator must be a torch.Generator, got {generator}: a number is given as seed=")
        if seed is not None or seeds is not None:
            raise ValueError(f"generator draws the latents: leave out seed and seeds, got seed={seed}, seeds={seeds}")
        z = G.prior.sample(len(which_seeds(n, None, None)), generator.device, generator)
        return self.decode(z if truncation == 1 else G.prior.truncated(z, truncation), condition)

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """Return the latents z of seeds ``seed`` to ``seed + n - 1``, [n, dim]."""
        return self.generator.prior.seeded(which_seeds(n, seed, None))

    def encode(self, x: Tensor, condition: Given = None) -> Tensor:
        """Return the latents z, [N, dim], of images x in [-1, 1].

        Args:
            x: Images.
            condition: Classes of the images, which only a conditional E is told; None: as the labeller says.

        Raises:
            ValueError: there is no encoder, or x or the classes are not what it takes, such as pixels up to 255.
        """
        if self.encoder is None:
            raise ValueError(
                "this model has no encoder: `ganzoo invert` (ganzoo.latent.invert) needs none; ImageEncoder makes one"
            )
        check_pixels(x)
        return encode(self.encoder, x, self.classes(x, condition) if self.encoder.num_classes else None)

    def decode(self, z: Tensor, condition: Given = None) -> Tensor:
        """Return the images of latents z, [N, C, H, W] in [-1, 1]."""
        return decode(self.generator, z, condition)

    def classify(self, x: Tensor) -> Tensor:
        """Return the classes, int64 [N], of images x in [-1, 1].

        Raises:
            ValueError: there is no labeller, or x is not what it takes.
        """
        if self.labeller is None:
            raise ValueError("this model names no classes: use IcGAN")
        return encode(self.labeller, x).argmax(dim=1)

    def reconstruct(self, x: Tensor, condition: Given = None) -> Tensor:
        """Return G(E(x)), [N, C, H, W] in [-1, 1].

        The condition is told to G, and to a conditional E. Where a labeller names the classes, it is told to G alone:
        another class than that of x edits the image, G(E_z(x, E_y(x)), y').
        """
        found = self.classes(x, None if self.labeller else condition)
        return self.decode(self.encode(x, found), found if condition is None else condition)

    def classes(self, x: Tensor, given: Given) -> Given:
        """Return what is given; without it the classes that the labeller finds, if there is one."""
        return self.classify(x) if given is None and self.labeller is not None else given

    def translate(self, x: Tensor, seed: int | None = 0) -> Tensor:
        """Return what G makes of images, [N, C, H, W] in [-1, 1], each as it would be alone.

        Args:
            x: Images [N, C', H, W] in [-1, 1], of any height and width.
            seed: Of what is random in G, such as dropout: the same for each image; None: nothing is.

        Raises:
            ValueError: G translates nothing, or x is not what it takes, such as pixels up to 255.
        """
        check_pixels(x)
        return translated(self.generator, x, seed)

    def translate_back(self, y: Tensor, seed: int | None = 0) -> Tensor:
        """Return what the generator of the way back makes of images; the arguments as in ``translate``.

        Raises:
            ValueError: there is no way back, or y is not what it takes.
        """
        F = self.networks.get("generator_back")
        if not isinstance(F, Generator):
            raise ValueError("this model has no way back: CycleGAN has one, or train one the other way round")
        check_pixels(y)
        return translated(F, y, seed)

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes of the prior: their names, where they stand in z, and their ranges."""
        return self.generator.prior.codes

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move the networks to a device or a precision, as torch's modules are, and return itself."""
        for network in self.networks.values():
            network.to(*args, **kwargs)
        return self

    def half(self) -> Self:
        """Let the networks, and so what they return, be float16."""
        return self.to(torch.float16)

    def bfloat16(self) -> Self:
        """Let the networks, and so what they return, be bfloat16."""
        return self.to(torch.bfloat16)

    def __repr__(self) -> str:
        return self.about(type(self).__name__)

    def about(self, title: str) -> str:
        """Return a few lines: what the networks make, of what, and how large they are."""
        G = self.generator
        told = {Classes: f" of {G.num_classes} classes", Images: " made of images"}.get(type(G.condition), "")
        lines = [f"{title}: images {G.image_shape}{told}, z of {G.prior}"]
        for name, net in self.networks.items():
            lines.append(f"  {name}: {type(net).__name__}, {sum(p.numel() for p in net.parameters()):,} parameters")
        return "\n".join(lines)


def check_pixels(x: Tensor) -> None:
    """Check that floats are such as images have.

    Raises:
        ValueError: some are far outside [-1, 1], or nan.
    """
    if x.ndim == 4 and x.is_floating_point() and not bool((x.abs() <= 2).all()):
        raise ValueError("images must be in [-1, 1], got others or nan: of 8 bits take x / 127.5 - 1")
