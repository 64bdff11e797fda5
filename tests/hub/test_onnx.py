"""Generators as ONNX files: what another program makes of them is what Python makes."""

import importlib.util

import numpy as np
import pytest
import torch

from ganzoo.cli import main
from ganzoo.hub.onnx import NEEDED, check_onnx, write_onnx
from ganzoo.hub.writing import write_networks
from ganzoo.inference import Inference
from ganzoo.networks import DCGANGenerator, MLPGenerator
from ganzoo.priors import Normal
from tests.cli.test_cli import refused  # noqa: F401
from tests.translator import Halving, Translate

VARIANT = {"class_path": "ganzoo.models.GAN", "init_args": {}}
GENERATORS = {
    "z": lambda: DCGANGenerator((1, 16, 16), Normal(8), width=4),
    "points": lambda: MLPGenerator((2,), Normal(3), width=4),
    "classes": lambda: DCGANGenerator((1, 16, 16), Normal(8), width=4, num_classes=3),
    "image": Translate,
    "any size": lambda: Halving((3, 8, 8), (1, 8, 8)),
}
CAN = all(importlib.util.find_spec(name) for name in (*NEEDED, "onnxruntime"))


def built(name):
    torch.manual_seed(0)
    return GENERATORS[name]().eval()


def calls(G, n, height, width):
    """The inputs of n rows, by their names."""
    source = torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    dim = G.dim_of(height, width) if isinstance(G, Halving) else G.prior.dim
    told = (
        {"label": torch.arange(n) % 3} if G.num_classes else {"image": source} if hasattr(G.condition, "shape") else {}
    )
    return {"z": Normal(dim).seeded(range(n)), **told}


@pytest.mark.compiles
@pytest.mark.skipif(not CAN, reason="needs onnx, onnxscript and onnxruntime")
@pytest.mark.parametrize("name", GENERATORS)
def test_another_program_makes_the_same_images(name, tmp_path):
    import onnxruntime

    G = built(name)
    (file,) = write_onnx(Inference({"generator": G}), tmp_path)
    assert file == tmp_path / "generator.onnx"
    assert list(tmp_path.iterdir()) == [file]
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    sizes = [(8, 8), (12, 20)] if name == "any size" else [(8, 8)]
    for n, (height, width) in ((n, size) for n in (1, 2, 5) for size in sizes):
        inputs = calls(G, n, height, width)
        with torch.no_grad():
            expected = G(*inputs.values()).numpy()
        given = {one.name: inputs[one.name].numpy() for one in session.get_inputs()}
        assert set(given) == {key for key, value in inputs.items() if value.numel()}
        (made,) = session.run(["images"], given)
        assert made.shape == expected.shape
        assert np.abs(made - expected).max() < 1e-5


@pytest.mark.compiles
@pytest.mark.skipif(not CAN, reason="needs onnx, onnxscript and onnxruntime")
def test_export_writes_both_ways(tmp_path, capsys):
    networks = {"generator": built("image"), "generator_back": built("image")}
    write_networks(networks, VARIANT, tmp_path / "model", {"data": None})
    assert main(["export", str(tmp_path / "model"), "--out", str(tmp_path / "o"), "--onnx"]) == 0
    assert f"wrote {tmp_path}/o/generator.onnx, {tmp_path}/o/generator_back.onnx\n" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "o").glob("*.onnx")} == {"generator.onnx", "generator_back.onnx"}


def test_without_the_packages_it_says_what_to_install_before_anything_is_written(tmp_path, monkeypatch, refused):  # noqa: F811
    write_networks({"generator": built("points")}, VARIANT, tmp_path / "model", {"data": None})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else name)
    said = refused("export", str(tmp_path / "model"), "--out", str(tmp_path / "o"), "--onnx")
    assert said == "--onnx needs onnxscript: pip install onnx onnxscript"
    assert not (tmp_path / "o").exists()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    check_onnx()


def test_what_torch_cannot_write_is_one_line(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(torch.onnx, "export", fails)
    with pytest.raises(ValueError, match=r"^torch cannot write MLPGenerator as ONNX: first line"):
        write_onnx(Inference({"generator": built("points")}), tmp_path)
    assert not list(tmp_path.iterdir())
