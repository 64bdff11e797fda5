"""Using trained networks: images of seeds, latents of images, images of latents."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn

from ganzoo.priors import Code, which_seeds
from ganzoo.roles import Classes, Condition, Encoder, Generator, Given, Images, Space, check_images, told

BLOCK = 16  # rows of every call of a network, so that a row's result does not depend on the rows beside it


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
        if x.ndim == 4 and x.is_floating_point() and not bool((x.abs() <= 2).all()):
            raise ValueError("images must be in [-1, 1], got others or nan: of 8 bits take x / 127.5 - 1")
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


@torch.no_grad()
def sample_seeds(
    generator: Generator, seeds: Sequence[int], condition: Given = None, truncation: float = 1.0
) -> Tensor:
    """Return the images of seeds, [len(seeds), *image_shape] in [-1, 1].

    The image of a seed is bitwise the same alone, in any company and on any number of processes: latents are a function
    of the seed, and the network always sees whole blocks of ``BLOCK`` rows, in which a seed has its place.

    Args:
        generator: In evaluation mode.
        seeds: In any order; consecutive ones fill blocks best.
        condition: One value for all, or one per seed; only for a conditional generator.
        truncation: ψ, see ``Prior.truncated``; 1: none.

    Raises:
        ValueError: the condition is missing, superfluous, out of range or too short, or the prior has no truncation.
    """
    y = generator.condition.check(condition, len(seeds))
    z = generator.prior.seeded(seeds)
    z = z if truncation == 1 else generator.prior.truncated(z, truncation)
    rows = places(seeds)
    taken = torch.zeros((max(rows, default=-1) // BLOCK + 1) * BLOCK, dtype=torch.long)  # of rows left over the first
    taken[rows] = torch.arange(len(seeds))
    y = None if y is None else y[taken]
    return whole_blocks(generator, z[taken], y, generator, generator.image_shape)[rows]


def places(seeds: Sequence[int]) -> list[int]:
    """Return a row for each seed: row i mod ``BLOCK`` of the first block where it is free."""
    rows, used = [], [0] * BLOCK
    for seed in seeds:
        row = seed % BLOCK
        rows.append(used[row] * BLOCK + row)
        used[row] += 1
    return rows


@torch.no_grad()
def encode(encoder: Encoder, x: Tensor, condition: Given = None) -> Tensor:
    """Return the latents z, [N, dim], of images x [N, *image_shape] in [-1, 1], on the device of the encoder.

    Args:
        encoder: In evaluation mode.
        x: Images.
        condition: One class for all, or one per image; only for a conditional encoder.

    Raises:
        ValueError: the images have another shape or are no floats, or classes are missing, superfluous or too few.
    """
    check_images(x, encoder.image_shape)
    return whole_blocks(encoder, x, encoder.condition.check(condition, len(x), "encoder"), encoder, (encoder.dim,))


@torch.no_grad()
def decode(place: Generator | Inference | Space, u: Tensor, condition: Given = None) -> Tensor:
    """Return ``images_of`` latents, without a gradient."""
    return images_of(place, u, condition)


def images_of(place: Generator | Inference | Space, u: Tensor, condition: Given = None) -> Tensor:
    """Return the images [N, *image_shape] in [-1, 1] of latents [N, dim], on the device of the generator.

    Args:
        place: The generator, whose latents are z, or another of its spaces. In evaluation mode.
        u: Latents there.
        condition: One value for all, or one per latent; only for a conditional generator.
    """
    space = space_of(place)
    check_latents(space, u)
    G = space.generator
    return whole_blocks(space.make, u, G.condition.check(condition, len(u)), G, G.image_shape)


def placed(y: Tensor, like: Tensor) -> Tensor:
    """Return what G is told where its weights are, images in their precision."""
    return y.to(like) if y.is_floating_point() else y.to(like.device)


def whole_blocks(
    call: Callable[..., Tensor], rows: Tensor, y: Tensor | None, network: Generator | Encoder, shape: Sequence[int]
) -> Tensor:
    """Return what ``call`` makes of rows, a whole block at a time: the last is filled up, and the filling thrown away.

    So a row has the same result alone and in company, to the last bit, with one exception: where a layer has at most 10
    outputs, and a number of inputs that 4 does not divide, some CPUs round a row by where it stands in memory.

    Args:
        call: The network, or a part of it.
        rows: [N, ...].
        y: What it is told, a value for each row, or None.
        network: Whose weights say on which device and in which precision to work.
        shape: Of one result.
    """
    like = next(network.parameters(), torch.zeros(0))
    parts = []
    for start in range(0, len(rows), BLOCK):
        part, own = rows[start : start + BLOCK], None if y is None else y[start : start + BLOCK]
        n = len(part)
        if n < BLOCK:
            part = torch.cat([part, part.new_zeros(BLOCK - n, *part.shape[1:])])
            own = None if own is None else torch.cat([own, filler(network.condition, BLOCK - n, own)])
        if own is not None:
            own = placed(own, like)
        parts.append(told(call, part.to(like), own)[:n])
    return torch.cat(parts) if parts else like.new_empty(0, *shape)


def filler(condition: Condition, n: int, like: Tensor) -> Tensor:
    """Return ``n`` values that mean nothing, of the kind of those that mean something."""
    blank = condition.blank(n)
    assert blank is not None
    return blank.to(like)


def space_of(place: Generator | Inference | Space) -> Space:
    """Return a space as it is, and of a generator or a model z."""
    G = place.generator if isinstance(place, Inference) else place
    return G.spaces["z"] if isinstance(G, Generator) else G


@torch.no_grad()
def here(space: Space, z: Tensor, condition: Given = None) -> Tensor:
    """Return the latents of a space, [N, dim], that latents z lead to, where the condition has a say in it."""
    check_latents(space.generator.spaces["z"], z)
    G = space.generator
    y = None if condition is None else G.condition.check(condition, len(z))
    return whole_blocks(space.of, z, y, G, (space.prior.dim,))


def check_latents(space: Space, u: Tensor) -> None:
    """Check that latents are of the size of a space.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(u, Tensor):
        raise ValueError(f"expected latents [N, {space.prior.dim}], got {u}: the images of seeds are sample(16)")
    if u.ndim != 2 or u.shape[1] != space.prior.dim:
        raise ValueError(f"expected latents [N, {space.prior.dim}], got {list(u.shape)}")
