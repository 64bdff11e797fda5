"""Using trained networks: images of seeds, latents of images, images of latents."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ganzoo.priors import Code, check_seed
from ganzoo.roles import Condition, Encoder, Generator, Given, Space, check_images, told

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
        """E, if there is one."""
        E = self.networks.get("encoder")
        return E if isinstance(E, Encoder) else None

    @property
    def labeller(self) -> Encoder | None:
        """E_y, if there is one."""
        E_y = self.networks.get("labeller")
        return E_y if isinstance(E_y, Encoder) else None

    def sample(self, n: int, seed: int = 0, condition: Given = None) -> Tensor:
        """Return the images of seeds ``seed`` to ``seed + n - 1``, [n, C, H, W] in [-1, 1].

        Seed i is the same image alone, in a range and on any batch size.

        Args:
            n: How many.
            seed: The first.
            condition: What G is told: a class, or an image to translate; one for all, or one for each.
        """
        return sample_seeds(self.generator, seed_range(n, seed), condition)

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """Return the latents z of seeds ``seed`` to ``seed + n - 1``, [n, dim]."""
        return self.generator.prior.seeded(seed_range(n, seed))

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
                "this model has no encoder: BiGAN, VAE and others have one; ImageEncoder makes one for this G"
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

    def to(self, device: torch.device | str) -> "Inference":
        """Move the networks to ``device`` and return itself."""
        for network in self.networks.values():
            network.to(device)
        return self


def seed_range(n: int, seed: int) -> range:
    """Return the ``n`` seeds from ``seed`` on.

    Raises:
        ValueError: ``n`` is negative, or ``seed`` is out of range.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    return range(check_seed(seed), seed + n)


@torch.no_grad()
def sample_seeds(generator: Generator, seeds: range, condition: Given = None) -> Tensor:
    """Return the images of consecutive seeds, [len(seeds), *image_shape] in [-1, 1].

    The image of a seed is bitwise the same alone, in any range and on any number of processes: latents are a
    function of the seed, and the network always sees whole, aligned blocks of ``BLOCK`` seeds.

    Args:
        generator: In evaluation mode.
        seeds: Consecutive seeds, step 1.
        condition: One value for all, or one per seed; only for a conditional generator.

    Raises:
        ValueError: the condition is missing, superfluous, out of range or too short.
    """
    y = generator.condition.check(condition, len(seeds))
    early, late = seeds.start % BLOCK, -seeds.stop % BLOCK  # other seeds of the first and of the last block
    if len(seeds) == 0:
        return whole_blocks(generator, generator.prior.seeded([]), y, generator, generator.image_shape)
    z = generator.prior.seeded(range(seeds.start - early, seeds.stop + late))
    if y is not None:
        y = torch.cat([filler(generator.condition, early, y), y, filler(generator.condition, late, y)])
    return whole_blocks(generator, z, y, generator, generator.image_shape)[early : early + len(seeds)]


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
    """Return the images [N, *image_shape] in [-1, 1] of latents [N, dim], on the device of the generator.

    Args:
        place: The generator, whose latents are z, or another of its spaces. In evaluation mode.
        u: Latents there.
        condition: One value for all, or one per latent; only for a conditional generator.

    Raises:
        ValueError: the latents have another size, or the condition is missing, superfluous or too short.
    """
    space = space_of(place)
    check_latents(space, u)
    G = space.generator
    return whole_blocks(space.make, u, G.condition.check(condition, len(u)), G, G.image_shape)


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
            own = own.to(like) if own.is_floating_point() else own.to(like.device)
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
def here(space: Space, z: Tensor) -> Tensor:
    """Return the latents of a space that latents z lead to."""
    check_latents(space.generator.spaces["z"], z)
    return space.of(z.to(next(space.generator.parameters(), z)))


def check_latents(space: Space, u: Tensor) -> None:
    """Check that latents are of the size of a space.

    Raises:
        ValueError: they are not.
    """
    if u.ndim != 2 or u.shape[1] != space.prior.dim:
        raise ValueError(f"expected latents [N, {space.prior.dim}], got {list(u.shape)}")
