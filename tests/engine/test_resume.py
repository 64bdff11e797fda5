"""A run that is killed at any point and resumed ends bitwise equal to the uninterrupted run."""

import csv
import os
import signal

import lightning as L
import pytest
import torch

import tests.zoo  # noqa: F401 - the words below name its networks
from ganzoo.cli import main
from tests.processes import in_child, on_ranks

STEPS, EVERY, JUDGED = 26, 4, 8  # batches; an epoch of Digits at batch 160 has 8, so 8 and 16 end an epoch


class Kill(L.Callback):
    """Kills the process without warning.

    Args:
        at: The batch.
        point: Where: "batch" (after it), "validation", or "writing" (half a checkpoint is on disk).
    """

    def __init__(self, at: int, point: str) -> None:
        self.at, self.point = at, point

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def on_train_batch_end(self, trainer, *args) -> None:
        if trainer.global_step == self.at and self.point == "batch":
            self.die()
        if trainer.global_step == self.at and self.point == "writing":
            save = torch.save

            def half(checkpoint, path):
                save(checkpoint, path)
                os.truncate(path, os.path.getsize(path) // 2)
                self.die()

            torch.save = half

    def on_validation_start(self, trainer, *args) -> None:
        if trainer.global_step == self.at and self.point == "validation":
            self.die()


GD = ["--model.generator", "tests.zoo.ToImage", "--model.discriminator", "tests.zoo.FromImage"]
GD += ["--model.generator.norm", "true", "--model.discriminator.dropout", "0.2"]
E = [
    "--model.generator",
    "tests.zoo.ToImage",
    "--model.generator.norm",
    "true",
    "--model.encoder",
    "tests.zoo.ToLatent",
]
E += ["--model.encoder.posterior", "gaussian"]
TRUNK = "{class_path: tests.zoo.FromImage, init_args: {dropout: 0.2}}"
MODELS = {  # words, and the optimizers
    "two players": (["--model", "NSGAN", *GD], ["d_optimizer", "g_optimizer"]),
    "n_critic 5": (["--model", "WGANGP", "--model.n_critic", "5", *GD], ["d_optimizer", "g_optimizer"]),
}
INFERRING = {
    "one player": (["--model", "VAE", *E, "--model.likelihood", "GaussianLikelihood", "--model.likelihood.std", "0.5"],
                   ["optimizer"]),
    "G with E": (["--model", "BiGAN", *E, "--model.discriminator", "tests.zoo.OfPair"], ["d_optimizer", "g_optimizer"]),
    "shared trunk": (["--model", "InfoGAN", "--model.generator", "tests.zoo.ToImage",
                      "--model.generator.prior", "{class_path: ganzoo.priors.Coded, init_args: {categorical: [3]}}",
                      "--model.discriminator", "WithCodes", "--model.discriminator.categorical", "[3]",
                      "--model.discriminator.discriminator", TRUNK], ["d_optimizer", "g_optimizer"]),
}  # fmt: skip
TRANSLATING = {  # a batch of 160: at 11 batches 1,760 images are in the pool
    "half-full pools": (["--model", "CycleGAN", "--model.generator", "tests.translator.Translate",
                         "--model.discriminator", "tests.translator.OfImages", "--model.pool", "3000"],
                        ["d_optimizer", "g_optimizer"]),
}  # fmt: skip
DATA = {
    "pairs": ["--data", "tests.translator.Negatives", "--data.batch_size", "160"],
    "memory": ["--data", "Digits", "--data.batch_size", "160"],
    "workers": ["--data", "ImageFolder", "--data.size", "8", "--data.channels", "1", "--data.batch_size", "20",
                "--data.num_workers", "2", "--data.hflip", "true"],
}  # fmt: skip
POINTS = {
    "mid-epoch": (11, "batch"),
    "at an epoch's end": (16, "batch"),
    "in validation": (16, "validation"),
    "writing a checkpoint": (12, "writing"),
}


def arguments(model, data, run):
    schedule = "{class_path: ganzoo.engine.Linear, init_args: {stop: 30}}"
    game, optimizers = {**MODELS, **INFERRING, **TRANSLATING}[model]
    words = ["fit", *game, "--model.ema_decay", "0.9"]
    for name in optimizers:
        words += [f"--model.{name}", "ganzoo.engine.Adam", f"--model.{name}.schedule", schedule]
    words += [*DATA[data], "--trainer.max_steps", str(STEPS), "--trainer.val_check_interval", str(JUDGED)]
    words += ["--checkpoint.every", str(EVERY), "--evaluate.n", "80", "--grid.every", "0", "--watch.every", "5"]
    return [*words, "--run", str(run), "--trainer.logger", "false", "--trainer.accelerator", "cpu"]


def fit(words, log, ranks=1):
    """Run the command in processes of its own; return their exit statuses."""
    if ranks == 1:
        return [in_child(lambda: main(words), log)]
    return on_ranks(ranks, lambda: main([*words, "--trainer.devices", str(ranks)]), log)


def folder_of_images(root):
    """Write 200 pictures of two classes."""
    from ganzoo.data import Digits
    from ganzoo.pictures import save_images

    data = Digits()
    images = torch.cat(list(data.images("train", 200))) / 127.5 - 1
    for k, name in enumerate("ab"):
        save_images(images[k::2], root / name, [f"{i:03d}" for i in range(100)])
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted runs, made once: (model, data, ranks) -> folder."""
    made = {}

    def get(model, data, ranks, words_of):
        key = model, data, ranks
        if key not in made:
            folder = tmp_path_factory.mktemp("whole")
            log = folder / "log"
            assert fit(words_of(folder / "run"), log, ranks) == [0] * ranks, log.read_text()
            made[key] = folder / "run"
        return made[key]

    return get


def state(run, name="last"):
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


def same(a, b, path=""):
    """Whether two nested states are bitwise equal; returns where they differ."""
    if isinstance(a, torch.Tensor):
        return [] if torch.equal(a, b) else [path]
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        return [where for key in a for where in same(a[key], b[key], f"{path}/{key}")]
    if isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        return [where for i, (x, y) in enumerate(zip(a, b, strict=True)) for where in same(x, y, f"{path}/{i}")]
    return [] if a == b else [path]


def cases(every, always):
    """Mark all cases as slow but those in ``always``."""
    assert always <= set(every)
    return [pytest.param(*case, marks=[] if case in always else pytest.mark.slow) for case in every]


KINDS = ("memory", "workers")
GAMES = [(m, d, p, 1) for m in MODELS for d in KINDS for p in POINTS] + [(m, "memory", "mid-epoch", 2) for m in MODELS]
ALWAYS = {
    ("two players", "memory", "mid-epoch", 1),
    ("two players", "memory", "in validation", 1),
    ("n_critic 5", "memory", "at an epoch's end", 1),
    ("n_critic 5", "memory", "writing a checkpoint", 1),
}


@pytest.mark.parametrize(("model", "data", "point", "ranks"), cases(GAMES, ALWAYS))
def test_killed_and_resumed_equals_uninterrupted(model, data, point, ranks, tmp_path, whole, request):
    pictures = []
    if data == "workers":
        root = tmp_path_factory_root(request)
        pictures = ["--data.root", str(root)]
    killed_and_resumed(model, data, point, ranks, tmp_path, whole, pictures)


INFERENCES = [(m, p, n) for m in INFERRING for p, n in (("mid-epoch", 1), ("mid-epoch", 2), ("in validation", 1))]
ALWAYS_INFERRED = {("one player", "mid-epoch", 1), ("G with E", "in validation", 1)}


@pytest.mark.parametrize(("model", "point", "ranks"), cases(INFERENCES, ALWAYS_INFERRED))
def test_games_that_infer_are_resumed_too(model, point, ranks, tmp_path, whole):
    killed_and_resumed(model, "memory", point, ranks, tmp_path, whole, [])


@pytest.mark.slow
@pytest.mark.parametrize(("point", "ranks"), [("mid-epoch", 1), ("mid-epoch", 2), ("in validation", 1)])
def test_pools_of_images_are_resumed_too(point, ranks, tmp_path, whole):
    killed_and_resumed("half-full pools", "pairs", point, ranks, tmp_path, whole, [])


def killed_and_resumed(model, data, point, ranks, tmp_path, whole, pictures):
    def words_of(run):
        return [*arguments(model, data, run), *pictures]

    expected = whole(model, data, ranks, words_of)
    at, where = POINTS[point]
    run, log = tmp_path / "run", tmp_path / "log"
    killer = ["--trainer.callbacks", "tests.engine.test_resume.Kill", "--trainer.callbacks.at", str(at)]
    killer += ["--trainer.callbacks.point", where]
    assert -signal.SIGKILL in fit([*words_of(run), *killer], log, ranks), log.read_text()
    before = state(run)["ganzoo"]["batches"]
    assert 0 < before <= at
    own = ["--import", "tests.zoo", "--import", "tests.translator", "--import", "tests.engine.test_resume"]
    resume = ["fit", *own, "--run", str(run), "--ckpt_path", "last", "--trainer.callbacks", "null"]
    assert fit(resume, log, ranks) == [0] * ranks, log.read_text()
    one, other = state(expected), state(run)
    assert one["global_step"] == other["global_step"] == STEPS
    for key in ("state_dict", "optimizer_states"):
        assert not same(one[key], other[key])
    assert one["ganzoo"]["images_seen"] == other["ganzoo"]["images_seen"]
    assert one["callbacks"]["Checkpoints"] == other["callbacks"]["Checkpoints"]
    assert not same(state(expected, "best")["state_dict"], state(run, "best")["state_dict"])
    assert not list(run.rglob("*.part")) or where == "writing"


def test_what_a_killed_run_logged_is_on_disk(tmp_path):
    run, log = tmp_path / "run", tmp_path / "log"
    words = [*arguments("two players", "memory", run), "--trainer.log_every_n_steps", "5"]
    at = words.index("--trainer.logger")
    words[at : at + 2] = ["--trainer.callbacks", "tests.engine.test_resume.Kill", "--trainer.callbacks.at", "12"]
    assert fit([*words, "--trainer.callbacks.point", "batch"], log) == [-signal.SIGKILL], log.read_text()
    (path,) = run.glob("csv/*/metrics.csv")
    with path.open() as file:
        rows = [(int(row["step"]), key) for row in csv.DictReader(file) for key, value in row.items() if value]
    assert {(5, "d/adv"), (10, "d/adv"), (8, "val/fd@mnist-lenet64.v1")} <= set(rows)


def tmp_path_factory_root(request):
    """Return one folder of pictures for all tests."""
    factory = request.getfixturevalue("tmp_path_factory")
    root = factory.getbasetemp() / "pictures"
    return root if root.is_dir() else folder_of_images(root)
