import functools
import operator

import numpy as np
import pytest
import torch

from ganzoo.data import Arrays

SPLITS = ("train", "val", "test")


def saved(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def images(n=30, shape=(6, 5), dtype=np.uint8):
    """Image i has the value i everywhere."""
    return np.broadcast_to(np.arange(n).reshape(n, *[1] * len(shape)), (n, *shape)).astype(dtype)


def values(data, split):
    return data.read(split)[0][:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((6, 5), (1, 6, 5)),
        ((6, 5, 1), (1, 6, 5)),
        ((3, 6, 5), (3, 6, 5)),
        ((6, 5, 4), (4, 6, 5)),
        ((12, 12, 7), (7, 12, 12)),
        ((2, 9, 9), (2, 9, 9)),
    ],
)
def test_channels_may_stand_first_or_last(shape, expected, tmp_path):
    np.save(tmp_path / "a.npy", images(shape=shape))
    data = Arrays(str(tmp_path / "a.npy"))
    assert data.image_shape == expected
    assert data.classes == ("image",)
    found = {split: values(data, split) for split in SPLITS}
    assert sorted(functools.reduce(operator.iadd, found.values(), [])) == list(range(30))
    assert found["train"] != sorted(found["train"])
    assert all(found.values())


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("x_train", "y_train", "x_test", "y_test"), ("train", "test")),
        (("train_images", "train_labels", "val_images", "val_labels"), ("train", "val")),
        (("train_images", "train_labels", "validation_images", "validation_labels"), ("train", "val")),
    ],
)
def test_official_splits_are_kept(names, splits, tmp_path):
    x, y = images(), (np.arange(30) % 3)[:, None]
    parts = [x[:20], y[:20], x[20:], y[20:]]
    data = Arrays(saved(tmp_path / "a.npz", **dict(zip(names, parts, strict=True))))
    assert data.classes == ("0", "1", "2")
    assert sorted(values(data, splits[1])) == list(range(20, 30))
    assert set(values(data, "train")) < set(range(20))
    for split in SPLITS:
        shown, labels = data.read(split)
        assert (shown[:, 0, 0, 0] % 3 == labels).all()


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("arr_0", "arr_1"), ("data", "target")])
def test_names_of_one_set(names, tmp_path):
    path = saved(tmp_path / "a.npz", **{names[0]: images(), names[1]: np.arange(30) % 2}, seeds=np.arange(30))
    assert Arrays(path).classes == ("0", "1")


def test_sixteen_bits_and_floats_become_eight(tmp_path):
    whole = {"val_fraction": 0.0, "test_fraction": 0.0}
    x = np.array([0, 65535, 32768, 257], dtype=np.uint16).reshape(4, 1, 1)
    np.save(tmp_path / "a.npy", x)
    assert sorted(values(Arrays(str(tmp_path / "a.npy"), **whole), "train")) == [0, 1, 128, 255]
    np.save(tmp_path / "b.npy", np.linspace(-1, 1, 5).reshape(5, 1, 1))
    assert sorted(values(Arrays(str(tmp_path / "b.npy"), (-1, 1), **whole), "train")) == [0, 64, 128, 191, 255]
    assert sorted(values(Arrays(str(tmp_path / "b.npy"), (-1, 3), **whole), "train")) == [0, 32, 64, 96, 128]


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (images(dtype=np.float32), {}, r"are float32, from 0.0 to 29.0: say which values are black and white"),
        (images(dtype=np.int64), {}, r"are int64, from 0 to 29: say which values are black and white"),
        (images(dtype=np.float32), {"value_range": (0, 1)}, r"go from 0 to 29, not from 0 to 1: set value_range"),
        (images(dtype=np.float32), {"value_range": (1, 0)}, r"say which values are black and white"),
        (images(dtype=np.float32) * np.nan, {"value_range": (0, 1)}, r"go from nan to nan, not from 0 to 1"),
        (images(shape=()), {}, r"must be \[N, H, W\], \[N, H, W, C\] or \[N, C, H, W\], got \[30\]"),
        (images(n=0), {}, r"must be \[N, H, W\]"),
        (np.array(["a"] * 4), {}, r"must be \[N, H, W\]"),
    ],
)
def test_numbers_of_unknown_meaning_are_refused(array, options, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(ValueError, match=message):
        Arrays(str(tmp_path / "a.npy"), **options)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"foo": images()}, r"holds foo \[30, 6, 5\]: call the images images or image or imgs or x, or x_train"),
        ({"x_test": images()}, r"holds x_test \[30, 6, 5\]: call the images"),
        ({"x": images(), "images": images()}, "several arrays of its images: keep one"),
        ({"x": images(), "y": np.arange(29)}, "labels must be 30 whole numbers from 0, got int64"),
        ({"x": images(), "y": np.arange(30) - 1}, "labels must be 30 whole numbers from 0"),
        ({"x": images(), "y": np.arange(30) / 2}, "labels must be 30 whole numbers from 0, got float64"),
        ({"x_train": images(), "x_test": images(shape=(4, 4))}, "images of shapes .*: give a size"),
        ({"x": np.array([{"a": 1}])}, "a.npz is damaged, cut off, or no npz without pickle$"),
    ],
)
def test_files_of_another_kind_are_refused(arrays, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Arrays(saved(tmp_path / "a.npz", **arrays))


def test_damaged_and_missing_files(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Arrays(str(path))
    np.savez_compressed(path, x=np.random.RandomState(0).randint(0, 255, (30, 16, 16), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ValueError, match=r"a\.npz is damaged"):
        Arrays(str(path))


def test_images_are_resized(tmp_path):
    data = Arrays(saved(tmp_path / "a.npz", x_train=images(), x_test=images(shape=(4, 4))), size=(8, 4))
    assert data.image_shape == (1, 8, 4)
    assert isinstance(data.read("test")[0], torch.Tensor)
    assert data.read("test")[0].shape[1:] == (1, 8, 4)
