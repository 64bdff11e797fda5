"""Ranks that notice when another one was stopped or killed, for which they would wait for ever."""

import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch.distributed as dist

BEAT, SILENCE = 1.0, 15.0  # seconds between two signs of life; without one for so long a rank is taken for dead


class Heart:
    """Gives signs of life from a thread of its own, so also while a rank judges or writes, and listens to the others.

    A rank that hears nothing of another one for 15 s prints a line and ends its process, whatever it waits for.

    Args:
        rank: This rank.
        world: Number of ranks.
        address: Host and port of the ranks' store.
        name: Of this heart: the same on all ranks, another one each time.
        advice: Returns what to do, for the line.
    """

    def __init__(self, rank: int, world: int, address: tuple[str, int], name: str, advice: Callable[[], str]) -> None:
        self.rank, self.address, self.name, self.advice = rank, address, name, advice
        self.heard = dict.fromkeys((r for r in range(world) if r != rank), time.monotonic())
        self.stopped = threading.Event()
        for work in (self.beat, self.watch):
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """Listen no longer."""
        self.stopped.set()

    def beat(self) -> None:
        """Give signs of life and look at those of the others, until told to stop; a store may keep silent for ever."""
        try:
            store: Any = dist.TCPStore(*self.address, is_master=False, timeout=timedelta(seconds=SILENCE))  # type: ignore[attr-defined]
            last: dict[int, bytes] = {}
            while not self.stopped.is_set():
                store.set(f"{self.name}/{self.rank}", str(time.monotonic()))
                for rank in self.heard:
                    sign = store.get(key) if store.check([key := f"{self.name}/{rank}"]) else b""
                    if sign == b"done" or sign != last.get(rank):
                        last[rank], self.heard[rank] = sign, time.monotonic() + (1e9 if sign == b"done" else 0)
                self.stopped.wait(BEAT)
            store.set(f"{self.name}/{self.rank}", "done")
        except (RuntimeError, ValueError):  # the store is gone with the process that held it: the watch will tell
            return

    def watch(self) -> None:
        """End this process when another one has been silent for too long."""
        while not self.stopped.wait(BEAT):
            silent = [rank for rank, heard in self.heard.items() if time.monotonic() - heard > SILENCE]
            if silent:
                line = f"rank {silent[0]} gave no sign of life for {SILENCE:.0f} s, so rank {self.rank} ends too: "
                print(f"\nganzoo: {line}{self.advice()}", file=sys.stderr, flush=True)
                os._exit(1)
