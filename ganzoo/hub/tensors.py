"""From a configuration and tensors to a network: what does not fit is refused before it costs time or memory."""

import contextlib
import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo.checkpoints import check_tensors
from ganzoo.config import Config, build
from ganzoo.trust import checked

STEPS, NUMBERS = 20_000, 10**7  # the most that a constructor may compute: operations, numbers in one tensor
HEADER = 2**20  # bytes of a safetensors file beside its tensors


def read_network(path: Path, config: Config, sha256: str | None) -> nn.Module:
    """Return the network of a published folder: made from ``config``, with the tensors of a safetensors file.

    Raises:
        ValueError: the file was altered, or does not belong to the configuration.
        FileNotFoundError: it is missing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    network = unbuilt(config, str(path.parent / "config.json"))
    most = HEADER + sum(value.nbytes for value in network.state_dict().values())
    if path.stat().st_size > most:
        raise ValueError(f"{path} holds {path.stat().st_size} bytes, the network of config.json has {most} at most")
    data = path.read_bytes()
    if data[:2] == b"PK" or data[:1] == b"\x80":
        raise ValueError(f"{path} is a pickle, not safetensors: refused, because loading it could run code")
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{path} was altered or damaged: its SHA-256 is not the one in config.json. Download it again")
    try:
        tensors = tensors_from_bytes(data)
    except SafetensorError as error:
        raise ValueError(f"{path} is not safetensors: {error}") from error
    check_tensors(tensors, str(path))
    compare(network, tensors, str(path), "config.json")
    for key, value in network.state_dict().items():
        if tensors[key].dtype != value.dtype:
            raise ValueError(f"{path} does not fit config.json: {key} is {tensors[key].dtype}, not {value.dtype}")
    network.load_state_dict(tensors, strict=True, assign=True)
    return network


def rebuilt(config: Config, tensors: Mapping[str, Tensor], where: str) -> nn.Module:
    """Return the network that ``config`` describes, with copies of tensors of a checkpoint.

    Raises:
        ValueError: they do not belong together.
    """
    network = fitting(config, tensors, where)
    wanted = network.state_dict()
    copies = {key: tensor.to(wanted[key].dtype, copy=True) for key, tensor in tensors.items()}
    network.load_state_dict(copies, strict=True, assign=True)
    return network


def fitting(config: Config, tensors: Mapping[str, Tensor], where: str) -> nn.Module:
    """Return the network that ``config`` describes, without numbers, if tensors of a checkpoint would fit.

    Raises:
        ValueError: they do not belong together.
    """
    network = unbuilt(config, where)
    compare(network, tensors, where, "its own configuration")
    return network


def unbuilt(config: Any, where: str) -> nn.Module:
    """Make a network that has shapes and no numbers: no memory is taken, and no random number drawn.

    Raises:
        ValueError: the configuration names what it may not, makes no network, or one without end.
    """
    config = checked(config, nn.Module, where)
    try:
        with torch.device("meta"), single_precision(), Bounded(), NoNumbers():
            network: nn.Module = build(config)
    except Exception as error:  # a damaged configuration can fail in any way
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{where} describes no network: {reason[:300]}") from error
    return network


def compare(network: nn.Module, tensors: Mapping[str, Tensor], where: str, described: str) -> None:
    """Check that tensors have the names and shapes of a network's.

    Args:
        network: The network.
        tensors: By their names.
        where: What holds the tensors, for errors.
        described: What describes the network, for errors.

    Raises:
        ValueError: names those that have not.
    """
    wanted = network.state_dict()
    if wanted.keys() != tensors.keys():
        missing, unknown = (sorted(map(str, names))[:3] for names in (wanted.keys() - tensors, tensors.keys() - wanted))
        raise ValueError(f"{where} does not fit {described}: missing {missing}, unknown {unknown}")
    for key, value in wanted.items():
        if tensors[key].shape != value.shape:
            raise ValueError(
                f"{where} does not fit {described}: {key} is {list(tensors[key].shape)}, not {list(value.shape)}"
            )


class Bounded(TorchDispatchMode):
    """Ends a constructor that computes more than any network needs."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operation, and look at the sizes that it is given.

        Raises:
            ValueError: too many, or too large.
        """
        self.steps += 1
        if self.steps > STEPS:
            raise ValueError(f"it takes more than {STEPS} steps to make")
        kwargs = kwargs or {}
        if torch.device(kwargs.get("device") or "meta").type != "meta":
            sizes = [math.prod(a) if isinstance(a, (list, tuple)) else a for a in args if isinstance(a, (list, int))]
            if max(sizes, default=0) > NUMBERS:
                raise ValueError(f"it takes a tensor of {max(sizes)} numbers to make")
        return func(*args, **kwargs)


class NoNumbers(TorchFunctionMode):
    """Leaves out what is computed in vain where there are no numbers: spectral norm's iterations take long."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return something of the right shape."""
        kwargs = kwargs or {}
        if func is torch.mv:
            return args[0].new_empty(args[0].shape[0])
        if func is nn.functional.normalize:
            return args[0] if kwargs.get("out") is None else kwargs["out"]
        return func(*args, **kwargs)


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
    """Make new tensors float32, whatever the default is."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
