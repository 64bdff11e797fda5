"""What the words of a command mean: losses, starts and methods."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from ganzoo.catalogue import nearest
from ganzoo.inference import Inference
from ganzoo.inversion.latent_losses import InDomain, Shell
from ganzoo.inversion.losses import LPIPS, Features, Loss, Pixels, Sum
from ganzoo.inversion.solvers import LBFGS, Adam, Solver, Stay
from ganzoo.inversion.starts import Draw, Encoded, Nearest, Start
from ganzoo.metrics.features import file_sha256
from ganzoo.metrics.lenet import LeNet64, as_mnist
from ganzoo.metrics.vgg import LAYERS, VGG16
from ganzoo.photos import read_images, size_of
from ganzoo.roles import Discriminator

LOSSES = "pixels, shell, digits, discriminator, lpips, lpips:vgg, lpips:squeeze, vgg16:FILE, indomain"
STARTS = "nearest:1024, draw:0.3, encoder"


def read_loss(text: str, model: Inference) -> Loss:
    """Return the loss of ``pixels+0.1*shell+digits``: terms with weights, added up.

    Raises:
        ValueError: a term that there is not, or a weight that is no number.
    """
    terms = []
    for word in text.split("+"):
        weight, star, name = word.rpartition("*")
        try:
            terms.append((float(weight) if star else 1.0, term_of(name.strip(), model)))
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            raise ValueError(f"a loss is such as pixels+0.1*shell, got {text!r}: {weight!r} is no number") from error
    return Sum(terms)


def contents(loss: str, mask: str | None) -> str:
    """Return the files that a loss and a mask are read from, with the beginnings of their hashes.

    They are part of what was asked: another mask of the same name is another question.
    """
    files = [mask] if mask else []
    files += [word.rpartition("vgg16:")[2] for word in loss.split("+") if "vgg16:" in word]
    return "".join(f", {Path(file).name} {file_sha256(Path(file))[:8]}" for file in files)


def term_of(name: str, model: Inference) -> Loss:
    """Return a term by its name.

    Raises:
        ValueError: there is none, or it does not suit the model.
    """
    match name.partition(":"):
        case "pixels", "", "":
            return Pixels()
        case "shell", "", "":
            return Shell()
        case "indomain", "", "":
            return InDomain()
        case "digits", "", "":
            return Features(Digits(), Digits.layers)
        case "discriminator", "", "":
            return Features(*of_discriminator(model))
        case "lpips", "", "":
            return LPIPS()
        case "lpips", ":", ("alex" | "vgg" | "squeeze") as net:
            return LPIPS(net)
        case "vgg16", ":", file if file:
            return Features(VGG16(file), LAYERS, relative=False)
    known = [one.strip() for one in LOSSES.split(",")]
    raise ValueError(f"no loss {name!r}{nearest(name, known)}: there are {LOSSES}")


class Digits(nn.Module):
    """The digit network, for images in [-1, 1] of any size and colour."""

    layers = ("network.bn1", "network.bn2", "network.bn3", "network.bn4")

    def __init__(self) -> None:
        super().__init__()
        self.network = LeNet64().network.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return its 64 features, [N, 64]."""
        features: Tensor = self.network(as_mnist((images + 1) * 127.5))[0]
        return features


def of_discriminator(model: Inference) -> tuple[nn.Module, list[str]]:
    """Return D and its convolutions, or of one without its linear layers but the last.

    Raises:
        ValueError: the model has none that sees images alone.
    """
    D = model.networks.get("discriminator")
    if not isinstance(D, Discriminator) or D.num_classes or D.pack > 1:
        raise ValueError("this model has no discriminator that sees single images and nothing else")
    seen = [name for name, module in D.named_modules() if isinstance(module, nn.Conv2d)]
    seen = seen or [name for name, module in D.named_modules() if isinstance(module, nn.Linear)][:-1]
    if not seen:
        raise ValueError(f"{type(D).__name__} has no layers to compare")
    return D, seen


def read_solver(kind: str, steps: int) -> Solver:
    """Return the solver ``lbfgs`` or ``adam`` of so many steps; of none ``Stay``."""
    return Stay() if not steps else LBFGS(steps) if kind == "lbfgs" else Adam(steps)


def read_mask(file: str | Path, images: Sequence[str | Path], image_shape: Sequence[int]) -> Tensor:
    """Return the mask of a picture, [H, W]: 1 where it is lighter than grey; cut and resized as the pictures are.

    Raises:
        ValueError: it is no picture, or of another size than a picture that it is a mask of.
    """
    size = size_of(file)
    for image in images:
        if size_of(image) != size:
            wanted = " x ".join(map(str, size_of(image)))
            raise ValueError(f"the mask {file} is {size[0]} x {size[1]}, but {image} is {wanted}: they must be alike")
    return (read_images([file], (2, *image_shape[1:]))[0] > 0).all(dim=0).float()


def read_start(text: str) -> Start:
    """Return the start that ``draw:0.3``, ``nearest:1024`` or ``encoder`` means.

    Raises:
        ValueError: there is none, or its number is none.
    """
    kind, colon, number = text.partition(":")
    try:
        match kind:
            case "draw":
                return Draw(float(number)) if colon else Draw()
            case "nearest":
                return Nearest(int(number)) if colon else Nearest()
            case "encoder" if not colon:
                return Encoded()
    except ValueError as error:
        raise ValueError(f"--start {text!r}: {error}; there are {STARTS}") from error
    raise ValueError(f"no start {text!r}{nearest(kind, ('draw', 'nearest', 'encoder'))}: there are {STARTS}")
