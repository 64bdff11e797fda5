"""``ganzoo invert``: pictures in, latents and pictures out; what was found stays found."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.bundled import FACTS, with_encoder
from ganzoo.cli import main
from ganzoo.hub.writing import publish
from ganzoo.inference import Inference
from ganzoo.inversion import LBFGS, At, Masked, Pixels, Tune, invert, keeping, losses, writing
from ganzoo.inversion.tuning import folders_of
from ganzoo.inversion.words import read_mask
from ganzoo.latent.npz import load_latents
from ganzoo.models import NSGAN
from ganzoo.networks import MLPDiscriminator, MLPGenerator
from ganzoo.photos import how_fitted, read_images, size_of
from ganzoo.priors import Normal
from tests.cli.test_cli import refused  # noqa: F401
from tests.zoo import ToLatent, make

FILES = ["a.png", "b.png", "c.png"]
THOSE_WITH_ONE = f"Of the models that come with ganzoo these have one: {', '.join(with_encoder())};"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Models with and without classes and an encoder, and three pictures."""
    monkeypatch.chdir(tmp_path)
    for name in ("NSGAN", "CGAN", "ImageEncoder", "IterativeEncoder"):
        publish(make(name).eval(), name.lower(), {"data": None})
    for seed, file in enumerate(FILES):
        pixels = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / file)
    return tmp_path


def run(*words):
    assert main(["invert", *words, "--steps", "6"]) == 0


def kept(folder):
    return load_latents(folder / "latents.npz")


def test_latents_are_those_of_invert_and_all_is_drawn(home, capsys):
    run("nsgan", *FILES, "--out", "o")
    z, extra = kept(home / "o")
    x = read_images(FILES, (1, 8, 8))
    found = invert(ganzoo.load("nsgan"), x, solver=LBFGS(6))
    assert torch.equal(z, found.latents)
    assert np.array_equal(extra["images"], found.images.numpy())
    said = capsys.readouterr()
    assert said.err == ""
    assert "3 latents in o/latents.npz, mse" in said.out
    table = json.loads((home / "o" / "metrics.json").read_text())
    assert [one["file"] for one in table["images"]] == FILES
    mse = (found.images - x).square().mean(dim=(1, 2, 3))
    assert [one["mse"] for one in table["images"]] == pytest.approx(mse.tolist())
    assert table["mean"]["psnr"] == pytest.approx((10 * (4 / mse).log10()).mean().item(), rel=1e-5)
    assert table["how"] == "nearest:1024, lbfgs 6, pixels, z, seed 0, restarts 1"
    with Image.open(home / "o" / "way.gif") as way:
        assert 5 <= way.n_frames <= 9  # equal ones are joined
    for name in ("sheet.png", "loss.png"):
        with Image.open(home / "o" / name) as picture:
            assert min(picture.size) > 100


def test_other_verbs_take_what_was_found(home):
    run("nsgan", *FILES, "--out", "o")
    assert main(["interpolate", "nsgan", "--latents", "o/latents.npz", "--steps", "2", "--out", "way"]) == 0
    z, _ = kept(home / "way")
    torch.testing.assert_close(z[[0, 2, 4]], kept(home / "o").z)


@pytest.mark.parametrize("verb", [["interpolate", "--steps", "2"], ["edit", "--positive", "1", "--negative", "2"]])
@pytest.mark.parametrize("name", ["nsgan", "cgan"])
def test_pictures_are_inverted_for_verbs_where_there_is_no_encoder(verb, name, home, capsys):
    assert main([verb[0], name, *verb[1:], "--images", "a.png", "b.png", "--out", "w"]) == 0
    assert "no encoder: the pictures are inverted, 60 steps" in capsys.readouterr().err
    z, extra = kept(home / "w")
    found = invert(ganzoo.load(name), read_images(FILES[:2], (1, 8, 8)), "auto" if name == "cgan" else None)
    assert any(torch.equal(row, found.latents[0]) for row in z) or verb[0] == "edit"
    assert ("y" in extra) == (name == "cgan")


@pytest.mark.parametrize("name", ["nsgan", "imageencoder", "cgan"])
def test_pictures_are_terms_of_arithmetic(name, home, capsys):
    labels = [1] if name == "cgan" else None
    words = ["--labels", "1"] if labels else []
    assert main(["arithmetic", name, "--plus", "a.png,b.png", "--minus", "c.png", "--plus", "3", *words]) == 0
    model, x = ganzoo.load(name), read_images(FILES, (1, 8, 8))
    z = model.encode(x) if name == "imageencoder" else invert(model, x, labels).latents
    expected = z[:2].mean(dim=0) - z[2] + model.generator.prior.seeded([3])[0]
    torch.testing.assert_close(kept(home / "arithmetic").z[0], expected)


@pytest.mark.parametrize("name", ["nsgan", "cgan"])
def test_pictures_give_the_direction_of_an_edit(name, home, capsys):
    labels = [2] if name == "cgan" else None
    words = ["--labels", "2"] if labels else []
    terms = ["--positive", "a.png,b.png", "--negative", "c.png"]
    assert main(["edit", name, "--seeds", "0", *terms, *words, "--out", "o"]) == 0
    z = invert(ganzoo.load(name), read_images(FILES, (1, 8, 8)), labels).latents
    torch.testing.assert_close(load_latents("o/direction.npz").z[0], z[:2].mean(dim=0) - z[2])


def test_a_term_that_is_no_picture_is_one_line(home, refused):  # noqa: F811
    assert "cannot read no.png as a picture" in refused("arithmetic", "nsgan", "--plus", "a.png,no.png")
    assert "expected seeds such as 7" in refused("arithmetic", "nsgan", "--plus", "a,b")


def test_the_same_words_find_nothing_twice_and_other_words_do(home, capsys, monkeypatch):
    run("nsgan", *FILES[:2], "--out", "o")
    first = kept(home / "o").z
    looked = []
    monkeypatch.setattr("ganzoo.inversion.writing.inversions", spy(looked))
    run("nsgan", *FILES, "--out", "o")
    assert looked == [1]
    assert "(2 were there)" in capsys.readouterr().out
    assert torch.equal(kept(home / "o").z[:2], first)
    run("nsgan", *FILES, "--out", "o", "--seed", "3")
    run("nsgan", *FILES, "--out", "o", "--loss", "pixels+0.1*shell")
    assert looked == [1, 3, 3]


def spy(looked):
    from ganzoo.inversion.inverter import inversions

    def noted(model, x, *rest, **kwargs):
        looked.append(len(x))
        return inversions(model, x, *rest, **kwargs)

    return noted


def test_what_was_found_is_kept_when_it_is_interrupted_and_the_rest_follows(home, monkeypatch, capsys):
    run("nsgan", *FILES, "--out", "whole")
    from ganzoo.inversion import inverter

    monkeypatch.setattr(inverter, "PART", 1)
    monkeypatch.setattr(inverter, "BLOCK", 1)
    run("nsgan", *FILES, "--out", "parts")
    whole = kept(home / "parts").z
    of_seed, calls = inverter.Task.of_seed, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return of_seed(self, *arguments)

    monkeypatch.setattr(inverter.Task, "of_seed", interrupted)
    assert main(["invert", "nsgan", *FILES, "--steps", "6", "--out", "o"]) == 130
    assert torch.equal(kept(home / "o").z, whole[:2])
    run("nsgan", *FILES, "--out", "o")
    assert len(calls) == 4
    assert torch.equal(kept(home / "o").z, whole)


@pytest.mark.parametrize(
    ("nth", "words"),
    [(4, []), (4, ["--space", "maps:net.0"]), (12, ["--space", "maps:net.0"])],
    ids=["z", "z before maps", "maps"],
)
def test_how_far_a_part_has_come_is_kept_when_it_is_interrupted(nth, words, home, monkeypatch, capsys):
    run("nsgan", *FILES, *words, "--out", "whole")
    whole, of_latents = kept(home / "whole"), losses.Pixels.against
    calls = []

    def interrupted(self, x, model):
        measure = of_latents(self, x, model)

        def counted(*arguments):
            calls.append(1)
            if len(calls) == nth:
                raise KeyboardInterrupt
            return measure(*arguments)

        return counted

    monkeypatch.setattr(losses.Pixels, "against", interrupted)
    assert main(["invert", "nsgan", *FILES, *words, "--steps", "6", "--out", "o"]) == 130
    said = capsys.readouterr().err
    assert "0 of 3 pictures are in o/latents.npz" in said
    assert "how far the next 3 have come is in o/unfinished.npz" in said
    z, extra = load_latents(home / "o" / "unfinished.npz")
    assert extra["names"].tolist() == FILES
    np.testing.assert_allclose(ganzoo.load("nsgan").decode(z).numpy(), extra["images"], rtol=0, atol=1e-6)
    assert torch.equal(z, whole.z) == (nth == 12)
    assert not (home / "o" / "latents.npz").exists()
    run("nsgan", *FILES, *words, "--out", "o")
    assert not (home / "o" / "unfinished.npz").exists()
    again = kept(home / "o")
    assert torch.equal(again.z, whole.z)
    assert all(np.array_equal(again.extra[name], whole.extra[name]) for name in whole.extra)


@pytest.mark.parametrize("name", ["imageencoder", "iterativeencoder"])
def test_methods_differ_by_start_and_steps(name, home):
    model, x = ganzoo.load(name), read_images(FILES, (1, 8, 8))
    run(name, *FILES, "--method", "encoder", "--out", "e")
    torch.testing.assert_close(kept(home / "e").z, model.encode(x))
    run(name, *FILES, "--method", "hybrid", "--out", "h")
    table = [json.loads((home / name / "metrics.json").read_text())["mean"] for name in ("e", "h")]
    assert table[1]["mse"] < table[0]["mse"]
    assert (table[0]["evaluations"], table[1]["evaluations"] > 5) == (1, True)


def test_tuned_generators_are_published(home, capsys):
    run("nsgan", "a.png", "b.png", "--method", "tune", "--out", "o")
    assert "tuned generators in o/tuned, mse" in capsys.readouterr().out
    tuned, z = ganzoo.load("o/tuned/b"), kept(home / "o").z
    x = read_images(["b.png"], (1, 8, 8))
    before = (ganzoo.load("nsgan").decode(z[1:]) - x).square().mean()
    assert (tuned.decode(z[1:]) - x).square().mean() < before
    assert tuned.config["training"]["tuned"] == "b.png"
    assert (home / "o" / "tuned.png").is_file()


def test_the_numbers_of_tuning_stand_beside_those_of_the_search(home):
    run("nsgan", "a.png", "b.png", "--method", "tune", "--tune_steps", "3", "--layers", "net.2", "--out", "o")
    table = json.loads((home / "o" / "metrics.json").read_text(), parse_constant=pytest.fail)
    tuned = table["tuned"]
    assert (tuned["steps"], tuned["layers"], table["mean"]["ssim"]) == (3, ["net.2"], None)  # too small for a window
    model, x, z = ganzoo.load("nsgan"), read_images(FILES[:2], (1, 8, 8)), kept(home / "o").z
    found = list(Tune(3, layers=["net.2"]).each(model, x, invert(model, x, solver=LBFGS(6))))
    for i, row in enumerate(tuned["images"]):
        assert (row["file"], row["evaluations"]) == (FILES[i], 4)
        assert (row["loss"], row["start"]) == pytest.approx((found[i].loss, found[i].history[0]))
        assert row["history"] == pytest.approx(found[i].history)
        made = ganzoo.load(f"o/tuned/{'ab'[i]}").decode(z[i : i + 1])
        assert row["mse"] == pytest.approx((made - x[i]).square().mean().item(), rel=1e-4)
    assert tuned["mean"]["mse"] == pytest.approx(np.mean([row["mse"] for row in tuned["images"]]))


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["a.png", "b.jpg"], ["a", "b"]),
        (["a.png", "a.jpg", "1-a.png"], ["0-a", "1-1-a", "2-1-a"]),
        (["A.png", "a.png"], ["0-A", "1-a"]),
        (["...png", ".. .png", "?.png"], ["0-picture", "1-picture", "2-picture"]),
        (["my cat: 1/2?.png".replace("/", chr(92)), "-rf.png", "été.png"], ["my_cat_1_2", "rf", "été"]),
        (["x" * 90 + "1.png", "x" * 90 + "2.png"], ["0-" + "x" * 80, "1-" + "x" * 80]),
    ],
)
def test_folders_of_tuned_generators_are_safe_and_distinct(names, folders):
    assert folders_of(names) == folders


def test_without_steps_there_is_no_way_and_no_loss_to_draw(home, capsys):
    run("imageencoder", "a.png", "--out", "o")
    assert "beside it sheet.png, loss.png, way.gif, metrics.json" in capsys.readouterr().out
    run("imageencoder", "a.png", "--method", "encoder", "--out", "o")
    assert "beside it sheet.png, metrics.json" in capsys.readouterr().out
    assert sorted(path.name for path in (home / "o").iterdir()) == ["latents.npz", "metrics.json", "sheet.png"]


def test_the_way_says_its_steps_and_white_tiles_are_seen(home):
    """Of 6 steps the moments 0 to 6, each under its number."""
    Image.new("L", (8, 8), 255).save("white.png")
    run("nsgan", "white.png", "--out", "o")
    with Image.open("o/way.gif") as way:
        heads = []
        for frame in range(way.n_frames):
            way.seek(frame)
            heads.append(np.asarray(way.convert("L"))[:28].tobytes())
    assert len(set(heads)) == len(heads) == 7
    with Image.open("o/sheet.png") as sheet:
        tile = np.asarray(sheet)[-52:, -202:-150]
    assert (tile[:2] == 160).all()
    assert (tile[2:50, 2:50] == 255).all()
    assert (tile[:, :2] == 160).all()


def test_another_space_starts_at_z_and_keeps_both(home):
    run("nsgan", *FILES, "--space", "maps:net.0", "--out", "o")
    z, extra = kept(home / "o")
    model, x = ganzoo.load("nsgan"), read_images(FILES, (1, 8, 8))
    assert torch.equal(z, invert(model, x, solver=LBFGS(6)).latents)
    assert extra["u"].shape == (3, 16)
    assert (extra["loss"] < (model.decode(z) - x).square().mean(dim=(1, 2, 3)).numpy()).all()
    in_z = invert(model, x, solver=LBFGS(6))
    second = invert(model, x, space="maps:net.0", start=At(z), solver=LBFGS(6))
    assert np.array_equal(extra["history"], torch.cat([in_z.history, second.history], dim=1).numpy())
    assert np.array_equal(extra["evaluations"], (in_z.evaluations + second.evaluations).numpy())
    rows = json.loads((home / "o" / "metrics.json").read_text())["images"]
    assert [row["start"] for row in rows] == in_z.history[:, 0].tolist()
    assert [row["evaluations"] for row in rows] == extra["evaluations"].tolist()


def test_the_class_is_looked_for_given_or_each(home):
    run("cgan", *FILES, "--out", "auto")
    run("cgan", *FILES, "--labels", "3", "--out", "three")
    run("cgan", *FILES, "--labels", "1,2,3", "--out", "each")
    y = [kept(home / name).extra["y"].tolist() for name in ("auto", "three", "each")]
    assert y[1:] == [[3, 3, 3], [1, 2, 3]]
    found = invert(ganzoo.load("cgan"), read_images(FILES, (1, 8, 8)), "auto", solver=LBFGS(6))
    assert y[0] == found.condition.tolist()
    assert [one["class"] for one in json.loads((home / "three" / "metrics.json").read_text())["images"]] == [3, 3, 3]


def test_a_mask_counts_where_it_is_white(home):
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[:, :4] = 255
    Image.fromarray(mask).save(home / "m.png")
    run("nsgan", *FILES, "--mask", "m.png", "--out", "o")
    run("nsgan", *FILES, "--out", "whole")
    x = read_images(FILES, (1, 8, 8))
    left = [
        np.square(kept(home / name).extra["images"] - x.numpy())[:, :, :, :4].mean(axis=(1, 2, 3))
        for name in ("o", "whole")
    ]
    np.testing.assert_allclose(kept(home / "o").extra["loss"], left[0], rtol=1e-4)
    assert left[0].mean() < left[1].mean()


def test_a_mask_painted_white_on_nothing_counts_where_it_is_painted(home):
    painted = np.zeros((8, 8, 4), dtype=np.uint8)
    painted[:, :4] = 255
    Image.fromarray(painted).save(home / "m.png")
    expected = torch.zeros(8, 8)
    expected[:, :4] = 1
    assert torch.equal(read_mask("m.png", ["a.png"], (1, 8, 8)), expected)


def test_a_picture_of_too_many_pixels_is_one_line(home, monkeypatch, capsys):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert main(["invert", "nsgan", "a.png", "--out", "o"]) == 2
    assert "ganzoo: cannot read a.png as a picture: " in capsys.readouterr().err


def test_another_mask_of_the_same_name_is_another_question(home):
    latents = []
    for side in (slice(0, 4), slice(4, 8)):
        mask = np.zeros((8, 8), dtype=np.uint8)
        mask[:, side] = 255
        Image.fromarray(mask).save(home / "m.png")
        run("nsgan", "a.png", "--mask", "m.png", "--out", "o")
        latents.append(kept(home / "o").z)
    assert not torch.equal(*latents)


def test_pictures_of_one_name_have_folders_of_their_own(home):
    (home / "other").mkdir()
    (home / "b.png").rename(home / "other" / "a.png")
    run("nsgan", "a.png", "other/a.png", "--method", "tune", "--out", "o")
    tuned = sorted(path.name for path in (home / "o" / "tuned").iterdir())
    assert tuned == ["0-a", "1-a"]
    assert not torch.equal(*(ganzoo.load(f"o/tuned/{name}").sample(1) for name in tuned))


def test_latents_that_were_damaged_are_not_taken_up(home, refused):  # noqa: F811
    run("nsgan", *FILES, "--out", "o")
    arrays = dict(np.load(home / "o" / "latents.npz"))
    np.savez(home / "o" / "latents.npz", **{**arrays, "loss": arrays["loss"][:2]})
    said = refused("invert", "nsgan", *FILES, "--steps", "6", "--out", "o")
    wrong = "o/latents.npz has an array loss that has not 3 rows, one for each key"
    assert said == f"{wrong}: remove it, or choose another --out"
    (home / "o" / "latents.npz").write_bytes(b"PK no npz")
    assert "o/latents.npz" in refused("invert", "nsgan", *FILES, "--steps", "6", "--out", "o")


@pytest.mark.parametrize("lost", ["key", "z", "images", "loss", "history", "evaluations", "y", "u"])
def test_latents_that_lack_an_array_are_one_line(lost, home, refused):  # noqa: F811
    words = ["cgan", "a.png", "--labels", "1", "--space", "maps:net.0", "--steps", "1", "--start", "draw", "--out", "o"]
    assert main(["invert", *words]) == 0
    arrays = dict(np.load("o/latents.npz"))
    arrays.pop(lost)
    np.savez("o/latents.npz", **arrays)
    said = refused("invert", *words)
    assert said == f"o/latents.npz has no array {lost}: remove it, or choose another --out"


def test_only_what_is_drawn_is_kept_of_the_way(home, monkeypatch):
    """Of a layer with large maps as of z: pictures in 8 bits, of the first images."""
    for module in (writing, keeping):
        monkeypatch.setattr(module, "SHOWN", 2)
    run("nsgan", *FILES, "--space", "maps:net.0", "--out", "o")
    first = kept(home / "o")
    assert "way" not in first.extra
    assert (first.extra["frames"].shape, first.extra["frames"].dtype) == ((2, 18, 1, 8, 8), np.uint8)
    looked = []
    monkeypatch.setattr(writing, "inversions", spy(looked))
    run("nsgan", *FILES[1:], "--space", "maps:net.0", "--out", "o")
    assert looked == [1]  # the way of c.png was not kept
    assert torch.equal(kept(home / "o").z, first.z[1:])


@pytest.mark.parametrize("loss", ["pixels+0.05*digits", "0.5*pixels+1e-3*discriminator", "pixels+2*indomain"])
def test_losses_are_named(loss, home):
    run("imageencoder" if "indomain" in loss else "nsgan", *FILES, "--loss", loss, "--out", "o")
    extra = kept(home / "o").extra
    assert (extra["history"][:, -1] < extra["history"][:, 0]).all()


def test_those_with_an_encoder_are_named():
    named = with_encoder()
    assert {"bigan-mnist", "dcgan-mnist-encoder", "vae-mnist"} <= set(named)
    assert not {"dcgan-mnist", "cgan-mnist"} & set(named)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nsgan", "a.png", "--labels", "3"], "this generator is unconditional"),
        (["nsgan", "a.png", "--labels", "auto"], "'auto' looks for the class, of a model that is told classes"),
        (["cgan", "a.png", "--labels", "10"], "labels must be from 0 to 9"),
        (["cgan", "a.png", "--labels", "x"], "--labels takes a class number or a list such as 0,1,2, got 'x'"),
        (["nsgan", "a.png", "--space", "maps:net.9"], "ToImage has no layer 'net.9'"),
        (["nsgan", "a.png", "--space", "maps"], "no space 'maps'"),
        (["nsgan", "a.png", "--loss", "pixel"], "no loss 'pixel': did you mean 'pixels'?"),
        (["nsgan", "a.png", "--loss", "pixels:abc"], "no loss 'pixels:abc': did you mean 'pixels'?: there are pixels,"),
        (["nsgan", "a.png", "--loss", "pixels+shell:"], "no loss 'shell:': did you mean 'shell'?"),
        (["nsgan", "a.png", "--loss", "pixels+shell:0.5"], "no loss 'shell:0.5': did you mean 'shell'?"),
        (["nsgan", "a.png", "--loss", "features:net.1"], "no loss 'features:net.1': there are pixels, shell, digits,"),
        (["nsgan", "a.png", "--loss", "digits:net.1"], "no loss 'digits:net.1': did you mean 'digits'?"),
        (
            ["nsgan", "a.png", "--loss", "lpips:resnet"],
            "there are pixels, shell, digits, discriminator, lpips, lpips:vgg,",
        ),
        (["nsgan", "a.png", "--loss", "vgg16:"], "no loss 'vgg16:': did you mean 'vgg16:FILE'?"),
        (["nsgan", "a.png", "--loss", "pixels+"], "no loss '': there are pixels"),
        (
            ["nsgan", "a.png", "--loss", "x*pixels"],
            "a loss is such as pixels+0.1*shell, got 'x*pixels': 'x' is no number",
        ),
        (["nsgan", "a.png", "--loss", "vgg16:no.pth"], "no weights of VGG-16 at no.pth: download https://"),
        (["nsgan", "a.png", "--loss", "indomain"], "InDomain needs a model with an encoder"),
        (["nsgan", "a.png", "--space", "maps:net.0", "--loss", "pixels+0.1*shell"], "leave it out in the space maps:"),
        (["imageencoder", "a.png", "--space", "maps:net.0", "--loss", "indomain"], "leave it out in the space maps:"),
        (["nsgan", "a.png", "--start", "drew"], "no start 'drew': did you mean 'draw'?"),
        (["nsgan", "a.png", "--start", "draw:x"], "--start 'draw:x': could not convert string to float"),
        (["nsgan", "a.png", "--start", "draw:"], "there are nearest:1024, draw:0.3, encoder"),
        (["nsgan", "a.png", "--start", "draw:inf"], "--start 'draw:inf': scale must be positive and finite, got inf"),
        (["nsgan", "a.png", "--start", "nearest:9.5"], "there are nearest:1024, draw:0.3, encoder"),
        (["imageencoder", "a.png", "--start", "encoder:"], "no start 'encoder:': did you mean 'encoder'?"),
        (["nsgan", "a.png", "--start", "nearest:0"], "--start 'nearest:0': n must be from 1 to"),
        (["nsgan", "a.png", "--start", "nearest:999999999"], "n must be from 1 to 65536 and scale positive"),
        (["nsgan", "a.png", "--space", "codes:net.0:999999999"], "several codes are from 2 to 256, got 999999999"),
        (["nsgan", "a.png", "--steps", "999999999"], "steps at most 100000"),
        (
            ["nsgan", "a.png", "--seed", "-1", "--restarts", "3"],
            "a seed is a whole number from 0 to 4294967295, got -1",
        ),
        (["nsgan", "a.png", "--seed", str(2**63)], "a seed is a whole number from 0 to 4294967295, got 92233720"),
        (
            ["imageencoder", "a.png", "--method", "hybrid", "--restarts", "2"],
            "2 restarts would all start where Encoded does: use Draw or Nearest",
        ),
        (["nsgan", "a.png", "--method", "hybrid"], f"nsgan has no encoder. {THOSE_WITH_ONE}"),
        (["nsgan", "a.png", "--method", "encoder"], f"nsgan has no encoder. {THOSE_WITH_ONE}"),
        (
            ["nsgan", "a.png", "--start", "encoder"],
            "`ganzoo fit --config models/imageencoder --config data/NAME --generator nsgan` trains one",
        ),
        (["nsgan", "a.png", "--method", "hybrid", "--start", "draw:1"], "--method hybrid starts at the encoder"),
        (["nsgan", "a.png", "--method", "tune", "--space", "maps:net.0"], "--method tune has its pivots in z"),
        (["nsgan", "a.png", "--steps", "-1"], "steps, memory and trials must be 1 or more"),
        (["nsgan", "no.png"], "cannot read no.png as a picture"),
        (["nsgan", "empty.png"], "cannot read empty.png as a picture"),
        (
            ["nsgan", "a.png", "--mask", "wide.png"],
            "the mask wide.png is 9 x 8, but a.png is 8 x 8: they must be alike",
        ),
        (["nsgan", "a.png", "--mask", "black.png"], "some above 0 in each image"),
        (["nsgan", "a.png", "--metod", "tune"], "did you mean '--method'?"),
        (["nsgam", "a.png"], "no model"),
    ],
)
def test_a_wrong_call_is_one_line(words, message, home, refused):  # noqa: F811
    (home / "empty.png").write_bytes(b"")
    for name, size in (("wide.png", (9, 8)), ("black.png", (8, 8))):
        Image.new("L", size).save(home / name)
    assert message in refused("invert", *words, "--out", "o")
    assert not (home / "o" / "latents.npz").exists()


def test_it_says_how_pictures_were_fitted(home, capsys):
    Image.new("RGB", (40, 20)).save(home / "wide.png")
    Image.new("L", (16, 16)).save(home / "large.png")
    assert how_fitted(["wide.png", "large.png", "a.png"], (1, 8, 8)) == [
        "wide.png (40 x 20): its middle, resized to 8 x 8, grey",
        "large.png (16 x 16): resized to 8 x 8",
    ]
    assert size_of("wide.png") == (40, 20)
    run("nsgan", "wide.png", "--out", "o")
    assert "ganzoo: wide.png (40 x 20): its middle, resized to 8 x 8, grey\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("film.gif", "film.gif (8 x 8): the first of its 2 frames, grey"),
        ("turned.png", "turned.png (8 x 8): turned as the camera was held"),
        ("clear.png", "clear.png (8 x 8): what is transparent on white, grey"),
        ("sixteen.png", "sixteen.png (8 x 8): what is transparent on white"),
        ("opaque.png", "opaque.png (8 x 8): grey"),
    ],
)
def test_it_says_what_it_leaves_out_turns_and_fills(name, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shades = [Image.fromarray(np.full((8, 8), shade, dtype=np.uint8)) for shade in (40, 200)]
    turned = Image.Exif()
    turned[0x0112] = 6
    shades[0].save("film.gif", save_all=True, append_images=shades[1:])
    shades[0].save("turned.png", exif=turned)
    Image.new("RGBA", (8, 8), (9, 9, 9, 120)).save("clear.png")
    Image.new("RGBA", (8, 8), (9, 9, 9, 255)).save("opaque.png")
    Image.fromarray(np.full((8, 8), 300, dtype=np.uint16)).save("sixteen.png", transparency=20)
    assert how_fitted([name], (1, 8, 8)) == [said]


@pytest.mark.parametrize("verb", [["invert", "points", "a.png"], ["paint", "points", "a.png", "b.png"]])
def test_a_model_of_points_has_no_pictures(verb, tmp_path, monkeypatch, refused):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8)).save("a.png")
    publish(NSGAN(MLPGenerator((2,), Normal(3), width=4), MLPDiscriminator((2,), width=4)).eval(), "points", {})
    said = refused(*verb, "--out", "o")
    assert said == "pictures have 1 to 4 channels, the model's images have the shape (2,): choose another model"


def test_encoders_are_in_the_model(home):
    assert isinstance(ganzoo.load("imageencoder").encoder, ToLatent)


# -- read again


def test_tuning_obeys_the_loss_the_mask_the_steps_and_the_layers(home):
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[:4] = 255
    Image.fromarray(mask).save("m.png")
    run("nsgan", "a.png", "--method", "tune", "--mask", "m.png", "--tune_steps", "9", "--out", "half")
    run("nsgan", "a.png", "--method", "tune", "--tune_steps", "9", "--out", "whole")
    x = read_images(["a.png"], (1, 8, 8))
    errors = {}
    for name in ("half", "whole"):
        made = ganzoo.load(f"{name}/tuned/a").decode(kept(home / name).z)
        errors[name] = [(made - x).square()[:, :, rows].mean() for rows in (slice(4), slice(4, 8))]
    assert errors["half"][0] < errors["whole"][0]
    assert errors["half"][1] > errors["whole"][1]
    last = list(ganzoo.load("nsgan").generator.state_dict())[-1]
    run("nsgan", "a.png", "--method", "tune", "--tune_steps", "3", "--layers", last, "--out", "late")
    before, after = (ganzoo.load(name).generator.state_dict() for name in ("nsgan", "late/tuned/a"))
    assert [name for name in before if not torch.equal(before[name], after[name])] == [last]


def test_the_card_of_a_tuned_generator_makes_no_claims_of_the_one_that_it_was(home):
    run("dcgan-digits", "a.png", "--method", "tune", "--tune_steps", "2", "--out", "o")
    training = ganzoo.load("o/tuned/a").config["training"]
    assert training["tuned"] == "a.png"
    assert set(training) & set(FACTS) == {"licence", "data_licence"}


def test_each_picture_is_tuned_behind_its_own_mask():
    own, x = model_of_two(), torch.rand(2, 1, 8, 8) * 2 - 1
    masks = torch.stack([torch.eye(8), 1 - torch.eye(8)])[:, None]
    found = invert(own, x, solver=LBFGS(2), progress=False)
    together = list(Tune(3, loss=Masked(Pixels(), masks)).each(own, x, found, progress=False))
    alone = Tune(3).one(own, x[1:], found.latents[1:], None, Masked(Pixels(), masks[1:]))
    assert torch.equal(together[1].image, alone.image)


def model_of_two():
    return Inference({"generator": make("NSGAN").G.eval()})


def refused_before(words, message, monkeypatch, capsys):
    """What cannot be is told before anything is looked for."""
    monkeypatch.setattr(writing, "inversions", None)
    assert main(["invert", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--out", "b.png"], "ganzoo: [Errno 17] File exists: 'b.png'"),
        (["--space", "maps:nowhere"], "nowhere"),
        (["--layers", "net.0"], "--layers and --tune_steps are of --method tune, not of optimise"),
    ],
)
def test_what_cannot_be_is_told_before_the_search(words, message, home, monkeypatch, capsys):
    refused_before(["nsgan", "a.png", *words], message, monkeypatch, capsys)


def test_pictures_are_not_overwritten(home, monkeypatch, capsys):
    (home / "o").mkdir()
    (home / "a.png").rename("o/sheet.png")
    before = (home / "o" / "sheet.png").read_bytes()
    message = "--out o would overwrite o/sheet.png: choose another folder"
    refused_before(["nsgan", "o/sheet.png", "--out", "o"], message, monkeypatch, capsys)
    assert (home / "o" / "sheet.png").read_bytes() == before


def test_latents_are_those_of_the_pictures_that_are_named_in_their_order(home):
    run("nsgan", *FILES, "--out", "o")
    z = kept(home / "o").z
    for rows in ([2, 0], [1], [2, 1, 0]):
        run("nsgan", *(FILES[row] for row in rows), "--out", "o")
        assert torch.equal(kept(home / "o").z, z[rows])
        run("nsgan", *FILES, "--out", "o")


def test_what_was_found_is_written_part_by_part(home, monkeypatch):
    whole, seen = writing.inversions, []

    def killed(model, x, *arguments, **options):
        for i in range(len(x)):
            yield from whole(model, x[i : i + 1], *arguments, **options)
            seen.append(len(kept(home / "o").z) if (home / "o" / "latents.npz").is_file() else 0)

    monkeypatch.setattr(writing, "inversions", killed)
    run("nsgan", *FILES, "--out", "o")
    assert seen == [1, 2, 3]
