import pytest
import torch

from ganzoo.pixels import mirror, resize_uint8, to_float, to_uint8


def test_every_value_survives_the_round_trip():
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    floats = to_float(values)
    assert floats.dtype == torch.float32
    assert floats.min() == -1
    assert floats.max() == 1
    assert torch.equal(to_uint8(floats), values)
    assert torch.equal(values, torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)), "input was changed"


def test_values_outside_are_clipped_and_ready_ones_left_alone():
    assert to_uint8(torch.tensor([-3.0, -1.0, 0.0, 1.0, 3.0])).tolist() == [0, 0, 128, 255, 255]
    points = torch.randn(3)
    assert to_float(points) is points
    assert to_uint8(torch.tensor([3], dtype=torch.uint8)).tolist() == [3]


def test_resize_is_antialiased_and_rounded():
    stripes = torch.tensor([0, 255, 255, 0], dtype=torch.uint8).repeat(4)[:, None].expand(16, 16)[None, None]
    half = resize_uint8(stripes.contiguous(), 4)
    assert half.dtype == torch.uint8
    assert ((half.float() - 127.5).abs() < 16).all(), "stripes must average out, not alias"
    flat = torch.full((2, 3, 5, 5), 77, dtype=torch.uint8)
    assert torch.equal(resize_uint8(flat, 9), torch.full((2, 3, 9, 9), 77, dtype=torch.uint8))
    assert resize_uint8(flat, 5) is flat


def test_resize_does_not_depend_on_the_company(monkeypatch):
    images = torch.randint(0, 256, (7, 1, 9, 9), dtype=torch.uint8)
    whole = resize_uint8(images, 6)
    monkeypatch.setattr("ganzoo.pixels.CHUNK", 2)
    assert torch.equal(resize_uint8(images, 6), whole)


def test_resize_refuses_floats():
    with pytest.raises(ValueError, match=r"expected uint8 images \[N, C, H, W\], got torch.float32 \[1, 3, 4, 4\]"):
        resize_uint8(torch.zeros(1, 3, 4, 4), 2)


def test_mirror_flips_only_the_chosen():
    x = torch.arange(4, dtype=torch.uint8).view(2, 1, 1, 2)
    assert mirror(x, torch.tensor([True, False])).flatten().tolist() == [1, 0, 2, 3]
