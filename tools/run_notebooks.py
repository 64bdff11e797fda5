"""Run the notebooks on the CPU and keep what they show, so that it can be read without running them.

    python tools/run_notebooks.py             # all, one after the other
    python tools/run_notebooks.py 02_theory   # one

Kept are printed words and PNG. What changes from run to run is not: progress bars, warnings, counts, times, addresses.
One thread: the order of additions is part of the numbers.
"""

import argparse
import hashlib
import os
import re
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
KEPT = ("text/plain", "image/png")
BAR = re.compile(r"^.*\d%\|.*\n?", re.MULTILINE)  # progress, with times


def code_hash(notebook: NotebookNode) -> str:
    """Return the SHA-256 of the code cells: of what the outputs were made by."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\n\0".join(code).encode()).hexdigest()


def stripped(output: NotebookNode) -> NotebookNode | None:
    """Return what is kept of an output; None: nothing."""
    if output.output_type == "stream":
        output.text = BAR.sub("", output.text)
        return output if output.name == "stdout" and output.text.strip() else None
    output.metadata = {}
    output.data = {kind: output.data[kind] for kind in KEPT if kind in output.data}
    if output.output_type == "execute_result":
        output.execution_count = None
    return output


def run(path: Path) -> None:
    """Run a notebook, and write it with its outputs and the hash of its code."""
    notebook = nbformat.read(path, as_version=4)
    language = dict(notebook.metadata.language_info)
    NotebookClient(
        notebook,
        timeout=1200,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [kept for output in cell.outputs if (kept := stripped(output))]
    notebook.metadata.language_info = language
    notebook.metadata.ganzoo = {"code": code_hash(notebook)}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    parser = argparse.ArgumentParser(description="Run the notebooks and keep their outputs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(path.stem for path in paths)}")
    names = parser.parse_args().names
    os.environ |= {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    for path in paths:
        if not names or path.stem in names:
            run(path)
            print(path.name, f"{path.stat().st_size / 1e6:.2f} MB")
