"""Processes that may be killed, and ranks, by fork: nothing is imported again.

With more than one OpenMP thread their work is done in a new thread: the old one believes in those of the parent, which
a fork does not copy.
"""

import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch


def start(work: Callable[[], Any], log: Path, env: dict[str, str] | None = None) -> int:
    """Run ``work`` in a child process with its output in ``log``; return its process id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        os.environ.update(env or {})
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background would pass on to ignore it
        result = work() if torch.get_num_threads() == 1 else ThreadPoolExecutor(1).submit(work).result()
        status = result if isinstance(result, int) else 0
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(pid: int) -> int:
    """Return the exit status of a child; -9 if it was killed."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def in_child(work: Callable[[], Any], log: Path) -> int:
    """Run ``work`` in a child process; return its exit status."""
    return wait(start(work, log))


def on_ranks(world: int, work: Callable[[], Any], log: Path) -> list[int]:
    """Run ``work`` on ``world`` ranks as torchrun would start them; return their exit statuses."""
    return [wait(pid) for pid in start_ranks(world, work, log)]


def start_ranks(world: int, work: Callable[[], Any], log: Path) -> list[int]:
    """Run ``work`` on ``world`` ranks as torchrun would start them; return their process ids."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pids = []
    for rank in range(world):
        env = {
            "TORCHELASTIC_RUN_ID": "test",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "WORLD_SIZE": str(world),
            "LOCAL_WORLD_SIZE": str(world),
            "GROUP_RANK": "0",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
        }
        pids.append(start(work, log, env))
    return pids
