"""The loop of a game: what a batch is, who moves, what is random, and other trainers."""

import csv

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.plugins import MixedPrecision
from torch import nn

from ganzoo.callbacks import Checkpoints
from ganzoo.engine.game import Game
from ganzoo.engine.optim import SGD, Adam
from ganzoo.engine.turns import Player
from tests.games import OnePlayer, Weight, fit, images, moves, points
from tests.zoo import digits, fast, make, trainer, weights

pytestmark = pytest.mark.filterwarnings("ignore:You defined a .validation_step. but have no .val_dataloader.")


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
    assert rest.batches_done == 4


# -- other trainers


@pytest.mark.parametrize(
    ("optimizer", "move"),
    [
        (SGD(lr=0.5, clip_norm=2.0), (-0.6, -0.8)),
        (Adam(lr=0.5, beta1=0.0, eps=1.0), (-0.5 * 3 / 4, -0.5 * 4 / 5)),
        (Adam(lr=0.5, beta1=0.0, eps=1.0, clip_norm=2.0), (-0.5 * 1.2 / 2.2, -0.5 * 1.6 / 2.6)),
    ],
)
def test_half_precision_steps_with_the_unscaled_gradient(optimizer, move, tmp_path):
    """A loss scaled by 65536 must not reach the clipping or the step; Adam moves by g / (|g| + eps)."""
    try:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    except (RuntimeError, ValueError) as error:
        pytest.skip(f"no GradScaler on CPU: {error}")
    plugin = MixedPrecision("16-mixed", "cpu", scaler=scaler)
    record = fit(OnePlayer(optimizer, slope=(3.0, 4.0)), tmp_path, steps=3, plugins=[plugin])
    for moved in moves(record):
        assert moved.tolist() == pytest.approx(move, rel=1e-4)
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
    for judge in (runner.validate, runner.test):
        with pytest.warns(UserWarning, match=r"^nothing is judged: add ganzoo\.callbacks\.Evaluate\(\) to the trainer"):
            judge(model, images(), verbose=False)
    assert all(torch.equal(value, before[key]) for key, value in weights(model).items())


class OwnJudge(L.Callback):
    """A judge of a user's own."""

    def on_test_epoch_end(self, trainer, pl_module):
        self.judged = True


class OwnStep(OnePlayer):
    """A game that judges by itself."""

    def test_step(self, batch, batch_idx):
        self.judged = True


def test_who_judges_otherwise_is_told_nothing(tmp_path):
    own, game = OwnJudge(), OwnStep(SGD(lr=1.0))
    trainer(1, tmp_path, callbacks=[own]).test(make("NSGAN"), images(), verbose=False)
    trainer(1, tmp_path).test(game, images(), verbose=False)
    assert own.judged
    assert game.judged
