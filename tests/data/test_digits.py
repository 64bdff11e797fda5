import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ganzoo.data import Digits

FINGERPRINTS = {
    "train": "9575f7e017bdba2174b26e2e48992a02b0d3490e6bc670ceef868156854cd9b9",
    "val": "d42f4c97f16af67e3a6e35e3b7e20f63299a2953186d825b31c2220b683795d8",
    "test": "6b49aba6f9c656b6c21640e2963d053ed657ab753cfad4562bd5a3750740ff5f",
}


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_splits_are_fixed_for_ever(split):
    assert Digits(seed=9).fingerprint(split) == FINGERPRINTS[split]


def test_the_splits_share_out_every_digit_once():
    data = Digits()
    pixels = torch.cat([data.arrays(split)[0] for split in FINGERPRINTS]).flatten(1).numpy()
    official = np.rint(load_digits().data * 255 / 16).astype(np.uint8)
    assert sorted(map(bytes, pixels)) == sorted(map(bytes, official))
    assert len(np.unique(pixels, axis=0)) == len(pixels), "no digit is there twice, so none can leak"


def test_every_class_is_split_80_10_10():
    data = Digits()
    counts = np.array([data.labels(split).bincount().numpy() for split in FINGERPRINTS])
    share = counts / counts.sum(axis=0)
    assert np.abs(share - [[0.8], [0.1], [0.1]]).max() < 0.01


def test_images_go_with_their_labels():
    bunch = load_digits()
    known = {bytes(np.rint(v * 255 / 16).astype(np.uint8)): y for v, y in zip(bunch.data, bunch.target, strict=True)}
    images, labels = Digits().arrays("val")
    assert [known[bytes(x.flatten().numpy())] for x in images] == labels.tolist()


def test_sixteen_becomes_255_and_size_is_kept():
    data = Digits(size=32)
    images, labels = data.arrays("test")
    assert data.image_shape == (1, 32, 32) == tuple(images.shape[1:])
    assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert Digits().arrays("test")[0].max() == 255
    assert data.classes == tuple("0123456789")
    assert data.num_classes == 10


def test_the_fingerprint_knows_the_size():
    assert Digits(size=16).fingerprint("val") != Digits().fingerprint("val")
