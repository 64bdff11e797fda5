"""``--data`` of the verbs without a trainer."""

import warnings

import pytest

from ganzoo.cli import main
from ganzoo.cli.images import data_arguments
from ganzoo.config import Configurable
from ganzoo.data import Digits, ImageFolder
from ganzoo.hub.writing import publish
from ganzoo.latent.npz import load_latents
from ganzoo.pictures import grid, save_png
from ganzoo.pixels import to_float
from tests.cli.test_cli import refused  # noqa: F401
from tests.zoo import make


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model of Digits, of 8 x 8 pixels, and four pictures."""
    monkeypatch.chdir(tmp_path)
    publish(make("NSGAN").eval(), "it", {"data": Digits(size=8).config()})
    x = Digits(size=8).arrays("train")[0][:4]
    for i, image in enumerate(x):
        save_png(grid(to_float(image[None]), gap=0, cell=8), tmp_path / f"pictures/train/{i}.png")
    return tmp_path


def neighbours_of(folder, *words):
    assert main(["neighbours", "it", "--seeds", "0-3", "--out", "o", *words]) == 0
    _, extra = load_latents(folder / "o" / "latents.npz")
    return extra["neighbour"].tolist(), extra["distance"].tolist()


def test_by_default_the_neighbours_are_looked_for_in_the_training_images_of_the_model(folder):
    assert neighbours_of(folder) == neighbours_of(folder, "--data", "data/digits", "--data.size", "8")


def test_a_folder_of_pictures_is_named_as_for_fit(folder):
    words = ["--data", "data/folder", "--data.root", "pictures", "--data.size=8", "--data.channels", "1"]
    found, distance = neighbours_of(folder, *words)
    assert set(found) <= {0, 1, 2, 3}
    assert min(distance) > 0


def test_the_folder_of_a_run_names_its_data(folder, capsys):
    (folder / "run").mkdir()
    (folder / "run" / "config.yaml").write_text("data: {class_path: ganzoo.data.Digits, init_args: {size: 8}}")
    assert main(["reference", "--data", "run", "--out", "r.npz", "--n", "100"]) == 0
    assert "100 train images of Digits" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "data/folder"], "data/folder: say where the images lie: add --data.root FOLDER"),
        (["--data", "data/digits", "--data.size"], "--data.size needs a value"),
        (["--data", "data/digits", "--data.size", "[8"], "--data.size [8: no value of YAML"),
        (["--data", "data/digits", "--data.sise", "8"], "Digits takes no argument 'sise': there are batch_size, "),
        (["--data", "data/digits", "--data.size", "12"], "training images of the same C, H and W"),
        (["--data", "other.yaml"], "other.yaml: data must be a set of images, got Linear"),
        (["--data", "text.yaml"], "text.yaml names no data"),
        (["--data", "it"], "no configuration 'it'"),
    ],
)
def test_wrong_images_are_one_line(words, message, folder, refused):  # noqa: F811
    (folder / "other.yaml").write_text("data: {class_path: ganzoo.engine.Linear, init_args: {stop: 4}}")
    (folder / "text.yaml").write_text("only words")
    assert message in refused("neighbours", "it", *words)


def test_where_pictures_lay_is_not_published_and_asked_for(folder, refused):  # noqa: F811
    config = ImageFolder(root="gone", size=8).config()
    del config["init_args"]["root"]
    publish(make("NSGAN").eval(), "other", {"data": config})
    assert refused("neighbours", "other") == "other: say where the images lie: add --data.root FOLDER"


def test_values_are_yaml_and_the_other_words_stay():
    rest, found = data_arguments(["it", "--data.size=[8,9]", "--seeds", "1", "--data.hflip", "true", "--data", "x"])
    assert rest == ["it", "--seeds", "1", "--data", "x"]
    assert found == {"size": [8, 9], "hflip": True}


def test_classes_of_nobody_are_not_made(folder, refused):  # noqa: F811
    (folder / "other.yaml").write_text("data: {class_path: os.system, init_args: {command: touch x}}")
    assert "os.system" not in Configurable.known
    assert "unknown class 'os.system'" in refused("neighbours", "it", "--data", "other.yaml")


@pytest.mark.parametrize("words", [["fit"], ["generate", "nowhere"]])
def test_a_warning_is_one_line_without_source_also_after_lightning_has_changed_it(words, monkeypatch):
    def imported(argv):
        monkeypatch.setattr(warnings, "formatwarning", str)
        return argv

    monkeypatch.setattr("ganzoo.cli.own.bring", imported)
    assert main(words) == 2
    assert (
        warnings.formatwarning("a file\n is odd", UserWarning, "files.py", 3, "x = 1")
        == "ganzoo: warning: a file is odd\n"
    )
