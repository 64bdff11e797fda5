"""From a configuration and tensors to a network: what does not fit is refused before it costs time or memory."""

import contextlib
import hashlib
import math
import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.checkpoints import check_tensors
from ganzoo.config import Config, build
from ganzoo.trust import checked

STEPS = 10_000  # the most operations that a constructor needs; that of SAGAN needs about 1,100
OWN = re.compile(r"'class_path': '(?!ganzoo\.)")  # in a configuration: a class that is not of this package
SPARE = 2**28  # bytes of networks that judge
HEADER = 2**20  # bytes of a safetensors file beside its tensors


def read_network(path: Path, config: Config, sha256: str | None) -> nn.Module:
    """Return a network of a published folder: made from ``config``, with the tensors of a safetensors file.

    Raises:
        ValueError: the file was altered, or does not belong to the configuration.
        FileNotFoundError: it is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    source = str(path.parent / "config.json")
    config = checked(config, nn.Module, source)
    wanted = unbuilt(config, source).state_dict()
    tensors = read_tensors(path, sha256, sum(value.nbytes for value in wanted.values()))
    compare(wanted, tensors, f"{path} and {source} do not belong together")
    for key, value in wanted.items():
        if tensors[key].dtype != value.dtype:
            raise ValueError(f"{path}: {key} is {tensors[key].dtype}, {source} needs {value.dtype}")
    return made(config, tensors)


def read_tensors(path: Path, sha256: str | None, expected: int) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Args:
        path: The file.
        sha256: Its hash.
        expected: Bytes of its tensors.

    Raises:
        ValueError: the file is much larger, was altered, is no safetensors, or holds what is no number.
    """
    size = path.stat().st_size
    if size > expected + HEADER:
        raise ValueError(f"{path} has {size} bytes, the network that config.json describes {expected}")
    data = path.read_bytes()
    header = data[8:9] == b"{"  # of safetensors; the eight bytes before it, its length, may be any
    if not header and (data[:2] == b"PK" or data[:1] == b"\x80"):
        raise ValueError(f"{path} is a pickle, not safetensors: refused, because loading it could run code")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path} was altered or damaged: its SHA-256 is not the one in config.json. Download it again")
    try:
        tensors = tensors_from_bytes(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is not safetensors: {error}") from error
    check_tensors(tensors, str(path))
    return tensors


def fitted(config: Config, tensors: Mapping[str, Tensor], where: str) -> Config:
    """Return a configuration with the present names of its classes, if tensors of a checkpoint are its network's.

    Raises:
        ValueError: they are not.
    """
    config = checked(config, nn.Module, where)
    compare(unbuilt(config, where).state_dict(), tensors, f"{where} does not fit its own configuration")
    return config


def unbuilt(config: Config, where: str) -> nn.Module:
    """Return what a checked configuration describes, without its numbers: no memory is taken.

    A network of a user's own whose constructor reads a number, which is then not there, is made with numbers.

    Raises:
        ValueError: the configuration makes no network, or one without end.
    """
    for device in ("meta", "cpu") if OWN.search(repr(config)) else ("meta",):
        try:
            with undisturbed(device), Bounded(), NoNumbers() if device == "meta" else contextlib.nullcontext():
                network: nn.Module = build(config)
                return network
        except Exception as error:  # a damaged configuration can fail in any way
            failed = error
            if "meta" not in str(error):
                break
    reason = " ".join(str(failed).split()) or type(failed).__name__
    raise ValueError(f"{where} describes no network: {reason[:300]}") from failed


def made(config: Config, tensors: Mapping[str, Tensor]) -> nn.Module:
    """Return the network that a checked configuration describes, with copies of tensors that fit."""
    with undisturbed("cpu"):
        network: nn.Module = build(config)
        network.load_state_dict(tensors, strict=True)
    return network


def compare(wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], message: str) -> None:
    """Check that tensors have the names and shapes that are wanted.

    Raises:
        ValueError: the message, with those that have not.
    """
    if wanted.keys() != tensors.keys():
        missing, unknown = (sorted(map(str, names))[:3] for names in (wanted.keys() - tensors, tensors.keys() - wanted))
        raise ValueError(f"{message}: missing {missing}, unknown {unknown}")
    for key, value in wanted.items():
        if tensors[key].shape != value.shape:
            raise ValueError(f"{message}: {key} is {list(tensors[key].shape)}, not {list(value.shape)}")


class Bounded(TorchDispatchMode):
    """Ends a constructor that computes more than any network needs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operation.

        Raises:
            ValueError: there are too many.
        """
        self.steps += 1
        if self.steps > STEPS:
            raise ValueError(f"it takes more than {STEPS} steps to make")
        return func(*args, **(kwargs or {}))


class NoNumbers(TorchFunctionMode):
    """Leaves out what is drawn or computed in vain where there are no numbers: spectral norm's iterations take long."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return something of the right shape."""
        kwargs = kwargs or {}
        if func is torch.mv:
            return args[0].new_empty(args[0].shape[0])
        if func is nn.functional.normalize:
            return args[0] if kwargs.get("out") is None else kwargs["out"]
        if func in (torch.rand, torch.randn):
            return torch.empty(*args, **{key: value for key, value in kwargs.items() if key != "generator"})
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **kwargs)


@contextlib.contextmanager
def no_larger_than(path: str | None) -> Iterator[None]:
    """Refuse modules that hold far more numbers than the file or folder, if there is one, that is to be put into them.

    Raises:
        ValueError: names the file.
    """
    files = [] if path is None else [Path(path), *Path(path).glob("*")]
    left = SPARE + 4 * sum(file.stat().st_size for file in files) if files else math.inf

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else parameter.nbytes
        if left < 0:
            raise ValueError(f"the networks that are asked for are far larger than those of {path}")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


@contextlib.contextmanager
def undisturbed(device: str) -> Iterator[None]:
    """Make new tensors float32 on ``device``, whatever the defaults are, and move no random generator."""
    dtype, python, numbers = torch.get_default_dtype(), random.getstate(), np.random.get_state()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices=[]), torch.device(device):
            yield
    finally:
        torch.set_default_dtype(dtype)
        random.setstate(python)
        np.random.set_state(numbers)
