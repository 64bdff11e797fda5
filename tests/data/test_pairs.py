import re

import pytest
import torch
from jsonargparse import ArgumentParser

from ganzoo.config import build
from ganzoo.data import Derived, Digits, Emoji, Pairs, Streets, Unpaired
from ganzoo.data.augment import Augment, cropped
from ganzoo.data.order import Order
from ganzoo.data.pairs import PairData
from tests.data.test_base import attach
from tests.data.tools import check_resume, fit


class Numbers(PairData):
    """Pairs whose pixels tell who they are: i of A has the values i, 10 + i, ...; of B 100 more."""

    name = "Numbers"

    def __init__(self, n: int = 12, m: int | None = None, size: tuple[int, int] = (2, 3), **options) -> None:
        super().__init__(**options)
        self.set_shapes(size, 1, 1)
        self.n, self.m = n, m
        self.judged_in_pairs = m is None

    def read_sides(self, split, size):
        first = {"train": 0, "val": 40, "test": 60}[split]
        ramp = torch.arange(size[1], dtype=torch.uint8).expand(size[0], -1)

        def side(n, base):
            return (torch.arange(first, first + n, dtype=torch.uint8) + base)[:, None, None, None] + ramp

        return side(self.n, 0), side(self.n if self.m is None else self.m, 100)


def numbers(images):
    return images.flatten(1).amin(dim=1).tolist()


def batches(data, epochs=1):
    loader = data.train_dataloader()
    return [(numbers(x), numbers(y)) for _ in range(epochs) for x, y in loader]


# -- pairs


def test_a_batch_is_target_and_source():
    seen = batches(Numbers(batch_size=4))
    assert [(len(x), len(y)) for x, y in seen] == [(4, 4)] * 3
    assert all(target == source + 100 for x, y in seen for target, source in zip(x, y, strict=True))
    assert sorted(i for _, y in seen for i in y) == list(range(12))
    turned = batches(Numbers(batch_size=4, reverse=True))
    assert turned == [(y, x) for x, y in seen]


def test_targets_sources_and_labels_of_a_split():
    data = Numbers()
    targets, sources = data.sides("test")
    assert (numbers(targets), numbers(sources)) == (list(range(160, 172)), list(range(60, 72)))
    assert torch.equal(torch.cat(list(data.images("test"))), targets)
    assert torch.equal(data.conditions("test"), sources)
    assert data.labels("test").tolist() == [0] * 12
    assert (data.classes, data.num_classes) == ((), 0)
    assert (data.image_shape, data.source_shape) == ((1, 2, 3), (1, 2, 3))
    with pytest.raises(ValueError, match="split must be one of train, val, test, got 'dev'"):
        data.sides("dev")


def test_the_shapes_are_turned_with_the_sides():
    class Grey(Numbers):
        def __init__(self, reverse=False):
            PairData.__init__(self, reverse=reverse)
            self.set_shapes(5, 1, 3)

    assert (Grey().image_shape, Grey().source_shape) == ((3, 5, 5), (1, 5, 5))
    assert (Grey(reverse=True).image_shape, Grey(reverse=True).source_shape) == ((1, 5, 5), (3, 5, 5))


@pytest.mark.parametrize(
    ("cls", "given", "own"),
    [
        (Pairs, {}, {"num_workers": 2, "in_memory": False, "paired": True, "size": 256}),
        (Unpaired, {}, {"num_workers": 2, "in_memory": False, "paired": False, "size": 256}),
        (Emoji, {}, {"num_workers": 0, "in_memory": True, "paired": True, "source": "noto"}),
        (Streets, {}, {"paired": True, "n": 4096}),
        (Derived, {"data": Digits()}, {"paired": True, "make": "edges"}),
    ],
)
def test_arguments_that_are_passed_on_are_in_help_and_in_the_configuration(cls, given, own):
    more = {"batch_size": 3, "seed": 4, "reverse": True, "hflip": True, "jitter": 2}
    config = cls(**given, **more).config()
    assert config["init_args"].items() >= {**own, **more}.items()
    assert build(config).config() == config
    parser = ArgumentParser()
    parser.add_class_arguments(cls, "data", skip=set(given))
    said = " ".join(parser.format_help().split())
    for name in config["init_args"].keys() - given:
        assert re.search(rf" --data\.{name} \S+ [^(]{{9,}}\(type: ", said), name
    with pytest.raises(TypeError):
        cls(**given, batchsize=3)


def test_both_sides_are_floats_on_the_device():
    data = Numbers(batch_size=4)
    x, y = next(iter(data.train_dataloader()))
    assert (x.dtype, y.dtype) == (torch.uint8, torch.uint8)
    for images in data.on_after_batch_transfer((x, y), 0):
        assert images.dtype == torch.float32
        assert -1 <= images.min() < images.max() <= 1


def test_the_fingerprint_is_of_both_sides():
    data = Numbers()
    before = data.fingerprint("val")
    assert Numbers(reverse=True).fingerprint("val") != before
    targets, sources = data.sides("val")
    sources[3, 0, 1, 1] += 1
    assert data.fingerprint("val") != before
    sources[3, 0, 1, 1] -= 1
    targets[3, 0, 1, 1] += 1
    assert data.fingerprint("val") != before


# -- chance


def test_both_sides_of_a_pair_are_mirrored_alike():
    data = Numbers(batch_size=12, hflip=True)
    x, y = next(iter(data.train_dataloader()))
    mirrored = x[:, 0, 0, 0] > x[:, 0, 0, 2]
    assert torch.equal(mirrored, y[:, 0, 0, 0] > y[:, 0, 0, 2])
    assert 0 < mirrored.sum() < 12
    assert torch.equal(x, y + 100)


def test_both_sides_of_a_pair_are_cropped_alike_and_anew_in_each_epoch():
    data = Numbers(batch_size=12, jitter=3)
    loader = data.train_dataloader()
    seen = []
    for _ in range(2):
        for x, y in loader:
            assert x.shape == (12, 1, 2, 3)
            assert torch.equal(x, y + 100)
            left = y[:, 0, 0, 0] - torch.tensor(numbers(y)).to(torch.uint8)
            assert (left == 0).all()
            seen.append(dict(zip(range(12), sorted(numbers(y)), strict=True)))
    assert seen[0] != seen[1]
    assert numbers(data.sides("train")[1]) == list(range(12)), "the judges' pictures are not cropped"
    assert data.training_sides()[0].shape == (12, 1, 5, 6)


def test_crops_are_uniform_and_a_function_of_seed_epoch_and_image():
    """Five standard deviations of a count of 6,000 / 16."""
    order = Order(6000, 4, seed=3)
    shifts = order.shifts(2, 3)
    assert torch.equal(shifts, Order(6000, 9, seed=3).shifts(2, 3))
    assert not torch.equal(shifts, order.shifts(3, 3))
    assert not torch.equal(shifts, Order(6000, 4, seed=4).shifts(2, 3))
    counts = (shifts[:, 0] * 4 + shifts[:, 1]).bincount(minlength=16)
    assert (counts - 375).abs().max() < 5 * (6000 / 16 * 15 / 16) ** 0.5


def test_a_crop_is_the_slice_at_its_place():
    images = torch.arange(3 * 2 * 5 * 6, dtype=torch.uint8).view(3, 2, 5, 6)
    shifts = torch.tensor([[0, 0], [2, 1], [1, 2]])
    parts = cropped(images, shifts, 2)
    for image, part, (top, left) in zip(images, parts, shifts.tolist(), strict=True):
        assert torch.equal(part, image[:, top : top + 3, left : left + 4])
    assert Augment(Order(3, 1), hflip=True, jitter=2)(torch.arange(3), torch.arange(3)).tolist() == [0, 1, 2]


# -- unpaired


def test_unpaired_training_has_no_pair_and_held_out_images_stay_pairs():
    data = Numbers(n=13, paired=False, batch_size=2)
    targets, sources = data.sides("train")
    assert not {i - 100 for i in numbers(targets)} & set(numbers(sources))
    assert sorted([i - 100 for i in numbers(targets)] + numbers(sources)) == list(range(13))
    assert [data.held_pairs(split) for split in ("train", "val", "test")] == [False, True, True]
    assert numbers(data.sides("val")[0]) == [i + 100 for i in numbers(data.sides("val")[1])]
    turned = Numbers(n=13, paired=False, reverse=True)
    assert [numbers(side) for side in turned.sides("train")] == [numbers(sources), numbers(targets)]
    with pytest.raises(ValueError, match="Numbers has 1 training pairs, which cannot be taken apart: set paired=True"):
        Numbers(n=1, paired=False).sides("train")


def test_unpaired_sides_have_orders_of_their_own():
    data = Numbers(n=24, paired=False, batch_size=1)
    seen = batches(data, epochs=2)
    assert len(seen) == 24
    x, y = ([side[0] for side in column] for column in zip(*seen, strict=True))
    for epoch in (slice(0, 12), slice(12, 24)):
        assert sorted(x[epoch]) == list(range(112, 124))
        assert sorted(y[epoch]) == list(range(12))
    assert [i - 112 for i in x] != y, "or image i would always come with image i"
    assert len(set(seen_pairs(x, y))) > 20


def seen_pairs(x, y):
    return list(zip(x, y, strict=True))


@pytest.mark.parametrize(("n", "m"), [(4, 11), (11, 4)])
def test_an_epoch_is_the_longer_one_and_the_shorter_starts_again(n, m):
    data = Numbers(n=n, m=m, batch_size=2)
    assert not data.held_pairs("val")
    seen = batches(data, epochs=2)
    assert len(seen) == 10
    long, short = ((x, y) if m > n else (y, x) for x, y in [zip(*seen, strict=True)]).__next__()
    assert [len({i for batch in long[k : k + 5] for i in batch}) for k in (0, 5)] == [10, 10]
    epochs = [tuple(i for batch in short[k : k + 2] for i in batch) for k in range(0, 10, 2)]
    assert all(len(set(epoch)) == 4 for epoch in epochs)
    assert len(set(epochs)) > 1, "each time in another order"


def on_ranks(data, rank, world):
    return attach(data, rank, world).train_dataloader()


@pytest.mark.parametrize("options", [{"paired": False}, {"m": 5}, {"paired": False, "hflip": True, "jitter": 2}])
def test_two_ranks_see_what_one_process_sees(options):
    alone = [[x.tolist() for x in batch] for batch in Numbers(n=24, batch_size=4, **options).train_dataloader()]
    ranks = [on_ranks(Numbers(n=24, batch_size=2, **options), rank, 2) for rank in (0, 1)]
    joint = [[torch.cat(sides).tolist() for sides in zip(*pair, strict=True)] for pair in zip(*ranks, strict=True)]
    assert joint == alone
    assert len(alone) > 1


@pytest.mark.parametrize("options", [{"paired": False}, {"m": 5}, {"m": 31}, {"m": 5, "hflip": True, "jitter": 1}])
@pytest.mark.parametrize("stop", [1, 5, 6, 8, 13])
def test_a_saved_place_is_a_place_in_both_sets(stop, options):
    def some(loader, count):
        found = []
        while len(found) < count:
            for x, y in loader:
                found.append((x.tolist(), y.tolist()))
                if len(found) == count:
                    break
        return found

    whole = some(Numbers(n=12, batch_size=2, **options).train_dataloader(), 20)
    loader = Numbers(n=12, batch_size=2, **options).train_dataloader()
    first = some(loader, stop)
    again = Numbers(n=12, batch_size=2, **options).train_dataloader()
    again.load_state_dict(loader.state_dict())
    assert first + some(again, 20 - stop) == whole


def test_a_place_of_other_data_is_refused():
    loader = Numbers(paired=False).train_dataloader()
    with pytest.raises(ValueError, match=r"are those of targets and of sources, got \{'epoch': 0, 'batches': 3\}"):
        loader.load_state_dict({"epoch": 0, "batches": 3})


# -- within Lightning


@pytest.mark.parametrize("options", [{}, {"limit_train_batches": 4}, {"limit_train_batches": 0.5}])
def test_a_resumed_run_sees_the_batches_of_the_uninterrupted_one(options, tmp_path):
    def make():
        return Numbers(n=12, m=5, batch_size=2, hflip=True, jitter=1)

    check_resume(make, tmp_path, (4, 6), **options)


@pytest.mark.parametrize("shape", [{"n": 4, "m": 12}, {"n": 12, "paired": False}])
@pytest.mark.filterwarnings("ignore:.*overfit.*")
def test_with_overfit_batches_all_epochs_are_alike(shape, tmp_path):
    seen, _, _ = fit(Numbers(**shape, batch_size=1), tmp_path, 12, overfit_batches=3)
    assert seen == seen[:3] * 4
    assert len({str(batch) for batch in seen}) == 3


def test_a_new_loader_begins_both_sets_where_the_trainer_is():
    data = Numbers(n=12, m=5, batch_size=2)
    third = batches(data, epochs=3)[12:]
    again = attach(Numbers(n=12, m=5, batch_size=2), epoch=2).train_dataloader()
    assert [(numbers(x), numbers(y)) for x, y in again] == third


# -- what cannot be


@pytest.mark.parametrize("jitter", [-1, 8193, 1.5, True])
def test_jitter_is_a_number_of_pixels(jitter):
    with pytest.raises(ValueError, match="jitter must be a number of pixels from 0 to 8192, got"):
        Numbers(jitter=jitter)
