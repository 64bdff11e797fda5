"""Pictures of other people's making, as they come."""

import io

import numpy as np
import pytest
from PIL import Image

from ganzoo.pictures import eight_bits, headed


def reopened(picture):
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Image.open(file)


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_not_clipped(channels):
    levels = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    found = np.asarray(eight_bits(reopened(Image.fromarray(levels)), channels))
    assert found.dtype == np.uint8
    assert found.shape == ((8, 8) if channels == 1 else (8, 8, 3))
    expected = levels / 257 if channels == 1 else (levels / 257)[:, :, None]
    assert np.abs(found - expected).max() <= 0.51
    assert (found.min(), found.max()) == (0, 255)


def test_the_level_that_stands_for_transparent_is_one_of_16_bits():
    file = io.BytesIO()
    Image.fromarray(np.array([[20000, 20001]], dtype=np.uint16)).save(file, "PNG", transparency=20000)
    assert np.asarray(eight_bits(Image.open(file), 1)).tolist() == [[255, 78]]


def test_words_above_columns_are_short():
    """What linspace makes of 0 is no word to read."""
    sheet = Image.new("L", (60, 10))
    one, other = (np.asarray(headed(sheet, values)) for values in ([-1.0, -5.6e-17], [-1.0, 0.0]))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_transparent_lies_on_white(mode, channels):
    """A black square on a ground that is black too, but cannot be seen."""
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (2, 2, 6, 6))
    found = np.asarray(eight_bits(reopened(picture.convert(mode)), channels))
    expected = np.full((8, 8), 255, dtype=np.uint8)
    expected[2:6, 2:6] = 0
    assert np.array_equal(found if channels == 1 else found[:, :, 0], expected)


def test_half_transparent_pixels_are_mixed():
    assert np.asarray(eight_bits(Image.new("RGBA", (1, 1), (100, 0, 0, 51)), 3)).tolist() == [[[224, 204, 204]]]


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_without_a_range_are_refused(mode):
    with pytest.raises(ValueError, match="unknown range: save it with 8 or 16 bits"):
        eight_bits(Image.new(mode, (2, 2)), 1)
