"""Files made to do harm, and commands on them in processes whose time and memory are watched."""

import contextlib
import copy
import hashlib
import json
import os
import random
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file

from ganzoo.checkpoints import write_checkpoint
from ganzoo.hub.form import hash_of
from tests.processes import start

SECONDS, BYTES = 10, 2 * 2**30  # the most that a bad file may cost
HELPER = '''
"""Code beside a checkpoint, which nobody has asked for."""

open("RAN", "w").write("ran")
from ganzoo.networks import MLPGenerator
from ganzoo.data import Digits


class Net(MLPGenerator):
    """A network whose module runs code."""


class Data(Digits):
    """Data whose module runs code."""


def function(*args, **kwargs):
    """A function that can be called by its name."""
'''


class Ended(NamedTuple):
    status: int
    text: str
    seconds: float
    bytes: int

    @property
    def refused(self) -> bool:
        """Whether the command ended with one line that says why."""
        lines = [line for line in self.text.splitlines() if line.strip() and "batch/s" not in line]  # no progress bar
        return self.status == 2 and len(lines) == 1 and lines[0].startswith("ganzoo: ")

    @property
    def cheap(self) -> bool:
        return self.seconds < SECONDS and self.bytes < BYTES


def watched(work: Callable[[], Any], folder: Path) -> Ended:
    """Run ``work`` in a child process in ``folder``, where it could import what lies there."""
    log = folder / "log"
    log.write_text("")

    def within() -> Any:
        os.chdir(folder)
        sys.path.insert(0, str(folder))  # as python -m ganzoo does
        os.environ["GANZOO_CACHE"] = str(folder / "cache")
        signal.alarm(6 * SECONDS)
        warnings.simplefilter("ignore")  # which are errors in tests
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + 4 * BYTES, mapped + 4 * BYTES))
        return work()

    began = time.monotonic()
    pid = start(within, log)
    _, status, used = os.wait4(pid, 0)
    return Ended(os.waitstatus_to_exitcode(status), log.read_text(), time.monotonic() - began, used.ru_maxrss * 1024)


# -- configurations that would import, open or call something


def classes() -> Iterator[Any]:
    """What may stand in the place of a class, and must not."""
    trained = {"class_path": "ganzoo.hub.Trained", "init_args": {"path": "checkpoint.ckpt"}}
    yield from (
        {"class_path": path} for path in ("helper.Net", "helper.Data", "helper.function", "helper", "os.system")
    )
    yield from ({"class_path": path} for path in (".helper.Net", "helper:Net", "tests.hostile.Ended", "torch.hub.load"))
    yield from ({"class_path": path} for path in (["helper.Net"], {"class_path": "helper.Net"}, None, 3, "", "Net"))
    yield {"class_path": "helper.Net", "init_args": {"image_shape": [1, 8, 8]}}
    yield {"class_path": "helper.Net", "init_args": {}, "dict_kwargs": {}}
    yield {"init_args": {"class_path": "helper.Net"}}
    yield {"dict_kwargs": {"class_path": "helper.Net"}}
    yield {"class_path": "ganzoo.networks.MLPGenerator", "init_args": {"prior.class_path": "helper.Net"}}
    yield {"class_path": "ganzoo.networks.MLPGenerator", "init_args": {"prior": "helper.Net"}}
    yield {"class_path": "ganzoo.networks.MLPGenerator", "__path__": "helper.yaml"}
    yield {"class_path": "ganzoo.networks.MLPGenerator.__init__"}
    yield {"class_path": "ganzoo.networks.mlp.nn.Module"}
    yield {"class_path": "ganzoo.config.Configurable"}
    yield {"class_path": "lightning.pytorch.callbacks.LambdaCallback", "init_args": {"setup": "helper.function"}}
    yield {"class_path": "functools.partial", "init_args": {"func": "helper.function"}}
    yield trained
    yield from ("helper.Net", "helper", "helper.py", "helper.yaml", "./helper.yaml", "helper.function")
    yield from ('{"class_path": "helper.Net"}', "class_path: helper.Net", "!!python/name:helper.Net", "- helper.Net")
    yield from ([{"class_path": "helper.Net"}], ["helper.Net"], "helper", "${helper.Net}", {"helper.Net": {}})


NETWORKS = ("networks.generator", "networks.discriminator", "networks.generator.init_args.prior")  # of a checkpoint
GAME = (  # of a checkpoint, made again by the verbs with a trainer
    "model",
    "model.init_args.generator",
    "model.init_args.discriminator",
    "model.init_args.generator.init_args.prior",
    "model.init_args.d_optimizer",
    "model.init_args.g_optimizer.init_args.schedule",
    "model.init_args.objective",
    "model.init_args.n_critic",
    "data",
    "data.init_args.size",
)
RUN = (  # in config.yaml
    *("trainer.callbacks", "trainer.logger", "trainer.strategy", "trainer.accelerator", "trainer.plugins"),
    *("trainer.profiler", "evaluate.extractor", "trainer", "evaluate", "config", "optimizer", "lr_scheduler"),
)


def with_value(config: Any, place: str, value: Any) -> Any:
    """Return a copy of nested dicts with a value at a place."""
    changed = copy.deepcopy(config)
    *path, last = place.split(".")
    inner = changed
    for key in path:
        if not isinstance(inner.get(key), dict):
            inner[key] = {}
        inner = inner[key]
    inner[last] = value
    return changed


# -- alterations of a published folder and of a checkpoint


class Altered(NamedTuple):
    """An alteration of a file.

    Args:
        name: What was done.
        apply: Does it, given the file or folder.
        forged: Whether all hashes are right again, as only a person can make them.
    """

    name: str
    apply: Callable[[Path], Any]
    forged: bool


JUNK: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**5, 10**7, 10**9, 2**53, 10**30, 1e308, float("nan"), float("inf"), "", "x", "helper.Net"),
    *("../../etc/passwd", "\x00", "x" * 30_000, [], {}, [0] * 30_000, [[[[]]]], {"class_path": "helper.Net"}, {"a": 1}),
    *(["helper.Net"], [10**9] * 3, {"init_args": {}}, "1e9", "{class_path: helper.Net}"),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to everything within nested dicts and lists."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from places(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> None:
    """Put something else at a place; ``del`` takes it away."""
    *way, last = path
    for key in way:
        value = value[key]
    if new is del_:
        del value[last]
    else:
        value[last] = copy.deepcopy(new)


del_ = object()


def damaged(file: Path, generator: random.Random) -> tuple[str, Callable[[Path], Any]]:
    """Return a way to damage the bytes of a file of some folder."""
    size = file.stat().st_size
    at, length = generator.randrange(size), generator.randrange(1, 100)
    bit, noise = 1 << generator.randrange(8), generator.randbytes(length)

    def written(change: Callable[[bytearray], Any]) -> Callable[[Path], Any]:
        def apply(path: Path) -> None:
            data = bytearray(path.read_bytes())
            before = bytes(data)
            change(data)
            path.write_bytes(data if bytes(data) != before else data[:-1])

        return apply

    ways = {
        f"bit {bit} of byte {at}": written(lambda data: data.__setitem__(at, data[at] ^ bit)),
        f"cut at {at}": written(lambda data: data.__delitem__(slice(at, None))),
        f"without {length} bytes at {at}": written(lambda data: data.__delitem__(slice(at, at + length))),
        f"{length} more bytes at {at}": written(lambda data: data.__setitem__(slice(at, at), noise)),
        f"noise at {at}": written(lambda data: data.__setitem__(slice(at, at + length), noise[: len(data[at:])])),
        f"zeros from {at}": written(lambda data: data.__setitem__(slice(at, None), bytes(len(data) - at))),
    }
    weights = [10, 1, 1, 1, 1, 1]
    return generator.choices(list(ways.items()), weights)[0]


def described(folder: Path, change: Callable[[Any], Any]) -> None:
    """Change config.json, with its hash."""
    config = json.loads((folder / "config.json").read_text())
    change(config)
    if isinstance(config.get("sha256"), dict):
        config["sha256"]["config.json"] = hash_of(config)
    (folder / "config.json").write_text(json.dumps(config))


def tensors_changed(generator: random.Random) -> Callable[[dict[str, Any]], Any]:
    """Return a change of named tensors."""
    kind = generator.randrange(8)
    value = generator.choice([float("nan"), float("inf"), -float("inf")])

    def change(tensors: dict[str, Any]) -> None:
        floats = sorted(name for name, tensor in tensors.items() if tensor.is_floating_point())
        name = floats[generator.randrange(len(floats))]
        tensor = tensors[name].clone()
        if kind < 2:
            tensor.view(-1)[generator.randrange(tensor.numel())] = value
        tensors[name] = [
            *(tensor, tensor, tensor[:-1].clone(), tensor.double(), tensor.half(), tensor[None].clone()),
            *(torch.zeros(0), tensor.to(torch.int64)),
        ][kind]

    return change


def altered_folders(folder: Path, n: int, seed: int) -> Iterator[Altered]:
    """Yield ``n`` alterations of a published folder."""
    generator = random.Random(seed)
    config = json.loads((folder / "config.json").read_text())
    ways = list(places({key: config[key] for key in ("networks", "format", "sha256")}))
    loaded = ["config.json", *(f"{name}.safetensors" for name in config["networks"])]
    for k in range(n):
        if k % 2 == 0:
            file = generator.choice(loaded)
            name, apply = damaged(folder / file, generator)
            yield Altered(f"{file}: {name}", lambda at, file=file, apply=apply: apply(at / file), False)
        elif k % 4 == 1:
            path, new = generator.choice(ways), generator.choice((*JUNK, del_))
            yield Altered(
                f"{path}: {str(new)[:40]}",
                lambda at, path=path, new=new: described(at, lambda config: replaced(config, path, new)),
                True,
            )
        else:
            file, change = generator.choice(loaded[1:]), tensors_changed(generator)

            def forge(at: Path, file: str = file, change: Any = change) -> None:
                tensors = load_file(at / file)
                change(tensors)
                save_file(tensors, at / file)
                digest = hashlib.sha256((at / file).read_bytes()).hexdigest()
                described(at, lambda config: config["sha256"].update({file: digest}))

            yield Altered(f"{file}: {change}", forge, True)


def altered_checkpoints(file: Path, n: int, seed: int) -> Iterator[Altered]:
    """Yield ``n`` alterations of a checkpoint."""
    generator = random.Random(seed)
    content = torch.load(file, weights_only=True)
    ways = [[(key, *way) for way in places(content[key])] or [(key,)] for key in content if key != "state_dict"]
    ways = [[(key,) for key in content], *ways]  # by what Lightning or we have written
    for k in range(n):
        if k % 2 == 0:
            name, apply = damaged(file, generator)
            yield Altered(name, apply, False)
            continue
        path, new = generator.choice(generator.choice(ways)), generator.choice((*JUNK, del_))
        change = tensors_changed(generator)

        def forge(at: Path, k: int = k, path: Any = path, new: Any = new, change: Any = change) -> None:
            content = torch.load(at, weights_only=True)
            if k % 4 == 1:
                replaced(content, path, new)
            else:
                change(content["state_dict"])
            write_checkpoint(content, at)

        yield Altered(f"{path}: {str(new)[:40]}" if k % 4 == 1 else "tensors", forge, True)


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """Put what would run into a folder; afterwards it must not have run."""
    (folder / "helper.py").write_text(HELPER)
    (folder / "helper.yaml").write_text("class_path: helper.Net\n")
    (folder / "helper").mkdir(exist_ok=True)
    yield folder
    assert not (folder / "RAN").exists(), "code beside the file has run"
