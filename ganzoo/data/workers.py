"""The path for sets that do not fit in memory: images are read by worker processes."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ganzoo.data.augment import Augment
from ganzoo.data.order import Order

try:
    import resource
except ImportError:
    resource = None  # type: ignore[assignment]

SPARE, EACH = 64, 32  # open files: of logs, checkpoints and other libraries; of a worker
OnCorrupt = Literal["raise", "skip"]
Sample = tuple[Tensor, Any]  # x and its class, or x and the other side of a pair
Collate = Callable[[list[Sample]], Any]


class CorruptImage(ValueError):
    """An image that cannot be read.

    Args:
        message: What is wrong with which file, and the remedy.
        name: Name of the file.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class Source(Protocol):
    """Images that are read one by one; whatever is random about one is a function of its key."""

    def __len__(self) -> int:
        """Return the number of images."""

    def __getitem__(self, key: tuple[int, int]) -> Sample:
        """Return (x, y) for (index, epoch); raise ``CorruptImage`` if it cannot be read."""


class Reader(Dataset[tuple[Tensor, Any, list[str]]]):
    """Reads a source; if asked to, it takes the next readable image in place of one that is corrupt.

    Args:
        source: The images.
        on_corrupt: "raise", or "skip" to go on with the next readable image.
    """

    def __init__(self, source: Source, on_corrupt: OnCorrupt = "raise") -> None:
        if on_corrupt not in ("raise", "skip"):
            raise ValueError(f"on_corrupt must be 'raise' or 'skip', got {on_corrupt!r}")
        self.source, self.on_corrupt = source, on_corrupt

    def __len__(self) -> int:
        """Return the number of images, corrupt ones included."""
        return len(self.source)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Any, list[str]]:
        """Return x, y and the names of the files that were passed over.

        Raises:
            ValueError: no image can be read.
        """
        index, epoch = key
        corrupt: list[str] = []
        for step in range(len(self.source)):
            try:
                x, y = self.source[(index + step) % len(self.source), epoch]
            except CorruptImage as error:
                if self.on_corrupt == "raise":
                    raise
                corrupt.append(error.name)
            else:
                return x, y, corrupt
        raise ValueError(f"none of {len(self.source)} images can be read, the first being {corrupt[0]}")


class Skipped:
    """The corrupt files met so far; each is warned of once."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __len__(self) -> int:
        """Return the number of corrupt files."""
        return len(self.names)

    def note(self, names: Iterable[str]) -> None:
        """Note files that were passed over."""
        for name in names:
            if name not in self.names:
                self.names.add(name)
                warnings.warn(f"{name} is not a readable image: the next one takes its place", stacklevel=3)


def stacked(samples: list[Sample]) -> tuple[Tensor, Tensor]:
    """Return x, [B, C, H, W], and y: int64 [B], or of pairs [B, C, H, W]."""
    x, y = zip(*samples, strict=True)
    return torch.stack(x), torch.stack(y) if isinstance(y[0], Tensor) else torch.tensor(y)


class WorkerLoader:
    """Iterates batches (x, y) that worker processes read; like ``MemoryLoader`` in all else.

    It wraps a torch ``DataLoader`` rather than being one, as Lightning would replace the sampler. Batches
    that workers have read ahead do not count: a resumed run reads them again.

    Args:
        dataset: Images keyed by (index, epoch).
        order: Which images make up which batch.
        num_workers: Number of processes that read; 0: this one.
        hflip: Mirror each image with probability 1/2, decided by (seed, epoch, image), both sides of a pair alike.
        on_corrupt: "raise", or "skip" to take the next readable image.
        pin_memory: Pin batches for a copy to CUDA.
        collate: Makes a batch of samples [(x, y), ...].
        skipped: Where corrupt files are counted.
        jitter: Crop images at random places by so many pixels in height and width, decided and alike in the same way.

    Raises:
        ValueError: dataset and order are not of one length.
    """

    def __init__(
        self,
        dataset: Source,
        order: Order,
        num_workers: int = 0,
        hflip: bool = False,
        on_corrupt: OnCorrupt = "raise",
        pin_memory: bool = False,
        collate: Collate = stacked,
        skipped: Skipped | None = None,
        jitter: int = 0,
    ) -> None:
        if len(dataset) != order.n:
            raise ValueError(f"got {len(dataset)} images and an order of {order.n}")
        self.batch_sampler, self.hflip, self.jitter = order, hflip, jitter
        self.corrupt = Skipped() if skipped is None else skipped
        self._loader = reading(
            Reader(dataset, on_corrupt),
            num_workers,
            WithNames(collate),
            pin_memory,
            batch_sampler=_Keys(order),
        )

    @property
    def skipped(self) -> int:
        """Number of corrupt files met so far."""
        return len(self.corrupt)

    def __len__(self) -> int:
        """Return the number of batches of a whole epoch."""
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[Any]:
        """Yield the rest of the epoch."""
        order = self.batch_sampler
        order.roll()
        augment = Augment(order, self.hflip, self.jitter)
        for (batch, corrupt), index in zip(self._loader, order.rest(), strict=True):
            order.position += 1
            self.corrupt.note(corrupt)
            yield tuple(augment(part, index) for part in batch) if self.hflip or self.jitter else batch

    def state_dict(self) -> dict[str, int]:
        """Return the place in the data."""
        return self.batch_sampler.state_dict()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a saved place."""
        self.batch_sampler.load_state_dict(state)


def reading(
    reader: Reader, num_workers: int, collate: Callable[..., Any], pin_memory: bool = False, **batches: Any
) -> DataLoader[Any]:
    """Return a torch ``DataLoader`` that leaves torch's random generators alone.

    Raises:
        ValueError: so many workers need more open files than the system allows.
    """
    if num_workers:
        allow_files(num_workers)
    return Loader(
        reader,
        num_workers=num_workers,
        collate_fn=collate,
        pin_memory=pin_memory,
        generator=torch.Generator(),
        worker_init_fn=leave_signals,
        **batches,
    )


class Loader(DataLoader[Any]):
    """torch's, whose workers never hear a signal before they have said what to do about it."""

    def __iter__(self) -> Any:
        """Start the workers."""
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            return super().__iter__()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        try:
            return super().__iter__()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_signals(worker: int) -> None:
    """Leave SIGTERM and Ctrl-C to the process that trains: sent to all, they would take its workers from it.

    Only the SIGTERM of that process itself, by which it ends what it needs no more, is obeyed. If it ends while it is
    taking a batch, that is no error of the worker's.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = but_for_lost_connections
    trainer = multiprocessing.parent_process()
    if trainer is None or not hasattr(signal, "sigwaitinfo"):  # macOS does not tell who has sent a signal
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=obey, args=(trainer.pid,), daemon=True).start()


def but_for_lost_connections(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error of the thread that hands over batches, unless the process that was taking one has gone."""
    if not isinstance(error, (ConnectionError, EOFError)):
        sys.__excepthook__(kind, error, trace)


def obey(pid: int | None) -> None:
    """End this process when the process ``pid`` sends SIGTERM."""
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != pid:
        pass
    os._exit(0)  # as torch's own handler does: the end is wanted


def allow_files(num_workers: int) -> None:
    """Allow this process the open files that workers and their batches take; without them it would wait for ever.

    Raises:
        ValueError: the system does not allow so many.
    """
    if resource is None:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    there = len(os.listdir("/dev/fd"))
    needed = there + SPARE + num_workers * EACH
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ValueError(
            f"num_workers={num_workers} needs some {needed} open files, the system allows {hard}: raise `ulimit -n`,"
            " or set num_workers to 0"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class _Keys:
    """The batches still to come, as keys of a ``Source``."""

    def __init__(self, order: Order) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for indices in self.order.rest():
            yield [(index, self.order.epoch) for index in indices.tolist()]


class WithNames:
    """Separates the names of corrupt files from the samples of a batch."""

    def __init__(self, collate: Collate) -> None:
        self.collate = collate

    def __call__(self, samples: list[tuple[Tensor, Any, list[str]]]) -> tuple[Any, list[str]]:
        """Return what the samples collate to, and the names."""
        names = [name for _, _, corrupt in samples for name in corrupt]
        return self.collate([(x, y) for x, y, _ in samples]), names
