"""What does not fit is refused before it costs time or memory; loading disturbs nothing and obeys no default."""

import hashlib
import json
import random
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import ganzoo
from ganzoo.callbacks import Checkpoints
from ganzoo.checkpoints import write_checkpoint
from ganzoo.cli import front
from ganzoo.data import Digits, Gaussians, ImageFolder
from ganzoo.hub import publish, tensors
from ganzoo.hub.form import hash_of
from ganzoo.hub.tensors import STEPS, fitted, made, no_larger_than, unbuilt
from ganzoo.models import NSGAN
from ganzoo.networks import DCGANGenerator, MLPDiscriminator, MLPGenerator, R3GANGenerator, VirtualBatchGenerator
from ganzoo.priors import Coded, Normal
from ganzoo.trust import JSON, read_json
from tests.zoo import SHAPE, FromImage, ToImage, digits, make, some, trainer, weights

TRAINING = {"data": None, "seed": 0, "batches": 3, "images_seen": 48}
NAME = "generator.safetensors"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    trainer(3, folder, callbacks=[Checkpoints()]).fit(make("NSGAN"), datamodule=digits())
    return folder / "checkpoints" / "last.ckpt"


@pytest.fixture
def published(tmp_path):
    return publish(make("NSGAN").eval(), tmp_path / "published", TRAINING)


def described(folder, change):
    """Change config.json."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    config["sha256"]["config.json"] = hash_of(config)
    path.write_text(json.dumps(config))
    return folder


def holding(folder, name, content):
    """Put other tensors into a published folder, with their hash."""
    save_file(content, folder / name)
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    return described(folder, lambda config: config["sha256"].update({name: digest}))


# -- sizes


def virtual():
    G = DCGANGenerator(SHAPE, Normal(4), width=4, norm="virtual")
    return VirtualBatchGenerator(G, n_reference=8)


G = {
    "mlp": lambda: MLPGenerator(SHAPE, Normal(4), width=8, depth=1),
    "r3": lambda: R3GANGenerator(SHAPE, Normal(4), width=4, n_blocks=1),
    "virtual": virtual,
    "coded": lambda: MLPGenerator(SHAPE, Coded(Normal(4), (3,), 1), width=8, depth=1),
}
BOMBS = [
    ("mlp", ("depth",), 10**5, f"it takes more than {STEPS} steps to make"),
    ("mlp", ("depth",), 2**53, f"it takes more than {STEPS} steps to make"),
    ("mlp", ("width",), 10**9, r"is \[8, 4\], not \[1000000000, 4\]"),
    ("mlp", ("width",), 2**52, r"describes no network|not \[4503599627370496, 4\]"),
    ("mlp", ("image_shape",), [1, 10**9, 10**9], r"describes no network|not \[10{18}"),
    ("mlp", ("image_shape",), [10**9] * 3, "describes no network"),
    ("mlp", ("prior", "init_args", "dim"), 10**9, r"is \[8, 4\], not \[8, 1000000000\]"),
    ("r3", ("n_blocks",), 10**7, f"it takes more than {STEPS} steps to make"),
    ("virtual", ("n_reference",), 10**7, f"it takes more than {STEPS} steps to make"),
    (
        "virtual",
        ("generator", "init_args", "prior", "init_args", "dim"),
        10**9,
        r"z is \[8, 4\], not \[8, 1000000000\]",
    ),
    ("coded", ("prior", "init_args", "uniform"), 10**7, "at most 1000 codes, got 1 categorical and 10000000 uniform"),
]


@pytest.mark.parametrize(("name", "where", "value", "message"), BOMBS)
def test_a_size_that_was_altered_is_refused_soon(name, where, value, message, tmp_path):
    network = G[name]()
    folder = publish(NSGAN(network, MLPDiscriminator(SHAPE, width=4, depth=1)).eval(), tmp_path, TRAINING)

    def change(config):
        inner = config["networks"]["generator"]["init_args"]
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = value

    began = time.process_time()
    with pytest.raises(ValueError, match=message) as error:
        ganzoo.load(described(folder, change))
    assert time.process_time() - began < 8
    assert "\n" not in str(error.value)


def test_the_sizes_of_a_checkpoint_are_bounded_too(checkpoint, tmp_path):
    for where in ("networks", "model"):
        content = torch.load(checkpoint, weights_only=True)
        ours = content["ganzoo"]
        made = ours["networks"]["generator"] if where == "networks" else ours["model"]["init_args"]["generator"]
        made["init_args"]["image_shape"] = [1, 10**9, 10**9]
        write_checkpoint(content, tmp_path / "huge.ckpt")
        with pytest.raises(ValueError, match=r"huge.ckpt (describes no network|does not fit its own)"):
            (ganzoo.load if where == "networks" else ganzoo.load_game)(tmp_path / "huge.ckpt")


def test_a_sparse_file_is_refused_unread(published, monkeypatch):
    with open(published / NAME, "r+b") as file:
        file.truncate(6 * 2**30)
    monkeypatch.setattr(type(published), "read_bytes", lambda path: pytest.fail("it was read"))
    with pytest.raises(
        ValueError, match=r"generator.safetensors has 6442450944 bytes, the network that .* describes \d"
    ):
        ganzoo.load(published)


def test_a_sparse_header_is_refused(published):
    data = (10**8).to_bytes(8, "little") + b"{" * 100
    (published / NAME).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    described(published, lambda config: config["sha256"].update({NAME: digest}))
    with pytest.raises(ValueError, match=r"generator.safetensors is not safetensors"):
        ganzoo.load(published)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"[" * 100_000, "is damaged: maximum recursion depth exceeded"),
        (b'{"a":' * 100_000, "is damaged: maximum recursion depth exceeded"),
        (b"9" * 5000, "is damaged: Exceeds the limit"),
        (b" " * (JSON + 1), f"is damaged: it has {JSON + 1} bytes, more than {JSON}"),
    ],
)
def test_json_without_end_is_one_line(text, message, published):
    (published / "config.json").write_bytes(text)
    with pytest.raises(ValueError, match=f"config.json {message}") as error:
        ganzoo.load(published)
    assert "\n" not in str(error.value)


def test_a_sparse_configuration_is_refused_unread(tmp_path):
    with open(tmp_path / "config.json", "wb") as file:
        file.truncate(6 * 2**30)
    with pytest.raises(ValueError, match="is damaged: it has 6442450944 bytes"):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("make_data", "message"),
    [
        (lambda: Digits(size=10**5), r"size must be a side from 1 to 8192, or two: \[height, width\]; got 100000"),
        (lambda: ImageFolder("x", size=10**9), "size must be a side from 1 to 8192, or two: .* got 1000000000"),
        (lambda: ImageFolder("x", size=8, num_workers=10**5), "num_workers must be from 0 to 128, got 100000"),
        (lambda: Gaussians(n_points=10**9), r"n_modes and n_points must be at most \(10000, 10000000\), got 8 and 10"),
        (lambda: Gaussians(n_points=0), "n_modes and n_points must be at most"),
        (lambda: Gaussians(n_modes=10**9), "n_modes and n_points must be at most"),
    ],
)
def test_data_of_any_size_is_not_made(make_data, message):
    with pytest.raises(ValueError, match=message):
        make_data()


def test_a_trainer_makes_no_networks_far_larger_than_its_checkpoint(checkpoint, monkeypatch):
    monkeypatch.setattr(tensors, "SPARE", 2**16)
    n = 4 * checkpoint.stat().st_size // 4 + 2**14
    with no_larger_than(str(checkpoint)):
        nn.Linear(1, n - 1000, bias=False)
    message = r"the networks that are asked for are far larger than those of .*last.ckpt"
    with pytest.raises(ValueError, match=message), no_larger_than(str(checkpoint)):
        nn.Linear(1, n + 1000, bias=False)
    with no_larger_than(None):
        nn.Linear(1, n + 1000, bias=False)
    nn.Linear(1, n + 1000, bias=False)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("CUDA out of memory. Tried to allocate"), True),
        (RuntimeError("Storage size calculation overflowed with sizes=[1]"), True),
        (RuntimeError("a mistake of ours"), False),
    ],
)
def test_too_little_memory_is_one_line(error, told, monkeypatch, capsys):
    def fails(argv):
        raise error

    monkeypatch.setattr(front, "answer", fails)
    if told:
        assert front.main(["list"]) == 2
        assert capsys.readouterr().err.startswith("ganzoo: there is not enough memory: choose smaller networks")
    else:
        with pytest.raises(RuntimeError, match="a mistake"):
            front.main(["list"])


# -- numbers


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_a_folder_that_are_no_numbers_are_refused_by_name(value, published):
    content = load_file(published / NAME)
    content["net.2.bias"][3] = value
    with pytest.raises(ValueError, match=r"generator.safetensors: net.2.bias holds NaN or infinite numbers"):
        ganzoo.load(holding(published, NAME, content))


@pytest.mark.parametrize("name", ["sagan", "projectiongan", "r3gan"])
def test_shapes_without_numbers_are_the_shapes_with_them(name):
    game = ganzoo.create(name, SHAPE)
    for network in (game.G, game.D):
        shapes = unbuilt(network.config(), "x").state_dict()
        assert {key: (v.shape, v.dtype) for key, v in shapes.items()} == {
            key: (v.shape, v.dtype) for key, v in network.state_dict().items()
        }
        assert all(value.is_meta for value in shapes.values())


class Marked(ToImage):
    """Has numbers that are neither weights nor written to files."""

    def __init__(self, width: int = 16) -> None:
        super().__init__(width=width)
        self.scale = torch.full((1,), 0.5)
        self.register_buffer("shift", torch.full((1,), 0.25), persistent=False)

    def forward(self, z, y=None):
        return super().forward(z, y) * self.scale + self.shift


def test_numbers_that_no_file_holds_are_made_again(tmp_path):
    game = NSGAN(Marked(), FromImage()).eval()
    loaded = ganzoo.load(publish(game, tmp_path, TRAINING))
    assert torch.equal(some(loaded, 4), some(game, 4))
    again = made(fitted(game.G.config(), game.G.state_dict(), "x"), game.G.state_dict())
    assert torch.equal(again.scale, game.G.scale)


class Reads(ToImage):
    """Reads a number in its constructor, where there is none without memory."""

    def __init__(self, width: int = 16) -> None:
        super().__init__(width=width)
        self.factor = torch.linspace(0, 0.5, 3).tolist()[-1]
        self.net.requires_grad_(bool(torch.ones(1)))

    def forward(self, z, y=None):
        return super().forward(z, y) * self.factor


def test_a_network_of_ones_own_that_asks_for_numbers_gets_them(tmp_path):
    game = NSGAN(Reads(), FromImage()).eval()
    loaded = ganzoo.load(publish(game, tmp_path / "it", TRAINING))
    assert torch.equal(some(loaded, 4), some(game, 4))
    trainer(1, tmp_path, callbacks=[Checkpoints()]).fit(game, datamodule=digits())
    again = ganzoo.load_game(tmp_path / "checkpoints" / "last.ckpt")
    assert torch.equal(some(again, 4), some(game.eval(), 4))


class Picky(NSGAN):
    """Wants something of its checkpoints."""

    def on_save_checkpoint(self, checkpoint):
        super().on_save_checkpoint(checkpoint)
        checkpoint["mine"] = 3

    def on_load_checkpoint(self, checkpoint):
        super().on_load_checkpoint(checkpoint)
        self.mine = checkpoint["mine"]


def test_what_a_game_of_ones_own_misses_is_one_line(tmp_path):
    trainer(1, tmp_path, callbacks=[Checkpoints()]).fit(Picky(ToImage(), FromImage()), datamodule=digits())
    path = tmp_path / "checkpoints" / "last.ckpt"
    assert ganzoo.load_game(path).mine == 3
    content = torch.load(path, weights_only=True)
    del content["mine"]
    write_checkpoint(content, path)
    with pytest.raises(ValueError, match=r"last.ckpt cannot be taken up by Picky: KeyError\('mine'\)"):
        ganzoo.load_game(path)


# -- company


def state_of_the_world():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


@pytest.fixture(params=["folder", "checkpoint", "game"])
def source(request, checkpoint, published):
    return {
        "folder": lambda: ganzoo.load(published),
        "checkpoint": lambda: ganzoo.load(checkpoint),
        "game": lambda: ganzoo.load_game(checkpoint),
    }[request.param]


def test_loading_moves_no_random_generator(source):
    before = state_of_the_world()
    source()
    assert state_of_the_world() == before


def test_loading_knows_no_default_type_and_no_default_device(source):
    expected = source()
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"):
            loaded = source()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    found, wanted = (
        weights(model if isinstance(model, nn.Module) else model.generator) for model in (loaded, expected)
    )
    assert all(value.dtype == wanted[key].dtype and torch.equal(value, wanted[key]) for key, value in found.items())
    assert torch.equal(some(loaded, 4), some(expected, 4))


def test_what_was_loaded_does_not_follow_its_file(checkpoint, tmp_path):
    path = tmp_path / "copy.ckpt"
    path.write_bytes(checkpoint.read_bytes())
    loaded = ganzoo.load(path)
    before = some(loaded, 4)
    with open(path, "r+b") as file:
        file.write(b"\0" * path.stat().st_size)
    assert torch.equal(some(loaded, 4), before)


@pytest.mark.parametrize("error", [FileNotFoundError, ValueError])
def test_a_checkpoint_and_a_folder_fail_alike(error, checkpoint, published, tmp_path):
    (published / NAME).unlink() if error is FileNotFoundError else (published / NAME).write_bytes(b"x")
    if error is ValueError:
        (tmp_path / "x.ckpt").write_bytes(checkpoint.read_bytes()[:-1])
    for path in (published, tmp_path / "x.ckpt"):
        with pytest.raises(error):
            ganzoo.load(path)


def test_json_deeper_than_any_configuration_is_refused(published):
    described(published, lambda config: config["metrics"].update(x=json.loads("[" * 60 + "]" * 60)))
    with pytest.raises(ValueError, match=r"config.json describes no game: more than 40 levels"):
        ganzoo.load(published)
