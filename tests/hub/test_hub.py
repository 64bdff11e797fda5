"""A published model is the model that was trained, and nothing else is ever loaded."""

import contextlib
import hashlib
import json
import os
import pickle
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save, save_file
from torch import nn

import ganzoo
from ganzoo import hub
from ganzoo.callbacks import Checkpoints, SampleGrid
from ganzoo.catalogue import configs
from ganzoo.checkpoints import read_checkpoint
from ganzoo.cli import main
from ganzoo.cli.given import take_published
from ganzoo.hub import reading, writing
from ganzoo.hub.card import equations, sentence
from ganzoo.hub.form import hash_of
from ganzoo.hub.tensors import read_tensors
from ganzoo.hub.writing import export_checkpoint, publish
from ganzoo.latent.generate import write_samples
from ganzoo.networks import DCGANGenerator, MLPDiscriminator, MLPGenerator
from ganzoo.pixels import to_uint8
from ganzoo.priors import Normal
from ganzoo.roles import Classes, Generator, Images
from tests.translator import Negatives
from tests.zoo import SHAPE, SPECIAL, digits, make, some, trainer, weights

TENSORS = "generator.safetensors"
TRAINING = {"data": None, "seed": 0, "batches": 3, "images_seen": 48}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three batches, and the game that was trained."""
    folder = tmp_path_factory.mktemp("run")
    model = make("NSGAN", ema_decay=0.5)
    trainer(3, folder, callbacks=[Checkpoints()]).fit(model, datamodule=digits())
    return folder, model.eval()


@pytest.fixture(scope="module")
def checkpoint(run):
    return run[0] / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def conditional():
    torch.manual_seed(0)
    generator = MLPGenerator(SHAPE, Normal(4), width=8, depth=1, num_classes=10)
    return ganzoo.models.NSGAN(generator, MLPDiscriminator(SHAPE, width=8, depth=1))


@pytest.fixture
def published(run, tmp_path):
    return hub.publish(run[1], tmp_path / "published", TRAINING)


def altered(folder, change):
    """Rewrite config.json with hashes that are right."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    if isinstance(config.get("sha256"), dict):
        config["sha256"]["config.json"] = hash_of(config)
    path.write_text(json.dumps(config))


def replaced(folder, tensors):
    """Put other tensors into a published model, with their right hash."""
    save_file(tensors, folder / TENSORS)
    digest = hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest()
    altered(folder, lambda config: config["sha256"].update({TENSORS: digest}))


# -- what comes out is what went in


def test_nothing_is_left_of_a_model_that_was_there(tmp_path):
    hub.publish(make("IcGAN").eval(), tmp_path, {"data": None})
    assert (tmp_path / "labeller.safetensors").is_file()
    hub.publish(make("NSGAN").eval(), tmp_path, {"data": None})
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {
        "generator.safetensors",
        "discriminator.safetensors",
    }
    assert ganzoo.load(str(tmp_path)).sample(1).shape == (1, *SHAPE)


@pytest.mark.parametrize("at", range(6))
def test_an_export_that_was_killed_between_two_files_is_no_model(at, run, published, monkeypatch):
    """It ends before file number ``at``; the folder held another model before."""
    old = {file.name: file.read_bytes() for file in published.iterdir()}
    written, write = [], writing.write_atomically

    def killed(path, what):
        if len(written) == at:
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, what)

    for name in ("write_atomically", "save_png"):
        ours = (
            killed
            if name == "write_atomically"
            else lambda image, path: killed(path, lambda part: image.save(part, format="PNG"))
        )
        monkeypatch.setattr(writing, name, ours)
    other = make("NSGAN", seed=9)
    with contextlib.suppress(KeyboardInterrupt):
        hub.publish(other, published, TRAINING)
    monkeypatch.undo()
    assert not list(published.glob(".*.part"))
    if at == 0:
        assert {file.name: file.read_bytes() for file in published.iterdir()} == old
    elif "config.json" in written:
        assert written[-1] == "config.json", "the card is written before it"
        assert torch.equal(ganzoo.load(published).sample(4), other.sample(4))
    else:
        with pytest.raises(ValueError, match=r"export|publish|sha256|hash"):
            ganzoo.load(published)


def test_a_negative_seed_is_named():
    with pytest.raises(ValueError, match=r"a seed is a whole number from 0 to 4294967295, got -1$"):
        make("NSGAN").sample(2, seed=-1)


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_published_and_loaded_samples_are_bitwise_the_models_own(name, tmp_path):
    model = make(name).eval()
    loaded = ganzoo.load(hub.publish(model, tmp_path / "out", TRAINING))
    assert torch.equal(some(loaded, 40, seed=5), some(model, 40, seed=5))
    x, y = some(model, 4), torch.tensor([3, 1, 4, 1])
    if loaded.discriminator is not None:
        D = model.published["discriminator"]
        kind = type(getattr(D, "condition", None))
        told = [torch.randn(4, 4)] if name == "BiGAN" else {Classes: [y], Images: [x]}.get(kind, [])
        assert torch.equal(loaded.discriminator(x, *told), D(x, *told))
    if loaded.encoder is not None:
        told = y if model.G.num_classes else None
        assert torch.equal(loaded.reconstruct(x, told), model.reconstruct(x, told))
    assert not loaded.generator.training
    assert not any(p.requires_grad for p in loaded.generator.parameters())


@pytest.mark.parametrize("name", ["models/dcgan", "models/hingegan", "models/wgangp"])
def test_the_shipped_networks_make_the_round_trip(name, tmp_path):
    model = ganzoo.create(name.removeprefix("models/"), (1, 8, 8)).eval()
    loaded = ganzoo.load(hub.publish(model, tmp_path, TRAINING))
    assert torch.equal(loaded.sample(5), model.sample(5))
    x = torch.randn(4, 1, 8, 8)
    assert torch.equal(loaded.discriminator(x), model.D(x))


def test_what_is_published_is_the_average(run, published):
    model, loaded = run[1], ganzoo.load(published)
    assert not torch.equal(model.G.net[0].weight, model.G_ema.net[0].weight)
    assert torch.equal(loaded.generator.net[0].weight, model.G_ema.net[0].weight)


@pytest.mark.parametrize("seed", [0, 5, 15, 16, 17, 31, 37])
def test_a_seed_is_one_image_alone_and_in_any_range(seed, published):
    loaded = ganzoo.load(published)
    everything = loaded.sample(40)
    assert torch.equal(loaded.sample(1, seed)[0], everything[seed])
    assert torch.equal(loaded.sample(40 - seed, seed), everything[seed:])
    assert not torch.equal(everything[0], everything[16])


def test_a_checkpoint_loads_as_its_average(run, checkpoint):
    model, loaded = run[1], ganzoo.load(checkpoint)
    assert torch.equal(loaded.sample(20, 3), model.sample(20, 3))
    assert loaded.generator.state_dict().keys() == model.G_ema.state_dict().keys()
    assert loaded.config["training"]["batches"] == 3


def test_export_takes_the_verdict_of_the_same_weights_and_data_only(run, checkpoint, tmp_path):
    verdict = {"metrics": {"fd@x": 2.0}, "floors": {"fd@x": 0.5}, "n_samples": 10, "first_seed": 7, "n_reference": 9}
    trained_on = json.loads(json.dumps(digits().config()))
    verdict["reference"] = {"data": "Digits"}
    other = {"class_path": "ganzoo.data.MNIST", "init_args": {}}
    metrics = run[0] / "verdicts" / "one.json"
    metrics.parent.mkdir()
    by_file = {"reference": {"data": "Digits", "file": "stats.npz"}}
    for batches, data, judged, more in (
        (3, trained_on, False, by_file),
        (3, trained_on, False, {"reference": 7}),
        (3, trained_on, True, {}),
        (2, trained_on, False, {}),
        (3, other, False, {}),
        (3, "x", False, {}),
    ):
        metrics.write_text(json.dumps({**verdict, "batches": batches, "data": data, **more}))
        line = export_checkpoint(checkpoint, tmp_path / "out")
        config = json.loads((tmp_path / "out" / "config.json").read_text())
        card = (tmp_path / "out" / "README.md").read_text()
        assert bool(config["metrics"]) == judged
        assert ("| fd@x | 2 | 0.5 |" in card) == judged
        assert ("against 9 training images of Digits" in card) == judged
        assert ("Not judged on its training data" in card) != judged
        assert str(tmp_path / "out") in line
    assert "# NSGAN on Digits" in card
    assert config["training"]["images_seen"] == 48
    shutil.rmtree(metrics.parent)


def test_the_picture_of_a_translator_is_of_the_weights_that_are_published(tmp_path):
    """Grids are drawn all the time: those of other batches show other weights."""
    callbacks = [Checkpoints(), SampleGrid(every=1, n=4)]
    trainer(3, tmp_path / "run", callbacks=callbacks).fit(make("Pix2Pix"), datamodule=Negatives(batch_size=8))
    checkpoint, grids, out = tmp_path / "run/checkpoints/last.ckpt", tmp_path / "run/grids", tmp_path / "out"
    Image.new("L", (8, 8)).save(grids / "0000004.png")
    export_checkpoint(checkpoint, out)
    assert (out / "grid.png").read_bytes() == (grids / "0000003.png").read_bytes()
    export_checkpoint(out, tmp_path / "again")
    assert (tmp_path / "again" / "grid.png").read_bytes() == (grids / "0000003.png").read_bytes()
    assert "(grid.png)" in (tmp_path / "again" / "README.md").read_text()
    (grids / "0000003.png").unlink()
    export_checkpoint(checkpoint, out)
    assert not (out / "grid.png").exists()
    assert "(grid.png)" not in (out / "README.md").read_text()


def test_a_published_folder_holds_what_it_should(published):
    assert {p.name for p in published.iterdir()} == {
        *("config.json", "README.md", "grid.png", TENSORS, "discriminator.safetensors")
    }
    with Image.open(published / "grid.png") as image:
        image.load()
    config = json.loads((published / "config.json").read_text())
    assert config["sha256"][TENSORS] == hashlib.sha256((published / TENSORS).read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ganzoo.models.__all__)
def test_a_card_has_the_equations_of_every_variant(name):
    """The lines of its docstring, also where ``python -OO`` has dropped it."""
    cls = getattr(ganzoo.models, name)
    (block,) = re.findall(r"^```\n(.*)\n```$", equations(f"ganzoo.models.{name}"), flags=re.MULTILINE | re.DOTALL)
    assert re.search(r"^L_\w+ =", block, flags=re.MULTILINE)
    assert all(f"        {line}\n" in cls.__doc__ for line in block.splitlines() if line)


def test_a_game_of_a_users_own_without_equations_has_a_card():
    assert (equations("my.Game"), sentence("my.Game")) == ("", "A game of a user's own, `my.Game`.")


def test_networks_can_be_left_out(published, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(published), "--out", "small", "--without", "discriminator"]) == 0
    model, whole = ganzoo.load("small"), ganzoo.load(published)
    assert (model.discriminator, list(model.config["networks"])) == (None, ["generator"])
    assert torch.equal(model.sample(2), whole.sample(2))
    for name in ("generator", "encoder"):
        assert main(["export", str(published), "--out", "no", "--without", name]) == 2
        assert f"ganzoo: cannot leave out '{name}': choose of discriminator" in capsys.readouterr().err
    assert not Path("no").exists()


def test_a_model_without_its_discriminator_loads(published):
    altered(published, lambda config: config["networks"].pop("discriminator"))
    (published / "discriminator.safetensors").unlink()
    loaded = ganzoo.load(published)
    assert loaded.discriminator is None
    assert loaded.to("cpu").sample(2).shape == (2, *SHAPE)


# -- conditional generators


def test_a_conditional_generator_makes_the_round_trip(conditional, tmp_path):
    loaded = ganzoo.load(hub.publish(conditional, tmp_path, TRAINING))
    labels = [i % 10 for i in range(20)]
    images = loaded.sample(20, 0, labels)
    assert torch.equal(images, conditional.sample(20, 0, labels))
    assert torch.equal(loaded.sample(1, 17, [7]), images[17:18])
    assert torch.equal(loaded.sample(3, 0, 4), loaded.sample(3, 0, [4, 4, 4]))
    assert torch.equal(loaded.sample(3, 0, torch.tensor([4, 4, 4])), loaded.sample(3, 0, 4))
    assert not torch.equal(loaded.sample(1, 0, 4), loaded.sample(1, 0, 5))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "this generator is conditional: give labels from 0 to 9, one for all or 3"),
        ([1, 2], "expected one label or 3 labels, got 2"),
        ([1, 2, 10], "labels must be from 0 to 9, got"),
        (-1, "labels must be from 0 to 9, got"),
    ],
)
def test_wrong_labels_are_refused(labels, message, conditional, tmp_path):
    folder = hub.publish(conditional, tmp_path, TRAINING)
    with pytest.raises(ValueError, match=message):
        ganzoo.load(folder).sample(3, 0, labels)


def test_labels_for_an_unconditional_generator_are_refused(published):
    with pytest.raises(ValueError, match="this generator is unconditional"):
        ganzoo.load(published).sample(3, 0, 1)


# -- samples in files


@pytest.mark.parametrize("form", ["grid", "png", "npz"])
def test_samples_in_files_are_those_of_the_seeds(form, published, tmp_path):
    images = ganzoo.load(published).sample(5, 14)
    pixels = to_uint8(images)
    line = write_samples(ganzoo.load(str(published)), range(14, 19), tmp_path / "o", form)
    assert "5 images in" in line
    if form == "npz":
        with np.load(tmp_path / "o" / "seeds-14-18.npz") as file:
            assert np.array_equal(file["images"], pixels)
            assert file["seeds"].tolist() == list(range(14, 19))
    elif form == "png":
        for i in range(5):
            with Image.open(tmp_path / "o" / f"{14 + i:06d}.png") as image:
                assert np.array_equal(np.asarray(image), pixels[i, 0])
    else:
        with Image.open(tmp_path / "o" / "seeds-14-18.png") as image:  # 3 per row, 6 x 8 pixels and 2 of gap each
            assert np.array_equal(np.asarray(image)[2:50:6, 52:100:6], pixels[1, 0])


def test_a_list_of_seeds_has_files_of_its_own(published, tmp_path):
    loaded = ganzoo.load(published)
    write_samples(loaded, [9, 3], tmp_path, "png")
    for seed in (9, 3):
        with Image.open(tmp_path / f"{seed:06d}.png") as image:
            assert np.array_equal(np.asarray(image), to_uint8(loaded.sample(1, seed))[0, 0])
    write_samples(loaded, [9, 3, 9], tmp_path, "grid")
    assert (tmp_path / "seeds-9_3_9.png").is_file()
    with pytest.raises(ValueError, match="--format png names files by their seeds, and a seed is there twice"):
        write_samples(loaded, [9, 3, 9], tmp_path, "png")


def test_too_many_labels_are_refused_before_anything_is_written(conditional, tmp_path):
    folder = str(hub.publish(conditional, tmp_path / "model", TRAINING))
    with pytest.raises(ValueError, match="expected one label or 512 labels, got 600"):
        write_samples(ganzoo.load(folder), range(512), tmp_path / "o", "npz", [0] * 600)
    assert not (tmp_path / "o").exists()


# -- what is refused: tensors


def bytes_of(published):
    return (published / TENSORS).read_bytes()


RAN = []


class Runs:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (exec, ("import tests.hub.test_hub; tests.hub.test_hub.RAN.append(1)",))


@pytest.mark.parametrize("write", [torch.save, lambda o, p: p.write_bytes(pickle.dumps(o))], ids=["torch", "pickle"])
def test_a_pickle_in_place_of_tensors_is_refused_unread(write, published):
    write(Runs(), published / TENSORS)
    with pytest.raises(ValueError, match=r"generator.safetensors is a pickle, not safetensors: refused"):
        ganzoo.load(published)
    digest = hashlib.sha256(bytes_of(published)).hexdigest()
    altered(published, lambda config: config["sha256"].update({TENSORS: digest}))
    with pytest.raises(ValueError, match="is a pickle, not safetensors: refused"):
        ganzoo.load(published)
    assert not RAN


@pytest.mark.parametrize("start", [b"\x80", b"PK"])
def test_safetensors_whose_length_looks_like_a_pickle_are_read(start, tmp_path):
    """A file starts with the length of its header, of which one in 32 has 0x80 in its lowest byte."""
    wanted = {"value": torch.arange(3.0)}
    bare = int.from_bytes(save(wanted, {"note": ""})[:8], "little")
    size = int.from_bytes(start, "little") + (256 if len(start) == 1 else 0)
    data = save(wanted, {"note": "x" * (size - bare)})
    assert data.startswith(start)
    path = tmp_path / TENSORS
    path.write_bytes(data)
    read = read_tensors(path, hashlib.sha256(data).hexdigest(), len(data))
    assert torch.equal(read["value"], wanted["value"])


@pytest.mark.parametrize("position", [0, 7, 20, 0.5, -1])
def test_one_flipped_byte_is_found(position, published):
    data = bytearray(bytes_of(published))
    data[int(position * len(data)) if isinstance(position, float) else position] ^= 1
    (published / TENSORS).write_bytes(data)
    with pytest.raises(ValueError, match=r"generator.safetensors was altered or damaged: its SHA-256 .* Download it"):
        ganzoo.load(published)


@pytest.mark.parametrize("left", [0, 5, 100, -1])
def test_a_cut_off_file_is_found_even_with_its_hash(left, published):
    (published / TENSORS).write_bytes(bytes_of(published)[:left])
    with pytest.raises(ValueError, match="was altered or damaged"):
        ganzoo.load(published)
    digest = hashlib.sha256(bytes_of(published)).hexdigest()
    altered(published, lambda config: config["sha256"].update({TENSORS: digest}))
    with pytest.raises(ValueError, match=r"generator.safetensors is not safetensors"):
        ganzoo.load(published)


def test_a_missing_file_is_named(published):
    (published / TENSORS).unlink()
    with pytest.raises(FileNotFoundError, match=r"generator.safetensors is missing"):
        ganzoo.load(published)


def test_a_file_without_a_hash_is_refused(published):
    altered(published, lambda config: config["sha256"].pop(TENSORS))
    with pytest.raises(ValueError, match=r"its SHA-256 is not the one in config.json"):
        ganzoo.load(published)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("net.0.weight"), r"do not belong together: missing \['net.0.weight'\], unknown \[\]"),
        (lambda t: t.update(extra=torch.zeros(1)), r"missing \[\], unknown \['extra'\]"),
        (lambda t: t.update({"net.0.bias": torch.zeros(17)}), r"net.0.bias is \[17\], not \[16\]"),
        (
            lambda t: t.update({"net.0.bias": torch.zeros(16).double()}),
            r"net.0.bias is torch.float64, .*config.json needs torch.float32",
        ),
    ],
    ids=["missing", "unknown", "shape", "type"],
)
def test_tensors_that_do_not_fit_are_refused(change, message, published):
    tensors = load_file(published / TENSORS)
    change(tensors)
    replaced(published, tensors)
    with pytest.raises(ValueError, match=message):
        ganzoo.load(published)


# -- what is refused: config.json


def set_generator(**values):
    return lambda config: config["networks"]["generator"].update(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(extra=1), r"config.json must have the keys .* got .*'extra'"),
        (lambda c: c.pop("metrics"), "config.json must have the keys"),
        (lambda c: c.update(format="ganzoo/3"), "must say format 'ganzoo/2'; a newer ganzoo may have written it"),
        (lambda c: c.update(networks={}), "networks must hold a generator"),
        (lambda c: c.update(networks=[]), "networks and sha256 must be objects"),
        (lambda c: c.update(sha256=None), "networks and sha256 must be objects"),
        (lambda c: c["networks"].update({"../critic": {}}), "a network's name must be of lower-case letters"),
        (
            lambda c: c["networks"].update(generator=3),
            "config.json must name a Module by class_path and init_args, got 3",
        ),
        (set_generator(class_path="os.system"), "unknown class 'os.system'"),
        (set_generator(class_path="builtins.eval", init_args={"source": "1"}), "unknown class 'builtins.eval'"),
        (set_generator(class_path="antigravity.fly"), "unknown class 'antigravity.fly'"),
        (set_generator(class_path=["os.system"]), r"unknown class \['os.system'\]"),
        (
            set_generator(class_path="ganzoo.priors.Normal", init_args={}),
            "Module cannot be ganzoo.priors.Normal: it is of another",
        ),
        (set_generator(init_args={"widht": 3}), r"takes no argument 'widht': there are"),
        (set_generator(init_args={"width": "16"}), "config.json describes no network"),
        (set_generator(init_args={"width": -1}), "config.json describes no network"),
        (set_generator(init_args={"width": 17}), r"belong together: net.0.weight is \[16, 4\], not \[17, 4\]"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused_and_runs_nothing(change, message, published, monkeypatch):
    monkeypatch.setattr(os, "system", lambda *args: pytest.fail("code ran"))
    altered(published, change)
    with pytest.raises(ValueError, match=message):
        ganzoo.load(published)
    assert "antigravity" not in sys.modules


def test_a_discriminator_in_the_generators_place_is_refused(published):
    def swap(config):
        config["networks"]["generator"] = config["networks"]["discriminator"]
        config["sha256"][TENSORS] = config["sha256"]["discriminator.safetensors"]

    shutil.copy(published / "discriminator.safetensors", published / TENSORS)
    altered(published, swap)
    with pytest.raises(ValueError, match="names FromImage as generator, which is none"):
        ganzoo.load(published)


def test_a_huge_network_costs_no_memory_before_it_is_refused(published):
    altered(published, set_generator(init_args={"width": 10**9}))
    with pytest.raises(ValueError, match=r"is \[16, 4\], not \[1000000000, 4\]"):
        ganzoo.load(published)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": "ganzoo/1"}', b'{"format": "ganzoo/2"}'])
def test_a_damaged_configuration_is_refused(text, published):
    (published / "config.json").write_bytes(text)
    with pytest.raises(ValueError, match=r"config.json (is damaged|must say format|must have the keys)"):
        ganzoo.load(published)


def test_a_folder_without_a_model_says_so(tmp_path):
    expected = r"expected config\.json, .*, or checkpoints/best\.ckpt or checkpoints/last\.ckpt of a run$"
    with pytest.raises(FileNotFoundError, match=f"^no model in {tmp_path}: {expected}"):
        ganzoo.load(tmp_path)


def test_a_part_of_a_model_points_to_its_folder(published):
    with pytest.raises(ValueError, match=f"part of a published model: give its folder, {published}"):
        ganzoo.load(published / TENSORS)


# -- what is refused: checkpoints


@pytest.mark.parametrize("left", [0, 1, 50, 0.5, 0.99, -1])
def test_a_cut_off_checkpoint_is_refused(left, checkpoint, tmp_path):
    data = checkpoint.read_bytes()
    cut = tmp_path / "cut.ckpt"
    cut.write_bytes(data[: int(left * len(data)) if isinstance(left, float) else left])
    for read in (ganzoo.load, read_checkpoint):
        with pytest.raises(ValueError, match=r"cut.ckpt is cut off, damaged or no checkpoint: use another, such as"):
            read(cut)


def test_random_bytes_are_no_checkpoint(tmp_path):
    path = tmp_path / "noise.ckpt"
    for seed in range(20):
        path.write_bytes(np.random.default_rng(seed).bytes(3000))
        with pytest.raises(ValueError, match=r"noise.ckpt (is cut off|is damaged|holds pickled objects)"):
            ganzoo.load(path)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("value", [Runs(), nn.Linear(2, 2), Path("x")], ids=["code", "module", "path"])
def test_a_checkpoint_with_pickled_objects_is_refused_unread(value, legacy, tmp_path):
    path = tmp_path / "evil.ckpt"
    torch.save({"ganzoo": {"model": value}}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match="holds pickled objects and was refused: loading them could run code"):
        ganzoo.load(path)
    assert not RAN


@pytest.mark.filterwarnings("ignore:nothing is judged")
@pytest.mark.parametrize("verb", ["fit", "validate", "test"])
def test_a_trainer_reads_checkpoints_without_pickles(verb, checkpoint, tmp_path):
    torch.save({**torch.load(checkpoint, weights_only=True), "extra": Runs()}, tmp_path / "evil.ckpt")
    go = getattr(trainer(1, tmp_path), verb)
    with pytest.raises(ValueError, match="holds pickled objects and was refused"):
        go(make("NSGAN"), datamodule=digits(), ckpt_path=str(tmp_path / "evil.ckpt"))
    assert not RAN


def test_the_pickles_of_these_tests_would_run():
    pickle.loads(pickle.dumps(Runs()))
    assert RAN.pop() == 1


def test_a_checkpoint_of_another_program_is_refused(tmp_path):
    torch.save({"state_dict": {}, "epoch": 1}, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match=r"other.ckpt was not written by a ganzoo game"):
        ganzoo.load(tmp_path / "other.ckpt")


def test_weights_of_another_size_are_refused(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)
    for made in (state["ganzoo"]["model"]["init_args"]["generator"], state["ganzoo"]["networks"]["generator"]):
        made["init_args"]["width"] = 17
    torch.save(state, tmp_path / "other.ckpt")
    with pytest.raises(
        ValueError, match=r"does not fit its own configuration: net.0.weight is \[16, 4\], not \[17, 4\]"
    ):
        ganzoo.load(tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match="does not fit its own configuration"):
        ganzoo.load_game(tmp_path / "other.ckpt")


class Forgetful(Generator):
    """A network that is made of what no file can hold."""

    def __init__(self, net):
        super().__init__(SHAPE, Normal(4))
        self.net = net

    def forward(self, z, y=None):
        return self.net(z)


def test_a_network_that_cannot_be_written_down_is_named(tmp_path):
    network = Forgetful(nn.Sequential(nn.Linear(4, 64), nn.Unflatten(1, SHAPE)))
    model = ganzoo.models.NSGAN(network, MLPDiscriminator(SHAPE, width=8, depth=1))
    trainer(1, tmp_path, callbacks=[Checkpoints()]).fit(model, datamodule=digits())
    with pytest.raises(
        ValueError,
        match=r"the generator Forgetful\(net=Sequential\) cannot be written to a file",
    ):
        ganzoo.load(tmp_path / "checkpoints" / "last.ckpt")
    with pytest.raises(ValueError, match=r"NSGAN\(generator=Forgetful\) cannot be written to a file"):
        hub.publish(model, tmp_path / "out", TRAINING)
    assert not (tmp_path / "out").exists()


# -- names


NAMED = [c.removeprefix("models/") for c in configs() if c.startswith("models/")]
LARGE = pytest.mark.slow  # networks of a paper's width


@pytest.mark.parametrize("name", [pytest.param(n, marks=[LARGE] if n.endswith("-paper") else []) for n in NAMED])
def test_every_configuration_makes_a_game(name):
    shapes = [(2,)] if "points" in name else [(1, 28, 28), (3, 32, 32)]
    for shape in shapes:
        model = ganzoo.create(name, shape, given(name, shape))
        x = some(model, 4)
        assert x.shape == (4, *shape)
        model.check_shapes()


def given(name, shape):
    """The generator of games over a trained one."""
    classes = {"icgan": 10, "latentencoder": 0, "imageencoder": 0, "iterativeencoder": 0}
    return DCGANGenerator(shape, width=4, num_classes=classes[name.lower()]) if name.lower() in classes else None


def test_every_listed_model_can_be_created():
    assert set(ganzoo.list_models()) == set(SPECIAL)
    for name in ganzoo.list_models():
        assert f"models/{name.lower()}" in configs(), (
            f"{name} has no configuration: write configs/models/{name.lower()}.yaml"
        )
        assert type(ganzoo.create(name, (1, 16, 16), given(name, (1, 16, 16)))).__name__ == name


def test_a_game_over_a_trained_generator_asks_for_it():
    with pytest.raises(ValueError, match=r"icgan is played over a trained generator: give generator=ganzoo\.load"):
        ganzoo.create("icgan")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ValueError, match=r"no model 'dcgn': did you mean 'dcgan'\?; there are acgan, ali"):
        ganzoo.create("dcgn")


@pytest.mark.parametrize("source", ["nowhere", "nowhere/last.ckpt", "a/b/c", "/nowhere/x"])
def test_nothing_there_is_said_without_asking_a_network(source, monkeypatch):
    monkeypatch.setattr(reading, "_download", lambda name: pytest.fail("asked the network"))
    with pytest.raises(
        FileNotFoundError, match=f"no model at {source}: expected a folder with config.json, that of a run"
    ):
        ganzoo.load(source)


def test_a_model_of_the_hub_is_a_folder(published, monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")
    asked = []
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **kw: asked.append((name, kw)) or published)
    assert ganzoo.load("someone/model").sample(1).shape == (1, *SHAPE)
    assert asked[0][0] == "someone/model"
    assert not any(pattern in ("*", "*.py", "*.pkl", "*.ckpt") for pattern in asked[0][1]["allow_patterns"])


def test_a_hub_that_cannot_be_reached_is_one_clear_error(monkeypatch):
    huggingface_hub = pytest.importorskip("huggingface_hub")

    def unreachable(name, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(ValueError, match="could not get 'someone/model' from the Hugging Face hub: no route"):
        ganzoo.load("someone/model")


def test_without_the_hub_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"pip install 'ganzoo\[hub\]'"):
        ganzoo.load("someone/model")


def test_the_card_and_weights_of_two_exports_are_equal(checkpoint, tmp_path):
    for name in "ab":
        export_checkpoint(checkpoint, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name
    one, two = (weights(ganzoo.load(tmp_path / name).generator) for name in "ab")
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_network_in_a_checkpoint_cannot_be_written_somewhere_else(checkpoint, tmp_path):
    state = torch.load(checkpoint, weights_only=True)
    state["ganzoo"]["networks"]["../elsewhere"] = state["ganzoo"]["networks"]["generator"]
    torch.save(state, tmp_path / "other.ckpt")
    with pytest.raises(ValueError, match=r"a network's name must be of lower-case letters, .* got '\.\./elsewhere'"):
        export_checkpoint(tmp_path / "other.ckpt", tmp_path / "out")
    assert not (tmp_path / "elsewhere.safetensors").exists()


@pytest.mark.parametrize("layout", [{"indent": 1}, {"sort_keys": True}, {"separators": (",", ":")}])
def test_what_config_json_says_is_hashed_and_not_its_layout(layout, published):
    path = published / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config, **layout))
    ganzoo.load(published)
    config["training"]["batches"] += 1
    path.write_text(json.dumps(config, **layout))
    with pytest.raises(ValueError, match=r"config.json was altered or damaged: its own SHA-256 is not the one in it"):
        ganzoo.load(published)


@pytest.mark.parametrize(("name", "judged"), [("NSGAN", True), ("CycleGAN", True), ("InfoGAN", False)])
def test_a_model_without_its_discriminator_is_judged_unless_its_codes_are_read_by_it(name, judged, tmp_path):
    game = make(name).eval()
    publish(game, tmp_path / "whole", {"data": None, "batches": 3})
    every_D = [network for network in game.published if network.startswith("discriminator")]
    export_checkpoint(tmp_path / "whole", tmp_path / "small", without=every_D)
    fresh = make(name)
    if not judged:
        with pytest.raises(
            ValueError, match="small lacks discriminator: give the checkpoint that it was exported from"
        ):
            take_published(fresh, str(tmp_path / "small"))
        return
    take_published(fresh, str(tmp_path / "small"))
    assert fresh.batches_done == 3
    assert all(torch.equal(value, game.G.state_dict()[key]) for key, value in fresh.G.state_dict().items())
