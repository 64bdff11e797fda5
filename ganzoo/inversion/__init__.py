"""Any image into any generator: spaces, starts, solvers and losses that go together."""

from ganzoo.inversion.brush import Edited, brush
from ganzoo.inversion.flow import carry
from ganzoo.inversion.inverter import Interrupted, Inversion, invert
from ganzoo.inversion.latent_losses import InDomain, Shell
from ganzoo.inversion.losses import LPIPS, Features, Loss, Masked, Pixels
from ganzoo.inversion.solvers import LBFGS, Adam, Stay
from ganzoo.inversion.spaces import maps, several
from ganzoo.inversion.starts import At, Draw, Encoded, Nearest, Start
from ganzoo.inversion.strokes import Colour, Shape, Warp
from ganzoo.inversion.tune import Tune

__all__ = [
    "LBFGS",
    "LPIPS",
    "Adam",
    "At",
    "Colour",
    "Draw",
    "Edited",
    "Encoded",
    "Features",
    "InDomain",
    "Interrupted",
    "Inversion",
    "Loss",
    "Masked",
    "Nearest",
    "Pixels",
    "Shape",
    "Shell",
    "Start",
    "Stay",
    "Tune",
    "Warp",
    "brush",
    "carry",
    "invert",
    "maps",
    "several",
]
