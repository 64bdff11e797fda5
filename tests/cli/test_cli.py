"""What a user types, and what comes back."""

import errno
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import ganzoo
import ganzoo.cli.train
from ganzoo import __version__
from ganzoo.callbacks import writer
from ganzoo.catalogue import configs
from ganzoo.cli import main, runs
from ganzoo.cli.front import VERBS
from ganzoo.cli.runs import free_folder
from ganzoo.hub import publish
from ganzoo.models import LatentEncoder
from ganzoo.networks import DCGANEncoder, DCGANGenerator
from ganzoo.pixels import to_uint8
from ganzoo.priors import Normal
from tests.processes import in_child, on_ranks
from tests.zoo import some, written

TINY = [
    *("--config", "models/nsgan", "--config", "trainer/cpu", "--data.batch_size", "32", "--trainer.max_steps", "4"),
    *("--trainer.val_check_interval", "2", "--evaluate.n", "64", "--grid.every", "2"),
    *("--model.generator.width", "16", "--model.discriminator.width", "16"),
]


def call(folder, *words, ranks=1):
    """Run the command in processes of its own, in ``folder``; return the exit status and what it printed."""
    log = folder / "log"
    log.write_text("")

    def work():
        os.chdir(folder)
        os.environ.update({"GANZOO_CACHE": str(folder / "cache"), "WANDB_MODE": "offline"})
        ended = main([*words, "--trainer.devices", str(ranks)] if ranks > 1 else words)
        if "wandb" in sys.modules:
            sys.modules["wandb"].finish()  # which a process of its own does at its end
        return ended

    status = in_child(work, log) if ranks == 1 else max(on_ranks(ranks, work, log))
    return status, log.read_text()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with one run, ``a``."""
    folder = tmp_path_factory.mktemp("home")
    status, text = call(folder, "fit", *TINY, "--run", "a")
    assert status == 0, text
    assert "trained 4 batches; best fd" in text
    assert "ganzoo test --ckpt_path a/checkpoints/best.ckpt" in text
    return folder


@pytest.fixture
def refused(capsys):
    """Run the command, which must fail with one line; return the line."""

    def run(*words):
        assert main(words) == 2
        said = capsys.readouterr()
        assert said.err.count("\n") == 1, said.err
        assert said.err.startswith("ganzoo: ")
        assert "Traceback" not in said.out + said.err
        return said.err.strip().removeprefix("ganzoo: ")

    return run


def state(path):
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def cli():
    """The command's parser, made once."""
    patch, made = pytest.MonkeyPatch(), []
    patch.setattr(ganzoo.cli.train.ZooCLI, "_run_subcommand", lambda self, verb: made.append(self))
    patch.setattr(ganzoo.cli.train.ZooCLI, "instantiate_classes", lambda self: None)
    ganzoo.cli.train.run(["fit", "--config", "models/nsgan"])
    patch.undo()
    return made[0]


def parsed(cli, *words):
    """Return what the command understands."""
    cli.parse_arguments(cli.parser, ["fit", *words])
    return cli.config.fit


def instantiated(cli, *words):
    """Return the objects that the command makes."""
    parsed(cli, *words)
    cli.trainer_defaults["callbacks"] = []
    ganzoo.cli.train.ZooCLI.instantiate_classes(cli)
    return cli


# -- without torch


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["list", "models"],
        ["list", "pretrained"],
        ["fit", "--model", "NSGN"],
        ["fti"],
        ["generate", "--seeds", "x", "m"],
    ],
)
def test_help_lists_and_typos_do_without_torch(words):
    code = "import sys, ganzoo; from ganzoo.cli import main; status = main(sys.argv[1:])"
    code += "; assert not {'torch', 'lightning', 'numpy'} & set(sys.modules); sys.exit(10 + status)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode in (10, 12), done.stderr


def test_help_names_every_verb(capsys):
    for words in ([], ["--help"], ["help"]):
        assert main(words) == 0
        text = capsys.readouterr().out
        for verb in VERBS:
            assert f"\n  {verb} " in text
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ganzoo {__version__}\n"


def test_list_shows_what_can_be_chosen(capsys):
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    for name in ("WGANGP", "MLPGenerator", "Digits", "ImageFolder", "models/dcgan", "trainer/wandb"):
        assert f"\n  {name}" in text
    for tool in ("MemoryLoader", "Order", "ImageData", "Extractor"):
        assert f"\n  {tool} " not in text
    assert main(["list", "data"]) == 0
    assert "WGANGP" not in capsys.readouterr().out


def test_help_of_fit_is_readable(capsys):
    with pytest.raises(SystemExit) as end:
        main(["fit", "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for option in ("--model", "--data", "--run RUN", "--evaluate.n N", "--checkpoint.every EVERY", "--trainer.devices"):
        assert option in text
    assert "Batches between two grids" in text


@pytest.mark.parametrize(
    ("variant", "shown"),
    [
        ("LSGAN", "default: {'class_path': 'ganzoo.losses.LeastSquares', 'init_args': {'a': 0.0, 'b': 1.0, 'c': 1.0}}"),
        ("WGAN", "default: {'class_path': 'ganzoo.engine.RMSprop', 'init_args': {'lr': 5e-05,"),
        ("WGAN", "(type: float, default: 0.01)"),
        ("ProjectionGAN", "(type: int, default: 5)"),
        ("ProjectionGAN", "default: {'class_path': 'ganzoo.losses.Hinge'"),
    ],
)
def test_help_of_a_variant_shows_the_defaults_that_it_declares(variant, shown, capsys):
    with pytest.raises(SystemExit):
        main(["fit", "--model.help", variant])
    assert shown in " ".join(capsys.readouterr().out.split())


def test_declared_defaults_are_a_layer_below_the_command_line(cli):
    words = ["--model", "WGAN", "--model.generator", "MLPGenerator", "--model.discriminator", "MLPDiscriminator"]
    model = parsed(cli, *words, "--model.d_optimizer.lr", "1e-3", "--model.n_critic", "2").model.init_args
    assert model.objective.class_path == "ganzoo.losses.Wasserstein"
    assert (model.d_optimizer.class_path, model.d_optimizer.init_args.lr) == ("ganzoo.engine.RMSprop", 1e-3)
    assert (model.g_optimizer.init_args.lr, model.n_critic, model.clip) == (5e-5, 2, 0.01)
    other = parsed(cli, *words, "--model.objective", "Hinge", "--model.d_optimizer", "SGD").model.init_args
    assert (other.objective.class_path, other.d_optimizer.class_path) == ("ganzoo.losses.Hinge", "ganzoo.engine.SGD")
    assert set(other.d_optimizer.init_args.as_dict()) == {"lr", "momentum", "schedule", "clip_norm", "accumulate"}


# -- wrong calls


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("tset", "no verb 'tset': did you mean 'test'? (see `ganzoo --help`)"),
        ("train --model NSGAN", "no verb 'train': here it is 'fit' (see `ganzoo --help`)"),
        ("fit --model NSGN", "no model 'NSGN': did you mean 'NSGAN'? (`ganzoo list models` shows all)"),
        ("fit --model=NSGN", "no model 'NSGN': did you mean 'NSGAN'? (`ganzoo list models` shows all)"),
        (
            "fit --model MLPGenerator",
            "no model 'MLPGenerator': ganzoo.networks.MLPGenerator is another kind (`ganzoo list",
        ),
        ("fit --data Digts", "no data 'Digts': did you mean 'Digits'? (`ganzoo list data` shows all)"),
        (
            "fit --config models/dcgn",
            "no configuration 'models/dcgn': did you mean 'models/dcgan'? (`ganzoo list configs` shows all)",
        ),
        ("generate m --sedes 3", "unrecognized arguments: --sedes 3: did you mean '--seeds'?"),
        ("generate", "the following arguments are required: model (see `ganzoo generate --help`)"),
        ("generate m --seeds 3-", "expected --seeds such as 7, 0-63 or 3,7,10-12, got '3-'"),
        ("generate m --seeds 5-3", "expected --seeds such as 7, 0-63 or 3,7,10-12, got '5-3'"),
        ("generate m --labels 1,b", "--labels takes a class number or a list such as 0,1,2, got '1,b'"),
        ("generate nowhere", "no model at nowhere: expected a folder with config.json, that of a run, a .ckpt"),
        ("export nowhere.ckpt --out o", "no checkpoint at nowhere.ckpt"),
        ("fetch MINST", "no data set 'MINST' to fetch: did you mean 'MNIST'?"),
        ("list modls", "argument what: invalid choice: 'modls'"),
        (
            "fit --config models/dcgan --config data/digits --trainer.max_steps 2 --max_steps 3",
            "no argument '--max_steps': here it is --trainer.max_steps",
        ),
        (
            "fit --config models/dcgan --config data/digits --data.batch_size 16 --batch_size 3",
            "no argument '--batch_size': here it is --data.batch_size",
        ),
    ],
)
def test_a_wrong_call_is_one_line_with_the_nearest_name(words, message, refused):
    assert message in refused(*words.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model.gp_wieght 3", "no argument '--model.gp_wieght': did you mean '--model.gp_weight'?"),
        ("--batch-size 3", "no argument '--batch-size': here it is --data.batch_size"),
        ("--config '{model: {init_args: {gp_wieght: 3}}}'", "no argument 'gp_wieght': did you mean 'model.gp_weight'?"),
        ("--model.gp_wieght=3", "no argument '--model.gp_wieght': did you mean '--model.gp_weight'?"),
        ("--trainer.max_step 5", "no argument '--trainer.max_step': did you mean '--trainer.max_steps'?"),
        ("--seed 5", "no argument '--seed': here it is --seed_everything"),
        ("--latent_dim 5", "no argument '--latent_dim': here it is --model.generator.prior.dim"),
        ("--model.generator.nz 5", "no argument '--model.generator.nz': here it is --model.generator.prior.dim"),
        ("--lr=5", "no argument '--lr': here it is --model.d_optimizer.lr and --model.g_optimizer.lr"),
        ("--data.num_workers 2", "no argument '--data.num_workers' in the class that was chosen"),
        ("--evalute.n 5", "no argument '--evalute.n': did you mean '--evaluate.n'?"),
        ("--n_critic 5", "no argument '--n_critic': did you mean '--model.n_critic'?"),
        ("--data.batchsize 5", "no argument '--data.batchsize': did you mean '--data.batch_size'?"),
        (
            "--model.generator.widht 5",
            "no argument '--model.generator.widht': did you mean '--model.generator.width'?",
        ),
        (
            "--model.d_optimizer.betas 5",
            "no argument '--model.d_optimizer.betas': did you mean '--model.d_optimizer.beta2'?",
        ),
        ("--config '{trainer: {max_stps: 3}}'", "no argument 'trainer.max_stps': did you mean 'trainer.max_steps'?"),
        ("--config '{evalute: {n: 3}}'", "no argument 'evalute.n': did you mean 'evaluate.n'?"),
        ("models/dcgan", "no argument 'models/dcgan': did you mean '--config models/dcgan'?"),
        ("--model.generator.output tanh", "no argument '--model.generator.output' in the class that was chosen"),
        (
            "--model.generator DCGANGenrator",
            "--model.generator: no class 'DCGANGenrator': did you mean 'DCGANGenerator'?",
        ),
        ("--model.d_optimizer Adm", "--model.d_optimizer: no class 'Adm': did you mean 'Adam'?"),
        ("--data ganzoo.data.Digts", "--data: no class 'Digts': did you mean 'Digits'?"),
        ("--model.n_critic ten", "--model.n_critic: expected int, got 'ten'"),
        ("--data.size 2.5", "--data.size: expected int, got '2.5'"),
        ("--trainer.max_steps ten", "--trainer.max_steps: expected int, got 'ten'"),
        ("--checkpoint.mode mx", "--checkpoint.mode: expected Literal['min', 'max'], got 'mx'"),
        ("--run", "argument --run: expected one argument"),
        ("--model.n_critic 0", "n_critic must be at least 1, got 0"),
        ("--model.d_optimizer.lr 0", "lr must be positive, got 0.0"),
        ("--data.batch_size 0", "batch_size must be at least 1, got 0"),
        ("--evaluate.n 3", "n must be at least 10, got 3"),
        ("--checkpoint.metric fid", "no metric 'fid': choose one of fd, kd, precision"),
        ("--data.size 5", "sides of at least 8, got (1, 5, 5): enlarge them (--data.size 8), or take networks for any"),
        ("--ckpt_path nowhere.ckpt", "no checkpoint at nowhere.ckpt; in that folder: none"),
        ("--ckpt_path last", "--ckpt_path last needs --run DIR; runs here: none"),
    ],
)
def test_a_wrong_argument_is_one_line(words, message, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        instantiated(cli, "--config", "models/wgangp", *shlex.split(words))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--model.gp_wieght 3", "no argument '--model.gp_wieght': did you mean '--model.gp_weight'?"),
        ("--model.n_critic 0", "n_critic must be at least 1, got 0"),
        ("--trainer.strategy gmae", "no strategy 'gmae': leave --trainer.strategy out"),
        ("--data MNIST --data.root nowhere", "MNIST not found under nowhere: run `ganzoo fetch MNIST` (or set"),
        ("--data ImageFolder", "missing root, size: add --data.root FOLDER and --data.size 64"),
        ("--config data/folder", "where are your pictures? Add --data.root FOLDER"),
        ("--data ImageFolder --data.root nowhere --data.size 8", "nowhere is not there: give the folder, zip"),
    ],
)
def test_a_wrong_argument_ends_the_command_with_one_line(words, message, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("fit", "--config", "models/wgangp", "--trainer.logger", "false", *words.split())


@pytest.mark.parametrize("verb", ["fit", "test", "validate", "predict"])
def test_no_model_is_one_line(verb, refused):
    assert "no model: add --config models/NAME or --model NAME" in refused(verb)


def test_missing_networks_are_named(refused):
    assert "missing generator, discriminator: start from --config models/NAME" in refused("fit", "--model", "NSGAN")


def test_a_full_traceback_is_to_be_had(monkeypatch):
    monkeypatch.setenv("GANZOO_TRACEBACK", "1")
    with pytest.raises(FileNotFoundError):
        main(["generate", "nowhere"])


# -- configurations


TRANSLATING = [f"models/{n}" for n in ("cyclegan", "pix2pix", "contentgan", "pairgan", "cogan")]
MODELS = [n for n in configs() if n.startswith("models/") and not n.endswith(("points", "-paper"))]
MODELS = [n for n in MODELS if n not in TRANSLATING]
RECIPES = [name for name in configs() if name.startswith("recipes/")]
IMAGES = [
    name for name in configs() if name.startswith("data/") and name not in ("data/ring", "data/grid", "data/line")
]


@pytest.mark.parametrize("data", [pytest.param("data/digits", marks=pytest.mark.slow), "data/digits28"])
@pytest.mark.parametrize("model", MODELS)
def test_every_model_goes_with_every_shape(model, data, cli, tmp_path):
    shape = {"data/digits": (1, 8, 8), "data/digits28": (1, 28, 28)}[data]
    path = published_generator(model, shape, tmp_path)
    made = instantiated(cli, "--config", model, "--config", data, *path)
    assert made.datamodule.image_shape == shape
    check_shapes(made)


@pytest.mark.parametrize("data", ["data/derived", ""])
@pytest.mark.parametrize("model", TRANSLATING)
def test_every_translator_goes_with_pairs_and_with_its_own_data(model, data, cli):
    made = instantiated(cli, "--config", model, *(["--config", data] if data else []))
    shape = made.datamodule.image_shape
    assert shape == ((1, 28, 28) if data else (3, 64, 64))
    assert made.datamodule.source_shape == shape
    assert {network.image_shape for network in made.model.published.values()} == {shape}
    made.model.check_shapes()


def first_of_its_game(recipe):
    """Whether no recipe before this one plays its game: others differ in numbers."""
    games = [name.split("/")[1].split("-")[0] for name in RECIPES]
    return games.index(recipe.split("/")[1].split("-")[0]) == RECIPES.index(recipe)


@pytest.mark.parametrize(
    "recipe", [pytest.param(name, marks=[] if first_of_its_game(name) else pytest.mark.slow) for name in RECIPES]
)
def test_every_recipe_is_a_run(recipe, cli, tmp_path):
    given = yaml.safe_load(Path(ganzoo.catalogue.find_config(recipe)).read_text())
    shape = (3, 64, 64) if given["data"]["class_path"] == "ganzoo.data.Peeps" else (1, 28, 28)
    networks = given["model"]["init_args"]
    dim = int(*set(re.findall(r"'dim': (\d+)", str(networks.get("encoder")))))
    dim -= 0 if "labeller" in networks else 10 * ("IcGAN" in given["model"]["class_path"])
    made = instantiated(cli, "--config", recipe, *published_generator(recipe, shape, tmp_path, dim))
    check_shapes(made)
    made.model.check_shapes()
    assert given.keys() >= {"seed_everything", "model", "data", "trainer"}
    assert given["trainer"].keys() >= {"accelerator", "max_steps"}


def check_shapes(made):
    """All networks have the shape of the data's images."""
    shape = made.datamodule.image_shape
    networks = [getattr(made.model, name) for name in ("G", "D", "E", "E_y", "Q") if hasattr(made.model, name)]
    assert {network.image_shape for network in networks} == {shape}
    assert some(made.model, 1).shape == (1, *shape)


def published_generator(config, shape, folder, dim=100):
    """The argument that games over a trained generator need."""
    game = config.split("/")[1].split("-")[0]
    classes = {"icgan": 10, "latentencoder": 0, "imageencoder": 0, "iterativeencoder": 0}
    if game not in classes:
        return []
    G = DCGANGenerator(shape, Normal(dim), width=4, num_classes=classes[game])
    publish(LatentEncoder(G, DCGANEncoder(shape, dim, width=4)), folder / "given", {"data": None})
    return ["--generator", str(folder / "given")]


def test_a_game_over_a_trained_generator_asks_for_it(cli):
    with pytest.raises(ValueError, match=r"missing generator: .* add --generator PATH, a checkpoint or a folder"):
        instantiated(cli, "--config", "models/icgan")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--generator", "nowhere"], "no model at nowhere: expected a folder with config.json, that of a run"),
        (["--config", "data/cifar10"], r"given makes images \(1, 28, 28\), the data has \(3, 32, 32\)"),
        (["--model.encoder.dim", "7"], "encoder must return latents of 100 numbers, as G takes: got 7"),
        (["--model.labeller.dim", "7"], "labeller must return one number for each of 10 classes, .* got dim=7"),
    ],
)
def test_what_does_not_fit_a_trained_generator_is_told(words, message, cli, tmp_path):
    path = published_generator("models/icgan", (1, 28, 28), tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        instantiated(cli, "--config", "models/icgan", "--config", "data/digits28", *path, *words)


@pytest.mark.parametrize("data", IMAGES)
def test_every_image_set_goes_with_dcgan(data, cli, tmp_path):
    root = ["--data.root", "x"] if data in ("data/folder", "data/shards", "data/huggingface") else []
    if data == "data/arrays":
        np.save(tmp_path / "x.npy", np.zeros((4, 32, 32), dtype=np.uint8))
        root = ["--data.root", str(tmp_path / "x.npy")]
    made = instantiated(cli, "--config", "models/dcgan", "--config", data, *root)
    assert made.model.G.image_shape == made.datamodule.image_shape


@pytest.mark.parametrize("data", ["data/ring", "data/grid", "data/line"])
def test_points_go_with_points(data, cli):
    made = instantiated(cli, "--config", "models/nsgan-points", "--config", data)
    assert made.model.sample(2).shape == (2, *made.datamodule.image_shape)


@pytest.mark.parametrize("name", [name for name in configs() if name.startswith("trainer/")])
def test_every_trainer_configuration_parses(name, cli):
    with open(ganzoo.catalogue.find_config(name)) as file:
        text = yaml.safe_load(file)
    config = parsed(cli, "--config", "models/nsgan", "--config", name)
    for section, values in text.items():
        for key, value in values.items() if isinstance(values, dict) else [("", values)]:
            got = config[f"{section}.{key}" if key else section]
            assert len(got) == len(value) if isinstance(value, list) else got == value


def test_later_files_win_and_the_command_line_wins_over_all(cli):
    files = ["--config", "{trainer: {max_steps: 3, log_every_n_steps: 7}}", "--config", "{trainer: {max_steps: 5}}"]
    got = parsed(cli, "--config", "models/nsgan", *files).trainer
    assert (got.max_steps, got.log_every_n_steps, got.val_check_interval) == (5, 7, 1000)
    before = parsed(cli, "--trainer.max_steps", "9", "--config", "models/nsgan", *files)
    after = parsed(cli, "--config", "models/nsgan", *files, "--trainer.max_steps=9")
    assert before.trainer.max_steps == after.trainer.max_steps == 9


def folder_of_classes(folder, n, each=4):
    for k in range(n):
        (folder / f"class{k}").mkdir(parents=True)
        for i in range(each):
            Image.new("L", (8, 8), 8 * i + k).save(folder / f"class{k}" / f"{i}.png")
    return ["--config", "data/folder", "--data.root", str(folder), "--data.size", "8", "--data.batch_size", "2"]


@pytest.mark.parametrize("model", ["cgan", "cgan-mlp", "projectiongan", "acgan", "cvae", "dcgan"])
def test_the_classes_of_the_data_reach_conditional_networks(model, cli, tmp_path):
    made = instantiated(cli, "--config", f"models/{model}", *folder_of_classes(tmp_path, 3)).model
    assert made.G.num_classes == (0 if model == "dcgan" else 3)
    if model == "acgan":
        assert made.D.n_classes == 3


def test_one_class_is_none_to_be_told(cli, tmp_path):
    made = instantiated(cli, "--config", "models/cgan", *folder_of_classes(tmp_path, 1))
    judged = pytest.warns(UserWarning, match="will not be judged")
    with judged, pytest.raises(ValueError, match="classes of the data: 1, the generator is conditioned on 10: give"):
        made.trainer.fit(made.model, made.datamodule)


def test_a_run_keeps_the_classes_of_its_networks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = folder_of_classes(tmp_path / "pictures", 3, each=20)
    main(["fit", "--config", "models/cgan-mlp", *data, "--trainer.max_steps", "1", "--run", "a"])
    networks = yaml.safe_load((tmp_path / "a" / "config.yaml").read_text())["model"]["init_args"]
    assert [networks[name]["init_args"]["num_classes"] for name in ("generator", "discriminator")] == [10, 10]
    main(["fit", "--config", "a/config.yaml", "--run", "b"])
    kept = [state(tmp_path / run / "checkpoints" / "last.ckpt")["ganzoo"]["model"] for run in "ab"]
    assert kept[0] == kept[1]
    assert kept[0]["init_args"]["generator"]["init_args"]["num_classes"] == 3


def test_the_seed_reaches_the_data(cli):
    made = instantiated(cli, "--config", "models/nsgan", "--seed_everything", "5")
    assert made.datamodule.seed == 5


# -- the flow


def test_fit_leaves_a_run(home):
    run = home / "a"
    assert {p.name for p in run.iterdir()} == {"checkpoints", "grids", "csv", "config.yaml", ".lock"}
    assert {p.name for p in (run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    assert {p.name for p in (run / "grids").iterdir()} == {"0000002.png", "0000004.png"}
    with Image.open(run / "grids" / "0000004.png") as image:
        image.load()
        assert image.size == (8 * 50 + 2, 8 * 50 + 2)
    header, *rows = next((run / "csv").rglob("metrics.csv")).read_text().splitlines()
    assert {"d/adv", "g/adv", "images", "step", "val/fd@mnist-lenet64.v1"} <= set(header.split(","))
    assert [row.split(",")[header.split(",").index("step")] for row in rows][-1] == "4"


def test_test_needs_nothing_but_a_checkpoint_and_n_is_n_in_every_verb(home):
    path = "a/checkpoints/last.ckpt"
    for verb, n in (("test", 80), ("validate", 64)):
        status, text = call(home, verb, "--ckpt_path", path, "--evaluate.n", str(n))
        assert status == 0, text
        assert "fd@mnist-lenet64.v1" in text
        assert f"{n} samples against 1442 train images of Digits" in text, text
        record = written(home / "a", n)
        assert (record["n_samples"], record["batches"], record["images_seen"]) == (n, 4, 128)
    status, text = call(home, "export", path, "--out", "judged")
    assert status == 0, text
    assert json.loads((home / "judged" / "config.json").read_text())["metrics"]["n_samples"] == 80


def test_the_folder_of_a_run_is_a_model_and_it_is_said_which_checkpoint_is_taken(home):
    best = "a/checkpoints/best.ckpt"
    status, text = call(home, "generate", "a", "--seeds", "3,7,10-12", "--out", "listed", "--format", "npz")
    assert status == 0, text
    assert f"ganzoo: a means {best}\n" in text
    with np.load(home / "listed" / "seeds-3_7_10_11_12.npz") as file:
        assert file["seeds"].tolist() == [3, 7, 10, 11, 12]
        assert np.array_equal(file["images"], to_uint8(ganzoo.load(home / best).sample(20))[[3, 7, 10, 11, 12]])
    status, text = call(home, "interpolate", "a", "--seeds", "3,7", "--steps", "2", "--out", "walked")
    assert (status, f"ganzoo: a means {best}\n" in text) == (0, True), text
    status, text = call(home, "export", "a", "--out", "whole")
    assert (status, f"published {best} to whole: " in text) == (0, True), text
    assert torch.equal(ganzoo.load(home / "whole").sample(3), ganzoo.load(home / best).sample(3))


def test_a_run_and_what_it_published_get_the_verdict_of_their_checkpoint(home, tmp_path):
    assert call(home, "export", "a/checkpoints/best.ckpt", "--out", "given")[0] == 0
    verdicts = []
    for source in ("a/checkpoints/best.ckpt", "a", "given"):
        for old in (home / "a" / "verdicts").glob("*_n70_*.json"):
            old.unlink()
        status, text = call(home, "test", "--ckpt_path", source, "--evaluate.n", "70")
        assert status == 0, text
        assert ("ganzoo: --ckpt_path a means a/checkpoints/best.ckpt\n" in text) == (source == "a")
        verdicts.append(written(home / ("given" if source == "given" else "a"), 70))
    one, *others = [{k: v for k, v in verdict.items() if k != "seconds"} for verdict in verdicts]
    assert others == [one, one]
    assert call(home, "generate", "given", "--seeds", "0", "--out", "g")[0] == 0


def test_fit_goes_on_from_the_last_checkpoint_of_a_run(home):
    shutil.copytree(home / "a", home / "more")
    status, text = call(home, "fit", "--ckpt_path", "more", "--trainer.max_steps", "6")
    assert status == 0, text
    assert "ganzoo: --ckpt_path more means more/checkpoints/last.ckpt\n" in text
    assert state(home / "more" / "checkpoints" / "last.ckpt")["ganzoo"]["batches"] == 6


def test_a_folder_that_holds_no_model_is_one_line_to_every_verb(home, refused, monkeypatch):
    monkeypatch.chdir(home)
    (home / "empty").mkdir()
    publish(LatentEncoder(DCGANGenerator((1, 8, 8), width=4), DCGANEncoder((1, 8, 8), width=4)), home / "enc", {})
    message = "no model in empty: expected config.json, which `ganzoo export` writes, or checkpoints/best.ckpt or"
    for words in (["generate"], ["export", "--out", "x"], ["test", "--ckpt_path"], ["fit", "--generator"]):
        assert refused(*words, "empty").startswith(message), words
    assert refused("fit", "--ckpt_path=enc") == (
        "enc is published, without optimizers: go on from a checkpoint, or use --generator"
    )


def test_generate_and_export_and_generate_give_the_same_images(home):
    assert call(home, "export", "a/checkpoints/best.ckpt", "--out", "published")[0] == 0
    for source, out in (("a/checkpoints/best.ckpt", "g1"), ("published", "g2")):
        for form in ("grid", "png", "npz"):
            status, text = call(home, "generate", source, "--seeds", "5-20", "--out", out, "--format", form)
            assert status == 0, text
            assert "16 images in" in text
    names = sorted(p.name for p in (home / "g1").iterdir())
    assert len(names) == 18
    assert all((home / "g1" / name).read_bytes() == (home / "g2" / name).read_bytes() for name in names)
    with Image.open(home / "g1" / "000007.png") as image, np.load(home / "g1" / "seeds-5-20.npz") as file:
        assert np.array_equal(np.asarray(image), file["images"][2, 0])


@pytest.mark.parametrize(("form", "n_files", "ranks"), [("png", 40, 2), ("npz", 3, 1), ("shards", 3, 1)])
def test_predict_writes_the_images_of_the_seeds_on_any_number_of_ranks(
    form, n_files, ranks, home, tmp_path, monkeypatch
):
    if form == "shards":
        pytest.importorskip("webdataset")
    monkeypatch.setattr(writer, "CHUNK", 16)
    words = ["predict", "--ckpt_path", "a/checkpoints/last.ckpt", "--samples.n", "40", "--samples.seed", "3"]
    words += ["--samples.format", form, "--samples.out", str(tmp_path / "out"), "--trainer.accelerator", "cpu"]
    status, text = call(home, *words, ranks=ranks)
    assert status == 0, text
    assert text.count("40 images (seeds 3 to 42) written to") == 1
    assert len(list((tmp_path / "out").iterdir())) == n_files
    expected = to_uint8(ganzoo.load(home / "a" / "checkpoints" / "last.ckpt").sample(40, 3))[:, 0].numpy()
    off = read_samples(tmp_path / "out").astype(int) - expected
    assert np.abs(off).max() <= 1  # ranks share out the threads, which may round otherwise


def read_samples(folder):
    """Return the images of all files, [n, H, W], in the order of their seeds."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".npz":
            found += list(np.load(path)["images"][:, 0])
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                pictures = [tar.extractfile(m).read() for m in tar if m.name.endswith(".png")]
            found += [np.asarray(Image.open(io.BytesIO(data))) for data in pictures]
        else:
            found.append(np.asarray(Image.open(path)))
    return np.stack(found)


def test_the_command_line_wins_over_the_checkpoint_and_the_run(home):
    words = ["--ckpt_path", "a/checkpoints/last.ckpt", "--trainer.max_steps", "6", "--model.ema_decay", "0"]
    status, text = call(home, "fit", *words, "--run", "b")
    assert status == 0, text
    ended = state(home / "b" / "checkpoints" / "last.ckpt")
    assert ended["global_step"] == 6
    assert ended["ganzoo"]["model"]["init_args"]["ema_decay"] == 0
    assert ended["ganzoo"]["model"]["init_args"]["generator"]["init_args"]["width"] == 16  # of the run
    assert ended["ganzoo"]["data"]["init_args"]["batch_size"] == 32
    assert torch.equal(ended["state_dict"]["G_ema.body.1.weight"], ended["state_dict"]["G.body.1.weight"])
    before = state(home / "a" / "checkpoints" / "last.ckpt")["state_dict"]
    assert not torch.equal(before["G_ema.body.1.weight"], before["G.body.1.weight"])


def test_a_checkpoint_of_another_size_is_one_line(home):
    words = ["test", "--ckpt_path", "a/checkpoints/last.ckpt", "--model.generator.width", "17"]
    status, text = call(home, *words, "--trainer.logger", "false")
    assert status == 2
    assert "ganzoo: the checkpoint is not of the model that was asked for: size mismatch for G.body.0.0.weight" in text
    assert "Traceback" not in text


def test_resume_goes_on_in_the_run_whose_configuration_makes_it_again(home):
    assert call(home, "fit", *TINY, "--run", "c", "--trainer.max_steps", "2")[0] == 0
    status, text = call(home, "fit", "--run", "c", "--ckpt_path", "last", "--trainer.max_steps", "4")
    assert status == 0, text
    status, text = call(home, "fit", "--run", "c", "--ckpt_path", "last")
    assert status == 0, text
    assert "nothing to train, the run has had its 4 batches (--trainer.max_steps N for more). In c:" in text
    status, text = call(home, "fit", "--config", "c/config.yaml")
    assert status == 0, text
    assert "trained 4 batches" in text
    assert "In runs/nsgan-digits:" in text
    one, *others = (state(home / run / "checkpoints" / "last.ckpt") for run in ("a", "c", "runs/nsgan-digits"))
    for other in others:
        assert one["ganzoo"] == other["ganzoo"]
        assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())
    texts = [(home / run / "config.yaml").read_text() for run in ("a", "c", "runs/nsgan-digits")]
    assert texts[0] == texts[1].replace("save_dir: c", "save_dir: a")
    assert texts[0] == texts[2].replace("save_dir: runs/nsgan-digits", "save_dir: a")
    shutil.rmtree(home / "runs")


def test_a_run_is_not_written_over(home):
    before = (home / "a" / "checkpoints" / "last.ckpt").read_bytes()
    status, text = call(home, "fit", *TINY, "--run", "a")
    assert status == 2
    assert text == "ganzoo: a holds a run: add --ckpt_path last to resume it, or choose another --run\n"
    assert (home / "a" / "checkpoints" / "last.ckpt").read_bytes() == before


def test_a_start_that_failed_blocks_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["fit", "--config", "models/gan", *folder_of_classes(tmp_path / "pictures", 2, each=20), "--run", "a"]
    broken = tmp_path / "pictures" / "class0" / "bad.png"
    broken.write_bytes(b"junk")
    steps = ["--trainer.max_steps", "15", "--data.val_fraction", "0", "--data.num_workers", "0"]
    assert main([*words, *steps]) == 2
    assert "bad.png is not a readable image" in capsys.readouterr().err
    assert (tmp_path / "a" / "config.yaml").is_file()
    runs.LOCKS.clear()  # as the end of the process does
    broken.unlink()
    assert main([*words, *steps]) == 0
    assert runs.holds_run(tmp_path / "a")


@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_other_ranks_look_at_no_lock_and_take_none(name, tmp_path, monkeypatch):
    runs.lock(tmp_path / "x")

    def other():
        runs.LOCKS.clear()
        monkeypatch.setenv(name, "1")
        runs.lock(tmp_path / "x")
        return int(runs.holds_run(tmp_path / "x"))

    assert in_child(other, tmp_path / "log") == 0, (tmp_path / "log").read_text()
    os.close(runs.LOCKS.pop((tmp_path / "x").resolve()))


def test_a_folder_that_is_trained_in_is_taken(tmp_path):
    runs.lock(tmp_path / "x")
    assert runs.holds_run(tmp_path / "x")
    assert in_child(lambda: int(runs.LOCKS.clear() or runs.holds_run(tmp_path / "x")), tmp_path / "log") == 1
    os.close(runs.LOCKS.pop((tmp_path / "x").resolve()))
    assert not runs.holds_run(tmp_path / "x")


def test_a_new_run_gets_a_folder_of_its_own(tmp_path):
    for name in ("x", "x-2", "x-3"):
        assert free_folder(tmp_path / "x") == tmp_path / name
        (tmp_path / name / "checkpoints").mkdir(parents=True)


def test_a_checkpoint_that_is_not_there_is_one_line_with_what_there_is(home, refused, monkeypatch):
    monkeypatch.chdir(home)
    for run in ("x", "y"):
        (home / "runs" / run / "checkpoints").mkdir(parents=True)
        (home / "runs" / run / "checkpoints" / "last.ckpt").touch()
    assert refused("fit", "--ckpt_path", "last") == "--ckpt_path last needs --run DIR; runs here: runs/x, runs/y"
    shutil.rmtree(home / "runs")
    assert refused("fit", "--ckpt_path=best").endswith("runs here: none")
    assert refused("test", "--ckpt_path", "lats") == "no checkpoint at lats; in that folder: none"
    assert refused("fit", "--run", "nowhere", "--ckpt_path", "last").startswith("no checkpoint at nowhere/checkpoints/")
    there = "in that folder: a/checkpoints/best.ckpt, a/checkpoints/last.ckpt"
    assert refused("test", "--ckpt_path", "a/checkpoints/lats.ckpt").endswith(there)


def test_a_cut_off_checkpoint_is_one_line_to_every_verb(home):
    data = (home / "a" / "checkpoints" / "last.ckpt").read_bytes()
    (home / "cut.ckpt").write_bytes(data[: len(data) // 2])
    message = "ganzoo: cut.ckpt is cut off, damaged or no checkpoint: use another, such as best.ckpt"
    for words in (["fit", "--ckpt_path"], ["test", "--ckpt_path"], ["generate"], ["export", "--out", "x"]):
        assert call(home, *words, "cut.ckpt") == (2, f"{message} (ValueError: its end is missing)\n")


def test_a_full_disk_is_one_line_with_the_folder_and_the_remedy(home, monkeypatch):
    from lightning.fabric.loggers.csv_logs import _ExperimentWriter

    def full(self):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_ExperimentWriter, "save", full)
    status, text = call(home, "fit", *TINY, "--run", "full")
    assert status == 2, text
    last = text.strip().splitlines()[-1]
    assert last == (
        "ganzoo: [Errno 28] No space left on device: 'full': free some space, or choose another folder, and resume"
    )


def test_a_corrupt_picture_is_one_line_also_from_a_worker(home):
    (home / "pictures").mkdir()
    for i in range(40):
        (home / "pictures" / f"{i}.png").write_bytes((home / "a" / "grids" / "0000004.png").read_bytes()[:200])
    words = ["--data", "ImageFolder", "--data.root", "pictures", "--data.size", "8", "--data.batch_size", "8"]
    for workers in ("0", "1"):
        status, text = call(home, "fit", *TINY, *words, "--data.num_workers", workers, "--run", f"w{workers}")
        assert status == 2, text
        last = text.strip().splitlines()[-1]
        assert last.startswith("ganzoo: ")
        assert ".png is not a readable image (image file is truncated): replace it, or set on_corrupt='skip'" in last
        assert "Traceback" not in text


# -- loggers


def test_tensorboard_gets_terms_and_grids(home):
    pytest.importorskip("tensorboard")
    status, text = call(home, "fit", *TINY, "--config", "trainer/tensorboard", "--run", "tb")
    assert status == 0, text
    assert list((home / "tb" / "tensorboard").rglob("events.out.tfevents.*"))
    assert list((home / "tb" / "csv").rglob("metrics.csv"))


def test_wandb_without_a_key_is_one_line(tmp_path, monkeypatch):
    class UsageError(Exception):
        __module__ = "wandb.errors.errors"

    def refuse(*args, **kwargs):
        raise UsageError("No API key configured. Use `wandb login` to log in.\nmore")

    monkeypatch.setattr(ganzoo.cli.train, "ZooCLI", refuse)
    with pytest.raises(
        ValueError, match=r"^Weights & Biases: No API key .* Or set WANDB_MODE=offline, and `wandb sync`"
    ):
        ganzoo.cli.train.run(["fit"])


def test_wandb_offline_keeps_terms_and_grids_in_the_run(home):
    status, text = call(home, "fit", *TINY, "--config", "trainer/wandb", "--run", "wb")
    assert status == 0, text
    (run,) = (home / "wb" / "wandb").glob("offline-run-*")
    assert len(list((run / "files" / "media" / "images").glob("samples_*.png"))) == 2
    (record,) = run.glob("*.wandb")
    words, until = (b"d/adv", b"val/fd@mnist-lenet64.v1", b"images", b"ema_decay"), time.monotonic() + 20
    while not all(word in record.read_bytes() for word in words):  # a process of W&B's own writes it
        assert time.monotonic() < until, (record.read_bytes()[:200], text)
        time.sleep(0.1)
    assert not list(home.glob("wandb"))


def test_a_resumed_run_keeps_its_id_on_weights_and_biases(tmp_path):
    first = runs.wandb_id(tmp_path / "run")
    assert runs.wandb_id(tmp_path / "run") == first
    assert runs.wandb_id(tmp_path / "other") != first
