"""Using trained networks: images of seeds, latents of images, images of latents and of images."""

from ganzoo.inference.blocks import (
    BLOCK,
    check_latents,
    decode,
    encode,
    here,
    images_of,
    placed,
    places,
    sample_seeds,
    space_of,
    whole_blocks,
)
from ganzoo.inference.trained import Inference
from ganzoo.inference.translations import translated

__all__ = [
    "BLOCK",
    "Inference",
    "check_latents",
    "decode",
    "encode",
    "here",
    "images_of",
    "placed",
    "places",
    "sample_seeds",
    "space_of",
    "translated",
    "whole_blocks",
]
