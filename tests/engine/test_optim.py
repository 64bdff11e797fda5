"""Schedules by hand, and that each recipe builds torch's optimizer with its numbers."""

import math

import pytest
import torch
from torch import nn

from ganzoo.config import build
from ganzoo.engine.optim import SGD, Adam, Cosine, Linear, Optimizer, RMSprop, Schedule


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (Linear(stop=4), [1, 0.75, 0.5, 0.25, 0, 0, 0]),
        (Linear(stop=4, end=0.2), [1, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2]),
        (Linear(stop=6, start=2), [1, 1, 1, 0.75, 0.5, 0.25, 0, 0]),
        (Linear(stop=4, warmup=2), [0.5, 0.75, 0.5, 0.25, 0]),
        (Linear(stop=100, start=99, warmup=4), [0.25, 0.5, 0.75, 1, 1, 1]),
        (Linear(stop=2, end=3.0), [1, 2, 3, 3]),
        (Cosine(stop=4), [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0, 0]),
        (Cosine(stop=2, end=0.2), [1, 0.6, 0.2, 0.2]),
        (Cosine(stop=4, warmup=4), [0.25, (1 + math.sqrt(0.5)) / 4, 0.375, (1 - math.sqrt(0.5)) / 2, 0]),
    ],
)
def test_factors(schedule, factors):
    assert [schedule.factor(k) for k in range(len(factors))] == pytest.approx(factors, abs=1e-15)


def test_a_factor_is_a_function_of_the_batch_alone():
    schedule = Cosine(stop=10, warmup=3)
    forward = [schedule.factor(k) for k in range(12)]
    assert [schedule.factor(k) for k in reversed(range(12))] == forward[::-1]


@pytest.mark.parametrize(
    ("made", "kind", "numbers"),
    [
        (Adam(), torch.optim.Adam, {"lr": 2e-4, "betas": (0.5, 0.999), "eps": 1e-8, "weight_decay": 0}),
        (Adam(lr=1.0, beta1=0.0, beta2=0.9, eps=1e-6), torch.optim.Adam, {"lr": 1.0, "betas": (0.0, 0.9), "eps": 1e-6}),
        (Adam(weight_decay=0.1), torch.optim.AdamW, {"lr": 2e-4, "betas": (0.5, 0.999), "weight_decay": 0.1}),
        (RMSprop(), torch.optim.RMSprop, {"lr": 5e-5, "alpha": 0.99, "eps": 1e-8, "momentum": 0}),
        (RMSprop(0.1, 0.5, 0.9, 1e-3), torch.optim.RMSprop, {"lr": 0.1, "alpha": 0.5, "momentum": 0.9, "eps": 1e-3}),
        (SGD(), torch.optim.SGD, {"lr": 1e-2, "momentum": 0}),
        (SGD(lr=2.0, momentum=0.9), torch.optim.SGD, {"lr": 2.0, "momentum": 0.9}),
    ],
)
def test_a_recipe_builds_torchs_optimizer(made, kind, numbers):
    parameters = list(nn.Linear(2, 3).parameters())
    optimizer = made(parameters)
    assert type(optimizer) is kind
    assert [p for group in optimizer.param_groups for p in group["params"]] == parameters
    for name, value in numbers.items():
        assert optimizer.param_groups[0][name] == value
    assert type(build(made.config())(parameters)) is kind


def test_weight_decay_is_decoupled():
    """Without a gradient w shrinks by 1 - lr · decay, whatever the moments."""
    w = nn.Parameter(torch.tensor([2.0]))
    w.grad = torch.zeros(1)
    Adam(lr=0.1, weight_decay=0.5)([w]).step()
    assert w.item() == pytest.approx(2.0 * 0.95)


def test_the_first_step_of_adam_is_the_learning_rate():
    w = nn.Parameter(torch.tensor([0.0, 0.0]))
    w.grad = torch.tensor([3.0, -0.01])
    Adam(lr=0.25)([w]).step()
    assert w.tolist() == pytest.approx([-0.25, 0.25], rel=1e-4)


@pytest.mark.parametrize("cls", [Adam, RMSprop, SGD])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lr": 0.0}, "lr must be positive, got 0.0"),
        ({"lr": -1.0}, "lr must be positive, got -1.0"),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"clip_norm": 0.0}, "clip_norm must be positive, got 0.0"),
        ({"clip_norm": -2.0}, "clip_norm must be positive, got -2.0"),
    ],
)
def test_numbers_out_of_range_are_refused(cls, wrong, message):
    with pytest.raises(ValueError, match=message):
        cls(**wrong)


def test_schedules_out_of_range_are_refused():
    with pytest.raises(ValueError, match="stop must come after start, got start=5, stop=5"):
        Linear(stop=5, start=5)
    with pytest.raises(ValueError, match="stop must be at least 1, got 0"):
        Cosine(stop=0)


def test_the_bases_leave_the_rest_to_their_subclasses():
    with pytest.raises(NotImplementedError):
        Schedule().factor(0)
    with pytest.raises(NotImplementedError):
        Optimizer(lr=1.0)([])
