import pytest
import torch
from torch.utils.data import DataLoader

from ganzoo.data import Digits, Gaussians, MemoryLoader, Order
from tests.data.tools import check_resume


def images(n: int = 20) -> torch.Tensor:
    return torch.arange(n * 2, dtype=torch.uint8).view(n, 1, 1, 2)


def test_batches_are_the_rows_that_the_order_names():
    loader = MemoryLoader(images(), torch.arange(20), Order(20, 4, seed=2))
    wanted = list(Order(20, 4, seed=2))
    got = list(loader)
    assert len(got) == len(loader) == 5
    for (x, y), index in zip(got, wanted, strict=True):
        assert x.dtype == torch.uint8
        assert torch.equal(x, images()[index])
        assert torch.equal(y, index)


def test_points_pass_unchanged():
    points = torch.randn(8, 2)
    x, y = next(iter(MemoryLoader(points, torch.arange(8), Order(8, 4))))
    assert torch.equal(x, points[y])


def test_mirroring_is_a_function_of_epoch_and_image():
    def epoch(world_size):
        loaders = [
            MemoryLoader(images(), torch.arange(20), Order(20, 4 // world_size, 0, r, world_size), hflip=True)
            for r in range(world_size)
        ]
        return {
            int(y): x.flatten().tolist() for loader in loaders for xs, ys in loader for x, y in zip(xs, ys, strict=True)
        }

    alone = epoch(1)
    assert alone == epoch(2)
    flipped = [i for i, pair in alone.items() if pair == [2 * i + 1, 2 * i]]
    straight = [i for i, pair in alone.items() if pair == [2 * i, 2 * i + 1]]
    assert flipped
    assert straight
    assert len(flipped) + len(straight) == 20


def test_it_is_no_torch_loader_and_leaves_torch_generators_alone():
    loader = MemoryLoader(images(), torch.arange(20), Order(20, 4), hflip=True)
    assert not isinstance(loader, DataLoader)
    before = torch.get_rng_state()
    list(loader)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("n_labels", "n_order", "hflip", "message"),
    [
        (19, 20, False, "20 images, 19 labels"),
        (20, 19, False, "an order of 19"),
        (20, 20, True, "set hflip=False"),
    ],
)
def test_what_does_not_fit_is_refused(n_labels, n_order, hflip, message):
    x = torch.zeros(20, 2) if hflip else images()
    with pytest.raises(ValueError, match=message):
        MemoryLoader(x, torch.arange(n_labels), Order(n_order, 4), hflip)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"val_check_interval": 2, "check_val_every_n_epoch": None},
        {"limit_train_batches": 3},
    ],
)
def test_a_resumed_run_sees_the_batches_of_the_uninterrupted_one(tmp_path, options):
    """Five batches an epoch: stopped within the first, at its end, and within the second."""
    check_resume(lambda: Gaussians(n_points=23, batch_size=4, seed=1), tmp_path, (3, 5, 7, 10), **options)


def test_digits_resume(tmp_path):
    check_resume(lambda: Digits(batch_size=350, seed=1), tmp_path, (4, 6))
