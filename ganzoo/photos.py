"""Pictures of the user's: read, cut to the shape that a network has, resized."""

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor
from tqdm import tqdm

from ganzoo.pictures import eight_bits
from ganzoo.pixels import MODES, to_float

COLOURS = {1: "grey", 2: "grey with opacity", 3: "RGB", 4: "RGB with opacity"}


def read_images(files: Sequence[str | Path], image_shape: Sequence[int]) -> Tensor:
    """Read pictures as [N, C, H, W] in [-1, 1]: turned as the camera was held, cut to the middle, resized.

    What is transparent lies on white.

    Raises:
        ValueError: a file is no picture, or the model's images are not such as pictures hold.
    """
    if len(image_shape) != 3 or image_shape[0] not in MODES:
        raise ValueError(f"pictures have 1 to 4 channels, the model's images have the shape {tuple(image_shape)}")
    c, h, w = image_shape
    images = []
    for file in tqdm(files, desc="reading", unit="picture", leave=False, disable=None):
        try:
            with Image.open(file) as opened:
                upright = eight_bits(ImageOps.exif_transpose(opened), c)
        except (OSError, SyntaxError, ValueError) as error:
            raise ValueError(f"cannot read {file} as a picture: {error}") from error
        images.append(pil_to_tensor(ImageOps.fit(upright, (w, h), Image.Resampling.LANCZOS)))
    return to_float(torch.stack(images))


def size_of(file: str | Path) -> tuple[int, int]:
    """Return width and height of a picture as the camera was held.

    Raises:
        ValueError: the file is no picture.
    """
    try:
        with Image.open(file) as opened:
            size: tuple[int, int] = ImageOps.exif_transpose(opened).size
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"cannot read {file} as a picture: {error}") from error
    return size


def how_fitted(files: Sequence[str | Path], image_shape: Sequence[int]) -> list[str]:
    """Say of each picture that ``read_images`` changes what becomes of it."""
    c, h, w = image_shape
    said = []
    for file in files:
        width, height = size_of(file)
        with Image.open(file) as opened:
            bands = len(opened.getbands()) if opened.mode != "P" else 3
        cut = "its middle, " if width * h != height * w else ""
        resized = f"resized to {w} x {h}" if (width, height) != (w, h) else ""
        colour = COLOURS[c] if bands != c else ""
        if words := ", ".join(word for word in (f"{cut}{resized}".strip(", "), colour) if word):
            said.append(f"{file} ({width} x {height}): {words}")
    return said
