"""What callbacks and verbs make of games with an encoder, or with codes."""

import contextlib
import json
import math

import lightning as L
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from ganzoo import hub
from ganzoo.callbacks import Checkpoints, Evaluate, SampleGrid
from ganzoo.callbacks.encoders import JUDGED, held_out, inferred_values, reconstructed, refresh_encoders, traversals
from ganzoo.cli import main
from ganzoo.data import Gaussians
from ganzoo.files import write_json
from ganzoo.hub import publish
from ganzoo.hub.card import number
from ganzoo.latent import inputs
from ganzoo.latent.npz import load_latents
from ganzoo.metrics.reconstruction import reconstruction_report
from ganzoo.models import VAE, InfoGAN
from ganzoo.networks import MLPEncoder, MLPGenerator, WithCodes
from ganzoo.pictures import grid, pairs, save_png
from ganzoo.pixels import to_float, to_uint8
from ganzoo.priors import Coded, Normal
from tests.zoo import (
    SHAPE,
    SPECIAL,
    TRANSLATORS,
    FromImage,
    ToImage,
    ToLatent,
    digits,
    fast,
    make,
    some,
    trainer,
    weights,
    written,
)

ENCODERS = ["BiGAN", "CVAE", "IBGAN", "IcGAN", "LatentRegressor", "VAE"]
RECON = {"recon_mse", "recon_psnr", "recon_ratio"}  # 8 x 8 is less than a window of SSIM


def fit(model, folder, *callbacks, steps=2):
    runner = trainer(steps, folder, callbacks=list(callbacks))
    runner.fit(model, datamodule=digits())
    return runner


# -- pictures


@pytest.mark.parametrize("name", ["NSGAN", "InfoGAN", *ENCODERS])
def test_a_run_draws_what_the_game_infers(name, tmp_path):
    fit(make(name, **fast()), tmp_path, SampleGrid(every=2))
    drawn = {path.parent.name for path in tmp_path.glob("*/0000002.png")}
    expected = {"grids"} | ({"traversals"} if name != "NSGAN" else set())
    assert drawn == expected | ({"reconstructions"} if name in ENCODERS else set())


def test_reconstructions_stand_below_their_images(tmp_path):
    """With an encoder and a generator that invert each other the rows come in equal pairs."""
    model = make("VAE", **fast())
    fit(model, tmp_path, SampleGrid(every=2))
    x, y = held_out(model.trainer, 32)
    rows = [row for pair in zip(x.split(8), reconstructed(model.trained, x, y).split(8), strict=True) for row in pair]
    save_png(grid(torch.cat(rows), columns=8), tmp_path / "expected.png")
    with Image.open(tmp_path / "expected.png") as one, Image.open(tmp_path / "reconstructions/0000002.png") as other:
        assert one.tobytes() == other.tobytes()
    assert torch.equal(x, to_float(torch.cat(list(digits().images("test", 32)))))


def test_a_walk_through_a_code_changes_that_code_only():
    G = ToImage(prior=Coded(Normal(dim=4), categorical=(3,), uniform=1))
    model = InfoGAN(G, WithCodes(FromImage(), categorical=(3,), uniform=1)).eval()
    picture = traversals(model.trained, seed=5)
    z = model.trained.latents(1, 5)
    by_class = torch.cat([z[:, :4], torch.zeros(1, 3), z[:, 7:]], dim=1).repeat(3, 1)
    by_class[range(3), range(4, 7)] = 1
    by_value = z.repeat(10, 1)
    by_value[:, 7] = torch.linspace(-2, 2, 10)  # twice the range of training
    black = torch.full((7, *SHAPE), -1.0)
    rows = [model.trained.decode(by_class), black, model.trained.decode(by_value)]
    assert picture.tobytes() == grid(torch.cat(rows), columns=10).tobytes()


def test_without_codes_the_latents_are_walked_through():
    model = make("VAE").eval()
    z = model.trained.latents(1, 5).repeat(40, 1)
    for k in range(4):
        z[10 * k : 10 * k + 10, k] = torch.linspace(-3, 3, 10)
    assert traversals(model.trained, seed=5).tobytes() == grid(model.trained.decode(z), columns=10).tobytes()


def test_a_bottleneck_is_walked_through_behind_its_channel(tmp_path):
    model = make("IBGAN", **fast())
    fit(model, tmp_path, SampleGrid(every=2))
    G = model.G_ema
    r = G.channel(G.prior.seeded([0])).repeat(10 * G.generator.prior.dim, 1)
    for k in range(G.generator.prior.dim):
        r[10 * k : 10 * k + 10, k] = torch.linspace(-3, 3, 10)
    with torch.no_grad():
        save_png(grid(G.decode(r), columns=10), tmp_path / "expected.png")
    with Image.open(tmp_path / "expected.png") as one, Image.open(tmp_path / "traversals/0000002.png") as other:
        assert one.tobytes() == other.tobytes()


def test_a_model_that_names_classes_is_not_told_them():
    model, x = make("IcGAN").eval().trained, to_float(torch.cat(list(digits().images("test", 20))))
    assert len(model.classify(x).unique()) > 1
    wrong = (model.classify(x) + 1) % 10
    assert torch.equal(reconstructed(model, x, wrong), model.reconstruct(x))


# -- values


class Normed(ToLatent):
    """An encoder with batch norm, which shifts its latents far away while its statistics are wrong."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.norm = nn.BatchNorm1d(torch.Size(SHAPE).numel())

    def numbers(self, x, y=None):
        x = x if y is None else x + y[:, None, None, None]
        return super().numbers(self.norm(x.flatten(1)).reshape(x.shape))


def real_blocks():
    data = digits()
    images, labels = to_float(torch.cat(list(data.images("train")))), data.labels("train")
    return [(x, y) for x, y in zip(images.split(64), labels.split(64), strict=True) if len(x) == 64]


def stats_of(blocks):
    """Mean of each pixel over blocks, [64]."""
    return torch.stack([x.flatten(1).mean(dim=0) for x in blocks]).mean(dim=0)


def test_encoders_are_judged_with_the_statistics_of_training_images(tmp_path):
    model = make("LatentRegressor", encoder=Normed(), **fast())
    fit(model, tmp_path, steps=2)
    before, live = weights(model.E_ema), weights(model.E)
    trainer(2, tmp_path, callbacks=[Evaluate(n=64)]).test(model, datamodule=digits(), verbose=False)
    real = stats_of([x for x, _ in real_blocks()])
    torch.testing.assert_close(model.E_ema.norm.running_mean, real)
    assert (before["norm.running_mean"] - real).abs().max() > 0.1  # the last few generated images have another mean
    assert all(torch.equal(value, weights(model.E)[key]) for key, value in live.items())
    x, _ = held_out(model.trainer, JUDGED)
    record = written(tmp_path)
    assert record["metrics"]["recon_mse"] == reconstruction_report(x, model.reconstruct(x)).mse


def test_a_last_block_that_is_not_full_has_no_weight(tmp_path):
    model, data = make("LatentRegressor", encoder=Normed(), **fast()), digits()
    data._arrays["train"] = tuple(part[:65] for part in data.arrays("train"))
    runner = trainer(1, tmp_path)
    runner.fit(model, datamodule=data)
    refresh_encoders(runner, model)
    torch.testing.assert_close(model.E_ema.norm.running_mean, stats_of([to_float(data.arrays("train")[0][:64])]))


@pytest.mark.parametrize("labeller", [False, True])
def test_a_conditional_encoder_is_told_the_class_meanwhile(labeller, tmp_path):
    if labeller:
        model = make("IcGAN", encoder=Normed(num_classes=10), labeller=Normed(dim=10))
    else:
        model = make("CVAE", encoder=Normed(num_classes=10, posterior="gaussian"))
    fit(model, tmp_path, steps=1)
    refresh_encoders(trainer(1, tmp_path), model)  # no data: nothing happens
    model.trainer.datamodule = digits()
    refresh_encoders(model.trainer, model)
    if labeller:
        torch.testing.assert_close(model.E_y_ema.norm.running_mean, stats_of([x for x, _ in real_blocks()]))
    named = [model.trained.classify(x) if labeller else y for x, y in real_blocks()]
    shifted = [x + y[:, None, None, None] for (x, _), y in zip(real_blocks(), named, strict=True)]
    torch.testing.assert_close(model.E_ema.norm.running_mean, stats_of(shifted))


def test_new_statistics_do_not_change_training(tmp_path):
    def trained(**kwargs):
        L.seed_everything(0, verbose=False)
        model = make("LatentRegressor", encoder=Normed(), **fast())
        runner = trainer(3, tmp_path, **kwargs)
        runner.fit(model, datamodule=digits())
        return weights(model)

    judged = trained(callbacks=[Evaluate(n=64)], limit_val_batches=None, val_check_interval=2)
    alone = trained()
    assert all(torch.equal(value, judged[key]) for key, value in alone.items())


@pytest.mark.parametrize("name", ["NSGAN", "InfoGAN", *ENCODERS])
def test_a_verdict_has_what_the_game_infers(name, tmp_path, capsys):
    model = make(name, **fast())
    judge = Evaluate(n=64)
    runner = trainer(2, tmp_path, callbacks=[judge], limit_val_batches=None)
    runner.fit(model, datamodule=digits())
    capsys.readouterr()
    runner.test(model, datamodule=digits(), verbose=False)
    table, record = capsys.readouterr().out, written(tmp_path)
    told = {"information", "information_max", "code_accuracy"} if name == "InfoGAN" else set()
    told |= {"information_lower", "information_upper"} if name == "IBGAN" else set()
    expected = told | (RECON if name in ENCODERS else set())
    plain = {key for key in record["metrics"] if "@" not in key}
    assert plain == expected
    assert not plain & set(record["floors"])
    assert all(key in table for key in expected)
    if name in ENCODERS:
        x, y = held_out(runner, JUDGED)
        report = reconstruction_report(x, reconstructed(model.trained, x, y))
        assert record["metrics"]["recon_mse"] == report.mse
        assert record["metrics"]["recon_ratio"] == report.ratio
    if name == "IBGAN":
        bounds = model.information_bounds(JUDGED)
        assert bounds == {side: record["metrics"][f"information_{side}"] for side in ("lower", "upper")}
    if name == "InfoGAN":
        assert record["metrics"]["information"] == sum(model.information(JUDGED).values())
        assert record["metrics"]["information_max"] == pytest.approx(math.log(3) + 1 / 6)
        assert 0.3 < record["metrics"]["code_accuracy"] * 10 / 3 < 1.01  # three codes for ten classes


@pytest.mark.parametrize("name", ["InfoGAN", "VAE", "IcGAN"])
def test_what_was_judged_is_published(name, tmp_path, capsys):
    model = make(name, **fast())
    runner = trainer(2, tmp_path, callbacks=[Evaluate(n=64)], limit_val_batches=None)
    runner.fit(model, datamodule=digits())
    (tmp_path / "checkpoints").mkdir()
    runner.save_checkpoint(tmp_path / "checkpoints" / "last.ckpt")
    runner.test(model, datamodule=digits(), verbose=False)
    assert main(["export", str(tmp_path / "checkpoints" / "last.ckpt"), "--out", str(tmp_path / "it")]) == 0
    capsys.readouterr()
    text = (tmp_path / "it" / "README.md").read_text()
    record = written(tmp_path)
    for key, value in record["metrics"].items():
        floor = f"{record['floors'][key]:.4g}" if "@" in key else "-"
        assert f"| {key} | {value:.4g} | {floor} |" in text
    assert ("Codes: `c1` (3 values), `c2` (-1 to 1). `ganzoo traverse FOLDER`" in text) == (name == "InfoGAN")


def test_points_have_no_pictures_to_reconstruct():
    data = Gaussians(batch_size=16)
    model, runner = VAE(MLPGenerator((2,), Normal(dim=2)), MLPEncoder((2,), 2, "gaussian")), trainer(1, ".")
    runner.datamodule = data
    assert inferred_values(runner, model) == {}


@pytest.mark.parametrize("left", [0, 1])
def test_a_run_goes_without_test_images(left, tmp_path):
    """There is nothing to show of none, and one has no shuffled pair."""
    data = digits()
    data._arrays["test"] = tuple(part[:left] for part in data.arrays("test"))
    runner = trainer(1, tmp_path, callbacks=[SampleGrid(every=1)])
    runner.fit(make("VAE"), datamodule=data)
    assert (tmp_path / "reconstructions").exists() == bool(left)
    assert inferred_values(runner, runner.lightning_module) == {}


@pytest.mark.parametrize(("interrupted", "validated"), [(False, False), (True, False), (True, True)])
def test_the_encoder_that_was_judged_is_published(interrupted, validated, tmp_path):
    """A checkpoint between two validations has the statistics that ``test`` gives it, and the card their verdict."""

    class CtrlC(L.Callback):
        def on_train_batch_end(self, trainer, *args, **kwargs):
            if interrupted and trainer.global_step == 3:
                raise KeyboardInterrupt

    networks = {"generator": MLPGenerator(SHAPE), "encoder": MLPEncoder(SHAPE, norm="batch")}
    validation = {"limit_val_batches": None, "val_check_interval": 2} if validated else {}  # without a judge
    first = trainer(4, tmp_path, callbacks=[Checkpoints(every=2), CtrlC()], **validation)
    model = make("LatentRegressor", **networks, **fast())
    with pytest.raises(SystemExit) if interrupted else contextlib.nullcontext():
        first.fit(model, datamodule=digits())
    file = tmp_path / "checkpoints" / "last.ckpt"
    last = torch.load(file, weights_only=True)["state_dict"]
    again = make("LatentRegressor", 1, **networks, **fast())
    judge = trainer(4, tmp_path, callbacks=[Evaluate(n=64), Checkpoints()])
    judge.test(again, datamodule=digits(), ckpt_path=str(file), verbose=False)
    assert all(torch.equal(last[f"E_ema.{key}"], value) for key, value in weights(again.E_ema).items())
    x, _ = held_out(judge, JUDGED)
    published = hub.load(publish(again, tmp_path / "published", {"data": None}))
    record = written(tmp_path)
    assert record["metrics"]["recon_mse"] == reconstruction_report(x, published.reconstruct(x)).mse
    assert record["batches"] == (2 if interrupted else 4)


def test_the_record_of_a_perfect_encoder_is_json(tmp_path):
    write_json(tmp_path / "a.json", {"psnr": math.inf, "rows": [1.5, (math.nan, 2)]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"psnr": None, "rows": [1.5, [None, 2]]}
    assert [number(value) for value in (0.12345, None)] == ["0.1235", "-"]


# -- verbs


@pytest.mark.parametrize("name", sorted(set(SPECIAL) - TRANSLATORS))
def test_every_verb_works_on_every_game(name, tmp_path, capsys):
    """From a published folder, without data (but neighbours); the same pictures twice."""
    model = make(name).eval()
    folder = str(publish(model, tmp_path / "it", {"data": None}))
    told = ["--labels", "3"] if model.trained.generator.num_classes else []
    calls = {
        "interpolate": ["--seeds", "0,5,9", "--steps", "3"],
        "traverse": ["--seeds", "0-1", "--steps", "3"],
        "arithmetic": ["--plus", "1,2,3", "--minus", "4,5,6", "--plus", "7,8,9"],
        "edit": ["--seeds", "0-1", "--positive", "1,2,3", "--negative", "4,5,6", "--strength=-1,0,1"],
        "neighbours": ["--seeds", "0-1", "--data", "data/digits"],
    }
    for verb, words in calls.items():
        pictures = []
        for out in (tmp_path / f"{verb}1", tmp_path / f"{verb}2"):
            assert main([verb, folder, *words, *told, "--out", str(out)]) == 0
            pictures.append({p.name: p.read_bytes() for p in out.iterdir() if p.suffix in (".png", ".gif")})
        assert pictures[0]
        assert pictures[0] == pictures[1]
        assert (tmp_path / f"{verb}1" / "latents.npz").is_file()
    capsys.readouterr()


def saved(x, folder):
    """Paths of pictures, one for each image."""
    return [str(save_png(grid(image[None], gap=0, cell=8), folder / f"{i}.png")) for i, image in enumerate(x)]


@pytest.mark.parametrize("name", ENCODERS)
def test_pictures_are_latents_of_a_game_with_an_encoder(name, tmp_path, capsys):
    model = make(name).eval()
    folder = str(publish(model, tmp_path / "it", {"data": None}))
    x = some(model, 2, seed=3)
    files = saved(x, tmp_path)
    told = ["--labels", "3"] if name == "CVAE" else []
    assert main(["interpolate", folder, "--images", *files, *told, "--steps", "2", "--out", str(tmp_path / "o")]) == 0
    assert "3 frames through 2 latents" in capsys.readouterr().out


@pytest.mark.parametrize("name", ENCODERS)
def test_encoded_pictures_are_latents_for_the_other_verbs(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(inputs, "AT_ONCE", 2)  # of the 3 pictures
    model = make(name).eval()
    folder = str(publish(model, tmp_path / "it", {"data": None}))
    x = some(model, 3, seed=3)
    files = saved(x, tmp_path)
    told = ["--labels", "3"] if name == "CVAE" else []
    assert main(["encode", folder, *files, *told, "--out", str(tmp_path / "o")]) == 0
    assert "3 latents in" in capsys.readouterr().out
    z, extra = load_latents(tmp_path / "o" / "latents.npz", model.G.prior.dim)
    seen = to_float(to_uint8(x))
    torch.testing.assert_close(z, model.encode(seen, 3 if told else None))
    classes = [3] * 3 if told else model.trained.classify(seen).tolist() if name == "IcGAN" else None
    assert extra.get("y", np.array(None)).tolist() == classes
    words = ["--latents", str(tmp_path / "o" / "latents.npz"), "--steps", "2"]
    assert main(["interpolate", folder, *words, "--out", str(tmp_path / "way")]) == 0  # in the classes of the file
    _, kept = load_latents(tmp_path / "way" / "latents.npz")
    assert kept.get("y", np.array(None)).tolist() == (classes and [classes[k] for k in (0, 1, 1, 2, 2)])
    save_png(pairs(seen, model.reconstruct(seen, 3 if told else None)), tmp_path / "expected.png")
    with Image.open(tmp_path / "expected.png") as one, Image.open(tmp_path / "o" / "reconstructions.png") as other:
        assert one.tobytes() == other.tobytes()
    assert (
        main(
            ["interpolate", folder, "--latents", str(tmp_path / "o" / "latents.npz"), "--steps", "2"]
            + (["--labels", "3"] if model.G.num_classes else [])
            + ["--out", str(tmp_path / "p")]
        )
        == 0
    )


def test_to_encode_pictures_needs_an_encoder(tmp_path, capsys):
    folder = str(publish(make("NSGAN").eval(), tmp_path / "it", {"data": None}))
    file = str(save_png(grid(torch.zeros(1, *SHAPE), gap=0, cell=8), tmp_path / "0.png"))
    assert main(["encode", folder, file, "--out", str(tmp_path / "o")]) == 2
    assert "this model has no encoder: `ganzoo invert`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["interpolate", "--seeds", "0"],
            "a path needs two or more latents, [K, 4], such as those of two seeds, got [1, 4]",
        ),
        (["interpolate", "--seeds", "x"], "expected seeds such as 7, 0,5,9 or 0-7"),
        (["traverse", "--code", "c1"], "has no code 'c1'"),
        (["traverse", "--dims", "99"], "z has the dimensions 0 to 3, got 99"),
        (["traverse", "--dims", "a"], "expected dimensions such as 0,1,2, got 'a'"),
        (["edit", "--direction", "3"], "expected a direction FILE.npz, or FILE.npz:2 for number 2, got '3'"),
        (["edit", "--positive", "1,2", "--negative", "1,2"], "the direction is zero"),
        (["edit", "--digit", "1", "--strength=nan,1"], "strengths must be finite numbers, got 'nan,1'"),
        (["interpolate", "--latents", "o/latents.npz"], "o/latents.npz would be overwritten: choose another --out"),
        (["edit", "--direction", "o/latents.npz"], "o/latents.npz would be overwritten"),
        (["arithmetic", "--plus", "1", "--minus", "o/latents.npz:3"], "o/latents.npz would be overwritten"),
        (["edit", "--positive", "1", "--negative", "o/latents.npz"], "o/latents.npz would be overwritten"),
        (["edit"], "give --direction FILE, or both --positive and --negative"),
        (["edit", "--positive", "1"], "give --direction FILE, or both --positive and --negative"),
        (["edit", "--direction", "a.npz", "--positive", "1", "--negative", "2"], "give --direction FILE, or both"),
        (["edit", "--digit", "10"], "the class must be from 0 to 9, got 10"),
        (["neighbours"], "it does not say what it was trained on: add --data, such as --data data/mnist"),
        (["neighbours", "--data", "models/dcgan"], "models/dcgan names no data: use one such as data/mnist"),
        (["neighbours", "--data", "data/mnst"], "no configuration 'data/mnst': did you mean 'data/mnist'?"),
        (["edit", "--positive", "1", "--negative", "2", "--strength=a"], "expected strengths such as -2,0,2"),
        (["arithmetic", "--plus", "nowhere.npz"], "nowhere.npz"),
        (["interpolate", "--step", "3"], "did you mean '--steps'"),
    ],
)
def test_a_wrong_call_is_one_line(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = str(publish(make("NSGAN").eval(), tmp_path / "it", {"data": None}))
    assert main([words[0], folder, *words[1:], "--out", "o"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "n"), [(["traverse"], 8), (["edit", "--digit", "3"], 8), (["arithmetic", "--plus", "1,2,3"], 1)]
)
def test_labels_are_asked_for_as_many_as_the_command_takes(words, n, tmp_path, capsys):
    folder = str(publish(make("CGAN").eval(), tmp_path / "it", {"data": None}))
    assert main([words[0], folder, *words[1:], "--out", str(tmp_path / "o")]) == 2
    assert f"give labels from 0 to 9, one for all or {n}\n" in capsys.readouterr().err


def test_every_verb_has_a_folder_of_its_own(tmp_path, monkeypatch, capsys):
    """The latents of pictures are still there after other verbs have used them twice."""
    monkeypatch.chdir(tmp_path)
    publish(make("VAE").eval(), tmp_path / "it", {"data": None})
    save_png(grid(torch.zeros(1, *SHAPE), gap=0, cell=8), tmp_path / "0.png")
    assert main(["encode", "it", "0.png", "0.png"]) == 0
    for _ in range(2):
        for words in (["interpolate", "--steps", "2"], ["traverse", "--dims", "0"], ["edit", "--digit", "1"]):
            code = main([words[0], "it", "--latents", "latents/latents.npz", *words[1:]])
            assert code == 0 or "of class 1" in capsys.readouterr().err  # of an untrained G nothing may look like a 1
    assert len(load_latents("latents/latents.npz").z) == 2
    assert len(load_latents("interpolate/latents.npz").z) == 3


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    def interrupted(rest):
        raise KeyboardInterrupt

    monkeypatch.setattr("ganzoo.cli.verbs.generate", interrupted)
    assert main(["generate", "it"]) == 130
    assert capsys.readouterr().err == "ganzoo: interrupted\n"


@pytest.mark.parametrize("x", [torch.full((1, *SHAPE), 255.0), torch.full((1, *SHAPE), math.nan)])
def test_pixels_of_another_scale_are_not_encoded(x):
    with pytest.raises(ValueError, match=r"images must be in \[-1, 1\], got others or nan: of 8 bits take"):
        make("VAE").encode(x)
