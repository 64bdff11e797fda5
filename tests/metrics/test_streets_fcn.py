"""The network that reads label maps in photographs of streets."""

import shutil

import pytest
import torch

from ganzoo.data import Streets
from ganzoo.data.street_canvas import CLASSES as NAMES
from ganzoo.metrics.segmentation import confusion, segmentation_scores
from ganzoo.metrics.shipped import shipped
from ganzoo.metrics.streets_fcn import CLASSES, ID, StreetsFCN, StreetsNetwork
from ganzoo.pixels import to_float

JUDGE = StreetsFCN()


def scores(photos, true):
    return segmentation_scores(confusion(true, JUDGE(photos), CLASSES))


@pytest.fixture(scope="module")
def streets():
    data = Streets(n=32)
    return data.sides("test")[0], data.label_maps("test")


def test_it_reads_real_photographs(streets):
    found = scores(*streets)
    assert found.pixel > 0.965
    assert found.class_ > 0.87
    assert found.iou > 0.83
    assert scores(streets[0].roll(1, dims=0), streets[1]).pixel < 0.6  # the photograph of another scene


def test_bytes_and_floats_are_read_alike(streets):
    photos, _ = streets
    assert torch.equal(JUDGE(photos[:8]), JUDGE(to_float(photos[:8])))
    assert JUDGE(photos[:8]).dtype == torch.uint8


@pytest.mark.parametrize(("size", "pixel"), [(32, 0.93), (96, 0.94)])
def test_photographs_of_other_sizes_are_read_at_their_size(size, pixel):
    data = Streets(size=size, n=32)
    assert scores(data.sides("test")[0][:16], data.label_maps("test")[:16]).pixel > pixel


def test_photographs_need_not_be_square(streets):
    photos, true = streets
    assert scores(photos[:16, :, :, :37], true[:16, :, :37]).pixel > 0.8
    assert JUDGE(photos[:1, :, :, :1]).shape == (1, 64, 1)


def test_the_network_is_what_its_text_says():
    network = StreetsNetwork()
    assert sum(p.numel() for p in network.parameters()) == 306_408
    assert (len(NAMES), StreetsFCN.id) == (CLASSES, ID)
    shapes = [tuple(f.shape[1:]) for f in network.maps(torch.zeros(1, 3, 63, 64))]
    assert shapes == [(16, 63, 64), (32, 32, 32), (64, 16, 16), (112, 8, 8)]
    assert not JUDGE.network.training
    assert not any(p.requires_grad for p in JUDGE.network.parameters())


def test_a_flipped_byte_is_refused(tmp_path):
    assert shipped(ID).stat().st_size < 1_300_000
    path = tmp_path / "flipped.safetensors"
    shutil.copy(shipped(ID), path)
    assert StreetsFCN(str(path)).id == ID
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"is not streets-fcn\.v1: SHA-256 should be"):
        StreetsFCN(str(path))
    with pytest.raises(ValueError, match="reinstall"):
        StreetsFCN(str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 1, 64, 64), "in colour"),
        (torch.zeros(3, 64, 64), "in colour"),
        (torch.full((1, 3, 64, 64), torch.nan), "diverged"),
    ],
)
def test_what_is_no_photograph_is_refused(images, message):
    with pytest.raises(ValueError, match=message):
        JUDGE(images)
