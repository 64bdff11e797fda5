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

    A rank that hears nothing of another one for 15 s prints a line and ends its process, whatever it waits for. It
    listens from its own first sign on: where there is no store, nobody listens.

    Args:
        rank: This rank.
        world: Number of ranks.
        address: Host and port of the ranks' store.
        name: Of this heart: the same on all ranks, another one each time.
        advice: Returns what to do, for the line.
    """

    def __init__(self, rank: int, world: int, address: tuple[str, int], name: str, advice: Callable[[], str]) -> None:
        self.rank, self.address, self.name, self.advice = rank, address, name, advice
        self.others = [other for other in range(world) if other != rank]
        self.heard: dict[int, float] = {}  # when each of the others gave its last sign; those who are done never more
        self.stopped = threading.Event()
        for work in (self.beat, self.watch):
            threading.Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """Listen no longer."""
        self.stopped.set()

    def beat(self) -> None:
        """Give signs of life and look at those of the others, until told to stop; a store may keep silent for ever."""
        last: dict[int, bytes] = {}
        try:
            store: Any = dist.TCPStore(*self.address, is_master=False, timeout=timedelta(seconds=SILENCE))  # type: ignore[attr-defined]
            while not self.stopped.is_set():
                store.set(f"{self.name}/{self.rank}", str(time.monotonic()))
                if not last:  # all begin together, so all are expected to speak
                    last = dict.fromkeys(self.others, b"")
                    self.heard = dict.fromkeys(self.others, time.monotonic())
                for rank in self.others:
                    key = f"{self.name}/{rank}"
                    sign = store.get(key) if store.check([key]) else b""
                    if sign == b"done":
                        self.heard.pop(rank, None)
                    elif sign != last[rank]:
                        last[rank], self.heard[rank] = sign, time.monotonic()
                self.stopped.wait(BEAT)
            store.set(f"{self.name}/{self.rank}", "done")
        except (RuntimeError, ValueError):  # no store, or gone with the process that held it: then the watch will tell
            return

    def watch(self) -> None:
        """End this process when another one has fallen silent."""
        before = time.monotonic()
        while not self.stopped.wait(BEAT):
            now = time.monotonic()
            if now - before > 3 * BEAT:  # this process was stopped, the others perhaps too: they may speak again
                self.heard.update(dict.fromkeys(list(self.heard), now))
            before = now
            silent = sorted(rank for rank, heard in list(self.heard.items()) if now - heard > SILENCE)
            if silent:
                line = f"rank {silent[0]} gave no sign of life for {SILENCE:.0f} s, so rank {self.rank} ends too: "
                print(f"\nganzoo: {line}{self.advice()}", file=sys.stderr, flush=True)
                os._exit(1)
