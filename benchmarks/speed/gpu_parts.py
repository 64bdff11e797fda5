"""The parts of gpu.py: each yields a name and what measures its rows."""

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import lightning as L
import torch

from benchmarks.speed.gpu_steps import (
    EAGER,
    Given,
    Noise,
    Row,
    Rows,
    compiled,
    each,
    fit,
    laps,
    networks,
    rate,
    repeat,
    steps,
    sync,
)
from ganzoo.callbacks import Evaluate, evaluate
from ganzoo.data import Digits, ImageData, Shards
from ganzoo.data.base import data_root
from ganzoo.inference import BLOCK, sample_seeds
from ganzoo.metrics.features import full_precision
from ganzoo.models import DCGAN
from ganzoo.networks.batch_norm import refresh_batch_norm
from ganzoo.pictures import grid, save_png
from ganzoo.priors import Coded, Normal, Prior

ROOT = Path(__file__).parents[2]


# -- images


def sampling(given: Given) -> Rows:
    for width in (4,) if given.quick else (32, 128):
        yield f"sampling, width {width}", partial(sampled, given, width)
    yield "images of 64 seeds, beside the CPU's", partial(beside_cpu, given)


@torch.no_grad()
def sampled(given: Given, width: int) -> dict[str, Row]:
    device, rows = given.device, {}
    G = networks(width)[0].to(device).eval()
    for block in (16, 64) if given.quick else (16, 64, 256, 1024):
        z = torch.randn(block, 128, device=device)
        rows[f"by hand, {block} at a time"] = rate(laps(partial(G, z), 1 if given.quick else 50, device), block)
    n, best = 32 if given.quick else 2048, max(row["value"] for row in rows.values())
    ours = rate(laps(partial(sample_seeds, G, range(n)), 1, device), n)
    return {**rows, f"ganzoo, {BLOCK} at a time": {**ours, "ratio": best / ours["value"]}}


def beside_cpu(given: Given) -> dict[str, Row]:
    G, rows = networks(4 if given.quick else 32)[0].eval(), {}
    refresh_batch_norm(G, [G.prior.sample(64)])  # so that they are as bright as images
    expected = sample_seeds(G, range(64))
    G.to(given.device)
    rows["TF32 as torch has it"] = sample_seeds(G, range(64))
    with full_precision():
        rows["no TF32"] = sample_seeds(G, range(64))
    unit = "largest difference of a pixel, in [-1, 1]"
    return {key: {"value": float((x.cpu() - expected).abs().max()), "unit": unit} for key, x in rows.items()}


def seeding(given: Given) -> Rows:
    for prior in (Normal(128), Coded(Normal(128))):
        yield f"latents, {type(prior).__name__}", partial(seeded, given, prior)


def seeded(given: Given, prior: Prior) -> dict[str, Row]:
    n, device = 8 if given.quick else 1024, given.device
    at_once = laps(lambda: prior.sample(n, device), 3, device)
    by_seed = laps(lambda: prior.seeded(range(n), device), 3, device)
    rows = {"at once": each(at_once, "µs each", 1e6 / n), "by seed": each(by_seed, "µs each", 1e6 / n)}
    rows["by seed"]["ratio"] = median(by_seed) / median(at_once)
    return rows


def verdict(given: Given) -> Rows:
    n = 64 if given.quick else 10_000
    yield f"verdict on {n} digits", partial(judged, given, n)


def judged(given: Given, n: int) -> dict[str, Row]:
    spent: dict[str, float] = defaultdict(float)
    model, judge = DCGAN(*networks(4 if given.quick else 32, (1, 28, 28))), Evaluate(n=n)
    for owner, name in ((judge, "judge"), (judge, "references"), (judge, "weigh"), (evaluate, "extracted")):
        clock(owner, name, spent, given.device)
    clock(model, "sample", spent, given.device)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GANZOO_CACHE"] = folder
        how: Any = {"callbacks": [judge], "default_root_dir": folder, "logger": False, "enable_progress_bar": False}
        L.Trainer(accelerator=given.device, devices=1, **how).validate(model, datamodule=Digits(size=28), verbose=False)
    spent["extracted"] -= spent["sample"]
    return {name: {"value": seconds, "unit": "s", "seconds": seconds} for name, seconds in spent.items()}


def clock(owner: object, name: str, spent: dict[str, float], device: str) -> None:
    """Add up the seconds of a method, or of a function of a module."""
    method = getattr(owner, name)

    def clocked(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = method(*args, **kwargs)
        sync(device)
        spent[name] += time.perf_counter() - start
        return result

    setattr(owner, name, clocked)


def cifar(given: Given) -> Rows:
    folder, seconds = data_root() / "cifar10-jpeg", 1 if given.quick else 60
    data: ImageData = Noise(128)
    if folder.is_dir():
        data = Shards(str(folder), 32, batch_size=128, in_memory=True)
    what = "CIFAR-10" if folder.is_dir() else "noise, there being no shards of CIFAR-10"
    yield f"{seconds} s of DCGAN on {what}", partial(trained, given, data, seconds)


def trained(given: Given, data: ImageData, seconds: int) -> dict[str, Row]:
    data.setup("fit")
    width = 4 if given.quick else 64
    model, start = DCGAN(*networks(width)), time.perf_counter()
    fit(given, model, data, max_steps=-1, max_time={"seconds": seconds}, precision="bf16-mixed")
    spent, n = time.perf_counter() - start, len(data.labels("train"))
    save_png(grid(model.sample(64)), given.report.path.with_suffix(".png"))
    row = {"value": model.images_seen / spent, "unit": "images/s", "seconds": spent}
    return {f"width {width}, batch {data.batch_size}, bf16, {n} images {model.images_seen / n:.1f} times": row}


# -- the tests


class Told:
    """A plugin of pytest: every test is a row."""

    def __init__(self, report: Any) -> None:
        self.report = report

    def pytest_runtest_logreport(self, report: Any) -> None:
        name = f"test: {report.nodeid.split('::')[-1]}"
        if report.failed:
            lines = [line[2:].strip() for line in report.longreprtext.splitlines() if line.startswith("E ")]
            self.report.add(name, seconds=report.duration, error=(lines or ["failed"])[0][:300])
        elif report.when == "call":
            self.report.add(name, value=1, unit="passed", seconds=report.duration)


def tests(given: Given) -> Rows:
    yield "tests", partial(tested, given)


def tested(given: Given) -> dict[str, Row]:
    import pytest

    chosen = f"{given.device} and alone" if given.quick else given.device
    words = [str(ROOT / "tests" / "test_devices.py"), "-k", chosen, "-q", "-W", "default", "-p", "no:cacheprovider"]
    status = pytest.main([*words, "--tb", "short"], plugins=[Told(given.report)])
    if status > 1:
        raise RuntimeError(f"pytest ended with status {status}")
    return {}


PARTS: dict[str, tuple[Callable[[Given], Rows], float]] = {  # and the most seconds that it may take
    "tests": (tests, 110),
    "steps": (partial(steps, hows=EAGER), 60),
    "sampling": (sampling, 30),
    "seeding": (seeding, 15),
    "repeat": (repeat, 30),
    "verdict": (verdict, 40),
    "cifar": (cifar, 90),
    "compile": (compiled, 150),
}
