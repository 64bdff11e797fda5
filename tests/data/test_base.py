import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import ganzoo.data
from ganzoo.config import build
from ganzoo.data import CIFAR10, MNIST, Digits, Gaussians, ImageFolder, Shards, data_root


def attach(data, rank=0, world_size=1, epoch=0):
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    place = {"global_rank": rank, "world_size": world_size, "current_epoch": epoch}
    data.trainer = SimpleNamespace(**place, strategy=strategy, limit_train_batches=1.0, overfit_batches=0)
    return data


@pytest.mark.parametrize("make", [Digits, lambda **k: Gaussians(n_points=200, **k)])
def test_two_ranks_see_what_one_process_sees(make):
    alone = [y.tolist() for _, y in make(batch_size=8).train_dataloader()]
    ranks = [attach(make(batch_size=4), rank, 2).train_dataloader() for rank in (0, 1)]
    assert [a.tolist() + b.tolist() for (_, a), (_, b) in zip(*ranks, strict=True)] == alone


def test_a_loader_made_anew_starts_at_the_epoch_of_the_trainer():
    first = Digits().train_dataloader()
    list(first)
    second = [y.tolist() for _, y in first]
    assert [y.tolist() for _, y in attach(Digits(), epoch=1).train_dataloader()] == second


@pytest.mark.parametrize(
    "data",
    [
        Digits(size=12, seed=3),
        Gaussians("line", means=[0.0, 1.0], weights=[1.0, 2.0]),
        MNIST(val_size=7, root="there"),
        CIFAR10(hflip=True),
        ImageFolder("there", size=9, channels=1, on_corrupt="skip"),
        Shards("there", 16, in_memory=True),
    ],
)
def test_a_config_makes_the_same_data_again(data):
    again = build(data.config())
    assert type(again) is type(data)
    assert again.config() == data.config()
    assert again.image_shape == data.image_shape
    assert again.batch_size == data.batch_size


def test_uint8_becomes_float_after_the_transfer_and_all_else_stays():
    data = Digits()
    x, y = next(iter(data.train_dataloader()))
    floats, labels = data.on_after_batch_transfer((x, y), 0)
    assert floats.dtype == torch.float32
    assert floats.min() == -1
    assert floats.max() == 1
    assert labels is y
    points = torch.randn(3, 2)
    assert data.on_after_batch_transfer((points, y), 0)[0] is points
    assert data.on_after_batch_transfer(y, 0) is y


def test_judges_get_blocks_in_a_fixed_order():
    data = Digits(seed=1)
    blocks = list(data.images("train", 150))
    assert [len(block) for block in blocks] == [64, 64, 22]
    assert {block.dtype for block in blocks} == {torch.uint8}
    assert torch.equal(torch.cat(blocks), torch.cat(list(Digits(seed=2).images("train")))[:150])
    assert sum(map(len, data.images("val"))) == len(data.labels("val"))
    assert sum(map(len, data.images("val", 0))) == 0


def test_evaluation_is_one_occasion():
    data = Digits()
    for loader in (data.val_dataloader(), data.test_dataloader(), data.predict_dataloader()):
        assert len(loader) == 1


def test_reading_twice_gives_the_same_tensor():
    data = Digits()
    data.setup("fit")
    images = data.arrays("train")[0]
    data.setup("fit")
    assert data.arrays("train")[0] is images


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Digits(batch_size=0), "batch_size must be at least 1, got 0"),
        (lambda: Digits(size=0), r"size must be a side from 1 to 8192, or two: \[height, width\]; got 0"),
        (lambda: Digits().labels("dev"), "split must be one of train, val, test, got 'dev'"),
        (lambda: list(Digits().images("val", 10_000)), "the val split has 179 images, asked for 10000"),
        (lambda: Digits(batch_size=2000).train_dataloader(), "1442 training images do not fill a batch of 2000"),
    ],
)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_root_is_the_argument_then_the_environment_then_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path))
    assert data_root("here").name == "here"
    assert data_root() == tmp_path
    monkeypatch.delenv("GANZOO_DATA")
    assert data_root().parts[-2:] == (".cache", "ganzoo")


def test_no_heavy_library_is_imported_before_it_is_needed():
    for path in Path(ganzoo.data.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in getattr(node, "names", [])] + [getattr(node, "module", None) or ""]
            assert not {name.split(".")[0] for name in names} & {
                "torchvision",
                "sklearn",
                "PIL",
                "webdataset",
            }, path
