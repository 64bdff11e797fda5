"""Pictures of other people's making, as they come."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from ganzoo.pictures import blocks, curves, eight_bits, font, grid, headed, shortened, sided, tiled, write


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


def inked(sheet):
    """The box of what is not white: left, top, right, bottom."""
    rows, columns = np.nonzero(np.asarray(sheet) < 255)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


@pytest.mark.parametrize("text", ["seed 7", "seed 123456789\nto seed 5", "a name that is too long for any picture.png"])
@pytest.mark.parametrize("box", [(10, 10, 150, 40), (10, 10, 58, 58), (10, 10, 40, 22), (10, 10, 70, 18)])
def test_no_text_is_larger_than_its_box(text, box):
    sheet = Image.new("L", (170, 80), "white")
    write(sheet, text, box)
    left, top, right, bottom = inked(sheet)
    assert box[0] <= left < right <= box[2]
    assert box[1] <= top < bottom <= box[3]


def test_text_becomes_smaller_before_it_becomes_shorter():
    found, expected = Image.new("L", (100, 20), "white"), Image.new("L", (100, 20), "white")
    room = font(9).getlength("distance 2.65") + 4
    write(found, "distance 2.65", (50 - room / 2, 0, 50 + room / 2, 20))
    ImageDraw.Draw(expected).text((50, 10), "distance 2.65", fill="black", anchor="mm", font=font(9))
    assert np.array_equal(np.asarray(found), np.asarray(expected))


def test_long_words_lose_their_middle():
    name = "holiday-2024-0001.png"
    short = shortened(name, 60, 11)
    first, last = short.split("…")
    assert name.startswith(first)
    assert name.endswith(last)
    assert min(len(first), len(last)) >= 3
    assert 50 < font(11).getlength(short) <= 60
    assert shortened(name, 500, 11) == name


def test_words_left_of_rows_leave_the_columns_their_headings():
    sheet = Image.fromarray(np.arange(100 * 90, dtype=np.uint8).reshape(90, 100))
    whole = np.asarray(sided(sheet, ["one", "two\nlines", ""], ["a", 2.0]))
    left, top = whole.shape[1] - 100, whole.shape[0] - 90
    assert np.array_equal(whole[:, left:], np.asarray(headed(sheet, ["a", "2"])))
    for start in (top, top + 30):
        _, first, _, last = inked(whole[start : start + 30, :left])
        assert abs((first + last) / 2 - 15) <= 2
    assert (whole[top + 60 :, :left] == 255).all()
    assert (whole[:top, :left] == 255).all()
    assert sided(sheet, ["a name that is too long for any picture.png"]).width == 140 + 100


def test_the_median_of_two_curves_lies_between_them():
    found = np.asarray(curves(torch.tensor([[1.0, 1.0], [100.0, 100.0]]), "")).astype(int)
    found = found[:, 200:400]  # left of the legend
    blue = np.nonzero(((found[:, :, 2] - found[:, :, 0]) > 100).any(axis=1))[0]
    grey = np.nonzero(((found > 150) & (found < 230)).all(axis=(1, 2)))[0]
    assert grey.min() + 20 < blue.min() <= blue.max() < grey.max() - 20


def test_pictures_stand_in_rows():
    pictures = [Image.new("L", (6, 4), shade) for shade in (10, 20, 30)]
    sheet = np.asarray(tiled(pictures, columns=2, gap=1))
    assert sheet.shape == (11, 15)
    assert [sheet[1, 1], sheet[4, 13], sheet[6, 6], sheet[5, 6], sheet[6, 8]] == [10, 20, 30, 255, 255]
    assert tiled(pictures, columns=8, gap=1).size == (22, 6)


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (5, 3), (10, 5), (16, 4), (17, 5), (32, 8), (64, 8)])
def test_rows_of_a_grid_are_full_where_that_is_not_too_wide(n, columns):
    assert grid(torch.zeros(n, 1, 1, 1), gap=0, cell=1).size == (columns, -(-n // columns))


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


def levels(*rows):
    """Images of 48 x 48, each of one grey level from -1 to 1, or of one colour."""
    return torch.tensor(rows).view(len(rows), -1, 1, 1).expand(-1, -1, 48, 48)


def centres(sheet, rows, columns, left=0):
    """The pixel in the middle of each cell."""
    array = np.asarray(sheet)
    return [[array[2 + 50 * i + 24, left + 2 + 50 * j + 24].tolist() for j in range(columns)] for i in range(rows)]


def test_blocks_put_what_belongs_together_below_each_other():
    kinds = [levels(-1.0, -0.2, 0.6), levels(-0.8, 0.0, 0.8), levels(-0.6, 0.2, 1.0)]
    sheet = blocks(kinds, columns=2)
    assert sheet.size == (102, 302)
    expected = [[0, 102], [25, 128], [51, 153], [204, 255], [230, 255], [255, 255]]  # the last of each row is missing
    assert np.abs(np.array(centres(sheet, 6, 2)) - expected).max() <= 1
    named = blocks(kinds, columns=2, words=["input", "output", "cycle"])
    left = named.width - sheet.width
    assert left > 20
    assert centres(named, 6, 2, left) == centres(sheet, 6, 2)
    inks = [np.flatnonzero((np.asarray(named)[top : top + 50, :left] < 128).any(axis=0)) for top in range(0, 300, 50)]
    widths = [int(np.ptp(ink)) for ink in inks]
    assert max(abs(a - b) for a, b in zip(widths[:3], widths[3:], strict=True)) <= 1
    assert widths[0] < widths[1] - 3  # "input" is shorter than "output"


def test_blocks_of_grey_and_colour_are_in_colour_and_of_the_second_size():
    grey, colour, see_through = levels([0.0]), levels([1.0, -1.0, -1.0]), levels([0.0, 1.0, 0.0, -1.0])
    sheet = blocks([grey[:, :, :5, :7], colour, see_through, torch.cat([grey, -grey - 1], dim=1)])
    assert sheet.size == (52, 202)
    assert centres(sheet, 4, 1) == [[[128] * 3], [[255, 0, 0]], [[128, 255, 128]], [[128] * 3]]
