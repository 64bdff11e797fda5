"""The notebooks run, and are committed with what they show, and nothing else: tools/run_notebooks.py."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools.run_notebooks import code_hash, run, stripped

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
TELLS = {  # a word of each notebook's output
    "01_first_gan": "floor",
    "02_theory": "JSD",
    "03_new_variant": "by hand",
    "04_latent_regression_vs_bigan": "mean image",
    "05_beta_vae_and_codes": "class error",
    "06_inversion": "pictures a second",
    "07_translation": "sharpness",
}

FEW = {"BATCHES": 30, "STEPS": 5}
LARGEST = 1_800_000  # bytes
STRAY = {
    "path": re.compile(r"(?<![\w.:/])(/[\w.-]+){2,}|\b[A-Z]:\\"),
    "address": re.compile(r"0x[0-9a-f]{6,}"),
    "progress bar": re.compile(r"\d%\|"),
}
ALWAYS = ("01_first_gan",)
SLOW = [path if path.stem in ALWAYS else pytest.param(path, marks=pytest.mark.slow) for path in NOTEBOOKS]


@pytest.mark.parametrize("path", SLOW, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")
def test_notebook_runs(path):
    notebook = nbformat.read(path, as_version=4)
    parameters = notebook.cells[1]
    (name,) = re.findall("^(BATCHES|STEPS) = ", parameters.source)
    parameters.source = f"{name} = {FEW[name]}"
    beside = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=beside).execute()
    printed = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any(TELLS[path.stem] in text for text in printed)


def faults(notebook):
    """What keeps a notebook from being read as it was committed."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in cells for output in cell.outputs]
    words = "\n".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)
    found = [name for name, pattern in STRAY.items() if pattern.search(words)]
    kinds = {output.get("name", output.output_type) for output in outputs}
    found += sorted(kinds - {"stdout", "display_data", "execute_result"})
    if not kinds & {"display_data", "execute_result"}:
        found.append("no outputs")
    if any(one.get("execution_count") for one in (*cells, *outputs)):
        found.append("count")
    if notebook.metadata.get("ganzoo") != {"code": code_hash(notebook)}:
        found.append("other code")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_can_be_read_as_it_is(path):
    assert not faults(nbformat.read(path, as_version=4)), f"python tools/run_notebooks.py {path.stem}"
    assert path.stat().st_size < LARGEST


def printed(text, name="stdout"):
    return lambda notebook: notebook.cells[1].outputs.append(new_output("stream", name=name, text=text))


def without_outputs(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (without_outputs, "no outputs"),
        (lambda notebook: notebook.cells[1].outputs.append(new_output("error")), "error"),
        (lambda notebook: notebook.cells[1].update(execution_count=3), "count"),
        (lambda notebook: notebook.cells[1].update(source="BATCHES = 1"), "other code"),
        (printed("Warning", "stderr"), "stderr"),
        (printed("in /tmp/tmpabc/run"), "path"),
        (printed("'/home/me'"), "path"),
        (printed("C:\\Users"), "path"),
        (printed("<object at 0x7f3a5c001d90>"), "address"),
        (printed("100%|###| 30/30 [00:01<00:00]"), "progress bar"),
    ],
)
def test_a_fault_of_a_notebook_is_seen(change, fault):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    change(notebook)
    assert faults(notebook) == [fault]


@pytest.mark.filterwarnings("default")
def test_a_notebook_that_was_run_has_no_fault(tmp_path):
    path = tmp_path / "a.ipynb"
    cells = [new_markdown_cell("# A"), new_code_cell("import sys"), new_code_cell("print('b', file=sys.stderr)\n7")]
    language = {"language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=language), path)
    run(path)
    notebook = nbformat.read(path, as_version=4)
    assert not faults(notebook)
    assert [output.data for output in notebook.cells[2].outputs] == [{"text/plain": "7"}]
    assert notebook.metadata.language_info == language["language_info"]


def test_what_changes_from_run_to_run_is_stripped():
    text = "batch 500: 4.85\n 10%|#  | 3/30 [00:01<00:09]\nbatch 1000: 1.17\n"
    assert stripped(new_output("stream", name="stdout", text=text)).text == "batch 500: 4.85\nbatch 1000: 1.17\n"
    assert stripped(new_output("stream", name="stdout", text="100%|###| 30/30 [00:01<00:00]\n")) is None
    assert stripped(new_output("stream", name="stderr", text="Warning")) is None
    data = {"text/plain": "7", "image/png": "A", "image/jpeg": "B", "text/html": "<b>7</b>"}
    kept = stripped(new_output("execute_result", data=data, metadata={"a": 1}, execution_count=3))
    assert kept.data == {"text/plain": "7", "image/png": "A"}
    assert (kept.metadata, kept.execution_count) == ({}, None)


def test_no_notebook_is_forgotten():
    assert {path.stem for path in NOTEBOOKS} == set(TELLS)
