"""Any image into any generator: spaces, starts, solvers and losses that go together."""

from ganzoo.inversion.inverter import Inversion, invert
from ganzoo.inversion.losses import Features, InDomain, Loss, Masked, Pixels, Shell
from ganzoo.inversion.solvers import LBFGS, Adam, Stay
from ganzoo.inversion.spaces import maps, several
from ganzoo.inversion.starts import At, Draw, Encoded, Nearest
from ganzoo.inversion.tune import Tune

__all__ = [
    "LBFGS",
    "Adam",
    "At",
    "Draw",
    "Encoded",
    "Features",
    "InDomain",
    "Inversion",
    "Loss",
    "Masked",
    "Nearest",
    "Pixels",
    "Shell",
    "Stay",
    "Tune",
    "invert",
    "maps",
    "several",
]
