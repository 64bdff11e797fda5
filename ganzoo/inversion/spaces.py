"""Places behind z in which more images can be said than G has z for: maps of a layer, and several codes."""

from typing import Any

import torch
from torch import Tensor

from ganzoo.inference import BLOCK
from ganzoo.priors import Normal
from ganzoo.roles import Generator, Space, told

CLOSE = 1e-4  # the most by which a pixel may change when a map is taken out and put back
CODES = 256  # the most that are mixed: each is a call of the layers before


class Layer:
    """A layer of G whose output, [N, *shape], can be read and replaced.

    Args:
        G: In evaluation mode.
        name: Of the layer, as ``named_modules`` has it, such as ``body.3``.

    Raises:
        ValueError: there is no such layer, or its output is not all that the image is made of.
    """

    def __init__(self, G: Generator, name: str) -> None:
        names = [own for own, _ in G.named_modules() if own]
        if name not in names:
            raise ValueError(f"{type(G).__name__} has no layer {name!r}: it has {', '.join(names)}")
        self.G, self.name, self.module = G, name, G.get_submodule(name)
        with torch.no_grad():
            z, y = G.prior.seeded(range(BLOCK)), G.condition.blank(BLOCK)
            like = next(G.parameters(), z)
            z, y = z.to(like), y if y is None else y.to(like.device)
            out = self.read(z, y)
            self.shape = tuple(out.shape[1:])
            change = (self.replaced(out, y) - told(G, z, y)).abs().max()
        if not change <= CLOSE:
            raise ValueError(f"layer {name!r} is not all that the image is made of: what passes it by would be lost")

    def read(self, z: Tensor, y: Tensor | None) -> Tensor:
        """Return the output of the layer, [N, *shape].

        Raises:
            ValueError: it is no tensor, or the layer is not called.
        """
        seen: list[Tensor] = []
        hook = self.module.register_forward_hook(lambda _, __, out: seen.append(copied(out)))
        try:
            told(self.G, z, y)
        finally:
            hook.remove()
        if len(seen) != 1 or not isinstance(seen[0], Tensor) or len(seen[0]) != len(z):
            raise ValueError(f"layer {self.name!r} has no output of its own, one for each image")
        return seen[0]

    def replaced(self, out: Tensor, y: Tensor | None) -> Tensor:
        """Return the images that are made of an output of the layer."""
        z = out.new_zeros(len(out), self.G.prior.dim)
        hook = self.module.register_forward_hook(lambda _, __, ___: out.clone())  # the next layer may work in place
        try:
            return told(self.G, z, y)
        finally:
            hook.remove()


def copied(out: Any) -> Any:
    """Return a copy of a tensor, which the next layer may change in place; anything else as it is."""
    return out.clone() if isinstance(out, Tensor) else out


def maps(G: Generator, layer: str) -> Space:
    """Return the space of the outputs of a layer of G: u, [N, C h w].

    GAN Dissection and "Seeing what a GAN cannot generate" invert layers. Bau et al., 2019.
    https://arxiv.org/abs/1910.11626

    Raises:
        ValueError: see ``Layer``.
    """
    at = Layer(G, layer)
    size = torch.Size(at.shape).numel()

    def of(z: Tensor, y: Tensor | None = None) -> Tensor:
        return at.read(z, y).flatten(1)

    def make(u: Tensor, y: Tensor | None = None) -> Tensor:
        return at.replaced(u.unflatten(1, at.shape), y)

    return Space(G, f"maps:{layer}", Normal(size), of=of, make=make)


def several(G: Generator, layer: str, K: int = 8) -> Space:
    """Return the space of K codes whose maps are mixed behind a layer, channel by channel.

        x = G₂(Σ_k α_k ⊙ G₁(z_k)),    u = [z_1 .. z_K, α_1 .. α_K],    z_k of dim numbers, α_k of C

    A latent z becomes z_1 with α_1 = 1, beside draws whose α is 0: the same image.
    Gu et al., "Image Processing Using Multi-Code GAN Prior", 2020, Eq. 2. https://arxiv.org/abs/1912.07116

    Differs from the paper: α starts at (1, 0, .., 0), so that the image starts as that of z.

    Raises:
        ValueError: K is not from 2 to ``CODES``, or see ``Layer``.
    """
    if not 2 <= K <= CODES:
        raise ValueError(f"several codes are from 2 to {CODES}, got {K}")
    at, dim = Layer(G, layer), G.prior.dim
    channels = at.shape[0]
    others = 0.3 * G.prior.seeded(range(1, K)).flatten()

    def of(z: Tensor, y: Tensor | None = None) -> Tensor:
        alpha = z.new_zeros(len(z), K, channels)
        alpha[:, 0] = 1
        return torch.cat([z, others.to(z).expand(len(z), -1), alpha.flatten(1)], dim=1)

    def make(u: Tensor, y: Tensor | None = None) -> Tensor:
        codes = u[:, : K * dim].unflatten(1, (K, dim))
        alpha = u[:, K * dim :].reshape(len(u), K, channels, *[1] * (len(at.shape) - 1))
        mixed = sum(alpha[:, k] * at.read(codes[:, k], y) for k in range(K))
        assert isinstance(mixed, Tensor)
        return at.replaced(mixed, y)

    return Space(G, f"codes:{layer}:{K}", Normal(K * (dim + channels)), of=of, make=make)


def named(G: Generator, name: str) -> Space:
    """Return a space by its name: one of G's own, ``maps:LAYER`` or ``codes:LAYER:K``.

    Raises:
        ValueError: there is none.
    """
    kind, _, rest = name.partition(":")
    if kind == "maps" and rest:
        return maps(G, rest)
    layer, _, count = rest.rpartition(":")
    if kind == "codes" and layer and count.isdecimal():
        return several(G, layer, int(count))
    if name not in G.spaces:
        raise ValueError(f"no space {name!r}: there are {', '.join(G.spaces)}, maps:LAYER and codes:LAYER:K")
    return G.spaces[name]
