"""Two processes give what one gives on their joint batch."""

import json
import os

import pytest
import torch

from ganzoo.callbacks import Evaluate
from tests.processes import on_ranks
from tests.zoo import SPECIAL, data_for, digits, make, optimizers, trainer, weights

VARIANTS = sorted(SPECIAL)
BATCH = 16
CASES = {
    **{name: {"name": name} for name in VARIANTS},
    "n_critic 5": {"name": "WGANGP", "n_critic": 5},
    "accumulate": {"name": "WGANGP", **optimizers(accumulate=2)},
    "accumulate r1": {"name": "R1GAN", "r1_every": 1, **optimizers(accumulate=4)},
    "a pool that fills up in parts": {"name": "CycleGAN", "pool": 100, **optimizers(accumulate=2)},
    "schedule and clip": {"name": "NSGAN", **optimizers()},
}


def noise_of_joint_batch(monkeypatch):
    """Let each rank draw its rows of what one process would draw for the joint batch."""
    rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    calls = [0]

    def rows(draw):
        def drawn(n, *shape, device=None, dtype=None, generator=None):
            if generator is not None:
                return draw(n, *shape, generator=generator)
            calls[0] += 1
            table = torch.Generator().manual_seed(calls[0])
            return draw(n * world, *shape, generator=table, dtype=torch.float64)[rank * n : (rank + 1) * n]

        return drawn

    randn, rand, randint = torch.randn, torch.rand, torch.randint
    monkeypatch.setattr(torch, "randn", rows(randn))
    monkeypatch.setattr(torch, "rand", rows(rand))
    monkeypatch.setattr(torch, "randn_like", lambda mean: rows(randn)(*mean.shape))
    codes = rows(lambda n, K, dtype=None, **how: randint(K, (n,), **how))
    monkeypatch.setattr(torch, "randint", lambda K, shape, device=None, **how: codes(*shape, K, **how))


def train(case, folder, strategy, monkeypatch, steps=11):
    world = int(os.environ.get("WORLD_SIZE", 1))
    kwargs = dict(CASES[case])
    model = make(kwargs.pop("name"), **kwargs)
    with monkeypatch.context() as patch:
        noise_of_joint_batch(patch)
        runner = trainer(steps, folder, precision="64-true", devices=world, strategy=strategy)
        runner.fit(model, datamodule=data_for(model, BATCH // world))
    assert runner.global_step == steps
    return weights(model)


def train_all(folder, strategy, monkeypatch, cases=tuple(CASES)):
    ends = {case: train(case, folder, strategy, monkeypatch) for case in cases}
    torch.save(ends, folder / f"{os.environ.get('RANK', 'one')}.pt")


@pytest.mark.parametrize("strategy", ["game", "ddp_find_unused_parameters_true"])
def test_two_processes_equal_one_with_the_joint_batch(strategy, tmp_path, monkeypatch):
    cases = tuple(CASES) if strategy == "game" else ("NSGAN", "n_critic 5", "accumulate r1")
    log = tmp_path / "log"
    train_all(tmp_path, "auto", monkeypatch, cases)
    assert on_ranks(2, lambda: train_all(tmp_path, strategy, monkeypatch, cases), log) == [0, 0], log.read_text()
    one, first, second = (torch.load(tmp_path / f"{name}.pt") for name in ("one", "0", "1"))
    for case in cases:
        for key, value in one[case].items():
            assert torch.allclose(first[case][key], value, rtol=0, atol=1e-10), (case, key)
            assert torch.equal(first[case][key], second[case][key]), (case, key)
    start = weights(make("NSGAN"))
    assert not torch.allclose(one["NSGAN"]["G.net.0.weight"], start["G.net.0.weight"].double(), atol=1e-3)


def record_noise(folder):
    model = make("NSGAN")
    drawn = []
    original = type(model.G.prior).sample

    def sample(self, n, device=None, generator=None):
        z = original(self, n, device, generator)
        if generator is None:
            drawn.append(z)
        return z

    type(model.G.prior).sample = sample
    trainer(3, folder, devices=2, strategy="game").fit(model, datamodule=digits())
    torch.save(torch.stack(drawn), folder / f"z{os.environ['RANK']}.pt")


def test_ranks_draw_different_noise(tmp_path):
    log = tmp_path / "log"
    assert on_ranks(2, lambda: record_noise(tmp_path), log) == [0, 0], log.read_text()
    first, second = torch.load(tmp_path / "z0.pt"), torch.load(tmp_path / "z1.pt")
    assert len(first) == 6  # two draws a batch
    assert len(torch.cat([first, second]).flatten(1).unique(dim=0)) == 12


def fit_with_missing_gradient(folder):
    """A parameter that only rank 0 uses must not desynchronise the ranks."""
    model = make("NSGAN")
    model.D.extra = torch.nn.Parameter(torch.ones(()))
    plain, on_zero = model.d_loss, os.environ["RANK"] == "0"

    def d_loss(batch):
        return {**plain(batch), "extra": model.D.extra.square() if on_zero else model.D(batch[0]).sum() * 0}

    model.d_loss = d_loss
    trainer(4, folder, devices=2, strategy="game").fit(model, datamodule=digits())
    torch.save(weights(model), folder / f"w{os.environ['RANK']}.pt")


def test_a_gradient_that_is_missing_on_one_rank(tmp_path):
    log = tmp_path / "log"
    assert on_ranks(2, lambda: fit_with_missing_gradient(tmp_path), log) == [0, 0], log.read_text()
    first, second = torch.load(tmp_path / "w0.pt"), torch.load(tmp_path / "w1.pt")
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert first["D.extra"] != 1


def refused(folder):
    try:
        trainer(1, folder, devices=2, strategy="ddp").fit(make("NSGAN"), datamodule=digits())
    except ValueError as error:
        print(error)
        return 7
    return 0


def test_plain_ddp_is_refused_with_one_line(tmp_path):
    log = tmp_path / "log"
    assert on_ranks(2, lambda: refused(tmp_path), log) == [7, 7]
    assert "use strategy='game'" in log.read_text()


def judge(folder):
    world = int(os.environ.get("WORLD_SIZE", 1))
    model = make("NSGAN")
    evaluate = Evaluate(n=200)
    strategy = "game" if world > 1 else "auto"
    runner = trainer(1, folder, callbacks=[evaluate], devices=world, strategy=strategy, limit_val_batches=None)
    runner.validate(model, datamodule=digits(), verbose=False)
    if os.environ.get("RANK", "0") == "0":
        (folder / f"verdict{world}.json").write_text(json.dumps(evaluate.verdict))


def test_verdicts_are_the_same_to_the_last_digit_on_1_2_and_3_ranks(tmp_path):
    log = tmp_path / "log"
    judge(tmp_path)
    for world in (2, 3):
        assert on_ranks(world, lambda: judge(tmp_path), log) == [0] * world, log.read_text()
    one, two, three = ((tmp_path / f"verdict{w}.json").read_text() for w in (1, 2, 3))
    assert one == two == three
    assert "nan" not in one.lower()
