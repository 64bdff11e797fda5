"""Games of other kinds go through the same doors: a translator, and a game that a user wrote in a file of their own."""

import os

import numpy as np
import pytest
import torch
from PIL import Image

import ganzoo
from ganzoo.callbacks import Checkpoints, Evaluate, SampleGrid, SampleWriter, Watch
from ganzoo.callbacks.condition import conditions_of
from ganzoo.cli import main
from ganzoo.engine import Adam
from ganzoo.hub.writing import export_checkpoint
from ganzoo.inference import BLOCK, sample_seeds
from ganzoo.pixels import to_float, to_uint8
from ganzoo.roles import Images
from tests.processes import in_child, on_ranks
from tests.translator import Negatives
from tests.zoo import SHAPE, FromImage, make, trainer, written

# -- a translator: two generators, images as conditions, no z


def translator():
    """Return a CycleGAN with reproducible weights that learns in few batches."""
    how = Adam(lr=1e-2, beta1=0.5)
    how = {"d_optimizer": how, "g_optimizer": how, "ema_decay": 0.5}
    return make("CycleGAN", discriminator=FromImage(), identity_weight=0.0, **how)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A translator that was trained, watched, drawn, judged and saved."""
    folder = tmp_path_factory.mktemp("run")
    game, evaluate, watch = translator(), Evaluate(n=100), Watch(every=5)
    callbacks = [SampleGrid(every=0, n=16), watch, evaluate, Checkpoints(metric="fd")]
    how = {"callbacks": callbacks, "limit_val_batches": None, "val_check_interval": 10}
    runner = trainer(40, folder, **how)
    runner.fit(game, datamodule=Negatives(batch_size=32))
    runner.test(game, datamodule=Negatives(), verbose=False)
    return folder, game.eval(), evaluate, watch


def sources(n):
    data = Negatives()
    return to_float(data.conditions("test")[:n])


def test_a_translator_learns_and_both_averages_follow(run):
    _, game, _, _ = run
    x = sources(64)
    fresh = translator().eval()
    before = (fresh.sample(64, condition=x) + x).abs().mean()  # of a negative, -x is right
    after = (game.sample(64, condition=x) + x).abs().mean()
    assert after < 0.7 * before
    assert [average.player for average in game._averages] == ["gf", "gf"]


def test_its_grid_shows_each_source_over_what_was_made_of_it(run):
    folder, _, _, _ = run
    (file,) = (folder / "grids").glob("*.png")
    with Image.open(file) as picture:
        picture.load()
    assert picture.size[1] > picture.size[0] / 4  # four rows of eight: sources, and translations below them
    assert np.asarray(picture).std() > 30


def test_it_is_watched_and_judged_by_its_translations_of_test_images(run):
    folder, game, evaluate, watch = run
    assert watch.share > 0
    verdict = written(folder)
    assert verdict["n_samples"] == 100
    assert all(value is not None for value in verdict["metrics"].values())
    assert "classes" not in verdict
    told = conditions_of(trainer_of(Negatives()), game, range(evaluate.seed, evaluate.seed + 3))
    held_out = to_float(Negatives().conditions("test")).flatten(1)
    assert all((held_out == x.flatten()).all(dim=1).any() for x in told)


def trainer_of(data):
    class WithData:
        datamodule = data

    return WithData()


def test_without_images_to_translate_it_says_so(run):
    _, game, _, _ = run
    with pytest.raises(ValueError, match=r"give data whose conditions\(split\) returns some"):
        conditions_of(trainer_of(None), game, range(3))
    with pytest.raises(ValueError, match=r"translates images of shape \(1, 8, 8\): give one for all or 3"):
        game.sample(3)
    with pytest.raises(ValueError, match="expected one image or 3 images to translate, got 2"):
        game.sample(3, condition=sources(2))


def test_a_translation_is_the_same_alone_and_in_company(run):
    _, game, _, _ = run
    x = sources(2 * BLOCK + 3)
    together = game.sample(len(x), 0, x)
    for i in (0, 5, BLOCK, len(x) - 1):
        assert torch.equal(game.sample(1, i, x[i]), together[i : i + 1])


def test_it_is_exported_loaded_and_generates_bitwise(run, tmp_path, capsys):
    folder, game, _, _ = run
    checkpoint, x = folder / "checkpoints" / "last.ckpt", sources(5)
    line = export_checkpoint(checkpoint, tmp_path / "published")
    assert f"`ganzoo translate {tmp_path / 'published'} FILE`" in line
    published = ganzoo.load(tmp_path / "published")
    expected = game.sample(5, condition=x)
    assert torch.equal(published.sample(5, condition=x), expected)
    assert torch.equal(ganzoo.load(checkpoint).sample(5, condition=x), expected)
    back = published.networks["generator_back"]
    assert torch.equal(sample_seeds(back, range(5), x), sample_seeds(game.F_ema, range(5), x))
    assert {p.name for p in (tmp_path / "published").iterdir()} == {
        *(f"{name}.safetensors" for name in game.names),
        *("config.json", "README.md", "grid.png"),
    }
    assert "model.translate(x)" in (tmp_path / "published" / "README.md").read_text()
    files = []
    for i, image in enumerate(to_uint8(x)):
        files.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(image[0].numpy()).save(files[-1])
    words = ["generate", str(tmp_path / "published"), "--images", *files, "--format", "npz", "--out", str(tmp_path)]
    assert main(words) == 0
    with np.load(tmp_path / "seeds-0-4.npz") as file:
        assert np.array_equal(file["images"], to_uint8(expected).numpy())
    assert main(words[:2]) == 2
    assert "translates images of shape (1, 8, 8)" in capsys.readouterr().err
    assert isinstance(published.generator.condition, Images)


def predicted(folder, game):
    world = int(os.environ.get("WORLD_SIZE", 1))
    writer = SampleWriter(n=1500, out=str(folder / f"samples{world}"), format="npz")
    strategy = "game" if world > 1 else "auto"
    trainer(1, folder, callbacks=[writer], devices=world, strategy=strategy).predict(
        game, datamodule=Negatives(), return_predictions=False
    )


def arrays(folder):
    found = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as file:
            found[path.name] = {name: file[name] for name in file.files}
    return found


def test_it_predicts_the_same_on_two_ranks(run, tmp_path):
    _, game, _, _ = run
    log = tmp_path / "log"
    predicted(tmp_path, game)
    assert on_ranks(2, lambda: predicted(tmp_path, game), log) == [0, 0], log.read_text()
    one, two = arrays(tmp_path / "samples1"), arrays(tmp_path / "samples2")
    assert list(one) == list(two)
    assert len(one) == 2
    for name, files in one.items():
        assert alike(files["images"], two[name]["images"])
        assert files["images"].shape[1:] == SHAPE


def alike(images, others):
    """Whether two sets of 8-bit images are the same but for the rounding of another number of threads."""
    return images.shape == others.shape and np.abs(images.astype(int) - others.astype(int)).max() <= 1


def test_the_game_itself_comes_back(run):
    folder, game, _, _ = run
    again = ganzoo.load_game(folder / "checkpoints" / "last.ckpt")
    x = sources(3)
    assert type(again) is type(game)
    assert torch.equal(again.sample(3, condition=x), game.sample(3, condition=x))
    with pytest.raises(TypeError, match=r"use ganzoo.load_game\(PATH\) for the game, or ganzoo.load\(PATH\)"):
        type(game).load_from_checkpoint(folder / "checkpoints" / "last.ckpt")


# -- a game that a user wrote in a file of their own

OWN = """
import torch
from torch import nn

from ganzoo.engine import Adam, Player
from ganzoo.models.generative import Generative
from ganzoo.priors import Uniform
from ganzoo.roles import Discriminator, Generator


class OwnPainter(Generator):
    def __init__(self, image_shape=(1, 8, 8), width=8):
        super().__init__(image_shape, Uniform(dim=3))
        size = torch.Size(image_shape).numel()
        self.net = nn.Sequential(nn.Linear(3, width), nn.SiLU(), nn.Linear(width, size), nn.Tanh())

    def forward(self, z, y=None):
        return self.net(z).unflatten(1, self.image_shape)


class OwnCritic(Discriminator):
    def __init__(self, image_shape=(1, 8, 8)):
        super().__init__(image_shape)
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(torch.Size(image_shape).numel(), 1))

    def forward(self, x, y=None):
        return self.net(x).flatten()


class Duel(Generative):
    names = {"generator": "OwnPainter", "critic": "OwnCritic"}

    def __init__(self, generator: Generator, discriminator: Discriminator, lr: float = 1e-3):
        super().__init__()
        self.hold(OwnPainter=generator)
        self.OwnCritic, self.lr = discriminator, lr

    def players(self):
        return {
            "c": Player(self.c_loss, [self.OwnCritic], Adam(lr=self.lr)),
            "p": Player(self.p_loss, [self.OwnPainter], Adam(lr=self.lr)),
        }

    def c_loss(self, batch):
        x, _ = batch
        return {"adv": (self.OwnCritic(self.OwnPainter(self.prior(len(x)))) - self.OwnCritic(x)).mean().tanh()}

    def p_loss(self, batch):
        return {"adv": -self.OwnCritic(self.OwnPainter(self.prior(len(batch[0])))).mean().tanh()}
"""
FIT = [
    *("--model", "Duel", "--model.generator", "OwnPainter", "--model.discriminator", "OwnCritic"),
    *("--data", "Digits", "--data.batch_size", "16", "--run", "run", "--trainer.accelerator", "cpu"),
    *("--trainer.max_steps", "6", "--trainer.val_check_interval", "6", "--evaluate.n", "20"),
    *("--grid.every", "3", "--watch.every", "2"),
]


def command(folder, log, *words):
    """Run the command in a process of its own, in a folder, with the user's file."""

    def run():
        os.chdir(folder)
        return main(words)

    assert in_child(run, log) == 0, log.read_text()


def test_a_game_of_the_users_own_goes_through_every_verb(tmp_path, monkeypatch):
    (tmp_path / "duel.py").write_text(OWN)
    log, mine = tmp_path / "log", ("--import", "duel")
    best = "run/checkpoints/best.ckpt"
    command(tmp_path, log, "fit", *mine, *FIT)
    assert f"ganzoo test --import duel --ckpt_path {best}" in log.read_text()
    assert len(list((tmp_path / "run" / "grids").glob("*.png"))) == 2
    assert "watch/diversity" in next((tmp_path / "run" / "csv").rglob("metrics.csv")).read_text()
    command(tmp_path, log, "test", *mine, "--ckpt_path", best, "--evaluate.n", "20")
    assert written(tmp_path / "run")["n_samples"] == 20
    command(tmp_path, log, "export", *mine, best, "--out", "published")
    assert "# Duel on Digits" in (tmp_path / "published" / "README.md").read_text()
    command(tmp_path, log, "generate", *mine, "published", "--seeds", "3-9", "--format", "npz", "--out", "a")
    command(tmp_path, log, "generate", *mine, best, "--seeds", "0-20", "--format", "npz", "--out", "b")

    def predict(*words):
        os.chdir(tmp_path)
        return main(["predict", *mine, "--ckpt_path", best, "--samples.format", "npz", *words])

    assert in_child(lambda: predict("--samples.n", "1100", "--samples.out", "one"), log) == 0, log.read_text()
    two = ("--samples.n", "1100", "--samples.out", "two", "--trainer.devices", "2")
    assert on_ranks(2, lambda: predict(*two), log) == [0, 0], log.read_text()
    one, two = arrays(tmp_path / "one"), arrays(tmp_path / "two")
    assert list(one) == list(two)
    assert all(alike(one[name]["images"], two[name]["images"]) for name in one)
    few, many = (next(iter(arrays(tmp_path / name).values()))["images"] for name in ("a", "b"))
    assert np.array_equal(few, many[3:10])
    assert np.array_equal(many, next(iter(one.values()))["images"][:21])
    with pytest.raises(ValueError, match=r"unknown class 'duel\.OwnPainter'.*--import duel"):
        ganzoo.load(tmp_path / "published")
