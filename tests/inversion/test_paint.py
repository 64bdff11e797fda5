"""``ganzoo paint``: a photo and strokes in, candidates and the edited photo out."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.cli import main
from ganzoo.hub.writing import publish
from ganzoo.inversion import LBFGS, Colour, Nearest, Shape, brush, carry, invert, painting
from ganzoo.latent.npz import load_latents
from ganzoo.networks import MLPGenerator
from ganzoo.photos import channels_for, middle_of, read_images, read_stroke, read_whole
from ganzoo.priors import Normal
from tests.cli.test_cli import refused  # noqa: F401
from tests.zoo import make


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name in ("NSGAN", "CGAN", "ImageEncoder"):
        publish(make(name).eval(), folder / name.lower(), {"data": None})
    return folder


@pytest.fixture
def home(models, tmp_path, monkeypatch):
    """Models, a grey photo and a wide one in colour, and strokes on them."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(models, tmp_path, dirs_exist_ok=True)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save("photo.png")
    Image.fromarray(rng.integers(0, 256, (16, 24, 3), dtype=np.uint8)).save("wide.png")
    painted("stroke.png", (8, 8), (slice(1, 3), slice(2, 6)))
    painted("widestroke.png", (16, 24), (slice(2, 6), slice(8, 16)))
    return tmp_path


def painted(file, size, where, colour=(255, 255, 255, 255)):
    pixels = np.zeros((*size, 4), dtype=np.uint8)
    pixels[where] = colour
    Image.fromarray(pixels).save(file)


def run(*words):
    assert main(["paint", *words, "--steps", "4", "--candidates", "3"]) == 0


def test_candidates_are_those_of_brush_and_all_is_written(home, capsys):
    run("nsgan", "photo.png", "stroke.png", "--out", "o")
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.count("\n") == 1
    assert said.out.startswith("3 candidates in o/latents.npz, error of the stroke ")
    model, x = ganzoo.load("nsgan"), read_images(["photo.png"], (1, 8, 8))
    z = invert(model, x, start=Nearest()).latents
    mask = torch.zeros(8, 8)
    mask[1:3, 2:6] = 1
    found = brush(model, z, Colour(mask, 1.0), candidates=3, solver=LBFGS(4))
    order = found.order[0]
    kept, extra = load_latents("o/latents.npz")
    torch.testing.assert_close(kept, found.latents[0, order])
    np.testing.assert_allclose(extra["error"], found.after[0, order], rtol=1e-5)
    assert torch.equal(torch.from_numpy(extra["photo"]), z[0])
    table = json.loads((home / "o" / "metrics.json").read_text())
    assert table["how"] == "colour, stay 2, 4 steps, seed 0"
    assert table["before"] == pytest.approx(found.before.item(), rel=1e-5)
    assert [one["score"] for one in table["candidates"]] == pytest.approx(found.score[0, order].tolist(), abs=1e-5)
    own = model.decode(z)[0]
    outside = (found.best()[1][0] - own).square()[0][mask == 0].mean()
    assert table["candidates"][0]["outside"] == pytest.approx(outside.item(), rel=1e-4)
    assert table["inverted_mse"] == pytest.approx((own - x[0]).square().mean().item(), rel=1e-5)
    edited = read_whole("o/edited.png", 1)
    torch.testing.assert_close(edited, carry(model, x[0], z[0], found.best()[0][0]), rtol=0, atol=1 / 127)
    with Image.open("o/sheet.png") as sheet:
        assert sheet.width > 6 * 96


def test_the_photo_keeps_its_size_and_what_the_model_does_not_see(home, capsys):
    run("nsgan", "wide.png", "widestroke.png", "--stay", "0.01", "--out", "o")
    assert "wide.png (24 x 16): its middle, resized to 8 x 8, grey" in capsys.readouterr().err
    before, after = read_whole("wide.png", 1), read_whole("o/edited.png", 1)
    assert after.shape == (1, 16, 24)
    assert torch.equal(after[..., :4], before[..., :4])
    assert torch.equal(after[..., 20:], before[..., 20:])
    assert not torch.equal(after[..., 4:20], before[..., 4:20])


@pytest.mark.parametrize("photo", ["wide.png", "opaque.png", "grey.png"])
def test_a_photo_keeps_its_colours_under_a_grey_model(photo, home):
    """Each channel changes as the brightness does, where none is at an end of its range."""
    soft = Image.open("wide.png").convert("RGB").point(lambda level: 96 + level // 4)
    soft.save("wide.png")
    soft.convert("RGBA").save("opaque.png")
    soft.convert("L").convert("RGB").save("grey.png")
    run("nsgan", photo, "widestroke.png", "--stay", "0.5", "--out", "o")
    with Image.open("o/edited.png") as edited:
        assert edited.mode == ("L" if photo == "grey.png" else "RGB")
    before, after = (read_whole(file, 3) for file in (photo, "o/edited.png"))
    assert (after - before).abs().max() > 0.1
    spread = [(one[:1] - one[2:])[..., 4:20] for one in (before, after)]
    inside = ((after.abs() < 0.98).all(dim=0) & (after[0] != before[0]))[None, :, 4:20]
    assert (spread[1].abs()[inside].mean() > 0.05) == (photo != "grey.png")


def test_the_sheet_shows_the_photo_before_and_after(home):
    run("nsgan", "wide.png", "widestroke.png", "--out", "o")
    with Image.open("o/sheet.png") as sheet:
        tiles = np.asarray(sheet.convert("RGB"))[-100:].astype(int)
    ground, photo, edited = tiles[0, 0].tolist(), tiles[2:98, 2:98], tiles[2:98, 100:196]
    assert (ground, tiles.shape[1]) == ([160, 160, 160], 2 + 98 * 7)
    for file, tile in (("wide.png", photo), ("o/edited.png", edited)):
        middle = read_whole(file, 3)[None, ..., 4:20]
        large = torch.nn.functional.interpolate(middle, (96, 96), mode="bilinear", align_corners=False, antialias=True)
        assert np.abs(tile - (large[0].permute(1, 2, 0).numpy() * 127.5 + 127.5)).max() <= 1


def test_opacity_stays_with_the_photo(home):
    """A model of grey and opacity under a photo of colours and opacity: four channels change, four are written."""
    pixels = np.random.default_rng(1).integers(60, 200, (12, 12, 4), dtype=np.uint8)
    Image.fromarray(pixels).save("rgba.png")
    assert channels_for("rgba.png", 2) == 4
    photo, G = read_whole("rgba.png", 4), MLPGenerator((2, 8, 8), Normal(3), width=8).eval()
    z = Normal(3).seeded([0, 1])
    assert carry(G, photo, z[0], z[1]).shape == (4, 12, 12)
    torch.testing.assert_close(carry(G, photo, z[0], z[0]), photo, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["cgan", "cvae"])
def test_auto_looks_for_the_class(name, home):
    publish(make("CVAE").eval(), home / "cvae", {"data": None})
    for words in ([], ["--labels", "auto"]):
        run(name, "photo.png", "stroke.png", "--out", f"o{len(words)}", *words)
    assert (home / "o0" / "metrics.json").read_bytes() == (home / "o2" / "metrics.json").read_bytes()


def test_numbers_that_are_not_finite_are_null(home, monkeypatch):
    """D says nan: JSON has no word for it."""
    found = painting.brush

    def judged(*words, **options):
        edited = found(*words, **options)
        return edited._replace(score=edited.score * torch.nan)

    monkeypatch.setattr(painting, "brush", judged)
    run("nsgan", "photo.png", "stroke.png", "--out", "o")
    table = json.loads((home / "o" / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert [one["score"] for one in table["candidates"]] == [None] * 3


def test_a_shape_is_that_of_the_stroke_over_the_inverted_photo(home):
    run("nsgan", "photo.png", "stroke.png", "--kind", "shape", "--out", "o")
    model, x = ganzoo.load("nsgan"), read_images(["photo.png"], (1, 8, 8))
    z = invert(model, x, start=Nearest()).latents
    mask, white = read_stroke("stroke.png", "photo.png", (1, 8, 8))
    shape = Shape(mask, mask * white + (1 - mask) * model.decode(z)[0])
    found = brush(model, z, shape, candidates=3, solver=LBFGS(4))
    torch.testing.assert_close(load_latents("o/latents.npz").z, found.latents[0, found.order[0]])


def test_other_verbs_take_the_candidates(home):
    run("nsgan", "photo.png", "stroke.png", "--out", "o")
    assert main(["interpolate", "nsgan", "--latents", "o/latents.npz", "--steps", "2", "--out", "way"]) == 0
    torch.testing.assert_close(load_latents("way/latents.npz").z[0], load_latents("o/latents.npz").z[0])


def test_a_photo_is_inverted_by_the_encoder_where_there_is_one(home):
    run("imageencoder", "photo.png", "stroke.png", "--out", "o")
    model, x = ganzoo.load("imageencoder"), read_images(["photo.png"], (1, 8, 8))
    torch.testing.assert_close(torch.from_numpy(load_latents("o/latents.npz").extra["photo"]), model.encode(x)[0])


def test_the_class_is_given_or_looked_for(home):
    x = read_images(["photo.png"], (1, 8, 8))
    run("cgan", "photo.png", "stroke.png", "--labels", "3", "--out", "three")
    run("cgan", "photo.png", "stroke.png", "--out", "auto")
    y = [load_latents(f"{name}/latents.npz").extra["y"].tolist() for name in ("three", "auto")]
    found = invert(ganzoo.load("cgan"), x, "auto", start=Nearest()).condition.item()
    assert y == [[3, 3, 3], [found] * 3]
    assert json.loads((home / "auto" / "metrics.json").read_text())["class"] == found


def test_the_class_is_looked_for_where_an_encoder_is_told_it(home):
    publish(make("CVAE").eval(), home / "cvae", {"data": None})
    run("cvae", "photo.png", "stroke.png", "--out", "auto")
    y = load_latents("auto/latents.npz").extra["y"].tolist()
    assert len(set(y)) == 1


def test_bundled_models_can_be_painted_with(home):
    run("dcgan-digits", "photo.png", "stroke.png", "--out", "o")
    assert (home / "o" / "edited.png").is_file()


# -- reading strokes


def test_the_middle_is_what_read_images_cuts_out():
    assert middle_of(24, 16, (1, 8, 8)) == (4, 0, 20, 16)
    assert middle_of(10, 30, (3, 16, 8)) == (0, 5, 10, 25)
    assert middle_of(8, 8, (1, 8, 8)) == (0, 0, 8, 8)
    assert middle_of(1, 9, (1, 8, 32)) == (0, 4, 1, 5)


def test_a_stroke_is_cut_resized_and_keeps_its_colour(home):
    painted("red.png", (16, 24), (slice(2, 6), slice(8, 16)), (255, 0, 0, 255))
    mask, colour = read_stroke("red.png", "wide.png", (3, 8, 8))
    full = mask[1:3, 2:6]
    assert full.mean() > 0.8
    assert mask[4:].max() == 0
    seen = colour[:, mask > 0.05]
    torch.testing.assert_close(seen, torch.tensor([1.0, -1, -1])[:, None].expand_as(seen), rtol=0, atol=1e-4)


def test_without_transparency_what_equals_the_photo_is_no_stroke(home):
    pixels = np.asarray(Image.open("photo.png")).copy()
    pixels[1:3, 2:6] = 255 - pixels[1:3, 2:6] // 2
    Image.fromarray(pixels).save("over.png")
    mask, colour = read_stroke("over.png", "photo.png", (1, 8, 8))
    expected = torch.zeros(8, 8)
    expected[1:3, 2:6] = 1
    assert torch.equal(mask, expected)
    torch.testing.assert_close(colour[0, 1:3, 2:6], torch.from_numpy(pixels[1:3, 2:6]) / 127.5 - 1, rtol=0, atol=1e-4)


def test_a_stroke_picture_that_is_opaque_everywhere_is_read_as_one_without_opacity(home):
    pixels = np.asarray(Image.open("photo.png").convert("RGB")).copy()
    pixels[1:3, 2:6] = 255 - pixels[1:3, 2:6] // 2
    Image.fromarray(pixels).save("over.png")
    Image.fromarray(pixels).convert("RGBA").save("flat.png")
    for one, other in zip(
        *(read_stroke(name, "photo.png", (1, 8, 8)) for name in ("over.png", "flat.png")), strict=True
    ):
        assert torch.equal(one, other)


def test_a_stroke_beside_what_the_model_sees_is_refused(home):
    painted("edge.png", (16, 24), (slice(0, 16), slice(0, 3)))
    with pytest.raises(
        ValueError, match=r"nothing is painted in edge.png where the model looks: paint over the middle"
    ):
        read_stroke("edge.png", "wide.png", (1, 8, 8))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nsgan", "photo.png", "widestroke.png"], "the stroke widestroke.png is 24 x 16, but photo.png is 8 x 8"),
        (["nsgan", "photo.png", "empty.png"], "nothing is painted in empty.png where the model looks"),
        (["nsgan", "photo.png", "photo.png"], "nothing is painted in photo.png where the model looks"),
        (["nsgan", "photo.png", "no.png"], "cannot read no.png as a picture"),
        (["nsgan", "no.png", "stroke.png"], "cannot read no.png as a picture"),
        (["nsgan", "photo.png", "stroke.png", "--kind", "color"], "invalid choice: 'color'"),
        (["nsgan", "photo.png", "stroke.png", "--labels", "3"], "this generator is unconditional"),
        (["cgan", "photo.png", "stroke.png", "--labels", "10"], "labels must be from 0 to 9"),
        (["cgan", "photo.png", "stroke.png", "--labels", "x"], "--labels takes a class number"),
        (["nsgan", "photo.png", "stroke.png", "--stay", "nan"], "stay must be a finite number from 0 on, got nan"),
        (["nsgan", "photo.png", "stroke.png", "--candidates", "0"], "candidates must be a finite number from 1 on"),
        (
            ["nsgan", "photo.png", "stroke.png", "--steps", "0"],
            "--steps must be 1 or more, got 0: without a step nothing",
        ),
        (["nsgan", "photo.png", "stroke.png", "--labels", "auto"], "'auto' looks for the class, of a model that is"),
        (["nsgan", "photo.png", "stroke.png", "--seed", "-1"], "a seed is a whole number"),
        (["nsgan", "photo.png", "stroke.png", "--stey", "1"], "did you mean '--stay'?"),
        (["nsgan", "o/edited.png", "stroke.png"], "--out o would overwrite o/edited.png: choose another folder"),
        (["nsgam", "photo.png", "stroke.png"], "no model"),
    ],
)
def test_a_wrong_call_is_one_line(words, message, home, refused):  # noqa: F811
    painted("empty.png", (8, 8), (slice(0, 0), slice(0, 0)))
    assert message in refused("paint", *words, "--out", "o")
    assert not (home / "o").exists()
