"""The images of seeds, in files."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from ganzoo.inference import Inference, check_labels
from ganzoo.pictures import picture, save_images, save_npz, save_png


def write_samples(
    model: Inference, seeds: range, out: str | Path, form: str, labels: Sequence[int] | None = None
) -> str:
    """Write the images of seeds as one picture, as files or as an array. Returns a line to print."""
    folder = Path(out)
    check_labels(labels, len(seeds), model.generator.num_classes)
    if folder.is_file():
        raise ValueError(f"{folder} is a file: give a folder")
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for start in tqdm(range(0, len(seeds), 256), desc="sampling", unit="batch", disable=None):
        some = seeds[start : start + 256]
        own = labels if labels is None or len(labels) == 1 else labels[start : start + 256]
        parts.append(model.sample(len(some), some.start, own).float().cpu())
    images = torch.cat(parts)
    name = f"seeds-{seeds.start}-{seeds.stop - 1}"
    if form == "npz" or (form == "png" and images.ndim == 2):
        return f"{len(images)} images in {save_npz(images, seeds, folder / f'{name}.npz')}"
    if form == "png":
        save_images(images, folder, [f"{seed:06d}" for seed in seeds])
        return f"{len(images)} images in {folder}"
    return f"{len(images)} images in {save_png(picture(images), folder / f'{name}.png')}"
