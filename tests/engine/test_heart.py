"""Who falls silent or never speaks is missed, who was stopped together with all others is not."""

import os
import signal
import socket
import time

import pytest
import torch.distributed as dist

from ganzoo.engine import heart
from tests.processes import start, wait


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """Start processes with quick hearts that live for a while; return their ids."""
    monkeypatch.setattr(heart, "BEAT", 0.05)
    monkeypatch.setattr(heart, "SILENCE", 0.5)

    def started(port, seconds, ranks=(0, 1)):
        def live(rank):
            mine = heart.Heart(rank, 2, ("127.0.0.1", port), "test", lambda: "resume")
            time.sleep(seconds)
            mine.stop()
            time.sleep(0.2)
            return 0

        return [start(lambda rank=rank: live(rank), tmp_path / "log") for rank in ranks]

    return started


@pytest.fixture
def store():
    return dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)


def test_two_that_live_end_when_they_are_done(begin, store, tmp_path):
    first, second = begin(store.port, 1, [0]), begin(store.port, 2, [1])
    assert [wait(pid) for pid in first + second] == [0, 0], (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_who_falls_silent_is_missed(number, begin, store, tmp_path):
    pids = begin(store.port, 20)
    time.sleep(1)
    os.kill(pids[1], number)
    assert wait(pids[0]) == 1
    assert "rank 1 gave no sign of life for 0 s, so rank 0 ends too: resume" in (tmp_path / "log").read_text()
    os.kill(pids[1], signal.SIGKILL)
    wait(pids[1])


def test_who_never_speaks_is_missed(begin, store, tmp_path):
    (pid,) = begin(store.port, 20, [1])
    assert wait(pid) == 1
    assert "rank 0 gave no sign of life for 0 s, so rank 1 ends too: resume" in (tmp_path / "log").read_text()


def test_all_that_were_stopped_together_go_on_together(begin, store, tmp_path):
    pids = begin(store.port, 3)
    time.sleep(1)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in pids:
            os.kill(pid, number)
        time.sleep(1)
    assert [wait(pid) for pid in pids] == [0, 0], (tmp_path / "log").read_text()


def test_without_a_store_nobody_is_missed(begin, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert [wait(pid) for pid in begin(taken.getsockname()[1], 2)] == [0, 0], (tmp_path / "log").read_text()
