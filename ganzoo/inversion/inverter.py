"""Any image into any generator: the latent whose image is nearest to a picture."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from ganzoo.inference import BLOCK, Inference, decode, here, placed
from ganzoo.inversion.best import Best
from ganzoo.inversion.free import Free
from ganzoo.inversion.losses import Loss, Pixels, each_row
from ganzoo.inversion.rows import Array, as_tensor, least
from ganzoo.inversion.solvers import FRAMES, LBFGS, Solver
from ganzoo.inversion.spaces import named
from ganzoo.inversion.starts import Nearest, Start
from ganzoo.priors import check_seed
from ganzoo.roles import Classes, Generator, Given, Space, check_images, told

SEARCH = 15  # steps for each class, where the class is looked for
NUMBERS = 2**21  # that the latents of one part have at most: a part shares its calls of G
PART = 64  # images of a part at most

Auto = Literal["auto"]


class Inversion(NamedTuple):
    """What was found for each of N images.

    Args:
        latents: In the space that was searched, [N, D].
        images: What G makes of them, [N, C, H, W] in [-1, 1].
        loss: What was made small, [N].
        history: The loss at the start and after each step, [N, 1 + steps]; of the best restart.
        evaluations: How often G made each image, [N]: of all restarts and classes.
        way: Latents of some moments of the search, from its start to its end, [N, moments, D].
        condition: What G was told, [N, ...], or None; classes that were looked for are those that were found.
        space: Its name.
    """

    latents: Tensor
    images: Tensor
    loss: Tensor
    history: Tensor
    evaluations: Tensor
    way: Tensor
    condition: Tensor | None
    space: str


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a search, which hands out the best that it had found.

    Args:
        found: Of the first images; of those that were not done, history and way have the best alone, at all moments.
    """

    def __init__(self, found: Inversion) -> None:
        super().__init__()
        self.found = found


def invert(
    model: Inference | Generator,
    x: Array,
    condition: Given | Array | Auto = None,
    *,
    space: str | Space = "z",
    start: Start = Nearest(),
    solver: Solver = LBFGS(60),
    loss: Loss = Pixels(),
    restarts: int = 1,
    seed: int = 0,
    progress: bool = True,
) -> Inversion:
    """Return the latents of images: u* = argmin over u of loss(G(u), x), for each image by itself.

    An image has the same answer, to the last bit, alone, in company and in any order: G sees whole blocks, and rows
    share nothing else. The exception that ``whole_blocks`` names is met on the way back too: of a z of at most 10
    numbers some CPUs round the gradient by where a row stands. The answer depends on device, threads and kernels.

    An image whose loss is not finite at the start stays there, and any other restart or class is better.

    Xia et al., "GAN Inversion: A Survey", 2022. https://arxiv.org/abs/2101.05278

    Args:
        model: In evaluation mode.
        x: Images in [-1, 1], [N, C, H, W]: a tensor, or an array of numpy.
        condition: What G is told: one value for all, or one for each; "auto": the class with the least loss after
            ``SEARCH`` steps each.
        space: "z" or another of G's; "maps:LAYER": the output of a layer; "codes:LAYER:K": K codes, mixed there.
        start: Where to start: ``Draw``, ``Nearest``, ``Encoded`` or ``At`` latents.
        solver: ``LBFGS``, ``Adam`` or ``Stay``.
        loss: ``Pixels``, ``Features``, ``LPIPS``, ``Masked``, ``Shell``, ``InDomain`` or a sum of them with weights.
        restarts: How often to start, from the seeds on; the best is kept.
        seed: Of the start.
        progress: Whether to draw a bar.

    Raises:
        ValueError: images or the condition are not those of the model, or another argument is out of range.
        Interrupted: Ctrl-C; as ``found`` it has what was found until then.
    """
    parts = []
    try:
        for part in inversions(model, x, condition, space, start, solver, loss, restarts, seed, progress):
            parts.append(part)
    except KeyboardInterrupt as stop:
        parts += [stop.found] if isinstance(stop, Interrupted) else []
        if not parts:
            raise
        raise Interrupted(joined(parts)) from None
    return joined(parts)


def inversions(
    model: Inference | Generator,
    x: Array,
    condition: Given | Array | Auto,
    space: str | Space,
    start: Start,
    solver: Solver,
    loss: Loss,
    restarts: int,
    seed: int,
    progress: bool,
) -> Iterator[Inversion]:
    """Yield the answer of ``invert`` part by part, so that an interrupted caller keeps what was found.

    Raises:
        ValueError: see ``invert``.
        Interrupted: Ctrl-C; as ``found`` it has what was found of the part that comes next.
    """
    model = Inference({"generator": model}) if isinstance(model, Generator) else model
    G = model.generator
    x, y = check(G, as_tensor(x), condition)
    place = named(G, space) if isinstance(space, str) else space
    if place.generator is not G:
        raise ValueError("the space is of another generator than the model's")
    if not place.prior.dim:
        raise ValueError(f"{type(G).__name__} draws nothing: its images are made of what it is told alone")
    loss.check(place)
    if restarts < 1:
        raise ValueError(f"restarts must be 1 or more, got {restarts}")
    if restarts > 1 and not start.draws:
        raise ValueError(f"{restarts} restarts would all start where {type(start).__name__} does: use Draw or Nearest")
    check_seed(check_seed(seed) + restarts - 1)
    at_once = max(BLOCK, min(PART, NUMBERS // place.prior.dim))
    with tqdm(total=len(x), desc="inverting", unit="image", leave=False, disable=None if progress else True) as bar:
        for first in range(0, len(x), at_once):
            part = slice(first, first + at_once)
            task = Task(model, place, start.of(part), solver, loss.of(part), x[part], None if y is None else y[part])
            yield task.of_seeds(range(seed, seed + restarts), isinstance(condition, str))
            bar.update(len(task.x))


class Task:
    """Some images, and how to invert them.

    Args:
        model: In evaluation mode.
        space: Where latents live.
        start: Where to start.
        solver: What moves the latents.
        loss: What is made small.
        x: Images, [n, C, H, W].
        y: What G is told of each, or None.
    """

    def __init__(
        self, model: Inference, space: Space, start: Start, solver: Solver, loss: Loss, x: Tensor, y: Tensor | None
    ) -> None:
        self.model, self.space, self.start, self.solver = model, space, start, solver
        self.x, self.y = x, y
        self.free = Free(space.prior)
        self.measure = loss.against(x, model)
        self.best = Best(len(x))

    def of_seeds(self, seeds: Sequence[int], search: bool) -> Inversion:
        """Return the best of what is found from the starts of some seeds.

        Raises:
            Interrupted: Ctrl-C.
        """
        try:
            return best_of([self.of_seed(seed, search) for seed in seeds])
        except KeyboardInterrupt:
            if self.best.rows is None:
                raise
            raise Interrupted(self.so_far(*self.best.rows)) from None

    def of_seed(self, seed: int, search: bool) -> Inversion:
        """Return what is found from the start of a seed; where the class is looked for, first for each class."""
        if not search:
            return self.solved(self.start(self.model, self.x, self.y, seed), self.y, 0)
        classes = self.model.generator.condition
        assert isinstance(classes, Classes)
        short, starts, tried = LBFGS(SEARCH), [], []
        for k in range(classes.K):
            y = torch.full((len(self.x),), k)
            starts.append(self.start(self.model, self.x, y, seed))
            u = here(self.space, starts[-1], y).float().cpu()
            tried.append(short.minimise(self.objective(y), self.free.free(u)))
        y = least(torch.stack([found.loss for found in tried]))
        cost = sum((found.evaluations for found in tried), torch.zeros(len(self.x), dtype=torch.long))
        return self.solved(torch.stack(starts)[y, torch.arange(len(y))], y, cost)

    def solved(self, z: Tensor, y: Tensor | None, cost: Tensor | int) -> Inversion:
        """Return what the solver finds from latents z, [n, dim of z], on."""
        found = self.solver.minimise(self.objective(y), self.free.free(here(self.space, z, y).float().cpu()))
        latents = self.latents(found.u)
        images = decode(self.space, latents, y).float().cpu()
        way = torch.stack([self.latents(v) for v in found.way], dim=1)
        history = found.history.T.contiguous()
        return Inversion(latents, images, found.loss, history, found.evaluations + cost, way, y, self.space.name)

    def objective(self, y: Tensor | None) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the loss of free numbers v, [n, D], of some rows: [n]."""
        like = next(self.space.generator.parameters(), torch.zeros(0))

        def of_block(v: Tensor, rows: Tensor) -> Tensor:
            u = self.free.latents(v)
            made = told(self.space.make, u.to(like), None if y is None else placed(y[rows], like))
            return each_row(self.measure(made.float().cpu(), u, rows), rows)

        def measured(v: Tensor, rows: Tensor) -> Tensor:
            loss = in_whole_blocks(of_block, v, rows)
            self.best.see(v.detach(), loss.detach(), rows, y)
            return loss

        return measured

    def so_far(self, v: Tensor, loss: Tensor, y: Tensor | None) -> Inversion:
        """Return the best so far as an inversion."""
        latents = self.latents(v)
        images = decode(self.space, latents, y).float().cpu()
        history, way = loss[:, None].repeat(1, 1 + self.solver.steps), latents[:, None].repeat(1, FRAMES, 1)
        return Inversion(latents, images, loss, history, self.best.evaluations, way, y, self.space.name)

    def latents(self, v: Tensor) -> Tensor:
        """Return the latents of free numbers v, [n, D]."""
        return in_whole_blocks(lambda own, _: self.free.latents(own), v, torch.arange(len(v)))


def in_whole_blocks(call: Callable[[Tensor, Tensor], Tensor], v: Tensor, rows: Tensor) -> Tensor:
    """Return what ``call`` makes of v, [n, D], and the numbers of its rows, a whole block at a time.

    The last block is filled up with the first row's number and zeros, whose results are thrown away.
    """
    parts = []
    for own, numbers in zip(v.split(BLOCK), rows.split(BLOCK), strict=True):
        lacking = BLOCK - len(own)
        if lacking:
            own = torch.cat([own, own.new_zeros(lacking, own.shape[1])])
            numbers = torch.cat([numbers, numbers[:1].expand(lacking)])
        parts.append(call(own, numbers)[: BLOCK - lacking])
    return torch.cat(parts)


def check(G: Generator, x: Tensor, condition: Given | Array | Auto) -> tuple[Tensor, Tensor | None]:
    """Return images and conditions that G can be searched for.

    Raises:
        ValueError: they are none.
    """
    check_images(x, G.image_shape)
    if not len(x):
        raise ValueError("no images to invert: give one or more")
    bad = (~(x.abs() <= 1 + 1e-6).flatten(1).all(dim=1)).nonzero()[:, 0].tolist()
    if bad:
        raise ValueError(f"images must be finite and in [-1, 1]: those with the numbers {bad[:8]} are not")
    if isinstance(condition, str):
        if condition != "auto" or not isinstance(G.condition, Classes):
            raise ValueError(f"condition {condition!r}: 'auto' looks for the class, of a model that is told classes")
        return x.float().cpu(), None
    told = as_tensor(condition) if isinstance(condition, np.ndarray) else condition
    return x.float().cpu(), G.condition.check(told, len(x))


def best_of(found: list[Inversion]) -> Inversion:
    """Return of each image the best of several inversions; evaluations are added up."""
    which = least(torch.stack([one.loss for one in found]))
    rows = torch.arange(len(which))
    best = [merged(values, lambda tensors: torch.stack(tensors)[which, rows]) for values in zip(*found, strict=True)]
    return Inversion(*best)._replace(evaluations=torch.stack([one.evaluations for one in found]).sum(dim=0))


def joined(parts: list[Inversion]) -> Inversion:
    """Return inversions of some images and of the next ones as one."""
    return Inversion(*(merged(values, torch.cat) for values in zip(*parts, strict=True)))


def merged(values: Sequence[Any], merge: Callable[[list[Tensor]], Tensor]) -> Any:
    """Return tensors as one; of what is no tensor the first."""
    return merge(list(values)) if isinstance(values[0], Tensor) else values[0]
