"""Whatever the pictures, their number, order and parts: one answer each, and that of a search that was interrupted.

Each seed draws a case; what a case is stands in ``Case``.
"""

import random

import numpy as np
import pytest
import torch

from ganzoo.inference import Inference
from ganzoo.inversion import LBFGS, Adam, At, Draw, Masked, Nearest, Pixels, Shell, Stay, invert, inverter, writing
from ganzoo.inversion.writing import How, write_inversion
from ganzoo.latent.npz import load_latents
from ganzoo.priors import Coded, Normal, Uniform
from tests.zoo import ToImage

FIELDS = ("latents", "images", "loss", "history", "evaluations", "way")


class Case:
    """A model, n pictures, what G is told of each, and a way of searching."""

    def __init__(self, seed):
        self.draw = draw = random.Random(seed)
        torch.manual_seed(seed)
        prior = draw.choice([Normal(12), Uniform(16), Coded(Normal(11), categorical=(3,), uniform=1)])
        classes = draw.choice([0, 2])
        self.model = Inference({"generator": ToImage(prior=prior, num_classes=classes).eval()})
        self.n = draw.randint(2, 40)
        self.x = torch.rand(self.n, 1, 8, 8) * 2 - 1
        self.y = torch.randint(2, (self.n,)) if classes else None
        self.space = draw.choice(["z", "z", "maps:net.0", "codes:net.0:2"])
        self.start = draw.choice([Nearest(draw.randint(1, 40)), Draw(0.5), At(self.model.latents(self.n))])
        self.solver = draw.choice([LBFGS(draw.randint(1, 5)), Adam(draw.randint(1, 5)), Stay()])
        self.restarts = draw.randint(1, 2) if self.start.draws else 1
        masks = (torch.rand(self.n, 1, 8, 8) > 0.3).float()
        losses = [Pixels(), Pixels() + 0.5 * Masked(Pixels(), masks)]
        if self.space == "z" and isinstance(prior, Normal):
            losses.append(Pixels() + 0.1 * Shell())
        self.loss = draw.choice(losses)

    def found(self, rows, part):
        """What is found of some pictures, in parts of so many."""
        parts = pytest.MonkeyPatch()
        parts.setattr(inverter, "PART", part)
        how = {"space": self.space, "solver": self.solver, "restarts": self.restarts}
        start, loss = self.start.of(rows), self.loss.of(rows)
        y = None if self.y is None else self.y[rows]
        try:
            return invert(self.model, self.x[rows], y, start=start, loss=loss, progress=False, **how)
        finally:
            parts.undo()

    def some(self):
        """Some of the pictures, in any order."""
        return self.draw.sample(range(self.n), self.draw.randint(1, self.n))


@pytest.mark.parametrize("seed", range(16))
def test_a_picture_has_one_answer(seed):
    case = Case(seed)
    whole = case.found(list(range(case.n)), part=64)
    for rows in (case.some(), [case.draw.randrange(case.n)]):
        some = case.found(rows, part=case.draw.choice([16, 17, 23, 32, 64]))
        for name in FIELDS:
            assert torch.equal(getattr(some, name), getattr(whole, name)[rows]), name


@pytest.mark.parametrize("seed", range(16, 26))
def test_a_search_that_is_interrupted_anywhere_ends_as_if_it_were_not(seed, tmp_path, monkeypatch):
    case = Case(seed)
    monkeypatch.setattr(writing, "draw", lambda *_: [])
    monkeypatch.setattr(inverter, "PART", 16)
    how = How(case.space, Nearest(9), case.solver, Pixels(), 1, 0, "how")
    names = [str(i) for i in range(case.n)]

    def run(out, x=case.x, y=case.y, names=names):
        write_inversion(case.model, x, names, tmp_path / out, how, y)

    run("whole")
    measures = case.draw.randint(1, 12)
    with monkeypatch.context() as patch:
        patch.setattr(Pixels, "against", stopping(Pixels.against, measures))
        for _ in range(2):
            try:
                run("o")
            except KeyboardInterrupt:
                continue
    if case.draw.random() < 0.5:  # some pictures are asked for by themselves in between
        rows = case.some()
        run("o", case.x[rows], None if case.y is None else case.y[rows], [names[row] for row in rows])
    run("o")
    whole, again = (load_latents(tmp_path / out / "latents.npz") for out in ("whole", "o"))
    assert torch.equal(again.z, whole.z)
    assert all(np.array_equal(again.extra[name], whole.extra[name]) for name in whole.extra)


def stopping(against, nth):
    """Pixels' own; Ctrl-C comes when they are measured for the nth time, and so on."""
    calls = []

    def stopped(self, x, model):
        measure = against(self, x, model)

        def counted(*arguments):
            calls.append(1)
            if len(calls) % nth == 0:
                raise KeyboardInterrupt
            return measure(*arguments)

        return counted

    return stopped
