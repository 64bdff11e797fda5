"""Runs that are asked to end: a checkpoint between two batches, a line that says how to resume, all ranks together."""

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import pytest
import torch

from ganzoo.checkpoints import read_checkpoint
from ganzoo.cli import main
from tests.data.tools import write_images
from tests.processes import start, start_ranks, wait

WORDS = [
    *("fit", "--config", "models/nsgan", "--config", "trainer/cpu", "--data.batch_size", "32", "--grid.every", "0"),
    *("--model.generator.width", "16", "--model.discriminator.width", "16", "--evaluate.n", "20"),
    *("--watch.every", "100000"),
    *("--trainer.logger", "false", "--model.ema_decay", "0.9", "--checkpoint.every", "100000"),
]


def words_of(**kwargs):
    """Return the words of a run that goes on until it is told to end."""
    given = {"max_steps": 10**6, "val_check_interval": 10**6, **kwargs}
    return [*WORDS, *(part for name, value in given.items() for part in (f"--trainer.{name}", str(value)))]


def begun(log, text=r"[1-9]\d+/1000000", seconds=30):
    """Wait until a run has printed something."""
    for _ in range(seconds * 20):
        if log.is_file() and re.search(text, log.read_text()):
            time.sleep(0.3)
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(autouse=True)
def one_thread():
    """Have children work in their first thread, as only that hears signals."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def begin(tmp_path):
    """Start a run in ``tmp_path``, on ranks or not, that is killed at the test's end; return its process ids."""
    pids = []

    def started(*words, ranks=1):
        log = tmp_path / "log"
        mine = [start(run(tmp_path, words), log)] if ranks == 1 else start_ranks(ranks, run(tmp_path, words), log)
        pids.extend(mine)
        return mine

    yield started
    for pid in pids:
        with contextlib.suppress(ChildProcessError):  # it was waited for
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            os.kill(pid, signal.SIGKILL)
            wait(pid)


def ends(pids, seconds=30):
    """Return the exit statuses of processes, which must end in time."""
    until, statuses = time.monotonic() + seconds, {}
    while len(statuses) < len(pids):
        assert time.monotonic() < until, f"only {statuses} of {pids} have ended"
        for pid in set(pids) - set(statuses):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                statuses[pid] = wait(pid)
        time.sleep(0.05)
    return [statuses[pid] for pid in pids]


def run(folder, words):
    def work():
        os.chdir(folder)
        return main(words)

    return work


def state(path):
    return torch.load(path, weights_only=True)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_told_to_end_says_how_to_resume(number, status, begin, tmp_path):
    log = tmp_path / "log"
    (pid,) = begin(*words_of(), "--run", "a", "--checkpoint.every", "20")
    begun(log)
    os.kill(pid, number)
    assert wait(pid) == status, log.read_text()
    (said,) = re.findall(r"(?:ended by SIGTERM|interrupted) at batch (\d+): resume with `(.*?)`", log.read_text())
    assert said[1] == "ganzoo fit --ckpt_path a/checkpoints/last.ckpt"
    assert "Traceback" not in log.read_text()
    if number == signal.SIGTERM:
        last = state(tmp_path / "a" / "checkpoints" / "last.ckpt")
        assert last["global_step"] == int(said[0]), "not a batch is lost"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_to_a_run_and_its_workers_ends_it_as_one_to_the_run_does(number, status, begin, tmp_path):
    write_images(tmp_path / "pictures", 800)
    data = [
        "--config",
        "data/folder",
        "--data.root",
        "pictures",
        "--data.size",
        "8",
        "--data.num_workers",
        "2",
        "--data.batch_size",
        "2",
    ]
    (pid,) = begin(*words_of(), *data, "--run", "a")
    begun(tmp_path / "log")
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(workers) >= 2
    for worker in workers:
        os.kill(int(worker), number)
    time.sleep(0.2)
    os.kill(pid, number)
    assert ends([pid]) == [status]
    text = (tmp_path / "log").read_text()
    assert "exited unexpectedly" not in text
    assert "Traceback" not in text


@SLOW
def test_what_sigterm_has_kept_goes_on_to_the_bit(begin, tmp_path):
    log = tmp_path / "log"
    (pid,) = begin(*words_of(), "--run", "a")
    begun(log)
    os.kill(pid, signal.SIGTERM)
    assert wait(pid) == 143
    n = state(tmp_path / "a" / "checkpoints" / "last.ckpt")["global_step"] + 5
    (pid,) = begin("fit", "--run", "a", "--ckpt_path", "last", "--trainer.max_steps", str(n))
    assert wait(pid) == 0, log.read_text()
    (pid,) = begin(*words_of(max_steps=n), "--run", "whole")
    assert wait(pid) == 0, log.read_text()
    one, other = (state(tmp_path / name / "checkpoints" / "last.ckpt") for name in ("a", "whole"))
    assert all(torch.equal(value, other["state_dict"][key]) for key, value in one["state_dict"].items())


@pytest.mark.parametrize("told", [[1], pytest.param([0], marks=SLOW), pytest.param([0, 1], marks=SLOW)])
def test_all_ranks_end_after_the_same_batch_whichever_was_told(told, begin, tmp_path):
    log = tmp_path / "log"
    pids = begin(*words_of(devices=2), "--run", "a", ranks=2)
    begun(log)
    for rank in told:
        os.kill(pids[rank], signal.SIGTERM)
    assert ends(pids) == [143, 143], log.read_text()
    (at,) = re.findall(r"ended by SIGTERM at batch (\d+): resume with", log.read_text())
    assert state(tmp_path / "a" / "checkpoints" / "last.ckpt")["global_step"] == int(at)
    assert "Traceback" not in log.read_text()


LOSSES = [(rank, number) for rank in (0, 1) for number in (signal.SIGSTOP, signal.SIGKILL, signal.SIGINT)]


@pytest.mark.parametrize(
    ("rank", "number"),
    [pytest.param(*loss, marks=[] if loss == (0, signal.SIGKILL) else SLOW) for loss in LOSSES],
)
def test_a_rank_that_has_lost_the_other_ends_and_says_how_to_resume(rank, number, begin, tmp_path):
    log = tmp_path / "log"
    pids = begin(*words_of(devices=2), "--run", "a", "--checkpoint.every", "20", ranks=2)
    begun(log)
    os.kill(pids[rank], number)
    (status,) = ends([pids[1 - rank]])
    assert status == 1, log.read_text()
    assert re.search(r"resume with `ganzoo fit --ckpt_path a/checkpoints/last.ckpt", log.read_text()), log.read_text()


@SLOW
def test_slurm_puts_a_job_back_with_a_checkpoint_between_two_batches(begin, tmp_path, monkeypatch):
    log, queue = tmp_path / "log", tmp_path / "scontrol"
    queue.write_text(f"#!/bin/sh\necho $@ > {tmp_path}/asked\n")
    queue.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, value in {"JOB_ID": 7, "NTASKS": 1, "JOB_NAME": "gan", "PROCID": 0, "LOCALID": 0, "NODEID": 0}.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    (pid,) = begin(*words_of(), "--run", "a")
    begun(log)
    os.kill(pid, signal.SIGUSR1)
    kept = tmp_path / "a" / "hpc_ckpt_1.ckpt"
    begun(tmp_path / "asked", "requeue 7")
    os.kill(pid, signal.SIGKILL)
    wait(pid)
    n = read_checkpoint(kept)["global_step"]
    assert n == read_checkpoint(tmp_path / "a" / "checkpoints" / "last.ckpt")["global_step"] > 0
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    (pid,) = begin(*words_of(max_steps=n + 3), "--run", "a")
    assert wait(pid) == 0, log.read_text()
    assert read_checkpoint(tmp_path / "a" / "checkpoints" / "last.ckpt")["ganzoo"]["images_seen"] == 32 * (n + 3)
    (pid,) = begin(*words_of(max_steps=n + 3))
    assert wait(pid) == 2
    assert "SLURM has started this job again: add --run DIR" in log.read_text()


def test_a_second_process_is_kept_out_of_a_run_and_a_killed_one_locks_nothing(begin, tmp_path):
    log = tmp_path / "log"
    (first,) = begin(*words_of(), "--run", "a", "--checkpoint.every", "20")
    begun(log)
    (second,) = begin("fit", "--run", "a", "--ckpt_path", "last")
    assert wait(second) == 2
    assert "ganzoo: another process trains in a: wait for its end, or choose another --run" in log.read_text()
    os.kill(first, signal.SIGKILL)
    wait(first)
    half = tmp_path / "a" / "checkpoints" / "last.ckpt.123.part"
    half.write_bytes(b"half")
    n = state(tmp_path / "a" / "checkpoints" / "last.ckpt")["global_step"]
    (third,) = begin("fit", "--run", "a", "--ckpt_path", "last", "--trainer.max_steps", str(n + 2))
    assert wait(third) == 0, log.read_text()
    assert not half.exists()
