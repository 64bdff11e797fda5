"""How a player steps (schedule, clipping, accumulation), and what is logged of its terms."""

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch.utils.data import DataLoader, TensorDataset

from ganzoo.callbacks import Checkpoints
from ganzoo.engine.optim import SGD, Cosine, Linear, Schedule
from ganzoo.engine.turns import NonFinite, micro_batches
from ganzoo.models import NSGAN, R1GAN
from tests.games import Notes, Numbers, OnePlayer, fit, images, moves, points
from tests.zoo import digits, make, trainer

pytestmark = pytest.mark.filterwarnings("ignore:You defined a .validation_step. but have no .val_dataloader.")


# -- how a player steps


def linear(batch, start=0, stop=8, end=0.0, warmup=0):
    rise = min((batch + 1) / warmup, 1) if warmup else 1
    return rise * (1 + min(max((batch - start) / (stop - start), 0), 1) * (end - 1))


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        (None, lambda k: 1.0),
        (Linear(stop=8), linear),
        (Linear(stop=8, start=4, end=0.25, warmup=3), lambda k: linear(k, start=4, end=0.25, warmup=3)),
        (Cosine(stop=4, end=0.5), lambda k: [1, 0.926777, 0.75, 0.573223, 0.5][min(k, 4)]),
    ],
)
def test_the_learning_rate_of_each_batch_is_the_schedules(schedule, factor, every, tmp_path):
    """With slope 1, a weight moves by the learning rate; batches count from 0, whoever moves on them."""
    record = fit(OnePlayer(SGD(lr=0.5, schedule=schedule), every=every), tmp_path, steps=10)
    got = [-move[0].item() for move in moves(record)]
    assert got == pytest.approx([0.5 * factor(k) if (k + 1) % every == 0 else 0 for k in range(10)], abs=1e-6)


def test_each_player_has_its_own_schedule(tmp_path):
    class Step(Schedule):
        def factor(self, batch):
            return 2.0 if batch else 1.0

    model = make("NSGAN", d_optimizer=SGD(lr=0.1, schedule=Step()), g_optimizer=SGD(lr=0.3))
    lrs = []
    hook = model.on_before_optimizer_step
    model.on_before_optimizer_step = lambda optimizer: lrs.append(optimizer.param_groups[0]["lr"]) or hook(optimizer)
    trainer(2, tmp_path).fit(model, datamodule=digits())
    assert lrs == [0.1, 0.3, 0.2, 0.3]


@pytest.mark.parametrize(("slope", "moved"), [((3.0, 4.0), (1.2, 1.6)), ((0.3, 0.4), (0.3, 0.4))])
def test_clip_norm_bounds_the_norm_of_the_gradient_that_steps(slope, moved, tmp_path):
    record = fit(OnePlayer(SGD(lr=0.5, clip_norm=2.0), slope=slope), tmp_path, steps=2)
    for move in moves(record):
        assert move.tolist() == pytest.approx([-0.5 * part for part in moved], rel=1e-5)


def test_the_norm_is_clipped_after_averaging_the_micro_batches(tmp_path):
    """(8, 0) and (0, 8) average to (4, 4), which is cut to length 2; cut one by one they would be shorter."""

    class Turning(OnePlayer):
        def loss(self, batch):
            x, _ = batch
            return {"fall": (self.net.w * x.mean(dim=0)).sum()}

    x = torch.tensor([[8.0, 0.0], [0.0, 8.0]] * 2)
    data = DataLoader(TensorDataset(x, torch.zeros(4)), batch_size=4)
    record = fit(Turning(SGD(lr=1.0, clip_norm=2.0, accumulate=2)), tmp_path, steps=1, data=data)
    assert moves(record)[0].tolist() == pytest.approx([-(2**0.5)] * 2, rel=1e-5)


def test_only_the_player_with_clip_norm_is_clipped(tmp_path):
    model = make("NSGAN", d_optimizer=SGD(lr=1.0, clip_norm=1e-3), g_optimizer=SGD(lr=1.0))
    record = fit(model, tmp_path, steps=1, data=images())
    before, after = record.weights
    jump = {
        n: torch.cat([(after[k] - before[k]).flatten() for k in after if k.startswith(n)]).norm() for n in ("D.", "G.")
    }
    assert jump["D."].item() == pytest.approx(1e-3, rel=1e-3)
    assert jump["G."] > 1e-2


@pytest.mark.parametrize("cls", [NSGAN, R1GAN])
@pytest.mark.parametrize("k", [2, 4])
def test_accumulation_equals_one_big_step(cls, k, tmp_path):
    """In float64, each micro-batch with its own rows of the noise."""
    ends, shown = [], []
    for accumulate in (1, k):
        how = {"lr": 0.1, "clip_norm": 0.5, "accumulate": accumulate}
        model = make(cls.__name__, d_optimizer=SGD(**how), g_optimizer=SGD(**how))
        table, calls = torch.randn(16, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64), []

        def prior(n, table=table, calls=calls, parts=accumulate):
            calls.append(n)
            return table[(len(calls) - 1) % parts :: parts]

        model.prior = prior
        fit(model, tmp_path, steps=4, data=images(), precision="64-true")
        assert calls == [16 // accumulate] * 8 * accumulate
        ends.append(torch.cat([p.flatten() for p in model.parameters()]))
        shown.append(model.shown)
    torch.testing.assert_close(ends[1], ends[0], rtol=0, atol=1e-13)
    assert shown[1] == pytest.approx(shown[0])


@pytest.mark.parametrize("k", [1, 2, 3])
def test_micro_batches_are_strided_parts(k):
    x, y = torch.arange(12).view(6, 2), torch.arange(6)
    parts = list(micro_batches((x, y), k))
    assert len(parts) == k
    for c, (part_x, part_y) in enumerate(parts):
        assert part_x.tolist() == x[c::k].tolist()
        assert part_y.tolist() == list(range(c, 6, k))


def test_micro_batches_of_a_batch_without_labels():
    x = torch.arange(12).view(6, 2)
    assert [(part.tolist(), none) for part, none in micro_batches((x, None), 2)] == [
        (x[0::2].tolist(), None),
        (x[1::2].tolist(), None),
    ]
    assert [part.tolist() for part in micro_batches(x, 2)] == [x[0::2].tolist(), x[1::2].tolist()]


def test_a_batch_that_cannot_be_cut_is_refused(tmp_path):
    model = make("NSGAN", d_optimizer=SGD(accumulate=3))
    with pytest.raises(ValueError, match="accumulate=3 must divide the batch size, 16"):
        trainer(1, tmp_path).fit(model, datamodule=digits())
    assert all(p.requires_grad for p in model.G.parameters())


# -- terms


def test_terms_are_averaged_over_the_window_and_logged_once(tmp_path):
    loggers = [Notes(), Notes()]
    model = Numbers(SGD())
    fit(model, tmp_path, steps=8, logger=loggers, log_every_n_steps=3)
    expected = [
        (3, {"a/k": 2.0, "a/square": 4.0, "images": 12}),
        (6, {"a/k": 5.0, "a/square": (16 + 36) / 2, "images": 24}),
        (8, {"a/k": 7.5, "a/square": 64.0, "images": 32}),
    ]
    assert loggers[0].calls == loggers[1].calls == expected
    assert model.shown == {"a/k": 7.5, "a/square": 64.0}


def test_terms_of_micro_batches_are_averaged(tmp_path):
    class Mean(OnePlayer):
        def loss(self, batch):
            return {"x": batch[0].mean() + 0 * self.net.w.sum()}

    model = Mean(SGD(accumulate=2))
    fit(model, tmp_path, steps=1)
    assert model.shown["a/x"] == pytest.approx(points().dataset.tensors[0][:4].mean().item())


def test_the_sum_of_all_terms_is_minimised(tmp_path):
    class Sum(OnePlayer):
        def loss(self, batch):
            return {"one": self.net.w.sum(), "two": 2 * self.net.w.sum(), "three": torch.zeros(())}

    model = Sum(SGD(lr=1.0))
    fit(model, tmp_path, steps=1)
    assert model.net.w.tolist() == [-3, -3]


def test_a_checkpoint_in_the_middle_of_a_window_loses_and_repeats_nothing(tmp_path):
    logger = Notes()
    fit(Numbers(SGD()), tmp_path, steps=6, logger=logger, log_every_n_steps=4, callbacks=[Checkpoints(every=3)])
    assert [(step, metrics["a/k"]) for step, metrics in logger.calls] == [(3, 2.0), (4, 4.0), (6, 5.5)]


def test_logging_can_be_switched_off(tmp_path):
    logger = Notes()
    model = Numbers(SGD())
    fit(model, tmp_path, steps=3, logger=logger, log_every_n_steps=0)
    assert logger.calls == []
    assert model.shown == {"a/k": 2.0, "a/square": 4.0}


class Broken(OnePlayer):
    def __init__(self, value, at):
        super().__init__(SGD())
        self.value, self.at = value, at

    def loss(self, batch):
        bad = self.global_step + 1 == self.at
        return {"good": self.net.w.sum(), "bad": self.net.w.sum() * 0 + (self.value if bad else 1.0)}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("window", [1, 5])
def test_a_term_that_is_no_number_stops_training_and_is_named(value, window, tmp_path):
    message = rf"term 'bad' of player 'a' was {value} at batch 3: training stopped, and no checkpoint"
    with pytest.raises(NonFinite, match=message) as caught:
        fit(Broken(value, at=3), tmp_path, steps=8, log_every_n_steps=window)
    assert (caught.value.name, caught.value.batch) == ("a/bad", 3)


def test_a_good_checkpoint_is_not_replaced_by_a_broken_one(tmp_path):
    with pytest.raises(NonFinite):
        fit(Broken(float("nan"), at=5), tmp_path, steps=20, log_every_n_steps=50, callbacks=[Checkpoints(every=2)])
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4


class Interrupt(Callback):
    def on_train_batch_end(self, trainer, pl_module, *args):
        trainer.should_stop = trainer.global_step == 3


def test_the_last_incomplete_window_is_logged_on_an_early_stop(tmp_path):
    logger = Notes()
    fit(Numbers(SGD()), tmp_path, steps=50, logger=logger, log_every_n_steps=10, callbacks=[Interrupt()])
    assert [(step, metrics["a/k"]) for step, metrics in logger.calls] == [(3, 2.0)]
