"""Where a model may lie, such as in the folder of a run, and what a loaded model says of itself."""

import copy
import pickle
import shutil

import pytest
import torch

import ganzoo
from ganzoo import hub
from ganzoo.callbacks import Checkpoints
from ganzoo.hub.form import place_of
from ganzoo.hub.writing import export_checkpoint
from tests.zoo import SHAPE, digits, make, trainer


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a run whose last checkpoint is of batch 4 and whose best is of batch 2."""
    folder = tmp_path_factory.mktemp("home") / "run"
    for steps in (2, 4):
        trainer(steps, folder, callbacks=[Checkpoints()]).fit(make("NSGAN"), datamodule=digits())
        if steps == 2:
            (folder / "checkpoints" / "last.ckpt").rename(folder / "checkpoints" / "best.ckpt")
    return folder


@pytest.fixture
def run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "run")


def batches(model):
    return model.config["training"]["batches"]


def test_a_run_means_its_best_checkpoint_and_else_its_last(run):
    for name, n in (("best", 2), ("last", 4)):
        file = run / "checkpoints" / f"{name}.ckpt"
        for given in (run, str(run)):
            model = ganzoo.load(given)
            assert model.source == file
            assert batches(model) == n
            assert torch.equal(model.sample(3), ganzoo.load(file).sample(3))
        assert ganzoo.load_game(run).batches_done == n
        assert f"published {file} to " in export_checkpoint(run, run.parent / name)
        assert batches(ganzoo.load(run.parent / name)) == n
        file.unlink()
    for use in (ganzoo.load, ganzoo.load_game, lambda path: export_checkpoint(path, run.parent / "no")):
        with pytest.raises(FileNotFoundError, match=f"^no model in {run}: expected config.json, which `ganzoo export`"):
            use(run)


def test_who_goes_on_prefers_the_last(run):
    assert place_of(run, ("last", "best")).name == "last.ckpt"


def test_a_published_folder_is_published_again_with_all_it_says(run, tmp_path):
    verdict = {"metrics": {"fd@x": 2.0}, "floors": {}, "n_samples": 10, "first_seed": 7, "n_reference": 9}
    training = {"data": None, "seed": 0, "batches": 3, "images_seen": 48}
    first = hub.publish(make("NSGAN").eval(), tmp_path / "first", training, verdict)
    export_checkpoint(first, tmp_path / "second")
    export_checkpoint(tmp_path / "second", tmp_path / "second")
    for file in first.iterdir():
        assert file.read_bytes() == (tmp_path / "second" / file.name).read_bytes(), file.name
    with pytest.raises(ValueError, match=r"first holds published networks and no game: use ganzoo\.load\("):
        ganzoo.load_game(first)


def test_a_loaded_model_says_what_it_is_and_where_it_comes_from(run):
    first, *networks = repr(ganzoo.load(run)).splitlines()
    file = run / "checkpoints" / "best.ckpt"
    assert first == f"NSGAN, trained for 2 batches, from {file}: images {SHAPE}, z of Normal(dim=4)"
    assert [line.split(",")[0] for line in networks] == ["  generator: ToImage", "  discriminator: FromImage"]
    assert repr(ganzoo.load_game(run)).splitlines()[1:] == networks
    assert repr(make("CGAN")).startswith(f"CGAN, trained for 0 batches: images {SHAPE} of 10 classes, z of Normal(")


def test_a_loaded_model_is_copied_and_pickled(run):
    model = ganzoo.load(run)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(again.sample(3), model.sample(3))
        assert repr(again) == repr(model)
