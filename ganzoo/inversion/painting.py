"""What ``ganzoo paint`` does with a model, a photo and strokes: candidates, and the photo edited at its own size."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ganzoo.files import write_arrays, write_json
from ganzoo.inference import Inference, decode
from ganzoo.inversion.brush import Edited, brush
from ganzoo.inversion.flow import carry
from ganzoo.inversion.inverter import Auto, invert
from ganzoo.inversion.losses import Loss
from ganzoo.inversion.solvers import LBFGS
from ganzoo.inversion.starts import Encoded, Nearest
from ganzoo.inversion.strokes import Colour, Shape
from ganzoo.photos import channels_for, middle_of, read_images, read_stroke, read_whole
from ganzoo.pictures import GROUND, grid, headed, save_images, save_png
from ganzoo.roles import Classes, Given

SHOWN = 8  # candidates on the sheet
SIDE = 96  # of a picture there


@dataclass(frozen=True)
class How:
    """How strokes are meant.

    Args:
        kind: "colour": pixels shall be as painted; "shape": edges shall be those of what is painted.
        stay: Weight of staying near the photo's latent.
        candidates: How many.
        steps: Of the solver.
        seed: Of the candidates' starts.
    """

    kind: str
    stay: float
    candidates: int
    steps: int
    seed: int


def write_painting(
    model: Inference, photo: str | Path, stroke: str | Path, out: str | Path, how: How, condition: Given | Auto = None
) -> str:
    """Write candidates for a painted photo, the photo edited at its own size, and numbers; return a line to print.

    Args:
        model: Loaded.
        photo: Picture, cut to the middle and resized for the model.
        stroke: Picture of the photo's size, transparent where nothing is painted, or else equal to the photo there.
        out: Folder.
        how: How the strokes are meant.
        condition: Class of the photo; "auto": it is looked for.

    Raises:
        ValueError: a picture or an argument does not fit the model.
    """
    shape, folder = model.generator.image_shape, Path(out)
    x = read_images([photo], shape)
    mask, colours = read_stroke(stroke, photo, shape)
    solver = LBFGS(how.steps)
    z, y = latent_of(model, x, condition)
    own = decode(model, z, y).float().clamp(-1, 1)
    wanted = stroke_of(how.kind, mask, colours, own[0])
    edited = brush(model, z, wanted, y, stay=how.stay, candidates=how.candidates, solver=solver, seed=how.seed)
    photos = write_photo(model, photo, folder, z[0], edited.best()[0][0], y)
    painted = mask * colours + (1 - mask) * x
    save_png(sheet(photos, torch.cat([painted, own]), edited), folder / "sheet.png")
    arrays = {"z": edited.latents[0], "images": edited.images[0], "error": edited.after[0], "loss": edited.loss[0]}
    order = edited.order[0]
    kept = {name: values[order].numpy() for name, values in arrays.items()}
    if y is not None:
        kept["y"] = y.expand(len(order)).numpy()
    write_arrays(folder / "latents.npz", {**kept, "photo": z[0].numpy()})
    table = numbers(x, own, mask, edited, how, y)
    write_json(folder / "metrics.json", table)
    return (
        f"{how.candidates} candidates in {folder / 'latents.npz'}, error of the stroke {table['before']:.3f} ->"
        f" {table['after']:.3f}, {table['kept']} within twice the least loss, beside it edited.png, sheet.png,"
        " metrics.json"
    )


def latent_of(model: Inference, x: Tensor, condition: Given | Auto) -> tuple[Tensor, Tensor | None]:
    """Return the latent of a photo, [1, dim], by the encoder or by inversion, and what G is told.

    A class that is not given is named by the labeller, or looked for by inversion.

    Raises:
        ValueError: the class is not one of the model's, or is missing.
    """
    if condition is None and model.labeller is None and isinstance(model.generator.condition, Classes):
        condition = "auto"
    if model.encoder is None or isinstance(condition, str):
        start = Nearest() if model.encoder is None else Encoded()
        found = invert(model, x, condition if isinstance(condition, str) else model.classes(x, condition), start=start)
        return found.latents, found.condition
    y = model.generator.condition.check(model.classes(x, condition), len(x))
    return model.encode(x, y if model.encoder.num_classes else None).float(), y


def stroke_of(kind: str, mask: Tensor, colours: Tensor, own: Tensor) -> Loss:
    """Return the stroke of a kind; a shape is that of what is painted over the image of the photo's latent."""
    if kind == "colour":
        return Colour(mask, colours)
    return Shape(mask, mask * colours + (1 - mask) * own)


def write_photo(
    model: Inference, photo: str | Path, folder: Path, z_0: Tensor, z_1: Tensor, y: Tensor | None
) -> Tensor:
    """Write the photo at its own size, its middle edited: the part that the model sees. Return it before and after."""
    shape = model.generator.image_shape
    whole = read_whole(photo, channels_for(photo, shape[0]))
    left, top, right, bottom = middle_of(whole.shape[2], whole.shape[1], shape)
    middle = whole[:, top:bottom, left:right]
    before, after = middle.clone(), carry(model, middle, z_0, z_1, y)
    middle.copy_(after)
    save_images(whole[None], folder, ["edited"])
    return torch.stack([before, after])


def sheet(photos: Tensor, pictures: Tensor, edited: Edited) -> Image.Image:
    """Return the photo before and after, stroke, inverted photo and candidates side by side, words above them."""
    order, kept = edited.order[0][:SHOWN], int(edited.kept[0])
    words = ["photo", "edited", "stroke", f"inverted\nerror {edited.before.item():.3f}"]
    for place, k in enumerate(order.tolist()):
        good = "" if place < kept else " (far)"
        score = "" if edited.score is None else f"\nD {edited.score[0, k]:.2f}"
        words.append(f"{place}{good}\nerror {edited.after[0, k]:.3f}{score}")
    small = torch.cat([pictures, edited.images[0][order]])
    large = F.interpolate(small, scale_factor=-(-SIDE // small.shape[3]))
    shrunk = F.interpolate(photos, size=large.shape[2:], mode="bilinear", antialias=True, align_corners=False)
    tiles = torch.cat([seen(shrunk), seen(large)])
    return headed(grid(tiles, columns=len(tiles), cell=1, ground=GROUND), words)


def seen(images: Tensor) -> Tensor:
    """Return what is shown of images, in three channels: of 2 the first, of more the first three."""
    return images[:, :3] if images.shape[1] > 2 else images[:, :1].expand(-1, 3, -1, -1)


def numbers(x: Tensor, own: Tensor, mask: Tensor, edited: Edited, how: How, y: Tensor | None) -> dict[str, Any]:
    """Return what ``metrics.json`` says."""
    table = []
    for place, k in enumerate(edited.order[0].tolist()):
        image = edited.images[0, k]
        outside = float(((image - own[0]).square() * (1 - mask)).mean() / (1 - mask).mean().clamp(min=1e-6))
        row = {"error": float(edited.after[0, k]), "loss": float(edited.loss[0, k]), "outside": outside}
        row["start"] = k
        row["kept"] = place < int(edited.kept[0])
        table.append(row if edited.score is None else {**row, "score": float(edited.score[0, k])})
    told = {} if y is None or y.ndim > 1 else {"class": int(y[0])}
    return {
        "how": f"{how.kind}, stay {how.stay:g}, {how.steps} steps, seed {how.seed}",
        "inverted_mse": float((own - x).square().mean()),
        "before": edited.before.item(),
        "after": table[0]["error"],
        "kept": int(edited.kept[0]),
        **told,
        "candidates": table,
    }
