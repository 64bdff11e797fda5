"""Callbacks: what they write, what they warn of, and that training does not notice them."""

import errno
import math
import os
import subprocess
import warnings
from pathlib import Path
from types import SimpleNamespace

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import ganzoo
from ganzoo.callbacks import Checkpoints, Collapse, Evaluate, Explosion, Progress, SampleGrid, SampleWriter, Watch
from ganzoo.callbacks import evaluate as evaluating
from ganzoo.callbacks.checkpoints import only_encodes
from ganzoo.callbacks.watch import diversity
from ganzoo.data import Digits, Gaussians, ImageFolder
from ganzoo.engine.optim import SGD
from ganzoo.engine.turns import NonFinite
from ganzoo.files import write_atomically
from ganzoo.metrics.judge import KINDS, Verdict
from ganzoo.metrics.names import PLAIN
from ganzoo.models import NSGAN
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.pictures import save_images
from ganzoo.pixels import to_uint8
from tests.zoo import SHAPE, ToImage, digits, fast, for_d_and_g, make, trainer, weights, written


def fit(model, folder, steps, *callbacks, data=None, **kwargs):
    """Train with callbacks; validation is on if it is asked for."""
    if "val_check_interval" in kwargs:
        kwargs["limit_val_batches"] = 1.0
    runner = trainer(steps, folder, callbacks=list(callbacks), **kwargs)
    runner.fit(model, datamodule=data or digits())
    return runner


def state(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)


def points():
    torch.manual_seed(0)
    generator = MLPGenerator((2,), width=8, depth=1, output="linear")
    return NSGAN(generator, MLPDiscriminator((2,), width=8, depth=1))


# -- grids


@pytest.mark.parametrize(("every", "drawn"), [(2, [2, 4, 5]), (5, [5]), (0, [5]), (9, [5])])
def test_grids_are_drawn_when_due_and_at_the_end(every, drawn, tmp_path):
    fit(make("NSGAN"), tmp_path, 5, SampleGrid(every=every, n=4))
    assert sorted(p.name for p in (tmp_path / "grids").iterdir()) == [f"{at:07d}.png" for at in drawn]


def test_a_grid_shows_the_samples_of_its_seeds(tmp_path):
    model = make("NSGAN")
    fit(model, tmp_path, 2, SampleGrid(n=5, seed=7))
    images = to_uint8(model.sample(5, seed=7))
    with Image.open(tmp_path / "grids" / "0000002.png") as picture:
        pixels = np.asarray(picture)
    side, gap = 6 * 8, 2  # enlarged six times; three per row
    assert pixels.shape == (2 * (side + gap) + gap, 3 * (side + gap) + gap)
    for i in range(5):
        top, left = gap + i // 3 * (side + gap), gap + i % 3 * (side + gap)
        cell = pixels[top : top + side, left : left + side]
        assert np.array_equal(cell, images[i, 0].numpy().repeat(6, 0).repeat(6, 1))
    assert (pixels[:gap] == 255).all()


def test_points_are_drawn_also_where_the_data_are_few(tmp_path):
    data = Gaussians(n_points=100, batch_size=20)
    fit(points(), tmp_path, 1, SampleGrid(n=4), Watch(every=1, n=200), data=data)
    with Image.open(tmp_path / "grids" / "0000001.png") as picture:
        assert np.asarray(picture).std() > 1


# -- checkpoints


class Scripted(Evaluate):
    """Returns given values, one per validation."""

    def __init__(self, *values):
        super().__init__()
        self.script = iter(values)

    def judge(self, trainer, pl_module, n, split):
        value = next(self.script)
        return Verdict({"fd": value, "precision": value}, {"fd": 0.0, "precision": 1.0}, n, n)


@pytest.mark.parametrize(
    ("metric", "mode", "values", "best"),
    [
        ("fd", None, [3.0, 1.0, 2.0], 2),
        ("fd", "max", [3.0, 1.0, 2.0], 1),
        ("precision", None, [0.1, 0.3, 0.2], 2),
        ("fd", None, [float("nan"), 5.0, float("-inf")], 2),
        ("fd", None, [2.0, 2.0, 2.0], 1),
    ],
)
def test_best_is_the_best_by_the_metric(metric, mode, values, best, tmp_path):
    kept = Checkpoints(every=100, metric=metric, mode=mode)
    fit(make("NSGAN"), tmp_path, 6, Scripted(*values), kept, val_check_interval=2)
    assert state(tmp_path, "best")["ganzoo"]["batches"] == 2 * best
    assert (kept.best, kept.best_batch) == (values[best - 1], 2 * best)
    assert state(tmp_path)["ganzoo"]["batches"] == 6


@pytest.mark.parametrize(("name", "metric"), [("NSGAN", "fd"), ("VAE", "fd"), ("ImageEncoder", "recon_mse")])
def test_an_encoder_of_a_given_generator_is_best_by_its_reconstructions(name, metric, tmp_path):
    kept = Checkpoints()
    fit(make(name), tmp_path, 2, Evaluate(n=20), kept, val_check_interval=1)
    assert (kept.metric, kept.mode) == (metric, "min")
    assert kept.best is not None
    assert state(tmp_path, "best")["global_step"] == kept.best_batch


def test_a_game_without_an_encoder_is_best_by_fd_whoever_moves_its_generator():
    G = make("NSGAN").G
    own = SimpleNamespace(published={"generator": G}, G=G, players=dict)
    assert [only_encodes(game) for game in (own, nn.Linear(1, 1), make("BiGAN"))] == [False] * 3
    assert only_encodes(make("ImageEncoder"))


def test_a_best_value_of_another_metric_is_not_taken_up():
    before, now, other = (Checkpoints(metric=metric) for metric in ("fd", "fd", "kd"))
    before.best, before.best_batch = 1.0, 2
    for kept, best in ((now, 1.0), (other, None)):
        kept.load_state_dict(before.state_dict())
        assert kept.best == best


def test_a_verdict_that_is_no_number_never_is_the_best(tmp_path):
    nan = float("nan")
    fit(make("NSGAN"), tmp_path, 4, Scripted(nan, nan), Checkpoints(), val_check_interval=2)
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()


def test_last_is_written_after_the_validation_of_its_batch(tmp_path):
    seen = []

    class SpyCheckpoints(Checkpoints):
        def save(self, trainer, name):
            super().save(trainer, name)
            seen.append((name, trainer.global_step))

    fit(make("NSGAN"), tmp_path, 5, Scripted(1.0, 2.0), SpyCheckpoints(every=2), val_check_interval=2)
    assert seen == [("best", 2), ("last", 2), ("last", 4), ("last", 5)]
    kept = next(v for v in state(tmp_path)["callbacks"].values() if "best" in v)
    assert (kept["best"], kept["best_batch"]) == (1.0, 2)


def test_without_judging_only_last_is_kept_every_so_often(tmp_path):
    written = []

    class SpyCheckpoints(Checkpoints):
        def save(self, trainer, name):
            written.append((name, trainer.global_step))

    fit(make("NSGAN"), tmp_path, 7, SpyCheckpoints(every=3))
    assert written == [("last", 3), ("last", 6), ("last", 7)]


def test_a_trial_run_writes_no_checkpoint(tmp_path):
    fit(make("NSGAN"), tmp_path, 4, Scripted(1.0), Checkpoints(every=1), fast_dev_run=2, limit_val_batches=1)
    assert not (tmp_path / "checkpoints").exists()


def test_an_unknown_metric_is_refused_at_once():
    with pytest.raises(ValueError, match=r"no metric 'fid': choose one of fd, kd, precision, recall"):
        Checkpoints(metric="fid")
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        Checkpoints(every=0)


# -- watching


def collapsing(model, batches):
    """Let a model's samples be all alike at some batches."""
    sample = model.sample

    def collapsed(n, seed=0, labels=None):
        images = sample(n, seed, labels)
        return images[:1].expand(n, -1, -1, -1) if model.global_step in batches else images

    model.sample = collapsed
    return model


def test_a_collapse_is_told_once_and_again_after_a_recovery(tmp_path):
    watch = Watch(every=1, warmup=3)
    with pytest.warns(Collapse) as caught:
        fit(collapsing(make("NSGAN"), (1, 2, 4, 5, 6, 8)), tmp_path, 8, watch)
    told = [str(w.message) for w in caught if w.category is Collapse]
    assert [text.split(" the samples")[0] for text in told] == ["collapse: at batch 4", "collapse: at batch 8"]
    assert "of 64 seeds differ from each other by 0% of what real images do (alarm below 20%)" in told[0]
    assert told[0].endswith("add a penalty (R1GAN, WGANGP)"), "there is nothing to go back to"
    assert watch.share == 0


def test_a_collapse_names_the_checkpoints_that_there_are(tmp_path):
    with pytest.warns(Collapse, match=r"; or go back to .*/checkpoints/last\.ckpt$"):
        fit(collapsing(make("NSGAN"), (3,)), tmp_path, 3, Watch(every=1, warmup=1), Checkpoints(every=2))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: nn.init.constant_(model.D.net[1].bias, 2e4), r"a weight of D.net.1.bias is 2e\+04"),
        (lambda model: model.shown.update({"d/adv": -3e9}), r"the term d/adv is -3e\+09"),
    ],
    ids=["weight", "term"],
)
def test_an_explosion_without_nan_is_told_once(change, said, tmp_path):
    class Change(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, *args, **kwargs):
            change(pl_module)

    model = make("NSGAN", **for_d_and_g(SGD(lr=1e-9)))
    with pytest.warns(Explosion, match=f"explosion: at batch 2 {said}. Lower") as caught:
        fit(model, tmp_path, 5, Change(), Watch(every=2))
    assert len([w for w in caught if w.category is Explosion]) == 1


def test_an_explosion_is_told_at_the_end_of_a_short_run(tmp_path):
    model = make("NSGAN", **for_d_and_g(SGD(lr=1e-9)))
    nn.init.constant_(model.D.net[1].bias, 2e4)
    with pytest.warns(Explosion, match="explosion: at batch 2 a weight of D.net.1.bias"):
        fit(model, tmp_path, 2, Watch())


def test_no_explosion_is_told_of_a_healthy_game(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", Explosion)
        fit(make("WGANGP"), tmp_path, 6, Watch(every=1))


@pytest.mark.parametrize(("every", "said"), [(1, "resume with `ganzoo fit --ckpt_path "), (9, "there is no ")])
def test_a_broken_number_says_how_to_go_on_from_what_there_is(every, said, tmp_path, capsys):
    class Break(L.Callback):
        def on_train_batch_end(self, trainer, pl_module, *args, **kwargs):
            if trainer.global_step == 2:
                pl_module.D.net[1].bias.data.fill_(float("nan"))

    with pytest.raises(
        NonFinite, match=r"was nan at batch 3: training stopped, and no checkpoint was replaced\. Lower"
    ):
        fit(make("NSGAN"), tmp_path, 6, Checkpoints(every=every), Break(), log_every_n_steps=1)
    printed = capsys.readouterr()
    assert f"stopped at batch 2: {said}" in printed.out + printed.err


@pytest.mark.parametrize(("warmup", "batches"), [(1, ()), (100, range(9))], ids=["healthy", "before warmup"])
def test_no_collapse_is_told_of_a_healthy_or_a_new_generator(warmup, batches, tmp_path):
    watch = Watch(every=1, warmup=warmup)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Collapse)
        fit(collapsing(make("NSGAN"), batches), tmp_path, 4, watch)
    assert (watch.share > 0.2) == (batches == ())


def test_diversity_is_the_mean_distance():
    images = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    assert diversity(images) == pytest.approx((5 + 5 + 0) / 3)
    assert diversity(torch.ones(4, 1, 8, 8)) == 0


def test_of_labelled_images_only_pairs_of_one_class_count():
    images = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0], [9.0, 9.0]])
    assert diversity(images, torch.tensor([0, 0, 0, 1])) == pytest.approx((5 + 1 + 18**0.5) / 3)
    assert math.isnan(diversity(images, torch.tensor([0, 1, 2, 3])))


def test_where_no_class_has_two_samples_nothing_is_told(tmp_path):
    """Two samples of two classes say nothing of what is within a class."""
    watch = Watch(every=1, warmup=1, n=32)
    watch.on_train_start = lambda trainer, module: setattr(watch, "_real", 1.0)
    watch.n = 2
    with warnings.catch_warnings():
        warnings.simplefilter("error", Collapse)
        fit(make("CGAN"), tmp_path, 2, watch)
    assert math.isnan(watch.share)


def test_two_samples_are_the_least():
    with pytest.raises(ValueError, match="n must be at least 2"):
        Watch(n=1)


class PoisonCheckpoints(Checkpoints):
    """Makes a weight NaN after a batch."""

    def __init__(self, at, name):
        super().__init__(every=2)
        self.at, self.name = at, name

    def on_train_batch_end(self, trainer, pl_module, *args, **kwargs):
        if trainer.global_step == self.at:
            pl_module.state_dict()[self.name].view(-1)[0] = float("nan")
        super().on_train_batch_end(trainer, pl_module, *args, **kwargs)


@pytest.mark.parametrize("name", ["G_ema.net.0.weight", "D.net.1.bias"])
def test_a_broken_weight_never_replaces_a_good_checkpoint(name, tmp_path):
    with pytest.raises(FloatingPointError, match=rf"{name} is not finite after batch 4: training stopped and no check"):
        fit(make("NSGAN"), tmp_path, 8, PoisonCheckpoints(4, name), Watch(every=100))
    assert state(tmp_path)["ganzoo"]["batches"] == 2
    assert ganzoo.load(tmp_path / "checkpoints" / "last.ckpt").sample(3).isfinite().all()
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("player", ["d", "g"])
@pytest.mark.parametrize(("log_every", "stops_by"), [(1, 7), (50, 10)])
def test_a_term_that_is_no_number_is_named_and_kept_out_of_checkpoints(player, log_every, stops_by, tmp_path):
    model = make("NSGAN")
    loss = getattr(model, f"{player}_loss")

    def broken(batch):
        terms = loss(batch)
        return {**terms, "extra": terms["adv"] * (float("nan") if model.global_step == 6 else 0.0)}

    setattr(model, f"{player}_loss", broken)
    message = f"term 'extra' of player '{player}' was nan at batch 7: training stopped, and no checkpoint was"
    with pytest.raises(NonFinite, match=message) as error:
        fit(model, tmp_path, 30, Checkpoints(every=5), Watch(every=100), log_every_n_steps=log_every)
    assert (error.value.name, error.value.batch) == (f"{player}/extra", 7)
    assert model.global_step <= stops_by
    assert state(tmp_path)["ganzoo"]["batches"] == 5
    assert ganzoo.load(tmp_path / "checkpoints" / "last.ckpt").sample(3).isfinite().all()


# -- a disk that is full


def full(*args):
    raise OSError(errno.ENOSPC, "No space left on device")


def half_written(checkpoint, path):
    Path(path).write_bytes(b"half")
    full()


def half_written_by_torch(checkpoint, path):
    Path(path).write_bytes(b"half")
    raise RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed writing file data/0")


@pytest.mark.parametrize(
    ("module", "name", "fault"),
    [(torch, "save", half_written), (torch, "save", half_written_by_torch), (os, "replace", full), (os, "fsync", full)],
)
def test_a_full_disk_names_file_and_remedy_and_leaves_the_old_one(module, name, fault, tmp_path, monkeypatch):
    fit(make("NSGAN"), tmp_path, 2, Checkpoints())
    before = (tmp_path / "checkpoints" / "last.ckpt").read_bytes()
    monkeypatch.setattr(module, name, fault)
    message = r"could not write .*last.ckpt: .*\. Free some space or choose another folder; the previous file is un"
    with pytest.raises(OSError, match=message):
        fit(make("NSGAN", seed=1), tmp_path, 4, Checkpoints())
    monkeypatch.undo()
    assert (tmp_path / "checkpoints" / "last.ckpt").read_bytes() == before
    assert [p.name for p in (tmp_path / "checkpoints").iterdir()] == ["last.ckpt"]


@pytest.mark.parametrize(
    ("at", "said"), [(3, "interrupted at batch 3: resume with"), (1, "interrupted at batch 1: there is no ")]
)
def test_an_interrupted_run_says_how_to_go_on(at, said, tmp_path, capsys):
    class CtrlC(L.Callback):
        def on_train_batch_end(self, trainer, *args, **kwargs):
            if trainer.global_step == at:
                raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        trainer(9, tmp_path, callbacks=[Checkpoints(every=2), CtrlC()]).fit(make("NSGAN"), datamodule=digits())
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path):
    (tmp_path / "a").write_text("old")

    def interrupted(part):
        part.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", interrupted)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 200 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mount is not permitted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_real_full_disk(small_disk):
    fit(make("NSGAN"), small_disk, 2, Checkpoints())
    before = (small_disk / "checkpoints" / "last.ckpt").read_bytes()
    (small_disk / "ballast").write_bytes(b"x" * (200 * 1024 - 8192 - 4096 * -(-len(before) // 4096)))
    with pytest.raises(OSError, match=r"could not write .*last.ckpt: .*\. Free some space"):
        fit(make("NSGAN", seed=1), small_disk, 4, Checkpoints())
    (small_disk / "more").write_bytes(b"x" * 4096)
    with pytest.raises(OSError, match=r"could not write .*0000001.png: .*\. Free some space"):
        fit(make("NSGAN"), small_disk, 1, SampleGrid())
    assert (small_disk / "checkpoints" / "last.ckpt").read_bytes() == before
    assert not list(small_disk.rglob("*.part"))


# -- judging


def test_the_record_says_all_that_one_needs_to_trust_it(tmp_path, capsys):
    model = make("NSGAN")
    fit(model, tmp_path, 3)
    judged = Evaluate(n=80, seed=500)
    runner = trainer(1, tmp_path, callbacks=[judged], limit_val_batches=None)
    runner.test(model, datamodule=digits(), verbose=False)
    record = written(tmp_path)
    assert set(record) == {
        *("metrics", "floors", "stage", "n_samples", "n_floor", "n_reference", "first_seed", "weights", "batches"),
        *("images_seen", "reference", "world_size", "device", "torch", "seconds", "data"),
    }
    kinds = set(KINDS) - {"high_quality", "reverse_kl", "class_fd", "label_accuracy", *PLAIN}
    assert set(record["metrics"]) == set(record["floors"]) == {f"{kind}@mnist-lenet64.v1" for kind in kinds}
    assert record["metrics"]["fd@mnist-lenet64.v1"] > record["floors"]["fd@mnist-lenet64.v1"] > 0
    assert (record["stage"], record["n_samples"], record["n_floor"], record["first_seed"]) == ("test", 80, 80, 500)
    assert record["batches"] == 3
    assert record["data"] == digits().config()
    assert (record["images_seen"], record["world_size"], record["device"]) == (48, 1, "cpu")
    assert record["reference"]["data"] == "Digits"
    assert record["reference"]["pixels"] == digits().fingerprint("train")
    table = capsys.readouterr().out
    assert all(f"{kind}@mnist-lenet64.v1" in table for kind in kinds)
    assert "80 samples against 1442 train images of Digits" in table


def test_verdicts_on_other_weights_images_or_n_stand_beside_each_other(tmp_path):
    model = make("NSGAN")
    fit(model, tmp_path, 3)
    for n, data in ((64, digits()), (80, digits()), (64, Digits(batch_size=16, size=12)), (64, digits())):
        game = model if data.image_shape == SHAPE else make("NSGAN", generator=ToImage(image_shape=(1, 12, 12)))
        trainer(1, tmp_path, callbacks=[Evaluate(n=n)], limit_val_batches=None).test(game, data, verbose=False)
    names = sorted(path.name for path in (tmp_path / "verdicts").iterdir())
    assert len(names) == 3
    for n, data, batches in ((64, digits(), 3), (80, digits(), 3), (64, Digits(size=12), 0)):
        pixels = data.fingerprint("train")[:6]
        assert f"Digits-{pixels}_mnist-lenet64.v1_n{n}_batch{batches}.json" in names


def test_validation_comes_every_so_many_batches_also_across_epochs(tmp_path, capsys):
    seen = []

    class Spy(Scripted):
        def judge(self, trainer, pl_module, n, split):
            seen.append(trainer.global_step)
            return super().judge(trainer, pl_module, n, split)

    data = digits(batch_size=480)  # three batches per epoch
    fit(make("NSGAN"), tmp_path, 9, Spy(*[1.0] * 4), data=data, val_check_interval=2)
    assert seen == [2, 4, 6, 8]
    assert "batch 8: fd@mnist-lenet64.v1 1 (floor 0, n = 2000)" in capsys.readouterr().out


class Noisy(L.Callback):
    """Uses torch's own randomness, as the callbacks of others do."""

    def on_train_batch_end(self, *args, **kwargs):
        torch.rand(3)


def test_training_does_not_notice_that_it_is_watched(tmp_path):
    ends = []
    for name, callbacks in (
        ("alone", []),
        ("watched", [Evaluate(n=64), SampleGrid(every=1, n=4), Watch(every=2), Checkpoints(every=2), Noisy()]),
    ):
        model = make("WGANGP", ema_decay=0.5)
        judged = {"val_check_interval": 3} if callbacks else {}
        fit(model, tmp_path / name, 6, *callbacks, **judged)
        ends.append(weights(model))
    assert all(torch.equal(value, ends[1][key]) for key, value in ends[0].items())


def test_a_verdict_is_the_same_whatever_was_drawn_before(tmp_path):
    model = make("NSGAN").eval()
    verdicts = []
    for _ in range(2):
        judged = Evaluate(n=64)
        torch.rand(5)
        trainer(1, tmp_path, callbacks=[judged], limit_val_batches=None).validate(model, digits(), verbose=False)
        verdicts.append(judged.verdict)
    assert verdicts[0] == verdicts[1]


def test_judging_without_data_is_one_clear_error(tmp_path):
    runner = trainer(1, tmp_path, callbacks=[Evaluate(n=64)], limit_val_batches=None)
    with pytest.raises(ValueError, match=r"Evaluate needs real images: pass a ganzoo.data module as trainer.fit\("):
        runner.validate(make("NSGAN"), dataloaders=[torch.zeros(1)], verbose=False)


def test_a_value_that_was_not_measured_is_refused_with_the_choices():
    judged = Evaluate()
    assert judged.value("fd") is None
    judged.verdict = Verdict({"fd": 1.0, "kd": 2.0}, {}, 10, 10)
    assert judged.value("kd") == 2
    with pytest.raises(ValueError, match="no metric 'classifier_score': choose one of fd, kd"):
        judged.value("classifier_score")


def test_points_are_judged_by_their_coordinates(tmp_path):
    data = Gaussians(n_points=300, batch_size=20)
    judged = Evaluate(n=64)
    trainer(1, tmp_path, callbacks=[judged], limit_val_batches=None).validate(points(), data, verbose=False)
    record = written(tmp_path)
    assert record["reference"]["dim"] == 2
    assert not any("classifier_score" in name for name in record["metrics"])


def test_fewer_real_images_than_asked_for_are_all_there_are():
    runner = trainer(1, "unused")
    runner.datamodule = Gaussians(n_points=30, batch_size=10)
    assert len(evaluating.some_real(runner, 100)) == 30
    assert len(evaluating.some_real(runner, 7)) == 7
    runner.datamodule = None
    assert evaluating.some_real(runner, 7) is None


# -- samples and the bar


def test_points_are_written_as_they_are(tmp_path):
    model = points().eval()
    SampleWriter(format="png").write(model.sample(5, 3), 3, tmp_path)
    with np.load(tmp_path / "samples-000003.npz") as file:
        assert np.array_equal(file["images"], model.sample(5, 3))
        assert file["seeds"].tolist() == [3, 4, 5, 6, 7]
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        SampleWriter(n=0)


def test_the_bar_shows_the_terms_and_the_verdicts(tmp_path, capsys):
    bar = Progress(refresh_every=2)
    judged = Scripted(3.25, 2.5)
    runner = fit(make("WGANGP", **fast()), tmp_path, 6, bar, judged, val_check_interval=3, enable_progress_bar=True)
    text = capsys.readouterr().out
    last = text.replace("\r", "\n").strip().splitlines()[-1]
    assert "100%" in last
    assert "6/6" in last
    assert "batch 3: fd@mnist-lenet64.v1 3.25 (floor 0, n = 2000)" in text
    for name in ("d/adv", "d/gp"):
        assert f"{name} {runner.lightning_module.shown[name]:.3g}"[:6] in last


def test_a_bar_that_is_off_shows_nothing(tmp_path, capsys):
    bar = Progress()
    bar.disable()
    bar.print("a line")
    fit(make("NSGAN"), tmp_path, 2, bar, enable_progress_bar=True)
    bar.disable()
    assert capsys.readouterr().out == ""


# -- small sets


def pictures(folder, n):
    """Write ``n`` digits as a folder of pictures in two classes."""
    images = torch.cat(list(digits().images("train", n))) / 127.5 - 1
    for k, name in enumerate("ab"):
        save_images(images[k::2], folder / name, [f"{i:03d}" for i in range(len(images[k::2]))])
    return ImageFolder(root=str(folder), size=8, channels=1, batch_size=2)


@pytest.mark.parametrize("n", [4, 8, 20])
def test_a_set_too_small_to_be_judged_is_trained_with_a_warning_beforehand(n, tmp_path):
    data = pictures(tmp_path / "pictures", n)
    train, test = len(data.labels("train")), len(data.labels("test"))
    judged = Evaluate(n=20)
    counts = f"{train} train and {test} test images, and 20 train and 2 test images are needed"
    beside = judged, Checkpoints(), SampleGrid(), Watch()
    with pytest.warns(UserWarning, match=f"will not be judged: ImageFolder has {counts}") as caught:
        runner = fit(make("NSGAN"), tmp_path, 3, *beside, data=data, val_check_interval=1)
    assert len([w for w in caught if "judged" in str(w.message)]) == 1
    assert runner.global_step == 3
    assert judged.verdict is None
    with pytest.raises(ValueError, match=f"ImageFolder has {train} train and"):
        trainer(1, tmp_path, callbacks=[judged], limit_val_batches=None).test(make("NSGAN"), data, verbose=False)


def test_a_set_of_equal_pictures_is_trained_and_what_can_be_judged_is(tmp_path):
    save_images(torch.zeros(60, 1, 8, 8), tmp_path / "pictures", [f"{i:03d}" for i in range(60)])
    data, judged = ImageFolder(str(tmp_path / "pictures"), size=8, channels=1, batch_size=2), Evaluate(n=20)
    with pytest.warns(UserWarning, match="half of the test images are training images: nn_ratio is left out"):
        runner = fit(make("NSGAN"), tmp_path, 2, judged, data=data, val_check_interval=2)
    assert runner.global_step == 2
    assert math.isfinite(judged.verdict.values["fd"])


def test_the_smallest_set_is_judged(tmp_path):
    data = pictures(tmp_path / "pictures", 30)
    judged = Evaluate(n=20)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*judged.*")
        fit(make("NSGAN"), tmp_path, 2, judged, data=data, val_check_interval=2)
    assert all(math.isfinite(judged.verdict.values[kind]) for kind in ("fd", "precision", "classifier_score"))
