"""What is promised of a device, with one body for the CPU and for a card, which is skipped where there is none.

With a card: python -m pytest tests/test_devices.py -k cuda. On one that is lent for minutes: tools/gpu.sh.
"""

import os
from functools import partialmethod

import pytest
import torch
from lightning.pytorch.plugins.precision import MixedPrecision
from torch import nn

import ganzoo
from ganzoo.callbacks import Checkpoints, Compile, Evaluate, SampleGrid, SampleWriter, Watch
from ganzoo.callbacks.compile import SWITCH
from ganzoo.data import ImageFolder
from ganzoo.engine import SGD, Adam
from ganzoo.inference import sample_seeds
from ganzoo.models import DCGAN
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator
from ganzoo.priors import Coded, Normal
from tests.engine.test_resume import folder_of_images, same
from tests.zoo import SPECIAL, data_for, digits, fast, for_d_and_g, make, some, trainer, weights, written

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at the first product on a card: bitwise needs it
CARD = pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))
devices = pytest.mark.parametrize("device", ["cpu", CARD])
STEPS = {
    "SGD": SGD(lr=0.1),
    "Adam": Adam(lr=0.1, beta1=0.0, eps=1.0),  # moves by about the gradient, so that its scale shows
    "clipped": Adam(lr=0.1, beta1=0.0, eps=1.0, clip_norm=0.01),
}


@pytest.fixture(autouse=True)
def _any_kernel_again():
    yield
    torch.use_deterministic_algorithms(False)


def convolutions(width=8, side=8, **kwargs):
    """A DCGAN whose networks are convolutions with batch norm."""
    torch.manual_seed(0)
    shape = (1, side, side)
    return DCGAN(DCGANGenerator(shape, Normal(8), width=width), DCGANDiscriminator(shape, width=width), **kwargs)


def run(model, device, steps, folder, checkpoint=None, **kwargs):
    """Train with all that looks at a game meanwhile, and return what ``last.ckpt`` holds."""
    watching = [Checkpoints(every=3), SampleGrid(every=2), Watch(every=2), Evaluate(n=64), SampleWriter(n=5)]
    kwargs = {"limit_val_batches": 1.0, "val_check_interval": 4, "deterministic": True, **kwargs}
    runner = trainer(steps, folder, accelerator=device, callbacks=watching, **kwargs)
    runner.fit(model, datamodule=digits(), ckpt_path=checkpoint)
    return runner


def alike(images, expected):
    """Whether images are the same but for rounding; a card multiplies by 10 bits of TF32 unless it is told not to."""
    return (images.cpu() - expected).abs().max() < 0.05 * expected.std()


def last(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)


@devices
@pytest.mark.parametrize("name", ["convolutions", "BiGAN", "InfoGAN", "ACGAN"])
def test_a_resumed_run_ends_bitwise_equal(name, device, tmp_path):
    for folder, steps, checkpoint in (
        ("whole", 8, None),
        ("part", 3, None),
        ("rest", 8, tmp_path / "part" / "checkpoints" / "last.ckpt"),
    ):
        model = convolutions() if name == "convolutions" else make(name, **fast())
        run(model, device, steps, tmp_path / folder, checkpoint)
    whole, rest = last(tmp_path / "whole"), last(tmp_path / "rest")
    assert whole["global_step"] == rest["global_step"] == 8
    for key in ("state_dict", "optimizer_states"):
        assert not same(whole[key], rest[key])
    assert same(whole["state_dict"], last(tmp_path / "part")["state_dict"])


@devices
@pytest.mark.filterwarnings("ignore:predict returned None")
def test_a_game_is_judged_written_and_loaded_elsewhere(device, tmp_path):
    model = convolutions()
    runner = run(model, device, 4, tmp_path)
    runner.test(model, datamodule=digits())
    runner.predict(model, datamodule=digits())
    assert len(list((tmp_path / "samples").iterdir())) == 5
    assert written(tmp_path)["device"] == str(runner.strategy.root_device)
    loaded = ganzoo.load(tmp_path / "checkpoints" / "last.ckpt")
    assert alike(model.to(device).sample(20), loaded.sample(20))


@devices
def test_a_seed_is_one_image_alone_and_in_any_range(device):
    model = convolutions(width=32, side=32).to(device)
    images = model.sample(40, seed=5)
    assert images.device.type == device
    assert torch.equal(model.sample(1, seed=21)[0], images[16])
    assert torch.equal(model.sample(7, seed=30), images[25:32])
    assert not torch.equal(images[16], images[17])


@devices
@pytest.mark.parametrize("prior", [Normal(8), Coded(Normal(8))], ids=["Normal", "Coded"])
def test_a_seed_is_the_same_latent_and_nearly_the_same_image_everywhere(prior, device):
    G = DCGANGenerator((3, 32, 32), prior, width=32).eval()
    z, expected = prior.seeded(range(20)), sample_seeds(G, range(20))
    assert torch.equal(prior.seeded(range(20), device).cpu(), z)
    assert alike(sample_seeds(G.to(device), range(20)), expected)


@devices
@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_every_game_trains_and_samples(name, device, tmp_path):
    model = make(name, **fast())
    trainer(2, tmp_path, accelerator=device).fit(model, datamodule=data_for(model))
    assert {name.split("/")[0] for name in model.shown} == set(model.players())
    assert all(abs(value) < 1e3 for value in model.shown.values())
    model = model.to(device)
    images = some(model, 3)
    assert images.device.type == device
    assert images.abs().max() <= 1


@devices
def test_workers_bring_the_images_that_memory_holds(device, tmp_path):
    root, ends = str(folder_of_images(tmp_path / "pictures")), []
    for how in ({"in_memory": True}, {"num_workers": 2}):
        data, model = ImageFolder(root, size=8, channels=1, batch_size=16, **how), make("NSGAN", **fast())
        trainer(5, tmp_path, accelerator=device, deterministic=True).fit(model, datamodule=data)
        ends.append(weights(model))
    assert not same(*ends)


# -- mixed precision and compilation


def move(name, how, device, folder, precision=None):
    """Return the one move of each network, as a vector, and the types of D's logits."""
    model, kinds = make(name, n_critic=1, **for_d_and_g(how)), set()
    before = weights(model)
    model.D.register_forward_hook(lambda D, x, logits: kinds.add(logits.dtype) if D.training else None)
    scaler = torch.amp.GradScaler(device, init_scale=2.0**10) if precision == "16-mixed" else None
    plugins = [MixedPrecision(precision, device, scaler=scaler)] if precision else []
    trainer(1, folder, accelerator=device, plugins=plugins).fit(model, datamodule=digits())
    moved = {key: p.detach().cpu() - before[key] for key, p in model.named_parameters()}
    return {G: torch.cat([m.flatten() for key, m in moved.items() if key.startswith(G)]) for G in ("D.", "G.")}, kinds


@devices
@pytest.mark.parametrize("how", STEPS)
@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("name", ["NSGAN", "WGANGP"])
def test_mixed_precision_moves_as_single_precision_does(name, precision, how, device, tmp_path):
    expected, full = move(name, STEPS[how], device, tmp_path)
    moved, half = move(name, STEPS[how], device, tmp_path, precision)
    assert full == {torch.float32}
    assert half == {torch.bfloat16 if precision == "bf16-mixed" else torch.float16}
    for network, step in expected.items():
        assert (moved[network] - step).norm() < 0.05 * step.norm(), network


@devices
@pytest.mark.compiles
@pytest.mark.skipif(not hasattr(torch._dynamo.config, SWITCH), reason="refused: this torch cannot compile a game")
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor", "ignore:TensorFloat32 tensor cores")
@pytest.mark.parametrize("name", ["NSGAN", "WGANGP"])
def test_compiled_networks_play_the_same_game(name, device, tmp_path, monkeypatch):
    """WGANGP differentiates D twice, for which torch.compile has no code: its penalty takes the eager forward."""
    if device == "cpu":  # a C++ compiler would take half a minute
        monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend="aot_eager"))
    torch.compiler.reset()
    ends = []
    for callbacks in ([], [Compile()]):
        model = make(name, n_critic=1, **for_d_and_g(SGD(lr=0.1)))
        trainer(3, tmp_path, accelerator=device, callbacks=callbacks).fit(model, datamodule=digits())
        ends.append(weights(model))
        assert (model.D._compiled_call_impl is not None) == bool(callbacks)
    torch.testing.assert_close(ends[1], ends[0], atol=1e-4, rtol=1e-3)


def test_a_torch_that_does_not_notice_who_is_frozen_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ganzoo.callbacks.compile.SWITCH", "no_such_switch")
    with pytest.raises(ValueError, match=r"torch .* cannot compile a game.* leave --compile out, or install torch"):
        trainer(1, tmp_path, callbacks=[Compile()]).fit(make("NSGAN"), datamodule=digits())
