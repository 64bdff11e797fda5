"""The images of seeds, in files."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import torch
from tqdm import tqdm

from ganzoo.inference import Inference
from ganzoo.pictures import pairs, picture, save_images, save_npz, save_png
from ganzoo.roles import Given, Images

AT_ONCE = 256  # images between two steps of the progress bar


def write_samples(model: Inference, seeds: Sequence[int], out: str | Path, form: str, condition: Given = None) -> str:
    """Write the images of seeds as one picture, as files or as an array. Returns a line to print.

    Args:
        model: Loaded.
        seeds: In any order.
        out: Folder.
        form: "grid", of a translator each image below the one that it was made of; "png" or "npz".
        condition: What G is told: one for all, or one for each.

    Raises:
        ValueError: the condition is wrong, ``out`` is a file, or two files would have one name.
    """
    folder, y = Path(out), model.generator.condition.check(condition, len(seeds))
    if folder.is_file():
        raise ValueError(f"{folder} is a file: give a folder")
    if form == "png" and len(set(seeds)) < len(seeds):
        raise ValueError("--format png names files by their seeds, and a seed is there twice: choose grid or npz")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in tqdm(range(0, len(seeds), AT_ONCE), desc="sampling", unit="batch", disable=None):
        some, own = seeds[start : start + AT_ONCE], None if y is None else y[start : start + AT_ONCE]
        parts.append(model.sample(seeds=some, condition=own).float().cpu())
    images = torch.cat(parts)
    in_turn = all(later == seed + 1 for seed, later in pairwise(seeds))
    name = f"seeds-{seeds[0]}-{seeds[-1]}" if in_turn else f"seeds-{'_'.join(map(str, seeds))}"[:100]
    if form == "npz" or (form == "png" and images.ndim == 2):
        return f"{len(images)} images in {save_npz(images, seeds, folder / f'{name}.npz')}"
    if form == "png":
        save_images(images, folder, [f"{seed:06d}" for seed in seeds])
        return f"{len(images)} images in {folder}"
    translated = y is not None and isinstance(model.generator.condition, Images)
    shown = pairs(y, images) if translated and y is not None else picture(images)
    return f"{len(images)} images in {save_png(shown, folder / f'{name}.png')}"
