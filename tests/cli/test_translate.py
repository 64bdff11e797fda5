"""``ganzoo translate``: pictures of any size in, pictures of the same size and name out."""

import io
import json
import re
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo import translation
from ganzoo.cli import main
from ganzoo.hub.writing import write_networks
from ganzoo.inference import Inference
from ganzoo.networks import MLPGenerator, ResNetTranslator
from ganzoo.photos import read_whole
from ganzoo.pictures import framed
from ganzoo.pixels import to_uint8
from ganzoo.priors import Normal
from tests.cli.test_cli import refused  # noqa: F401
from tests.translator import Halving, Translate

VARIANT = {"class_path": "ganzoo.models.CycleGAN", "init_args": {}}
GREY, COLOUR = (1, 8, 8), (3, 8, 8)


def published(folder, **networks):
    write_networks({name: network.eval() for name, network in networks.items()}, VARIANT, folder, {"data": None})


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Of grey pictures, into colour: both ways, one way, and one of its own size; and one that translates nothing."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    published(folder / "cycle", generator=Halving(COLOUR, GREY), generator_back=Halving(GREY, COLOUR))
    published(folder / "pix", generator=Halving(COLOUR, GREY))
    published(folder / "fixed", generator=Translate())
    published(folder / "plain", generator=MLPGenerator(GREY, Normal(3), width=4))
    published(folder / "wide", generator=Halving((5, 8, 8), GREY))
    published(folder / "long", generator=Halving(GREY, least=8))
    published(folder / "resnet", generator=ResNetTranslator(GREY, width=1, n_blocks=0))
    return folder


@pytest.fixture
def model(models, tmp_path, monkeypatch):
    """Return the path of a model; the test is in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda name: str(models / name)


def drawn(file, width=9, height=6, mode="L", seed=0):
    """Write a picture and return its path."""
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *channels), dtype=np.uint8)
    Image.fromarray(pixels).save(file, format=None if "." in str(file) else "PNG")
    return str(file)


def pixels(file):
    with Image.open(file) as picture:
        return np.asarray(picture)


def expected(model, file, channels=1, back=False, seed=0):
    """What Python makes of a picture, in 8 bits, [H, W, C]."""
    loaded = ganzoo.load(model)
    x = read_whole(file, channels)[None]
    made = (loaded.translate_back if back else loaded.translate)(x, seed=seed)
    return to_uint8(made)[0].permute(1, 2, 0).numpy().squeeze()


def table(folder):
    return json.loads((folder / "metrics.json").read_text())


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_each_picture_keeps_its_size_and_its_name(model, tmp_path, capsys):
    sizes = {"a.png": (9, 6), "b.jpg": (4, 11), "c.bmp": (8, 8), "d": (1, 1)}
    files = [drawn(file, *size, seed=i) for i, (file, size) in enumerate(sizes.items())]
    assert main(["translate", model("cycle"), *files, "--out", "o"]) == 0
    assert names(tmp_path / "o") == ["a.png", "b.png", "c.png", "d.png", "metrics.json", "sheet.png"]
    for file, (width, height) in sizes.items():
        made = pixels(f"o/{file[0]}.png")
        assert made.shape == (height, width, 3)
        assert np.array_equal(made, expected(model("cycle"), file).reshape(made.shape))
    said = capsys.readouterr()
    assert said.err == ""
    assert re.fullmatch(r"4 pictures in o, cycle \d\.\d+, beside them sheet.png, metrics.json\n", said.out)


def test_a_translation_does_not_depend_on_its_company(model):
    files = [drawn(f"{i}.png", 9 + i, 6, seed=i) for i in range(3)]
    assert main(["translate", model("pix"), *files, "--out", "all"]) == 0
    assert main(["translate", model("pix"), files[1], "--out", "one"]) == 0
    assert np.array_equal(pixels("all/1.png"), pixels("one/1.png"))
    assert not np.array_equal(pixels("all/1.png")[:, :9], pixels("all/0.png"))


def test_numbers_are_those_of_the_images(model, tmp_path):
    files = [drawn("a.png", seed=1), drawn("b.png", 5, 5, seed=2)]
    for folder in ("truth", "o"):
        (tmp_path / folder).mkdir()
    drawn("truth/a.jpg", mode="RGB", seed=3)
    assert main(["translate", model("cycle"), *files, "--out", "o", "--target", "truth"]) == 0
    loaded, found = ganzoo.load(model("cycle")), table(tmp_path / "o")
    xs = [read_whole(file, 1) for file in files]
    made = [loaded.translate(x[None]) for x in xs]
    cycles = [float((loaded.translate_back(y)[0] - x).abs().mean()) for x, y in zip(xs, made, strict=True)]
    error = made[0][0] - read_whole("truth/a.jpg", 3)
    l1, psnr = float(error.abs().mean()), float(10 * torch.log10(4 / error.square().mean()))
    first, second = found["pictures"]
    assert first == {
        **{"file": "a.png", "written": "a.png", "width": 9, "height": 6},
        **{"cycle": pytest.approx(cycles[0]), "l1": pytest.approx(l1), "psnr": pytest.approx(psnr)},
    }
    assert second == {"file": "b.png", "written": "b.png", "width": 5, "height": 5, "cycle": pytest.approx(cycles[1])}
    assert found["mean"] == pytest.approx({"cycle": sum(cycles) / 2, "l1": l1, "psnr": psnr})
    assert {key: found[key] for key in ("direction", "seed", "n", "left_out")} == {
        **{"direction": "there", "seed": 0, "n": 2, "left_out": []}
    }


def test_a_picture_that_is_its_own_target_and_cycle_has_no_error(model, tmp_path, monkeypatch):
    for name in ("translate", "translate_back"):
        monkeypatch.setattr(Inference, name, lambda self, x, seed: x)
    file = drawn("a.png")
    assert main(["translate", model("cycle"), file, "--out", "o", "--target", file]) == 0
    found = table(tmp_path / "o")["pictures"][0]
    assert found["cycle"] == 0
    assert found["l1"] == 0
    assert found["psnr"] == pytest.approx(126.02, abs=0.01)  # the most: that of an error of 1e-12


def test_back_is_the_other_generator_and_the_cycle_begins_there(model, tmp_path):
    file = drawn("a.png", mode="RGB")
    assert main(["translate", model("cycle"), file, "--out", "o", "--back"]) == 0
    assert pixels("o/a.png").shape == (6, 9)  # grey
    assert np.array_equal(pixels("o/a.png"), expected(model("cycle"), file, 3, back=True))
    loaded, x = ganzoo.load(model("cycle")), read_whole(file, 3)[None]
    cycle = float((loaded.translate(loaded.translate_back(x)) - x).abs().mean())
    assert table(tmp_path / "o")["mean"] == {"cycle": pytest.approx(cycle)}
    assert table(tmp_path / "o")["direction"] == "back"


def test_a_seed_says_what_is_dropped_and_deterministic_that_nothing_is(model, tmp_path):
    file, made = drawn("a.png"), []
    for words, seed in (([], 0), (["--seed", "5"], 5), (["--deterministic"], None)):
        assert main(["translate", model("pix"), file, "--out", "o", *words]) == 0
        made.append(pixels("o/a.png"))
        assert np.array_equal(made[-1], expected(model("pix"), file, seed=seed))
        assert table(tmp_path / "o")["seed"] == seed
    assert not np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


# -- which pictures


def packed(kind, files):
    """Write files into a zip or tar, below a folder of their own."""
    if kind == "zip":
        with zipfile.ZipFile("many.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in files.items():
                archive.writestr(name, data)
    else:
        with tarfile.open("many.tar", "w") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return f"many.{kind}"


@pytest.mark.parametrize("kind", ["folder", "zip", "tar"])
def test_folders_and_archives_are_all_their_pictures(kind, model, tmp_path):
    for place in ("many/s", "many/.hidden"):
        (tmp_path / place).mkdir(parents=True)
    files = [drawn(f"many/{name}", seed=i) for i, name in enumerate(["x.png", "s/x.PNG", "s/y.jpg", ".hidden/z.png"])]
    (tmp_path / "many" / "notes.txt").write_text("no picture")
    data = {file: (tmp_path / file).read_bytes() for file in [*files, "many/notes.txt"]}
    given = "many" if kind == "folder" else packed(kind, data)
    assert main(["translate", model("pix"), given, drawn("alone.png"), "--out", "o"]) == 0
    assert names(tmp_path / "o") == ["alone.png", "metrics.json", "s/x.png", "s/y.png", "sheet.png", "x.png"]
    assert np.array_equal(pixels("o/s/y.png"), expected(model("pix"), "many/s/y.jpg"))
    assert [row["file"] for row in table(tmp_path / "o")["pictures"]] == [
        *(f"{given}/{name}" for name in ("s/x.PNG", "s/y.jpg", "x.png")),
        "alone.png",
    ]


def test_an_archive_writes_nothing_outside_the_folder(model, tmp_path):
    data = (tmp_path / drawn("a.png")).read_bytes()
    given = packed("zip", {name: data for name in ("../up.png", "s/../../up.png", f"{tmp_path}/root.png", "in.png")})
    assert main(["translate", model("pix"), given, "--out", "o"]) == 0
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.png")} == {"a.png", "o"}
    assert (tmp_path / "o" / "in.png").is_file()


def test_what_is_changed_of_a_picture_is_said(model, capsys):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (9, 6), (9, 9, 9)).save("turned.jpg", exif=turned)
    Image.new("RGBA", (3, 2), (9, 9, 9, 100)).save("clear.png")
    Image.fromarray(np.full((4, 4), 65535, dtype=np.uint16)).save("sixteen.png")
    drawn("grey.png")
    files = ["turned.jpg", "clear.png", "sixteen.png", "grey.png"]
    assert main(["translate", model("pix"), *files, "--out", "o"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "ganzoo: turned.jpg (6 x 9): turned as the camera was held, grey",
        "ganzoo: clear.png (3 x 2): what is transparent on white, grey",
    ]
    assert pixels("o/turned.png").shape == (9, 6, 3)
    assert np.array_equal(pixels("o/sixteen.png"), expected(model("pix"), "sixteen.png"))


# -- the sheet and the strips


def test_the_sheet_shows_the_first_with_all_that_is_known_of_them(model, tmp_path, monkeypatch):
    titles, rows = [], []
    monkeypatch.setattr(translation, "SHOWN", 3)
    monkeypatch.setattr(
        translation, "sided", lambda sheet, words, heads: (rows.append(words), titles.append(heads), sheet)[2]
    )
    files = [drawn(f"{i}.png", 200 * i + 5, 40, seed=i) for i in range(4)]
    (tmp_path / "truth").mkdir()
    drawn("truth/1.png", 205, 40)
    assert main(["translate", model("cycle"), *files, "--out", "o", "--target", "truth"]) == 0
    assert titles == [["input", "output", "cycle", "target"]]
    assert rows == [["0.png", "1.png", "2.png"]]
    side, gap = translation.CELL, 8
    sheet = pixels("o/sheet.png")
    assert sheet.shape == (3 * (side + gap) + gap, 4 * (side + gap) + gap, 3)

    def cell(row, column):
        top, left = gap + row * (side + gap), gap + column * (side + gap)
        return sheet[top : top + side, left : left + side]

    for i, file in enumerate(files[:3]):
        with Image.open(file) as x, Image.open(f"o/{i}.png") as y:
            assert np.array_equal(cell(i, 0), np.asarray(framed(x.convert("RGB"), side)))
            assert np.array_equal(cell(i, 1), np.asarray(framed(y, side)))
        assert cell(i, 2).std() > 1
    assert (cell(0, 3) == 255).all()  # no target
    assert cell(1, 3).std() > 1


@pytest.mark.parametrize(("name", "titles"), [("cycle", ["input", "output", "cycle"]), ("pix", ["input", "output"])])
def test_a_strip_has_the_size_of_the_picture(name, titles, model, tmp_path, monkeypatch):
    heads = []
    monkeypatch.setattr(translation, "headed", lambda sheet, words: (heads.append(words), sheet)[1])
    assert main(["translate", model(name), drawn("a.png", 30, 20), "--out", "o", "--strip"]) == 0
    assert heads == [titles]
    strip = pixels("o/a-strip.png")
    assert strip.shape == (20 + 16, len(titles) * 38 + 8, 3)
    assert np.array_equal(strip[8:28, 8:38, 0], pixels("a.png"))
    assert np.array_equal(strip[8:28, 46:76], pixels("o/a.png"))
    assert names(tmp_path / "o") == ["a-strip.png", "a.png", "metrics.json", "sheet.png"]


@pytest.mark.parametrize(
    ("size", "inner"), [((8, 8), (128, 128)), ((30, 20), (120, 80)), ((300, 100), (128, 43)), ((5000, 3), (128, 1))]
)
def test_a_picture_is_fitted_into_a_cell(size, inner):
    frame = np.asarray(framed(Image.new("RGB", size, "red"), 128))
    assert frame.shape == (128, 128, 3)
    red = (frame == (255, 0, 0)).all(axis=2)
    assert (red.any(axis=0).sum(), red.any(axis=1).sum()) == inner
    assert (frame[~red] == 160).all()


# -- what goes wrong


def broken(name):
    (whole := io.BytesIO(), Image.effect_noise((60, 60), 90).save(whole, "PNG"))
    with open(name, "wb") as file:
        file.write(whole.getvalue()[:800])
    return name


def test_a_corrupt_picture_is_named_and_left_out(model, tmp_path, capsys):
    files = [drawn("a.png"), broken("b.png"), drawn("c.png")]
    assert main(["translate", model("pix"), *files, "--out", "o"]) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("ganzoo: warning: left out: cannot read b.png as a picture: ")
    assert last == "ganzoo: 1 of 3 pictures were left out"
    assert names(tmp_path / "o") == ["a.png", "c.png", "metrics.json", "sheet.png"]
    found = table(tmp_path / "o")
    assert found["n"] == 2
    assert [(one["file"], one["why"][:17]) for one in found["left_out"]] == [("b.png", "cannot read b.png")]


def test_a_tiff_whose_pixels_lie_nowhere_is_left_out(model, capsys):
    whole = io.BytesIO()
    Image.new("RGB", (9, 6)).save(whole, "TIFF")
    with open("b.tif", "wb") as file:
        file.write(whole.getvalue().replace(b"\x11\x01\x04\x00", b"\x11\x01\x02\x00"))  # PIL raises TypeError
    assert main(["translate", model("pix"), drawn("a.png"), "b.tif", "--out", "o"]) == 2
    assert "left out: cannot read b.tif as a picture: " in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_a_picture_of_16_bits_is_translated_as_that_of_its_highest_8(ending, model, tmp_path):
    levels = pixels(drawn("a.png"))
    (tmp_path / "deep").mkdir()
    Image.fromarray(levels.astype(np.uint16) * 257).save(tmp_path / "deep" / f"a.{ending}")
    assert main(["translate", model("pix"), f"deep/a.{ending}", "--out", "o"]) == 0
    assert np.array_equal(pixels(tmp_path / "o/a.png"), expected(model("pix"), "a.png"))


def test_a_picture_that_is_too_small_is_left_out_too(model, capsys):
    files = [drawn("a.png", 9, 9), drawn("b.png", 9, 3)]
    assert main(["translate", model("long"), *files, "--out", "o"]) == 2
    assert "left out: cannot translate b.png (9 x 3): sides must be 8 or more, got 4 x 12\n" in capsys.readouterr().err


def test_what_is_too_small_for_a_network_of_ours_is_told_without_options_of_training(model, refused):  # noqa: F811
    assert refused("translate", model("resnet"), drawn("a.png", 3, 3), "--out", "o") == (
        "cannot translate a.png (3 x 3): expected images whose height and width can be halved 2 times, to 2 or more,"
        " got sides (4, 4): give sides of 8 or more, multiples of 4"
    )


def test_where_nothing_can_be_translated_nothing_is_written(model, tmp_path, capsys):
    assert main(["translate", model("pix"), broken("a.png"), broken("b.png"), "--out", "o"]) == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(
            "ganzoo: none of 2 pictures could be translated, the first because: cannot read a.png as a picture: "
        )
    )
    assert not (tmp_path / "o").exists()


def test_what_is_interrupted_stays_whole(model, tmp_path, monkeypatch, capsys):
    files = [drawn(f"{i}.png", seed=i) for i in range(3)]
    (tmp_path / "o").mkdir()
    for name in translation.WRITTEN:  # of an earlier call, of other pictures
        (tmp_path / "o" / name).write_text("old")
    translate, calls = Inference.translate, []

    def stopped(self, x, seed):
        calls.append(x)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return translate(self, x, seed)

    monkeypatch.setattr(Inference, "translate", stopped)
    assert main(["translate", model("pix"), *files, "--out", "o"]) == 130
    assert capsys.readouterr().err == "ganzoo: 2 of 3 pictures are in o\nganzoo: interrupted\n"
    assert names(tmp_path / "o") == ["0.png", "1.png"]
    monkeypatch.undo()
    assert np.array_equal(pixels(tmp_path / "o/1.png"), expected(model("pix"), tmp_path / "1.png"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pix", "none.png"], "there is no picture none.png"),
        (["pix", "empty"], "there are no pictures (.png, .jpg, "),
        (["pix"], "the following arguments are required: PICTURE"),
        (["pix", "b.png"], "cannot read b.png as a picture: "),
        (["pix", "notes.txt"], "cannot read notes.txt as a picture: cannot identify image file 'notes.txt'"),
        (["pix", "many", "--out", "many"], "--out many lies in many, whose pictures are read: choose another folder"),
        (["pix", "many", "--out", "many/o"], "--out many/o lies in many, whose pictures are read: choose another"),
        (["pix", "a.png", "--target", "many", "--out", "many"], "--out many lies in many, whose pictures are read"),
        (["pix", "a.png", "--out", "."], "--out . would overwrite a.png: choose another folder"),
        (["pix", "b.jpg", "--target", "b.png", "--out", "."], "--out . would overwrite b.png: choose another folder"),
        (["pix", "a.png", "--out", "a.png"], "a.png is a file: give a folder"),
        (["pix", "a.png", "many/a.png"], "a.png and many/a.png would both be written to a.png: rename one, or "),
        (["pix", "a.png", "a.png"], "a.png and a.png would both be written to a.png"),
        (["pix", "sheet.jpg"], "the sheet and sheet.jpg would both be written to sheet.png"),
        (["pix", "a.png", "a-strip.jpg", "--strip"], "a.png and a-strip.jpg would both be written to a-strip.png"),
        (["pix", "a.png", "--back"], "this model has no way back: leave out --back, or take one of CycleGAN"),
        (["plain", "a.png"], "this model translates no pictures: it makes images of seeds, by `ganzoo generate`, and"),
        (["wide", "a.png"], "pictures have 1 to 4 channels, the model's images have the shape (5, 8, 8): choose"),
        (["fixed", "a.png"], "cannot translate a.png (9 x 6): expected images [N, 1, 8, 8] of floats in [-1, 1], got"),
        (["pix", "a.png", "--seed", "-1"], "a seed is a whole number from 0 to 4294967295, got -1"),
        (
            ["pix", "a.png", "--seed", "1", "--deterministic"],
            "argument --deterministic: not allowed with argument --seed",
        ),
        (["pix", "a.png", "--bakc"], "unrecognized arguments: --bakc: did you mean '--back'?"),
        (["pix", "a.png", "--target", "tall.png"], "the target tall.png is 6 x 9, but a.png is 9 x 6: they must be"),
        (
            ["pix", "a.png", "b.jpg", "--target", "tall.png"],
            "no target has the name of a picture, but for its ending: ",
        ),
        (["pix", "a.png", "--target", "many/a.png", "a.png"], "many/a.png and a.png are targets of one name: keep one"),
    ],
)
def test_a_wrong_call_is_one_line(words, message, model, tmp_path, refused):  # noqa: F811
    for folder in ("empty", "many"):
        (tmp_path / folder).mkdir()
    for file in ("a.png", "b.jpg", "many/a.png", "sheet.jpg", "a-strip.jpg"):
        drawn(file)
    drawn("tall.png", 6, 9)
    broken("b.png")
    (tmp_path / "notes.txt").write_text("no picture")
    before = names(tmp_path)
    assert refused("translate", model(words[0]), *words[1:]).startswith(message)
    assert names(tmp_path) == before


def test_a_target_of_another_size_is_said_and_only_that_picture_left_out(model, tmp_path, capsys):
    (tmp_path / "truth").mkdir()
    files = [drawn("a.png"), drawn("b.png"), drawn("c.png")]
    drawn("truth/a.png"), drawn("truth/b.png", 6, 9)
    assert main(["translate", model("pix"), *files, "--target", "truth", "--out", "o"]) == 2
    said = capsys.readouterr().err
    assert "ganzoo: 1 of 3 pictures have no target, such as c.png\n" in said
    assert "left out: the target truth/b.png is 6 x 9, but b.png is 9 x 6: they must be alike\n" in said
    assert [sorted(row) for row in table(tmp_path / "o")["pictures"]] == [
        ["file", "height", "l1", "psnr", "width", "written"],
        ["file", "height", "width", "written"],
    ]
