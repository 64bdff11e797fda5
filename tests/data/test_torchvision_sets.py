import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from ganzoo.data import CIFAR10, CIFAR100, KMNIST, MNIST, FashionMNIST, fetch

REAL = os.environ.get("GANZOO_DATA", "/nowhere")  # tests get another one
GREY = [MNIST, FashionMNIST, KMNIST]


def write_idx(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


def write_mnist(root: Path, name: str = "MNIST", n_train: int = 20, n_test: int = 6) -> None:
    """Write files in MNIST's format: images filled with 0, 1, ... (test: 100, 101, ...), class i mod 10."""
    for part, n, first in (("train", n_train, 0), ("t10k", n_test, 100)):
        images = np.arange(first, first + n, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2)
        write_idx(root / name / "raw" / f"{part}-images-idx3-ubyte", images)
        write_idx(root / name / "raw" / f"{part}-labels-idx1-ubyte", np.arange(n, dtype=np.uint8) % 10)


def values(images: torch.Tensor) -> list[int]:
    assert (images == images[:, :, :1, :1]).all()
    return images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize("cls", GREY)
def test_grey_sets_are_read_and_split(cls, tmp_path):
    write_mnist(tmp_path, cls.name)
    data = cls(root=str(tmp_path), val_size=5)
    train, val, test = (values(data.arrays(split)[0]) for split in ("train", "val", "test"))
    assert (len(train), len(val)) == (15, 5)
    assert sorted(train + val) == list(range(20))
    assert sorted(test) == list(range(100, 106))
    assert [value % 10 for value in val] == data.labels("val").tolist()
    assert [value - 100 for value in test] == data.labels("test").tolist()
    assert data.image_shape == (1, 28, 28) == tuple(data.arrays("val")[0].shape[1:])
    again = cls(root=str(tmp_path), val_size=5, seed=4)
    assert values(again.arrays("val")[0]) == val
    assert data.num_classes == 10


def test_the_validation_images_are_pinned(tmp_path):
    write_mnist(tmp_path)
    assert values(MNIST(root=str(tmp_path), val_size=5).arrays("val")[0]) == [9, 0, 18, 1, 8]


def test_the_environment_names_the_root_and_size_resizes(tmp_path, monkeypatch):
    write_mnist(tmp_path)
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    data = MNIST(size=32, val_size=5)
    assert data.image_shape == (1, 32, 32) == tuple(data.arrays("train")[0].shape[1:])
    x, y = next(iter(MNIST(val_size=5, batch_size=4).train_dataloader()))
    assert x.shape == (4, 1, 28, 28)
    assert (x[:, 0, 0, 0].long() % 10).tolist() == y.tolist()


@pytest.mark.parametrize("cls", [MNIST, CIFAR10])
def test_missing_data_names_the_place_and_the_remedy(cls, tmp_path):
    message = rf"{cls.name} not found under {tmp_path}: run `ganzoo fetch {cls.name}` \(or set GANZOO_DATA\)"
    with pytest.raises(FileNotFoundError, match=message):
        cls(root=str(tmp_path)).setup("fit")


@pytest.mark.parametrize("val_size", [0, 20])
def test_validation_must_leave_images_on_both_sides(val_size, tmp_path):
    write_mnist(tmp_path)
    with pytest.raises(ValueError, match=f"val_size must be from 1 to 19, got {val_size}"):
        MNIST(root=str(tmp_path), val_size=val_size).arrays("train")


def write_cifar10(root: Path) -> None:
    folder = root / "cifar-10-batches-py"
    folder.mkdir()
    for b, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
        rows = np.full((4, 3, 32, 32), 10 * b, dtype=np.uint8) + np.arange(4, dtype=np.uint8)[:, None, None, None]
        rows[:, 1] += 100
        (folder / name).write_bytes(pickle.dumps({"data": rows.reshape(4, -1), "labels": [0, 1, 2, 3]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CIFAR10.class_names)}))


def test_cifar_is_read_in_colour(tmp_path, monkeypatch):
    import torchvision

    write_cifar10(tmp_path)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *_: True)
    data = CIFAR10(root=str(tmp_path), val_size=4, hflip=True)
    images, labels = data.arrays("train")
    assert data.image_shape == (3, 32, 32) == tuple(images.shape[1:])
    assert (images[:, 1] == images[:, 0] + 100).all()
    assert (images[:, 2] == images[:, 0]).all()
    assert sorted(values(images) + values(data.arrays("val")[0])) == [10 * b + i for b in range(5) for i in range(4)]
    assert [value % 10 for value in values(images)] == labels.tolist()
    assert data.train_dataloader is not None
    assert CIFAR10(root=str(tmp_path), val_size=4, batch_size=4, hflip=True).train_dataloader().hflip


def test_names_of_classes():
    assert len(set(CIFAR100.class_names)) == 100
    assert list(CIFAR100.class_names) == sorted(CIFAR100.class_names)
    assert [len(cls.class_names) for cls in (*GREY, CIFAR10)] == [10] * 4


def test_fetch_downloads_both_parts(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("ganzoo.data.torchvision_sets.open_set", lambda *a, **k: calls.append((*a[:3], *k.items())))
    assert fetch("KMNIST", str(tmp_path / "new")) == tmp_path / "new"
    assert calls == [("KMNIST", tmp_path / "new", train, ("download", True)) for train in (True, False)]


def test_fetch_finds_complete_data_without_a_network(tmp_path):
    write_mnist(tmp_path)
    assert fetch("MNIST", str(tmp_path)) == tmp_path


def test_fetch_knows_what_it_can():
    with pytest.raises(ValueError, match="'Digits' cannot be fetched: choose from CIFAR10, CIFAR100, FashionMNIST"):
        fetch("Digits")


@pytest.mark.slow
@pytest.mark.skipif(not (Path(REAL) / "MNIST").is_dir(), reason="needs the real MNIST under GANZOO_DATA")
def test_the_real_mnist():
    data = MNIST(root=REAL)
    assert [len(data.labels(split)) for split in ("train", "val", "test")] == [55_000, 5_000, 10_000]
    assert data.labels("test").bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
