"""Pictures of the user's: read, cut to the shape that a network has, resized."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import ExifTags, Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor
from tqdm import tqdm

from ganzoo.pictures import UNREADABLE, eight_bits
from ganzoo.pixels import MODES, to_float

COLOURS = {1: "grey", 2: "grey with opacity", 3: "RGB", 4: "RGB with opacity"}
ORIENTATION = ExifTags.Base.Orientation


class Encoded(io.BytesIO):
    """The bytes of a picture, such as one in an archive, that say where they are from.

    Args:
        data: As they lie in the file.
        name: What the picture is called.
    """

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.called = name

    def __str__(self) -> str:
        return self.called

    def __repr__(self) -> str:
        return repr(self.called)


File = str | Path | Encoded


def read_images(files: Sequence[str | Path], image_shape: Sequence[int]) -> Tensor:
    """Read pictures as [N, C, H, W] in [-1, 1]: turned as the camera was held, cut to the middle, resized.

    What is transparent lies on white.

    Raises:
        ValueError: a file is no picture, or the model's images are not such as pictures hold.
    """
    check_pictures(image_shape)
    c, h, w = image_shape
    images = []
    for file in tqdm(files, desc="reading", unit="picture", leave=False, disable=None):
        images.append(pil_to_tensor(ImageOps.fit(opened(file, c), (w, h), Image.Resampling.LANCZOS)))
    return to_float(torch.stack(images))


def check_pictures(image_shape: Sequence[int]) -> None:
    """Check that images of a shape are such as pictures hold.

    Raises:
        ValueError: they are not.
    """
    if len(image_shape) != 3 or image_shape[0] not in MODES:
        found = f"the model's images have the shape {tuple(image_shape)}"
        raise ValueError(f"pictures have 1 to 4 channels, {found}: choose another model")


@contextmanager
def readable(file: File) -> Iterator[Image.Image]:
    """Open a picture, to be read as it lies in the file.

    Raises:
        ValueError: the file is no picture.
    """
    try:
        with Image.open(file) as picture:
            yield picture
    except UNREADABLE as error:
        raise ValueError(f"cannot read {file} as a picture: {error}") from error


def opened(file: File, channels: int) -> Image.Image:
    """Return a picture of 8 bits as the camera was held.

    Raises:
        ValueError: the file is no picture.
    """
    with readable(file) as picture:
        return eight_bits(ImageOps.exif_transpose(picture), channels)


def read_whole(file: File, channels: int) -> Tensor:
    """Read a picture at its own size, [C, H, W] in [-1, 1].

    Raises:
        ValueError: the file is no picture.
    """
    return to_float(pil_to_tensor(opened(file, channels)))


def channels_for(file: str | Path, channels: int) -> int:
    """Return how many channels a picture is read with that a model of so many edits: of a grey one 2 more for colours.

    Raises:
        ValueError: the file is no picture.
    """
    red, green, blue = opened(file, 3).split()
    grey = red.tobytes() == green.tobytes() == blue.tobytes()
    return channels if channels > 2 or grey else channels + 2


def middle_of(width: int, height: int, image_shape: Sequence[int]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the middle that ``read_images`` cuts out, in whole pixels."""
    _, h, w = image_shape
    own_w, own_h = max(1, min(width, round(height * w / h))), max(1, min(height, round(width * h / w)))
    left, top = (width - own_w) // 2, (height - own_h) // 2
    return left, top, left + own_w, top + own_h


def read_stroke(file: str | Path, photo: str | Path, image_shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Read what is painted on a photo, cut and resized as the photo is: a mask, [H, W], and colours, [C, H, W].

    The mask is 1 where the stroke is opaque and 0 where it is transparent, or, in a picture without transparency, where
    it equals the photo.

    Raises:
        ValueError: a file is no picture, they differ in size, or nothing is painted where the model looks.
    """
    if size_of(file) != (size := size_of(photo)):
        own = " x ".join(map(str, size_of(file)))
        raise ValueError(f"the stroke {file} is {own}, but {photo} is {size[0]} x {size[1]}: they must be alike")
    c, h, w = image_shape
    with Image.open(file) as picture:
        transparent = picture.has_transparency_data
    rgba = pil_to_tensor(opened(file, 4))
    alpha = rgba[3:].float() / 255
    if not transparent or bool((alpha == 1).all()):
        alpha = (rgba[:3] != pil_to_tensor(opened(photo, 4))[:3]).any(dim=0, keepdim=True).float()
    colour = to_float(pil_to_tensor(Image.fromarray(rgba[:3].permute(1, 2, 0).numpy()).convert(MODES[c])))
    left, top, right, bottom = middle_of(*size, image_shape)
    both = torch.cat([alpha * colour, alpha])[None, :, top:bottom, left:right]
    small = F.interpolate(both, size=(h, w), mode="bilinear", antialias=True, align_corners=False)[0]
    mask = small[-1].clamp(0, 1)
    if not bool((mask > 0).any()):
        raise ValueError(f"nothing is painted in {file} where the model looks: paint over the middle of the photo")
    return mask, (small[:-1] / mask.clamp(min=1e-6)).clamp(-1, 1)


def size_of(file: str | Path) -> tuple[int, int]:
    """Return width and height of a picture as the camera was held.

    Raises:
        ValueError: the file is no picture.
    """
    with readable(file) as picture:
        size: tuple[int, int] = ImageOps.exif_transpose(picture).size
        return size


def how_fitted(files: Sequence[str | Path], image_shape: Sequence[int]) -> list[str]:
    """Say of each picture that ``read_images`` changes what becomes of it.

    Raises:
        ValueError: a file is no picture, or the model's images are not such as pictures hold.
    """
    check_pictures(image_shape)
    c, h, w = image_shape
    said = []
    for file in files:
        width, height = size_of(file)
        with Image.open(file) as picture:
            words, colours = how_read(picture, c), recoloured(picture, c)
        words += ["its middle"] if width * h != height * w else []
        words += [f"resized to {w} x {h}"] if (width, height) != (w, h) else []
        words += colours
        if words:
            said.append(f"{file} ({width} x {height}): {', '.join(words)}")
    return said


def how_taken(file: File, channels: int) -> list[str]:
    """Say what ``read_whole`` changes of a picture.

    Raises:
        ValueError: the file is no picture.
    """
    with readable(file) as picture:
        return how_read(picture, channels) + recoloured(picture, channels)


def recoloured(picture: Image.Image, channels: int) -> list[str]:
    """Say what the colours of a picture become, if they do not stay as they are."""
    bands = len(picture.getbands()) if picture.mode != "P" else 3
    return [COLOURS[channels]] if bands != channels else []


def how_read(picture: Image.Image, channels: int) -> list[str]:
    """Say what ``opened`` leaves out of a picture, turns and fills."""
    frames = getattr(picture, "n_frames", 1)
    words = [f"the first of its {frames} frames"] if frames > 1 else []
    words += ["turned as the camera was held"] if picture.getexif().get(ORIENTATION, 1) in range(2, 9) else []
    return words + (["what is transparent on white"] if channels in (1, 3) and see_through(picture) else [])


def see_through(picture: Image.Image) -> bool:
    """Whether some of a picture is transparent; of 16 bits, whether it says so."""
    if not picture.has_transparency_data or picture.mode.startswith("I;16"):
        return picture.has_transparency_data
    alpha = picture if "A" in picture.getbands() else picture.convert("RGBA")  # a palette has no such channel
    return alpha.getchannel("A").getextrema() != (255, 255)
