"""Files made to do harm, and commands on them in processes whose time and memory are watched."""

import contextlib
import copy
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
        line = self.text.strip()
        return self.status == 2 and line.startswith("ganzoo: ") and "\n" not in line

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


@contextlib.contextmanager
def beside(folder: Path) -> Iterator[Path]:
    """Put what would run into a folder; afterwards it must not have run."""
    (folder / "helper.py").write_text(HELPER)
    (folder / "helper.yaml").write_text("class_path: helper.Net\n")
    (folder / "helper").mkdir(exist_ok=True)
    yield folder
    assert not (folder / "RAN").exists(), "code beside the file has run"
