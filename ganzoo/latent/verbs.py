"""What ``ganzoo encode``, ``interpolate``, ``traverse``, ``arithmetic``, ``edit`` and ``neighbours`` do with a model.

Each writes pictures and the latents behind them to a folder, and returns a line to print.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import torch
from PIL import Image
from torch import Tensor

from ganzoo.inference import Inference, here
from ganzoo.latent.arithmetic import ADVISED, arithmetic, around
from ganzoo.latent.digits import space_with
from ganzoo.latent.drawing import called, decoded, each, save_with, sheet
from ganzoo.latent.inputs import Labels, of_images
from ganzoo.latent.interpolate import path
from ganzoo.latent.neighbours import drawn, nearest_training, write_table
from ganzoo.latent.npz import save_latents
from ganzoo.latent.traverse import (
    Directions,
    code_values,
    dimension_values,
    jacobian_directions,
    principal_directions,
    traverse_code,
    traverse_dimension,
    traverse_direction,
)
from ganzoo.pictures import grid, headed, pairs, save_gif, save_png, sided, tiled
from ganzoo.roles import Classes, Space

Method = Literal["jacobian", "pca"]
DRAWS = {"jacobian": 64, "pca": 4096}  # latents that directions are found with
N_DIRECTIONS = 5


def encode(model: Inference, x: Tensor, out: str | Path, labels: Labels = None) -> str:
    """Write the latents of pictures, and the pictures, each with what its latent decodes to below it.

    Args:
        model: Loaded.
        x: Pictures, [N, C, H, W] in [-1, 1].
        out: Folder.
        labels: One class for all, or one per picture: for a conditional model that does not find them itself, and
            kept as y beside the latents of any.

    Raises:
        ValueError: there is no encoder, or labels are missing or wrong.
    """
    if model.encoder is None:
        model.encode(x)  # says so
    z, y = of_images(model, x, labels if model.generator.num_classes else None)
    save_png(pairs(x, decoded(model, z, y)), Path(out) / "reconstructions.png")
    kept = Classes(1 + max(labels)).check(labels, len(z)) if labels and y is None else y
    save_latents(Path(out) / "latents.npz", z, **({} if kept is None else {"y": torch.as_tensor(kept)}))
    return f"{len(z)} latents in {Path(out) / 'latents.npz'}, what they decode to in reconstructions.png beside it"


def interpolate(
    model: Inference,
    z: Tensor,
    out: str | Path,
    steps: int = 16,
    loop: bool = False,
    fps: int = 16,
    labels: Labels = None,
    names: Sequence[str] = (),
) -> str:
    """Write the way through latents: a GIF, a strip with a row for each pair, and the latents.

    Args:
        model: Loaded.
        z: Latents to pass through, [K, dim].
        out: Folder.
        steps: Steps from one to the next.
        loop: Whether to return to the first.
        fps: Frames per second of the GIF.
        labels: One class for all, or one per latent, for the frames nearest to it; only for a conditional model.
        names: What each latent is called in the picture, such as "seed 3"; by default its row.

    Raises:
        ValueError: fewer than two latents, no step, labels that are wrong, or a model of no pictures.
    """
    if not 1 <= fps <= 50:
        raise ValueError(f"fps must be from 1 to 50, as GIF counts in hundredths of a second, got {fps}")
    way = path(z, steps, model.generator.prior, loop)
    labels = of_frames(model.generator.condition.check(labels, len(z)), len(way), steps)
    images = decoded(model, way, labels)
    closed = torch.cat([images, images[:1]]) if loop else images
    rows = [closed[start : start + steps + 1] for start in range(0, len(closed) - 1, steps)]
    ends = called(names, len(z))
    ways = [f"{ends[i]}\nto {ends[(i + 1) % len(ends)]}" for i in range(len(rows))]
    strip = sided(grid(torch.cat(rows), columns=steps + 1), ways)
    save_gif(frames(images), Path(out) / "interpolation.gif", round(1000 / fps))
    save_png(strip, Path(out) / "interpolation.png")
    save_with(Path(out) / "latents.npz", model, way, labels)
    return f"{len(way)} frames through {len(z)} latents in {Path(out) / 'interpolation.gif'}"


def traverse(
    model: Inference,
    z: Tensor,
    out: str | Path,
    code: str | None = None,
    dims: Sequence[int] = (),
    directions: Method | None = None,
    n: int = 8,
    labels: Labels = None,
    names: Sequence[str] = (),
) -> str:
    """Write a sheet for each walk: a row for each latent, a column for each value.

    Dimensions and directions are those of the space where walks have a meaning: r, behind the channel, of IB-GAN.

    Args:
        model: Loaded.
        z: Latents to walk from, [N, dim].
        out: Folder.
        code: Name of a code of the prior.
        dims: Dimensions of z.
        directions: Find the directions along which images change most, by "jacobian" or "pca". Without code, dims
            and directions: all codes, or "jacobian" where there are none.
        n: Values of a walk, except of a categorical code, which has its classes.
        labels: One class for all, or one per latent; only for a conditional model.
        names: What each latent is called in the picture, such as "seed 3"; by default its row.

    Raises:
        ValueError: there is no such code or dimension, or labels are wrong.
    """
    start, folder = z, Path(out)
    space = model.generator.spaces[model.generator.walk_space]
    z, prior = here(space, z), space.prior
    codes = {c.name: c for c in prior.codes}
    chosen = [code] if code else [] if dims or directions else list(codes)
    if code and code not in codes:
        raise ValueError(f"this model's prior has no code {code!r}: it has {', '.join(codes) or 'none'}")
    values = {name: code_values(codes[name], n) for name in chosen}
    sheets = {name: traverse_code(z, codes[name], values[name]) for name in chosen}
    values |= {f"dim{i}": dimension_values(prior, i, n) for i in dims}
    sheets |= {f"dim{i}": traverse_dimension(z, i, values[f"dim{i}"]) for i in dims}
    method = directions or ("jacobian" if not sheets else None)
    found = None
    if method:
        found = strongest(space, method, labels)
        strengths = dimension_values(prior, n=n)
        numbered = {f"{method}{i}": v for i, v in enumerate(found.vectors)}
        sheets |= {name: traverse_direction(z, v, strengths) for name, v in numbered.items()}
        values |= dict.fromkeys(numbered, strengths)
    rows = called(names, len(z))
    pictures = {name: sided(sheet(space, walk, labels, name), rows, values[name]) for name, walk in sheets.items()}
    for name, picture in pictures.items():
        save_png(picture, folder / f"{name}.png")
    if found:
        numbers = torch.arange(len(found.vectors))
        save_latents(folder / "directions.npz", found.vectors, eigenvalues=found.values, y=numbers)
    save_with(folder / "latents.npz", model, start, labels)
    return f"{', '.join(sheets)}: {len(z)} rows each in {folder}"


def add(
    model: Inference,
    plus: Sequence[Tensor],
    minus: Sequence[Tensor],
    out: str | Path,
    labels: Labels = None,
    titles: Sequence[str] = (),
) -> str:
    """Write Σ mean(plus) - Σ mean(minus): the result in the middle of eight others around it, and the terms.

    Args:
        model: Loaded.
        plus: Latents of the exemplars of each positive term, [n, dim].
        minus: Of each negative term.
        out: Folder.
        labels: One class for all; only for a conditional model.
        titles: What each term is called in the picture, such as "seeds 1,2,3"; by default its number.

    Raises:
        ValueError: no positive term, a term that is empty or of another size, or labels that are wrong.
    """
    z = arithmetic(plus, minus)
    near = around(z)
    square = torch.cat([near[:4], z[None], near[4:]])
    terms = torch.cat([torch.stack([term.mean(dim=0) for term in (*plus, *minus)]), z[None]])
    folder = Path(out)
    images, means = decoded(model, square, labels), decoded(model, terms, labels)
    near_by = [
        headed(grid(image[None], gap=0, cell=96), ["sum" if i == 4 else "sum + noise"])
        for i, image in enumerate(images)
    ]
    save_png(tiled(near_by, columns=3), folder / "arithmetic.png")
    titles = titles or [f"term {i}" for i in (*range(1, 1 + len(plus)), *range(1, 1 + len(minus)))]
    signs = "+" * len(plus) + "-" * len(minus)
    words = [*(f"{sign} mean of\n{title}" for sign, title in zip(signs, titles, strict=True)), "= sum"]
    save_png(headed(grid(means, columns=len(terms), cell=96), words), folder / "terms.png")
    save_with(folder / "latents.npz", model, z[None], labels)
    fewest = min(len(term) for term in (*plus, *minus))
    advice = f"; a term has only {fewest}: take {ADVISED} exemplars or more" if fewest < ADVISED else ""
    return f"{len(plus)} terms less {len(minus)} in {folder / 'arithmetic.png'}{advice}"


def edit(
    model: Inference,
    z: Tensor,
    direction: Tensor,
    strengths: Sequence[float],
    out: str | Path,
    labels: Labels = None,
    names: Sequence[str] = (),
) -> str:
    """Write z + α q: a row for each latent, a column for each strength α; the edited latents; and q.

    Args:
        model: Loaded.
        z: Latents, [N, dim].
        direction: q, [dim]; or one of another space, as ``traverse`` finds them: of IB-GAN r is edited, and kept
            in r.npz.
        strengths: The α.
        out: Folder.
        labels: One class for all, or one per latent; only for a conditional model.
        names: What each latent is called in the picture, such as "seed 3"; by default its row.

    Raises:
        ValueError: the direction is zero or has another size than z, there are no strengths, or labels are wrong.
    """
    if not direction.any():
        raise ValueError("the direction is zero: give latents with and without the attribute that differ")
    space = space_with(model, len(direction))
    z = here(space, z)
    walk, folder = traverse_direction(z, direction, strengths), Path(out)
    picture = sided(sheet(space, walk, labels, "editing"), called(names, len(z)), strengths)
    save_png(picture, folder / "edit.png")
    name = "latents.npz" if space.name == "z" else f"{space.name}.npz"
    save_with(folder / name, model, walk.flatten(0, 1), each(model, walk, labels))
    save_latents(folder / "direction.npz", direction[None])
    return f"{len(z)} latents at {len(strengths)} strengths in {folder / 'edit.png'}"


def neighbours(
    model: Inference,
    z: Tensor,
    training: Tensor,
    out: str | Path,
    labels: Labels = None,
    columns: int = 8,
    names: Sequence[str] = (),
    classes: Tensor | None = None,
) -> str:
    """Write the images of latents, each with the training image nearest to it, by pixels, to its right; and a table.

    Above the images, in the table, and beside the latents stand the distance in pixels from -1 to 1, and the number of
    the neighbour.

    Args:
        model: Loaded.
        z: Latents, [N, dim].
        training: Images, uint8 or in [-1, 1], [M, C, H, W].
        out: Folder.
        labels: One class for all, or one per latent; only for a conditional model.
        columns: Pairs in a row.
        names: What each latent is called in the picture, such as "seed 3"; by default its row.
        classes: Labels of the training images, [M], for the table.

    Raises:
        ValueError: training images of another shape, or labels that are wrong.
    """
    found, names = nearest_training(decoded(model, z, labels), training), called(names, len(z))
    file = save_png(drawn(found, names, columns), Path(out) / "neighbours.png")
    write_table(file.with_suffix(".csv"), found, names, classes)
    save_with(Path(out) / "latents.npz", model, z, labels, distance=found.distance, neighbour=found.at)
    copies = int((found.distance == 0).sum())
    return f"{len(z)} samples in {file}, the nearest of {len(training)} beside them; exact copies: {copies}"


def frames(images: Tensor) -> Iterator[Image.Image]:
    """Yield each of the images [N, C, H, W] in [-1, 1] as a picture of about 256 pixels."""
    return (grid(image[None], columns=1, gap=0, cell=256) for image in images)


def strongest(space: Space, method: Method, labels: Labels) -> Directions:
    """Return the strongest directions at the first draws from the prior; of a conditional G those of one class."""
    z = space.prior.seeded(range(DRAWS[method]))
    own = labels[:1] if labels else None
    k = min(N_DIRECTIONS, z.shape[1])
    if method == "jacobian":
        return jacobian_directions(space, z, k, own)
    return principal_directions(z, decoded(space, z, own).float(), k)


def of_frames(y: Tensor | None, n: int, steps: int) -> list[int] | None:
    """Return the label of the nearest latent for each of n frames."""
    if y is None:
        return None
    return [int(y[(frame + steps // 2) // steps % len(y)]) for frame in range(n)]
