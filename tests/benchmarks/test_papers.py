"""Tables of runs: what is recorded is printed as RESULTS.md shows it, what is not is trained from its recipe."""

import argparse
import importlib
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from benchmarks.papers import runs

ROOT = Path(__file__).parent.parent.parent
RESULTS = (ROOT / "benchmarks" / "RESULTS.md").read_text()
KEPT = sorted(path.name for path in (ROOT / "benchmarks" / "results").iterdir() if path.is_dir())
COMMANDS = re.findall(r"python -m benchmarks\.papers\.(\w+)([^`]*)`", RESULTS)


def printed(script, words, monkeypatch, capsys):
    """Run a script of ``benchmarks/papers``; return what it prints."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, words)])
    importlib.import_module(f"benchmarks.papers.{script}").main()
    return capsys.readouterr().out


@pytest.mark.parametrize("script", KEPT)
def test_the_rows_of_results_are_printed_from_the_records(script, monkeypatch, capsys, tmp_path):
    out = shutil.copytree(ROOT / "benchmarks" / "results" / script, tmp_path / script)
    (section,) = [text for text in RESULTS.split("\n## ") if f"benchmarks.papers.{script}" in text]
    shown = [line for line in section.splitlines() if line.startswith("|")]
    assert len(shown) > 3
    lines = printed(script, ["--table", "--out", out], monkeypatch, capsys).splitlines()
    assert [line for line in shown if line not in lines] == []


@pytest.mark.parametrize(("script", "words"), [c for c in COMMANDS if c[0] != "dynamics"])
def test_commands_of_results_are_understood(script, words, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "|" not in printed(script, [*shlex.split(words), "--table"], monkeypatch, capsys)  # nothing is there


def test_speed_scripts_that_results_names_exist():
    named = set(re.findall(r"python -m benchmarks\.speed\.(\w+)", RESULTS))
    assert {"step", "data", "metrics", "startup"} <= named
    assert all((ROOT / "benchmarks" / "speed" / f"{name}.py").is_file() for name in named)


def test_every_recipe_is_named_in_results_and_the_reverse():
    named = set(re.findall(r"\]\(\.\./configs/recipes/([\w-]+)\.yaml\)", RESULTS))
    there = {path.stem for path in (ROOT / "configs" / "recipes").glob("*.yaml")}
    assert there - named == set(), "a recipe is a measured run: link it from its row in benchmarks/RESULTS.md"
    assert named - there == set()


# -- the runner


def play(monkeypatch, tmp_path, *words, seeds=None):
    """Play a table of two rows; return the runs that were made."""
    made = []

    def run(row, seed, given):
        made.append((row, seed))
        return {"value": 10 * seed, "n": given.n}

    monkeypatch.setattr(sys, "argv", ["table", "--out", str(tmp_path), *words])
    runs.sweep(runs.options("A table."), "table", seeds or {"a": 2, "b": 1, "c": 0}, run, [])
    return made


def test_each_row_is_played_with_its_seeds_once(monkeypatch, tmp_path):
    assert play(monkeypatch, tmp_path) == [("a", 0), ("b", 0), ("a", 1)]
    assert play(monkeypatch, tmp_path) == []
    assert play(monkeypatch, tmp_path, "--only", "c:0", "a:2", "a:1") == [("c", 0), ("a", 2)]
    assert [(found["seed"], found["value"]) for found in runs.records(tmp_path, "a")] == [(0, 0), (1, 10), (2, 20)]


def test_a_record_says_what_made_it(monkeypatch, tmp_path):
    play(monkeypatch, tmp_path, "--only", "a:0", "--n", "7")
    record = json.loads((tmp_path / "a-0.json").read_text())
    assert (record["value"], record["n"]) == (0, 7)
    assert record["made"]["command"].endswith(f"--out {tmp_path} --only a:0 --n 7")
    assert re.match(r"\d{4}-\d\d-\d\d$", record["made"]["date"])
    assert "torch 2" in record["made"]["versions"]
    assert "cores" in record["made"]["hardware"]


def test_only_the_table_makes_nothing(monkeypatch, tmp_path):
    assert play(monkeypatch, tmp_path, "--table") == []


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("d:0", "--only: there is no row d; the rows are a, b, c"),
        ("a:x", "--only: expected ROW:SEED such as a:0, got a:x"),
    ],
)
def test_a_run_that_cannot_be_is_refused(word, message, monkeypatch, capsys, tmp_path):
    with pytest.raises(SystemExit):
        play(monkeypatch, tmp_path, "--only", word)
    assert message in capsys.readouterr().err


def test_another_budget_scales_all_that_counts_batches():
    recipe = runs.read("ibgan-mnist")
    longer = runs.scaled(recipe, 12)
    assert longer["trainer"] == {**recipe["trainer"], "max_steps": 24_000, "val_check_interval": 12_000}
    arguments = longer["model"]["init_args"]
    assert arguments["discriminator"]["init_args"]["stop"] == 24_000
    schedule = arguments["g_optimizer"]["init_args"]["schedule"]["init_args"]
    assert schedule == {"start": 12_000, "stop": 24_000}
    assert arguments["encoder"] == recipe["model"]["init_args"]["encoder"]
    long = runs.read("dcgan-mnist-long")
    assert runs.scaled(runs.read("dcgan-mnist"), 24) == long


def test_cells():
    assert runs.cell([1.0, 2.0, 3.0], ".1f") == "2.0 ± 1.0"
    assert runs.cell([1.0, None], ".2f") == "1.00"
    assert runs.cell([1.0, 2.0], "+.1f") == "+1.5 ± 0.7"
    assert runs.cell([None], ".1f") == runs.cell([], ".1f") == "-"


@pytest.mark.slow
def test_a_recipe_is_trained_judged_and_recorded_and_resumed_if_it_was_stopped(monkeypatch, capsys, tmp_path):
    words = ["--only", "ring-R3GAN:3", "--batches", "4", "--n", "100", "--out", tmp_path]
    table = printed("modes", words, monkeypatch, capsys)
    assert "| [R3GAN](../configs/recipes/r3gan-ring.yaml) | 1 |" in table
    record = json.loads((tmp_path / "ring-R3GAN-3.json").read_text())
    assert record["batches"] == 4
    assert record["cpu_seconds"] > 0
    folder = tmp_path / "r3gan-ring-3"
    assert f"$ ganzoo fit --config {tmp_path}/r3gan-ring-4.yaml --seed_everything 3 --run {folder}" in log(folder)
    (folder / "seconds").unlink()
    given = argparse.Namespace(out=tmp_path, batches=4)
    again = runs.train("r3gan-ring", 3, given)
    assert f"$ ganzoo fit --run {folder} --ckpt_path last" in log(folder)
    assert (again.batches, again.seconds) == (4, None)
    assert runs.train("r3gan-ring", 3, given).seconds is None
    assert log(folder).count("$ ganzoo") == 2
    assert again.data.seed == 3


def log(folder):
    return folder.with_name(f"{folder.name}.log").read_text()


def test_a_run_that_fails_says_where_to_look(tmp_path):
    with pytest.raises(SystemExit, match=r"`ganzoo fit` failed; the end of .*x\.log:\n(.*\n)*ganzoo: no configuration"):
        runs.ganzoo(tmp_path / "x", "fit", "--config", "recipes/none")
