"""One thread per process, or OMP_NUM_THREADS of them, and no file outside a test's own folder."""

import os
import warnings

import pytest
import torch

torch.set_num_threads(int(os.environ.setdefault("OMP_NUM_THREADS", "1")))
warnings.filterwarnings("ignore", message=".*LeafSpec.*")


def pytest_collection_modifyitems(items):
    """Put what compiles last: torch's compilers start threads, after which no child of the process can go backward."""
    items.sort(key=lambda item: "compiles" in item.keywords)


def pytest_report_header():
    return f"kernels: {torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()}"


@pytest.fixture(autouse=True)
def _own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("GANZOO_RUN", raising=False)
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.chdir(tmp_path)
