"""What ``ganzoo translate`` does with a model and pictures of any size: their translations, a sheet, and numbers."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ganzoo.files import write_json
from ganzoo.inference import Inference
from ganzoo.photos import Encoded, check_pictures, how_taken, read_whole
from ganzoo.pictures import framed, grid, headed, save_images, save_png, sided, tiled
from ganzoo.roles import Generator, Images

SHOWN = 16  # rows of the sheet
CELL = 128  # side of a picture there
COLUMNS = ("input", "output", "cycle", "target")
WRITTEN = ("sheet.png", "metrics.json")
STRIP = "-strip"  # behind the name of what else is written of a picture

Seen = dict[str, Tensor]  # the images [C, H, W] of a picture, by their column


@dataclass(frozen=True)
class Source:
    """A picture to translate.

    Args:
        file: What it is called, such as its path.
        name: Of what is written, without its ending; folders are kept.
        read: Returns the picture as it lies in the file.
        target: What it should become, if that is known.
    """

    file: str
    name: str
    read: Callable[[], bytes]
    target: "Source | None" = None

    def encoded(self) -> Encoded:
        """Return the picture as it lies in the file.

        Raises:
            ValueError: it is gone, or cannot be read.
        """
        try:
            return Encoded(self.read(), self.file)
        except (OSError, ValueError) as error:
            raise ValueError(f"cannot read {self.file} as a picture: {error}") from error


class Way:
    """The direction in which a model translates.

    Args:
        model: Loaded.
        back: By the generator of the way back.
        seed: Of what is random; None: nothing is.

    Raises:
        ValueError: the model does not translate that way, or no pictures.
    """

    def __init__(self, model: Inference, back: bool = False, seed: int | None = 0) -> None:
        self.model, self.back, self.seed = model, back, seed
        F = model.networks.get("generator_back")
        self.returns = isinstance(F, Generator)
        if not isinstance(model.generator.condition, Images):
            raise ValueError(
                "this model translates no pictures: it makes images of seeds, by `ganzoo generate`, and finds the"
                " latents of pictures by `ganzoo invert`"
            )
        if back and not self.returns:
            raise ValueError("this model has no way back: leave out --back, or take one of CycleGAN")
        G = F if back and isinstance(F, Generator) else model.generator
        assert isinstance(G.condition, Images)
        self.source_shape, self.image_shape = G.condition.shape, G.image_shape
        check_pictures(self.source_shape)
        check_pictures(self.image_shape)

    def there(self, x: Tensor) -> Tensor:
        """Return the translation of an image, [C, H, W], on the CPU."""
        act = self.model.translate_back if self.back else self.model.translate
        return act(x[None], seed=self.seed)[0].float().cpu()

    def again(self, y: Tensor) -> Tensor:
        """Return what the other generator makes of a translation."""
        act = self.model.translate if self.back else self.model.translate_back
        return act(y[None], seed=self.seed)[0].float().cpu()


def written_of(name: str, strip: bool) -> list[str]:
    """Return the names of the files that are written of a picture."""
    return [f"{name}.png", *([f"{name}{STRIP}.png"] if strip else [])]


def write_translations(way: Way, sources: Sequence[Source], out: str | Path, strip: bool = False) -> tuple[str, int]:
    """Write the translation of each picture, a sheet of the first of them, and numbers.

    Returns a line to print, and how many pictures were left out: those that cannot be translated. Of each a warning
    says why.

    Args:
        way: Who translates.
        sources: Pictures, of any size.
        out: Folder.
        strip: Also write each picture beside what was made of it.

    Raises:
        ValueError: no picture can be translated.
    """
    folder, rows, left, cells = Path(out), list[dict[str, Any]](), list[dict[str, str]](), list[Image.Image]()
    titles = columns(way, sources)
    for name in WRITTEN:
        (folder / name).unlink(missing_ok=True)  # of an earlier call
    try:
        for source in tqdm(sources, desc="translating", unit="picture", leave=False, disable=None):
            try:
                seen = translated(way, source)
            except ValueError as error:
                if len(sources) == 1:
                    raise
                left.append({"file": source.file, "why": str(error)})
                say(f"warning: left out: {error}")
                continue
            write(seen, folder, source.name, titles if strip else ())
            rows.append({"file": source.file, "written": f"{source.name}.png", **numbers(seen)})
            cells += row(seen, titles) if len(rows) <= SHOWN else []
    except KeyboardInterrupt:
        say(f"{len(rows)} of {len(sources)} pictures are in {folder}")
        raise
    if not rows:
        raise ValueError(f"none of {len(sources)} pictures could be translated, the first because: {left[0]['why']}")
    names = [Path(one["file"]).name for one in rows[:SHOWN]]
    save_png(sided(tiled(cells, columns=len(titles)), names, titles), folder / "sheet.png")
    mean = means(rows)
    told = {"direction": "back" if way.back else "there", "seed": way.seed, "n": len(rows)}
    write_json(folder / "metrics.json", {**told, "mean": mean, "pictures": rows, "left_out": left})
    said = "".join(f", {name} {value:.4g}" for name, value in mean.items())
    return f"{len(rows)} pictures in {folder}{said}, beside them {', '.join(WRITTEN)}", len(left)


def say(line: str) -> None:
    """Print a line to the user without breaking the progress bar."""
    tqdm.write(f"ganzoo: {' '.join(line.split())}", file=sys.stderr)


def translated(way: Way, source: Source) -> Seen:
    """Return a picture, its translation, the way back if there is one, and the target if it is known.

    Raises:
        ValueError: a picture cannot be read or translated, or the target is of another size.
    """
    x, words = read(source, way.source_shape[0])
    height, width = x.shape[1:]
    target = None if source.target is None else read(source.target, way.image_shape[0])[0]
    if source.target is not None and target is not None and target.shape[1:] != x.shape[1:]:
        own = f"{target.shape[2]} x {target.shape[1]}"
        raise ValueError(
            f"the target {source.target.file} is {own}, but {source.file} is {width} x {height}: they must be alike"
        )
    try:
        y = way.there(x)
        seen = {"input": x, "output": y, **({"cycle": way.again(y)} if way.returns else {})}
    except ValueError as error:
        raise ValueError(f"cannot translate {source.file} ({width} x {height}): {error}") from error
    if words:
        say(f"{source.file} ({width} x {height}): {', '.join(words)}")
    return seen if target is None else {**seen, "target": target}


def read(source: Source, channels: int) -> tuple[Tensor, list[str]]:
    """Return a picture at its own size, [C, H, W] in [-1, 1], and words on what was changed of it.

    Raises:
        ValueError: it is no picture.
    """
    encoded = source.encoded()
    return read_whole(encoded, channels), how_taken(encoded, channels)


def columns(way: Way, sources: Sequence[Source]) -> list[str]:
    """Return what is shown of each picture."""
    there = {"cycle": way.returns, "target": any(source.target for source in sources)}
    return [name for name in COLUMNS if there.get(name, True)]


def write(seen: Seen, folder: Path, name: str, titles: Sequence[str]) -> None:
    """Write a translation and, if there are titles, a strip of all that is seen of it, at its own size."""
    save_images(seen["output"][None], folder, [name])
    if titles:
        shown = {title: drawn(seen[title]) for title in titles if title in seen}
        save_png(headed(tiled(list(shown.values()), len(shown)), list(shown)), folder / f"{name}{STRIP}.png")


def row(seen: Seen, titles: Sequence[str]) -> list[Image.Image]:
    """Return the cells of a picture on the sheet, white where there is nothing to show."""
    blank = Image.new("RGB", (CELL, CELL), "white")
    return [framed(drawn(seen[title]), CELL) if title in seen else blank for title in titles]


def drawn(image: Tensor) -> Image.Image:
    """Return what is shown of an image, [C, H, W] in [-1, 1], in colours."""
    return grid(image[None], gap=0, cell=1).convert("RGB")


def numbers(seen: Seen) -> dict[str, float]:
    """Return the size of a picture, and how far it is from its cycle and its translation from the target."""
    x, y = seen["input"], seen["output"]
    found: dict[str, float] = {"width": x.shape[2], "height": x.shape[1]}
    if "cycle" in seen:
        found["cycle"] = float((seen["cycle"] - x).abs().mean())
    if "target" in seen:
        error = y.clamp(-1, 1) - seen["target"]
        found["l1"] = float(error.abs().mean())
        found["psnr"] = float(10 * (4 / error.square().mean().clamp(min=1e-12)).log10())
    return found


def means(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the means of the numbers over the pictures that have them."""
    values = {name: [row[name] for row in rows if name in row] for name in ("cycle", "l1", "psnr")}
    return {name: sum(some) / len(some) for name, some in values.items() if some}
