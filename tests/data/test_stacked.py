import os
from pathlib import Path

import pytest
import torch

from ganzoo.data import MNIST, StackedMNIST
from tests.data.test_torchvision_sets import write_mnist

REAL = os.environ.get("GANZOO_DATA", "/nowhere")  # tests get another one


@pytest.fixture
def root(tmp_path):
    """MNIST's files: images filled with 0, ..., 19 (test: 100, ..., 105), class i mod 10."""
    write_mnist(tmp_path)
    return str(tmp_path)


def stacked(root, **kwargs):
    return StackedMNIST(**{"root": root, "val_size": 5, "n_images": 300, "batch_size": 10, **kwargs})


def values(images):
    assert (images == images[:, :, :1, :1]).all()
    return images[:, :, 0, 0].long()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_class_is_the_three_digits(split, root):
    images, classes = stacked(root).arrays(split)
    assert (images.shape, images.dtype) == ((300, 3, 28, 28), torch.uint8)
    a, b, c = (values(images) % 100 % 10).unbind(dim=1)
    assert torch.equal(classes, 100 * a + 10 * b + c)
    assert len((values(images)[:, 0] - values(images)[:, 1]).unique()) > 3  # the channels are drawn independently


def test_a_split_is_made_of_its_own_digits(root):
    used = {split: set(values(stacked(root).arrays(split)[0]).flatten().tolist()) for split in ("train", "val", "test")}
    own = {
        split: set(values(MNIST(root=root, val_size=5).arrays(split)[0]).flatten().tolist())
        for split in ("train", "val", "test")
    }
    assert used == own
    assert not used["train"] & used["val"]


def test_the_triples_depend_on_the_split_alone(root):
    torch.rand(3)
    first = stacked(root).arrays("train")
    again = stacked(root, seed=5, batch_size=7).arrays("train")
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert torch.equal(stacked(root, n_images=40).arrays("train")[0], first[0][:40])
    assert not torch.equal(values(first[0]) % 10, values(stacked(root).arrays("test")[0]) % 10)


def test_the_first_triples_are_pinned(root):
    assert stacked(root).labels("train")[:4].tolist() == [962, 994, 270, 614]


def test_it_is_a_set_of_a_thousand_classes(root):
    data = stacked(root, size=14)
    assert (data.num_classes, data.classes[7], data.image_shape) == (1000, "007", (3, 14, 14))
    assert data.arrays("val")[0].shape == (300, 3, 14, 14)
    x, y = next(iter(data.train_dataloader()))
    assert (x.shape, y.shape) == ((10, 3, 14, 14), (10,))
    assert data.config()["init_args"]["n_images"] == 300


def test_few_are_held_out_where_many_are_trained_on(root):
    data = stacked(root, n_images=10_100)
    assert [len(data.labels(split)) for split in ("train", "test")] == [10_100, 10_000]


def test_it_is_found_where_mnist_is(root, tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", root)
    assert len(stacked(None).labels("train")) == 300
    empty = tmp_path / "empty"
    with pytest.raises(FileNotFoundError, match=rf"MNIST not found under {empty}: run `ganzoo fetch MNIST` \(or set"):
        stacked(str(empty)).setup("fit")


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="n_images must be at least 1, got 0"):
        StackedMNIST(n_images=0)


@pytest.mark.slow
@pytest.mark.skipif(not (Path(REAL) / "MNIST").is_dir(), reason="needs the real MNIST under GANZOO_DATA")
def test_the_real_floor():
    """999 / (2 · 26,000), and 3 · 0.00138 as some digits are more frequent: 0.0233, standard deviation 0.001."""
    from ganzoo.metrics.modes import class_report

    data = StackedMNIST(root=REAL, n_images=26_000)
    report = class_report(data.labels("train"), data.num_classes)
    assert report.modes == 1000
    assert report.kl_uniform == pytest.approx(0.0233, abs=0.004)
