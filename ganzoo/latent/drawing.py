"""Drawing latents, and writing them with the classes that the model was told."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from ganzoo.inference import Inference, decode, space_of
from ganzoo.latent.inputs import Labels, in_blocks
from ganzoo.latent.npz import save_latents
from ganzoo.pictures import grid
from ganzoo.roles import Space


def sheet(space: Space, walk: Tensor, labels: Labels, name: str) -> Image.Image:
    """Return the pictures of a walk [N, V, dim], a row for each latent."""
    return grid(decoded(space, walk.flatten(0, 1), each(space, walk, labels), name), columns=walk.shape[1])


def called(names: Sequence[str], n: int) -> list[str]:
    """Return names of n latents, by default their rows."""
    return list(names) or [f"row {i}" for i in range(n)]


def each(place: Inference | Space, walk: Tensor, labels: Labels) -> list[int] | None:
    """Return labels of all latents of a walk [N, V, dim] that belong to its rows."""
    y = space_of(place).generator.condition.check(labels, len(walk))
    return None if y is None else y.repeat_interleave(walk.shape[1]).tolist()


def decoded(place: Inference | Space, z: Tensor, labels: Labels, name: str = "decoding") -> Tensor:
    """Return the images of latents, on the CPU."""
    space = space_of(place)
    return in_blocks(lambda u, y: decode(space, u, y), z, space.generator.condition.check(labels, len(z)), name)


def save_with(file: Path, model: Inference, z: Tensor, labels: Labels, **extra: Tensor) -> None:
    """Write latents, and the classes that the model is told."""
    y = model.generator.condition.check(labels, len(z))
    save_latents(file, z, **extra, **({} if y is None else {"y": y}))
