from itertools import chain

import pytest
import torch

from ganzoo.data.order import Order, mix


def batches(order: Order) -> list[list[int]]:
    return [indices.tolist() for indices in order]


def test_each_epoch_is_a_permutation_without_the_incomplete_batch():
    order = Order(23, 4, seed=1)
    first, second = batches(order), batches(order)
    assert len(first) == len(second) == len(order) == 5
    for epoch in (first, second):
        flat = list(chain(*epoch))
        assert len(set(flat)) == 20
        assert set(flat) <= set(range(23))
    assert first != second


def test_it_is_a_function_of_seed_and_epoch_alone():
    torch.manual_seed(0)
    one = batches(Order(20, 4, seed=3))
    torch.manual_seed(1)
    other = Order(20, 4, seed=3)
    other.set_epoch(7)
    other.set_epoch(0)
    assert batches(other) == one
    assert batches(Order(20, 4, seed=4)) != one


def test_seeds_that_differ_only_above_32_bits_differ():
    assert mix(1, 0) != mix(1 + 2**32, 0)
    assert Order(50, 5, seed=1).permutation(0).tolist() != Order(50, 5, seed=1 + 2**32).permutation(0).tolist()
    assert 0 <= mix(2**70, "x") < 2**32
    assert len({mix(seed, epoch) for seed in range(100) for epoch in range(100)}) == 10_000


@pytest.mark.parametrize("world_size", [2, 3])
def test_ranks_see_together_what_one_process_sees(world_size):
    n, batch_size = 50, 4
    alone = Order(n, batch_size * world_size, seed=5)
    ranks = [Order(n, batch_size, seed=5, rank=r, world_size=world_size) for r in range(world_size)]
    for _ in range(2):
        joint = [list(chain(*parts)) for parts in zip(*map(batches, ranks), strict=True)]
        assert joint == batches(alone)


@pytest.mark.parametrize("stop", range(11))
def test_it_goes_on_where_a_saved_one_stood(stop):
    def endless(order):
        while True:
            yield from order

    whole, resumed = Order(21, 4), Order(21, 4)
    stream = endless(whole)
    for _ in range(stop):
        next(stream)
    resumed.load_state_dict(whole.state_dict())
    rest, again = endless(resumed), [next(stream).tolist() for _ in range(8)]
    assert [next(rest).tolist() for _ in range(8)] == again


def test_the_state_counts_epochs_and_batches():
    order = Order(20, 4)
    stream = iter(order)
    assert order.state_dict() == {"epoch": 0, "batches": 0}
    next(stream)
    assert order.state_dict() == {"epoch": 0, "batches": 1}
    list(stream)
    assert order.state_dict() == {"epoch": 0, "batches": 5}
    order.load_state_dict({"epoch": 0, "batches": 5})
    assert order.state_dict() == {"epoch": 1, "batches": 0}


def test_the_same_epoch_keeps_the_place_and_another_starts_anew():
    order = Order(20, 4)
    next(iter(order))
    order.set_epoch(0)
    assert order.position == 1
    order.set_epoch(2)
    assert (order.epoch, order.position) == (2, 0)


def test_coins_are_fair_and_differ_between_epochs():
    order = Order(10_000, 10)
    coins = order.coins(0)
    assert abs(coins.double().mean().item() - 0.5) < 0.02
    assert abs((coins == order.coins(1)).double().mean().item() - 0.5) < 0.02
    assert torch.equal(coins, Order(10_000, 10).coins(0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"n": 7, "batch_size": 4, "world_size": 2},
            "7 training images do not fill a batch of 4 on each of 2 ranks: lower",
        ),
        ({"n": 7, "batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"n": 7, "batch_size": 1, "rank": 2, "world_size": 2}, "rank must be from 0 to 1, got 2"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Order(**arguments)


def test_exactly_one_global_batch_is_enough():
    assert len(Order(8, 4, world_size=2)) == 1


@pytest.mark.parametrize(
    "state", [3, None, {}, {"epoch": 1}, {"epoch": 1, "batches": "2"}, {"epoch": -1, "batches": 2}]
)
def test_a_place_that_is_none_is_refused(state):
    with pytest.raises(ValueError, match="a place in the data is an epoch and a number of batches, got"):
        Order(10, 2).load_state_dict(state)
