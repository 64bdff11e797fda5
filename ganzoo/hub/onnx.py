"""Generators as ONNX files, which other programs than Python run."""

import importlib.util
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim

from ganzoo.files import write_atomically
from ganzoo.inference import Inference
from ganzoo.roles import Classes, Generator, Images, Translator

NEEDED = ("onnx", "onnxscript")  # what torch writes them with


class OfImage(nn.Module):
    """A translator in which nothing is random, as a function of the image alone.

    Args:
        generator: Its z has size 0.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor) -> Tensor:
        """Return what is made of images [N, C, H, W]."""
        made: Tensor = self.generator(image.new_zeros(len(image), 0), image)
        return made


def check_onnx() -> None:
    """Check that the packages are there that ONNX files are written with.

    Raises:
        ValueError: one is not; says how to install it.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise ValueError(f"--onnx needs {' and '.join(missing)}: pip install {' '.join(NEEDED)}")


def write_onnx(model: Inference, folder: str | Path) -> list[Path]:
    """Write each generator of a model as NAME.onnx, for any number of images.

    Its inputs are z, [N, dim], where something is random, and of a model that is told something label, int64 [N], or
    image, [N, C, H, W]; its output is images, [N, C, H, W]. A ``Translator`` takes any height and width that its
    ``multiple`` divides: pad images by their edge, and cut what is made, as ``translate`` does.

    Raises:
        ValueError: a package is missing, or torch cannot write this network.
    """
    check_onnx()
    networks = {name: network for name, network in model.networks.items() if isinstance(network, Generator)}
    files = []
    for name, network in networks.items():
        files.append(Path(folder) / f"{name}.onnx")
        write_atomically(files[-1], lambda temporary, network=network: write(network, temporary))  # type: ignore[misc]
    return files


def write(network: Generator, file: Path) -> None:
    """Write one generator.

    Raises:
        ValueError: torch cannot.
    """
    inputs = inputs_of(network)
    called = OfImage(network) if list(inputs) == ["image"] else network
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the exporter's own parts
            torch.onnx.export(
                called.eval(),
                tuple(inputs.values()),
                file,
                input_names=list(inputs),
                output_names=["images"],
                dynamic_shapes=[axes_of(network, name) for name in inputs],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except OSError:
        raise
    except Exception as error:  # of many kinds, and many lines
        raise ValueError(f"torch cannot write {type(network).__name__} as ONNX: {str(error)[:200]}") from error


def inputs_of(network: Generator) -> dict[str, Tensor]:
    """Return two rows of each input of a generator, by its name; z only where something is random."""
    like, condition = next(network.parameters()), network.condition
    inputs = {"z": network.prior.seeded([0, 1]).to(like)} if network.prior.dim else {}
    if isinstance(condition, Classes):
        inputs["label"] = torch.zeros(2, dtype=torch.long, device=like.device)
    if isinstance(condition, Images):
        inputs["image"] = like.new_zeros(2, *condition.shape)
    return inputs


def axes_of(network: Generator, name: str) -> dict[int, Dim]:
    """Return the axes of an input that may have any length."""
    free = {"z": (0, 1), "image": (0, 2, 3)}.get(name, (0,)) if isinstance(network, Translator) else (0,)
    return dict.fromkeys(free, Dim.DYNAMIC)
