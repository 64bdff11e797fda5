"""The loop of a game: what a batch is, who moves, how players step, what is logged, and what is random."""

import csv

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.plugins import MixedPrecision
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from ganzoo.callbacks import Checkpoints
from ganzoo.game import Game, NonFinite, Player, micro_batches
from ganzoo.models import NSGAN, R1GAN
from ganzoo.optim import SGD, Adam, Cosine, Linear, Schedule
from tests.models.hand import Record
from tests.zoo import FromImage, ToImage, digits, fast, make, trainer, weights

BATCH = 4
pytestmark = pytest.mark.filterwarnings("ignore:You defined a .validation_step. but have no .val_dataloader.")


def points(n_batches=50, dim=2):
    """A plain loader of (x, y): x is [4, 2], different in each row."""
    n = n_batches * BATCH
    x = torch.arange(n * dim, dtype=torch.float32).view(n, dim) / 8
    return DataLoader(TensorDataset(x, torch.arange(n)), batch_size=BATCH)


class Weight(nn.Module):
    def __init__(self, size=2):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(size))


class OnePlayer(Game):
    """Minimises slope · w, so that w moves by -lr · slope."""

    def __init__(self, optimizer, slope=(1.0, 1.0), every=1):
        super().__init__()
        self.net, self.optimizer, self.slope, self.every = Weight(), optimizer, slope, every

    def players(self):
        return {"a": Player(self.loss, [self.net], self.optimizer, self.every)}

    def loss(self, batch):
        return {"fall": (self.net.w * torch.tensor(self.slope)).sum()}


def moves(record, key="net.w"):
    """What each batch added to a weight."""
    return [after[key] - before[key] for before, after in zip(record.weights, record.weights[1:], strict=False)]


def fit(model, folder, steps=5, data=None, **kwargs):
    record = Record()
    runner = trainer(steps, folder, **{**kwargs, "callbacks": [record, *kwargs.get("callbacks", [])]})
    runner.fit(model, data or points())
    return record


# -- time counts in batches


class OccasionalCheckpoints(Checkpoints):
    """Notes at which batch something happens."""

    def __init__(self, every):
        super().__init__(every=every)
        self.saved, self.validated, self.calls = [], [], 0

    def on_train_batch_start(self, trainer, pl_module, *args):
        self.calls += 1

    def on_validation_start(self, trainer, pl_module):
        self.validated.append(trainer.global_step)

    def save(self, trainer, name):
        self.saved.append(trainer.global_step)
        super().save(trainer, name)


def rows(folder):
    with open(f"{folder}/metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("n_critic", [1, 2, 5])
def test_steps_intervals_and_axes_are_batches(n_critic, tmp_path, monkeypatch):
    model, calls = make("WGANGP", n_critic=n_critic), []
    step = model.training_step

    def counted(batch, batch_idx):
        calls.append(model.global_step)
        step(batch, batch_idx)

    monkeypatch.setattr(model, "training_step", counted)
    occasions, logger = OccasionalCheckpoints(every=4), CSVLogger(tmp_path, name=None, version="log")
    runner = trainer(
        7,
        tmp_path,
        callbacks=[occasions],
        logger=logger,
        log_every_n_steps=2,
        val_check_interval=2,
        limit_val_batches=1,
    )
    runner.fit(model, datamodule=digits(batch_size=16))
    assert calls == [0, 1, 2, 3, 4, 5, 6]
    assert runner.global_step == model.global_step == 7
    assert occasions.validated == [2, 4, 6]
    assert occasions.saved == [4, 7]
    table = rows(tmp_path / "log")
    assert [int(row["step"]) for row in table] == [2, 4, 6, 7]
    assert [float(row["images"]) for row in table] == [32, 64, 96, 112]
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == saved["ganzoo"]["batches"] == 7
    assert saved["ganzoo"]["images_seen"] == 112


@pytest.mark.parametrize("n_critic", [1, 2, 5])
def test_five_steps_are_five_batches(n_critic, tmp_path):
    occasions = OccasionalCheckpoints(every=100)
    runner = trainer(5, tmp_path, callbacks=[occasions])
    runner.fit(make("NSGAN", n_critic=n_critic), datamodule=digits())
    assert occasions.calls == runner.global_step == 5


def test_the_count_goes_on_over_epochs(tmp_path):
    model = OnePlayer(SGD(lr=0.5))
    fit(model, tmp_path, steps=7, data=points(n_batches=3))
    assert model.global_step == 7
    assert model.images_seen == 28
    assert model.net.w.tolist() == [-3.5, -3.5]


# -- who moves


class TwoPlayers(Game):
    """a and b share a network; each also has one of its own."""

    def __init__(self, poison=None):
        super().__init__()
        self.shared, self.a, self.b, self.poison = Weight(), Weight(), Weight(), poison
        self.seen = []

    def players(self):
        return {
            "a": Player(self.a_loss, [self.shared, self.a], SGD(lr=1.0)),
            "b": Player(self.b_loss, [self.shared, self.b], SGD(lr=1.0)),
        }

    def a_loss(self, batch):
        return self.loss("a")

    def b_loss(self, batch):
        if self.poison == self.global_step:
            raise RuntimeError("poisoned")
        return self.loss("b")

    def loss(self, name):
        self.seen.append((name, *(net.w.requires_grad for net in (self.shared, self.a, self.b))))
        return {"all": (self.shared.w + 2 * self.a.w + 4 * self.b.w).sum()}


def test_a_shared_network_is_moved_by_both_and_the_others_are_frozen(tmp_path):
    model = TwoPlayers()
    fit(model, tmp_path, steps=3)
    assert model.seen == [("a", True, True, False), ("b", True, False, True)] * 3
    assert model.shared.w.tolist() == [-6, -6]
    assert model.a.w.tolist() == [-6, -6]
    assert model.b.w.tolist() == [-12, -12]
    assert all(p.requires_grad for p in model.parameters())


def test_a_loss_that_raises_leaves_nobody_frozen(tmp_path):
    model = TwoPlayers(poison=1)
    with pytest.raises(RuntimeError, match="poisoned"):
        fit(model, tmp_path)
    assert all(p.requires_grad for p in model.parameters())
    assert model.b.w.tolist() == [-4, -4]


@pytest.mark.parametrize("frozen", ["G.net.0", "D.net.1"])
def test_what_the_user_froze_stays_frozen(frozen, tmp_path):
    model = make("WGANGP", n_critic=1, **fast())
    model.get_submodule(frozen).requires_grad_(False)
    before = weights(model)
    trainer(4, tmp_path).fit(model, datamodule=digits())
    for key, p in model.named_parameters():
        assert p.requires_grad == (not key.startswith((frozen, "G_ema")))
        assert torch.equal(p, before[key]) == key.startswith(
            (frozen, f"G_ema.{frozen[2:]}" if frozen[0] == "G" else "-")
        )


class Three(Game):
    """Everyone pulls its own weight to the sum of the two others plus 1; each sees the earlier moves of the batch."""

    def __init__(self):
        super().__init__()
        self.nets = nn.ModuleList(Weight(1) for _ in range(3))

    def players(self):
        losses = [self.first, self.second, self.third]
        names = ["first", "second", "third"]
        return {
            name: Player(loss, [net], SGD(lr=0.5), every=k)
            for k, (name, loss, net) in enumerate(zip(names, losses, self.nets, strict=True), start=1)
        }

    def first(self, batch):
        return self.pull(0)

    def second(self, batch):
        return self.pull(1)

    def third(self, batch):
        return self.pull(2)

    def pull(self, k):
        total = sum(net.w for net in self.nets)
        return {"pull": (2 * self.nets[k].w - total - 1).square().sum() / 2}


def test_three_players_take_turns_in_order(tmp_path):
    model = Three()
    fit(model, tmp_path, steps=6)
    w = [0.0, 0.0, 0.0]
    for batch in range(1, 7):
        for k in range(3):
            if batch % (k + 1) == 0:
                w[k] -= 0.5 * (2 * w[k] - sum(w) - 1)
    assert [net.w.item() for net in model.nets] == w
    assert set(model.shown) == {"first/pull", "second/pull", "third/pull"}


def test_one_player_is_a_game(tmp_path):
    """A linear regression finds its slope."""

    class Regression(OnePlayer):
        def loss(self, batch):
            x, _ = batch
            return {
                "square": ((x / x.norm(dim=1, keepdim=True)) @ (self.net.w - torch.tensor([2.0, -1.0]))).square().mean()
            }

    model = Regression(Adam(lr=0.3))
    fit(model, tmp_path, steps=300, data=points(n_batches=3))
    assert model.net.w.tolist() == pytest.approx([2.0, -1.0], abs=1e-2)


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


def images(n=64):
    generator = torch.Generator().manual_seed(0)
    return DataLoader(TensorDataset(torch.rand(n, 1, 8, 8, generator=generator) * 2 - 1, torch.zeros(n)), batch_size=16)


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


class Numbers(OnePlayer):
    """Its terms are known: the number of the batch, and on even batches its square."""

    def loss(self, batch):
        k = float(self.global_step + 1)
        zero = 0 * self.net.w.sum()
        return {"k": zero + k} if k % 2 else {"k": zero + k, "square": zero + k**2}


class Notes(Logger):
    def __init__(self):
        super().__init__()
        self.calls = []

    @property
    def name(self):
        return "notes"

    @property
    def version(self):
        return 0

    def log_hyperparams(self, *args, **kwargs):
        pass

    def log_metrics(self, metrics, step=None):
        self.calls.append((step, metrics))


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
    message = rf"term 'bad' of player 'a' was {value} at batch 3: training stopped\. Lower the learning rate"
    with pytest.raises(NonFinite, match=message) as caught:
        fit(Broken(value, at=3), tmp_path, steps=8, log_every_n_steps=window)
    assert (caught.value.name, caught.value.batch) == ("a/bad", 3)


def test_a_good_checkpoint_is_not_replaced_by_a_broken_one(tmp_path):
    with pytest.raises(NonFinite):
        fit(Broken(float("nan"), at=5), tmp_path, steps=20, log_every_n_steps=50, callbacks=[Checkpoints(every=2)])
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4


# -- randomness


class Drawing(OnePlayer):
    def __init__(self, disturb=0):
        super().__init__(SGD())
        self.disturb, self.drawn = disturb, []

    def loss(self, batch):
        self.drawn.append(torch.rand(3))
        return {"w": self.net.w.sum()}

    def on_train_batch_end(self, *args):
        torch.rand(self.disturb)


def draws(folder, monkeypatch, seed="1", disturb=0, start=0):
    monkeypatch.setenv("PL_GLOBAL_SEED", seed)
    torch.manual_seed(start)
    model = Drawing(disturb)
    fit(model, folder, steps=4)
    return torch.stack(model.drawn)


def test_the_noise_of_a_batch_is_a_function_of_seed_and_batch(tmp_path, monkeypatch):
    first = draws(tmp_path, monkeypatch)
    assert torch.equal(first, draws(tmp_path, monkeypatch, disturb=17, start=5))
    other = draws(tmp_path, monkeypatch, seed="2")
    assert len(torch.cat([first, other]).unique()) == 24


def test_no_two_seeds_ranks_or_batches_draw_the_same(monkeypatch):
    seen = set()
    model = Drawing()
    for rank in range(8):
        monkeypatch.setattr(Drawing, "global_rank", rank)
        for model.seed in (0, 1, 2, 1234, 2**32 - 1):
            for step in (0, 1, 2, 3, 1000, 1001, 10**6):
                model.reseed(step)
                seen.add(tuple(torch.rand(4).tolist()))
    assert len(seen) == 8 * 5 * 7


def test_the_seed_of_a_checkpoint_wins_on_resume(tmp_path, monkeypatch):
    def run(model, steps, name, **kwargs):
        saving = Checkpoints(every=2, dirpath=str(tmp_path / name))
        trainer(steps, tmp_path, callbacks=[saving]).fit(model, datamodule=digits(), **kwargs)

    whole, half, rest = Drawing(), Drawing(), Drawing()
    monkeypatch.setenv("PL_GLOBAL_SEED", "7")
    run(whole, 4, "whole")
    run(half, 2, "half")
    monkeypatch.setenv("PL_GLOBAL_SEED", "8")
    run(rest, 4, "half", ckpt_path=str(tmp_path / "half" / "last.ckpt"))
    assert torch.equal(torch.stack(half.drawn + rest.drawn), torch.stack(whole.drawn))
    assert rest.seed == 7
    assert rest.images_seen == whole.images_seen == 64
    assert rest.batches_done == 2


# -- other trainers


def test_half_precision_steps_with_the_unscaled_gradient(tmp_path):
    """A loss scaled by 65536 must not reach the clipping or the step."""
    try:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    except (RuntimeError, ValueError) as error:
        pytest.skip(f"no GradScaler on CPU: {error}")
    plugin = MixedPrecision("16-mixed", "cpu", scaler=scaler)
    record = fit(OnePlayer(SGD(lr=0.5, clip_norm=2.0), slope=(3.0, 4.0)), tmp_path, steps=3, plugins=[plugin])
    for move in moves(record):
        assert move.tolist() == pytest.approx([-0.6, -0.8], rel=1e-5)
    assert scaler.get_scale() == 2.0**16


def test_half_precision_trains_two_players(tmp_path):
    model = make("NSGAN", **fast())
    before = weights(model)
    plugin = MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu", init_scale=2.0**10))
    trainer(8, tmp_path, plugins=[plugin]).fit(model, datamodule=digits())
    assert all(p.isfinite().all() for p in model.parameters())
    assert not [key for key, p in model.named_parameters() if torch.equal(p, before[key])]


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("name", ["WGANGP", "R1GAN"])
def test_penalties_train_in_bfloat16(name, precision, tmp_path):
    model = make(name, n_critic=1, **fast())
    kinds = []
    d_loss = model.d_loss

    def noted(batch):
        terms = d_loss(batch)
        kinds.extend(terms[key].dtype for key in ("gp", "r1") if key in terms)
        return terms

    model.d_loss = noted
    trainer(4, tmp_path, precision=precision).fit(model, datamodule=digits())
    assert set(kinds) == {torch.float32 if precision == "bf16-mixed" else torch.bfloat16}
    assert all(abs(value) < 1e3 for value in model.shown.values())


def test_a_plain_loader_without_datamodule(tmp_path):
    model = make("NSGAN", **fast())
    record = fit(model, tmp_path, steps=6, data=images())
    assert record.moved("G.") == record.moved("D.") == [1, 2, 3, 4, 5, 6]
    assert model.images_seen == 6 * 16


def test_a_trial_run_of_lightning_works(tmp_path):
    model = make("WGANGP", n_critic=1)
    trainer(5, tmp_path, fast_dev_run=2).fit(model, images())
    assert model.global_step == 2


def test_the_loops_of_the_judges_do_nothing(tmp_path):
    model = make("NSGAN")
    before = weights(model)
    runner = trainer(1, tmp_path, limit_val_batches=2)
    runner.validate(model, images(), verbose=False)
    runner.test(model, images(), verbose=False)
    assert all(torch.equal(value, before[key]) for key, value in weights(model).items())


def test_a_checkpoint_says_how_it_was_made_or_why_not(tmp_path):
    class Unknown(nn.Module):
        image_shape = (1, 8, 8)

        def __init__(self):
            super().__init__()
            self.net = FromImage()

        def forward(self, x):
            return self.net(x)

    for discriminator, known in ((FromImage(), True), (Unknown(), False)):
        model = NSGAN(ToImage(), discriminator)
        fit(model, tmp_path, steps=1, data=images(), callbacks=[Checkpoints(every=1)])
        ours = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)["ganzoo"]
        assert ours["format"] == 1
        assert ours["data"] is None
        if known:
            assert ours["model"] == model.config()
        else:
            assert "discriminator=Unknown" in ours["model"]["reason"]


class Interrupt(Callback):
    def on_train_batch_end(self, trainer, pl_module, *args):
        trainer.should_stop = trainer.global_step == 3


def test_the_last_incomplete_window_is_logged_on_an_early_stop(tmp_path):
    logger = Notes()
    fit(Numbers(SGD()), tmp_path, steps=50, logger=logger, log_every_n_steps=10, callbacks=[Interrupt()])
    assert [(step, metrics["a/k"]) for step, metrics in logger.calls] == [(3, 2.0)]
