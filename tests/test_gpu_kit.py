"""The kit for a card, tried on the CPU: every row is measured, and the shell script says how it is used."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from ganzoo.callbacks.compile import SWITCH

ROOT = Path(__file__).parents[1]
SHELL = ROOT / "tools" / "gpu.sh"
ROWS = {  # the beginning of a row's name, and how many rows begin so
    "test: ": 1,
    "step, width 4, fp32: ": 2,
    "step, width 4, bf16: ": 2,
    "step, width 4, bf16 channels_last: ": 2,
    "step, width 4, bf16 compile: ": 2,
    "step, width 4, bf16 reduce-overhead: ": 2,
    "sampling, width 4: ": 3,
    "images of 64 seeds, beside the CPU's: ": 2,
    "latents, Normal: ": 2,
    "latents, Coded: ": 2,
    "one run twice: ": 2,
    "verdict on 64 digits: ": 5,
    "1 s of DCGAN on noise, ": 1,
}

COMPILED = ("step, width 4, bf16 compile", "step, width 4, bf16 reduce-overhead")
COMPILES = hasattr(torch._dynamo.config, SWITCH)  # this torch compiles games


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    from benchmarks.speed import gpu

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["gpu", *map(str, words)])
        gpu.main()

    gpu.call = call
    return gpu


def rows_of(folder):
    return json.loads((folder / "gpu-cpu.json").read_text())["rows"]


@pytest.mark.slow
def test_every_row_is_measured(tmp_path, gpu, capfd):
    gpu.call("--device", "cpu", "--quick", "--out", tmp_path)
    written = rows_of(tmp_path)
    failed, rows = [row for row in written if row["error"]], [row for row in written if not row["error"]]
    assert [(row["name"], row["error"][:10]) for row in failed] == ([] if COMPILES else [("compile", "ValueError")])
    assert all(row["value"] >= 0 for row in rows)
    expected = {name: n for name, n in ROWS.items() if COMPILES or not name.startswith(COMPILED)}
    assert {name: sum(row["name"].startswith(name) for row in rows) for name in expected} == expected
    assert len(rows) == sum(expected.values())
    assert all(row["low"] <= row["value"] <= row["high"] for row in rows if row["low"] is not None)
    assert sum(row["ratio"] is not None for row in rows) == (9 if COMPILES else 7)
    assert (tmp_path / "gpu-cpu.png").read_bytes().startswith(b"\x89PNG")
    printed = capfd.readouterr().out
    assert all(row["name"] in printed for row in written)
    gpu.call("--table", tmp_path / "gpu-cpu.json")
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("card CPU, driver none, torch ")
    assert len(lines) == 2 + 2 + len(written)  # the versions; the table's head; the tests that passed are one line
    assert {line.count("|") for line in lines[2:]} == {6}


def test_no_failure_stops_the_next_and_nothing_is_silent(tmp_path, gpu, monkeypatch):
    def dies(given):
        yield "first", lambda: {"row": {"value": 1, "unit": "s"}}
        yield "second", lambda: 1 / 0
        yield "third", lambda: os._exit(3)

    def hangs(given):
        yield "fourth", lambda: time.sleep(60)

    monkeypatch.setattr(gpu, "PARTS", {"dies": (dies, 60), "hangs": (hangs, 1), "wrong": (lambda given: 1 / 0, 60)})
    gpu.call("--device", "cpu", "--out", tmp_path)
    assert [(row["name"], row["value"], row["error"]) for row in rows_of(tmp_path)] == [
        ("first: row", 1, None),
        ("second", None, "ZeroDivisionError: division by zero"),
        ("dies", None, "its process died with status 3"),
        ("hangs", None, "stopped after 1 s: only the rows above were measured"),
        ("wrong", None, "ZeroDivisionError: division by zero"),
    ]
    gpu.call("--device", "cpu", "--out", tmp_path, "--deadline", 0, "--only", "dies", "wrong")
    late = "skipped: the 0 s were over"
    assert [(row["name"], row["error"]) for row in rows_of(tmp_path)] == [("dies", late), ("wrong", late)]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_the_shell_script_teaches():
    assert subprocess.run(["bash", "-n", str(SHELL)]).returncode == 0
    text = subprocess.run([str(SHELL), "--help"], capture_output=True, text=True, check=True).stdout
    assert "tools/gpu.sh pack" in text
    assert "tools/gpu.sh run" in text
    assert "set -u" not in text
    wrong = subprocess.run([str(SHELL), "fly"], capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "fly" in wrong.stderr
