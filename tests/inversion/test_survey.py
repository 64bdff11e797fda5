"""docs/inversion.md: every method of the survey has its row, and what stands there as code runs."""

import re
from pathlib import Path

import pytest
import torch

from ganzoo.hub.form import Pretrained
from ganzoo.inversion import (
    LBFGS,
    Adam,
    Draw,
    Encoded,
    Features,
    InDomain,
    Inversion,
    Masked,
    Nearest,
    Pixels,
    Shell,
    Stay,
    Tune,
    inverter,
)
from ganzoo.inversion.tune import Tuned
from tests.zoo import make

TEXT = (Path(__file__).parent.parent.parent / "docs" / "inversion.md").read_text()
ROWS = re.findall(r"^\| (.+?, 20\d\d) \| ([OLH]) \| (.*) \|$", TEXT, flags=re.MULTILINE)
CODE = {name: code for name, _, how in ROWS for code in re.findall(r"`((?:invert|next)\(.*?\))`", how)}
NETWORKS = {
    "model": "NSGAN",
    "cgan": "CGAN",
    "imageencoder": "ImageEncoder",
    "icgan": "IcGAN",
    "iterative": "IterativeEncoder",
}


def test_the_example_runs():
    code = re.search(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)[1]
    exec(code.replace("invert(model, x)", "invert(model, x, solver=LBFGS(2))"), space := {})
    assert (space["found"].history[:, -1] < space["found"].history[:, 0]).all()


def test_every_method_has_its_row():
    assert len(ROWS) == 29
    assert len({name for name, _, _ in ROWS}) == 29
    assert [kind for _, kind, _ in ROWS].count("L") == 9
    assert len(CODE) >= 14


@pytest.mark.parametrize("name", list(CODE))
def test_what_stands_as_code_runs(name):
    code = CODE[name]
    games = {word: make(kind).eval() for word, kind in NETWORKS.items() if word in code}
    models = {word: Pretrained(dict(game.published), {}) for word, game in games.items()}
    known = {
        *(Adam, Draw, Encoded, Features, InDomain, LBFGS, Masked, Nearest, Pixels, Shell, Stay, Tune),
    }
    space = {one.__name__: one for one in known}

    def invert(model, x, *arguments, solver=LBFGS(4), **how):
        short = Adam(4) if isinstance(solver, Adam) else solver
        return inverter.invert(model, x, *arguments, solver=short, **how)

    x, mask = torch.rand(3, 1, 8, 8) * 2 - 1, torch.eye(8)
    found = eval(code, {**space, **models, "invert": invert, "x": x, "mask": mask})
    assert isinstance(found, Inversion | Tuned)
    if isinstance(found, Inversion) and found.history.shape[1] > 1:
        assert (found.history[:, -1] < found.history[:, 0]).all()
