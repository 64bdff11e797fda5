"""Pictures of samples, for people to look at."""

import math
import struct
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ganzoo.files import write_arrays, write_atomically
from ganzoo.pixels import MODES, to_uint8

BARS = 80  # of a histogram of points in one dimension
LINES = 200  # curves of a picture at most
TEXT, SMALLEST, LINE = 11, 8, 12  # pixels of letters where there is room, where there is little, and of a line
MARGIN = 140  # pixels at most left of rows
GROUND = 160  # grey on which a white tile can be seen
UNREADABLE = (  # what PIL raises at files that are no pictures, or damaged ones
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError, struct.error),
    Image.DecompressionBombError,
)


def eight_bits(picture: Image.Image, channels: int) -> Image.Image:
    """Return a picture of PIL with 8 bits: grey (1 channel), RGB (3), or either with opacity (2, 4).

    Without opacity what is transparent lies on white; the 65,536 grey levels of 16 bits are scaled to 256, not clipped.

    Raises:
        ValueError: its pixels are numbers of 32 bits, which have no known range.
    """
    if picture.mode in ("F", "I"):
        raise ValueError("its pixels are numbers of 32 bits, of unknown range: save it with 8 or 16 bits")
    if picture.mode.startswith("I;16"):
        levels = np.asarray(picture)
        seen = levels != picture.info.get("transparency", -1)
        picture = Image.fromarray(np.where(seen, (levels / 257).round(), 255).astype(np.uint8))
    if channels in (1, 3) and picture.has_transparency_data:
        colour = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), colour)
    return picture.convert(MODES[channels])


def grid(images: Tensor, columns: int | None = None, gap: int = 2, cell: int = 48, ground: int = 255) -> Image.Image:
    """Tile images [N, C, H, W] in [-1, 1]; small ones are enlarged by a whole factor to about ``cell`` pixels.

    Args:
        images: 1 or 3 channels; of 2 the first is shown, of more the first three.
        columns: Images per row; by default as square as possible, with all rows full where that is not too wide.
        gap: Pixels between images.
        cell: Side that small images are enlarged to.
        ground: Level, from 0 to 255, of what lies between them.

    Raises:
        ValueError: the images are not [N, C, H, W].
    """
    if images.ndim != 4 or not images.shape[1] or not len(images):
        raise ValueError(f"expected images [N, C, H, W], got {list(images.shape)}")
    images = images[:, : 3 if images.shape[1] >= 3 else 1]
    factor = -(-cell // images.shape[-1])  # rounded up
    pixels = to_uint8(images.detach().float().cpu()).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    n, c, h, w = pixels.shape
    columns = columns or squarest(n)
    rows = math.ceil(n / columns)
    sheet = torch.full((c, rows * (h + gap) + gap, columns * (w + gap) + gap), ground, dtype=torch.uint8)
    for i, image in enumerate(pixels):
        top, left = gap + i // columns * (h + gap), gap + i % columns * (w + gap)
        sheet[:, top : top + h, left : left + w] = image
    array = sheet.permute(1, 2, 0).numpy()
    return Image.fromarray(array[:, :, 0] if c == 1 else array)


def squarest(n: int) -> int:
    """Return the columns of a square of n cells; up to half as many more if all rows are full then."""
    least = math.ceil(math.sqrt(n))
    return next((columns for columns in range(least, 3 * least // 2 + 1) if n % columns == 0), least)


def headed(sheet: Image.Image, words: Sequence[str | float]) -> Image.Image:
    """Return a sheet with words of one or more lines, or a number, above each of its columns."""
    texts = [word if isinstance(word, str) else f"{round(word, 9) + 0.0:.3g}" for word in words]
    height = 4 + LINE * max(1 + text.count("\n") for text in texts)
    whole = Image.new(sheet.mode, (sheet.width, sheet.height + height), "white")
    whole.paste(sheet, (0, height))
    width = sheet.width / len(texts)
    for i, text in enumerate(texts):
        write(whole, text, (i * width, 0, (i + 1) * width, height))
    return whole


def sided(sheet: Image.Image, rows: Sequence[str], columns: Sequence[str | float] = ()) -> Image.Image:
    """Return a sheet with words left of each of its rows and, if there are any, above each of its columns."""
    whole = headed(sheet, columns) if columns else sheet
    widest = max(font(TEXT).getlength(line) for words in rows for line in words.split("\n"))
    left, top = min(round(widest) + 10, MARGIN), whole.height - sheet.height
    framed = Image.new(sheet.mode, (left + whole.width, whole.height), "white")
    framed.paste(whole, (left, 0))
    height = sheet.height / len(rows)
    for i, words in enumerate(rows):
        write(framed, words, (0, top + i * height, left, top + (i + 1) * height))
    return framed


def tiled(pictures: Sequence[Image.Image], columns: int, gap: int = 8) -> Image.Image:
    """Put pictures of one size side by side in rows."""
    columns = min(columns, len(pictures))
    w, h = pictures[0].width + gap, pictures[0].height + gap
    sheet = Image.new(pictures[0].mode, (columns * w + gap, math.ceil(len(pictures) / columns) * h + gap), "white")
    for i, each in enumerate(pictures):
        sheet.paste(each, (gap + i % columns * w, gap + i // columns * h))
    return sheet


def framed(picture: Image.Image, side: int) -> Image.Image:
    """Return a picture in the middle of a grey square, shrunk to fit, or enlarged by a whole factor if it is small."""
    longest = max(picture.size)
    factor = side // longest or side / longest
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    how = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.LANCZOS
    frame = Image.new("RGB", (side, side), (GROUND, GROUND, GROUND))
    frame.paste(picture.resize(size, how), ((side - size[0]) // 2, (side - size[1]) // 2))
    return frame


def write(sheet: Image.Image, text: str, box: tuple[float, float, float, float]) -> None:
    """Write lines in the middle of a box (left, top, right, bottom): smaller, then shorter, until they fit."""
    left, top, right, bottom = box
    lines, room = text.split("\n"), right - left - 4
    step = min(LINE, (bottom - top) / len(lines))
    size = max(1, int(step * TEXT / LINE))
    while size > SMALLEST and max(font(size).getlength(line) for line in lines) > room:
        size -= 1
    draw = ImageDraw.Draw(sheet)
    for i, line in enumerate(lines):
        y = (top + bottom) / 2 + (i - (len(lines) - 1) / 2) * step
        draw.text(((left + right) / 2, y), shortened(line, room, size), fill="black", anchor="mm", font=font(size))


def shortened(text: str, room: float, size: int) -> str:
    """Return text without so much of its middle that it fits into some pixels."""
    short, kept = text, min(len(text), int(room))
    while kept > 0 and font(size).getlength(short) > room:
        kept -= 1
        short = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return short


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with PIL."""
    return ImageFont.load_default(size)


def pairs(images: Tensor, others: Tensor, columns: int = 8) -> Image.Image:
    """Tile images [N, C, H, W] in rows, each with the row of the ``others`` that belong to them below it.

    Of two sizes the images take that of the others; of grey and colour both are drawn in colour.
    """
    return blocks([images, others], columns)


def blocks(kinds: Sequence[Tensor], columns: int = 8, words: Sequence[str] = ()) -> Image.Image:
    """Tile images of several kinds, [N, C, H, W] each, in blocks: below a row of the first those that belong to them.

    Args:
        kinds: Two or more. All are drawn in the size of the second, and in colour if any is.
        columns: Images in a row.
        words: What each kind is called, left of its rows.
    """
    shown = [x.float().cpu()[:, : 3 if x.shape[1] >= 3 else 1] for x in kinds]
    channels, (height, width) = max(x.shape[1] for x in shown), kinds[1].shape[2:]
    same = [F.interpolate(x, (height, width)).expand(-1, channels, -1, -1) for x in shown]
    columns = min(columns, len(same[0]))
    missing = torch.ones(-len(same[0]) % columns, channels, height, width)  # white
    rows = list(zip(*(torch.cat([x, missing]).split(columns) for x in same), strict=True))
    sheet = grid(torch.cat([row for block in rows for row in block]), columns=columns)
    return sided(sheet, list(words) * len(rows)) if words else sheet


def scatter(points: Tensor, others: Tensor | None = None) -> Image.Image:
    """Draw points [N, 2] (or a histogram of [N, 1]), over ``others`` (the data) in grey.

    The axes are those of ``others``, so that pictures of one run do not jump; points beyond them are not seen.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4), dpi=120, layout="tight")
    axes = figure.add_subplot()
    bounds = None if others is None else limits(others.detach().double().cpu())
    for xs, colour, label, size in ((others, "0.8", "data", 20), (points, "tab:blue", "samples", 2)):
        if xs is None:
            continue
        xs = xs.detach().float().cpu()
        if xs.shape[1] == 1:
            low, high = limits(xs.double())[0] if bounds is None else bounds[0]
            edges = np.linspace(low, high, BARS + 1)
            share = np.full(len(xs), BARS / (len(xs) * (high - low)))  # a density also where some are beyond the axis
            axes.hist(xs[:, 0].numpy(), bins=edges.tolist(), weights=share, color=colour, alpha=0.6, label=label)
        else:
            axes.scatter(xs[:, 0].numpy(), xs[:, 1].numpy(), s=size, color=colour, label=label)
    if bounds is not None:
        axes.set_xlim(*bounds[0])
        axes.set_ylim(*bounds[1])
    axes.legend(loc="upper right", fontsize=7)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3].copy())


def curves(values: Tensor, title: str) -> Image.Image:
    """Draw positive values [N, steps] over the steps, on a logarithmic axis: each row, and their median."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=120, layout="tight")
    axes = figure.add_subplot()
    rows = values.detach().double().cpu().clamp(min=1e-9)
    for row in rows[:LINES]:
        axes.plot(row.numpy(), color="0.75", linewidth=0.7)
    axes.plot(rows.quantile(0.5, dim=0).numpy(), color="tab:blue", label=f"median of {len(rows)}")
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_title(title, fontsize=8, wrap=True)
    axes.legend(loc="upper right", fontsize=7)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3].copy())


def limits(points: Tensor) -> list[tuple[float, float]]:
    """Return the ranges of both axes of a picture of the data: its own with a tenth on each side.

    Of one coordinate, the second axis is that of a density: up to twice the highest bar of the data.
    """
    low, high = points.min(dim=0).values, points.max(dim=0).values
    margin = 0.1 * (high - low).clamp_min(1e-6)
    ranges = list(zip((low - margin).tolist(), (high + margin).tolist(), strict=True))[:2]
    if len(ranges) == 1:
        counts, _ = np.histogram(points[:, 0].numpy(), bins=BARS, range=ranges[0], density=True)
        ranges.append((0.0, 2 * float(counts.max())))
    return ranges


def picture(samples: Tensor, data: Tensor | None = None) -> Image.Image:
    """Return a grid of images, or a scatter plot of points."""
    return grid(samples) if samples.ndim == 4 else scatter(samples, data)


def save_png(image: Image.Image, path: str | Path) -> Path:
    """Write a PNG, whole or not at all."""
    path = Path(path)
    write_atomically(path, lambda temporary: image.save(temporary, format="PNG"))
    return path


def save_gif(frames: Iterable[Image.Image], path: str | Path, durations: int | list[int]) -> Path:
    """Write pictures of one size as one GIF of 256 colours that repeats for ever, whole or not at all.

    Args:
        frames: One or more; taken one at a time.
        path: Where to.
        durations: Milliseconds of all, or of each.
    """
    few = (frame if frame.mode == "L" else frame.convert("RGB").quantize() for frame in frames)
    first = next(few)

    def write(temporary: Path) -> None:
        first.save(temporary, format="GIF", save_all=True, append_images=few, duration=durations, loop=0)

    write_atomically(Path(path), write)
    return Path(path)


def save_npz(samples: Tensor, seeds: Sequence[int], path: Path, labels: Tensor | None = None) -> Path:
    """Write samples (images as uint8), their seeds and, if given, their labels, whole or not at all."""
    values = to_uint8(samples) if samples.ndim == 4 else samples
    arrays: dict[str, Any] = {"images": values.numpy(), "seeds": np.array(seeds)}
    if labels is not None:
        arrays["labels"] = labels.numpy()
    write_arrays(path, arrays, compressed=True)
    return path


def save_images(images: Tensor, folder: str | Path, names: Sequence[str]) -> None:
    """Write images [N, C, H, W] in [-1, 1] as one PNG each, of more than 4 channels the first three."""
    channels = images.shape[1] if images.shape[1] in MODES else 3
    for name, image in zip(names, to_uint8(images[:, :channels].detach().float().cpu()), strict=True):
        array = image.permute(1, 2, 0).numpy()
        save_png(Image.fromarray(array[:, :, 0] if channels == 1 else array), Path(folder) / f"{name}.png")
