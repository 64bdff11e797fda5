"""The command ``ganzoo``: a front that answers help, lists and typos without importing torch."""

import errno
import os
import sys
from collections.abc import Callable, Sequence

from ganzoo import __version__, bundled
from ganzoo.catalogue import classes, configs, find_config, nearest
from ganzoo.cli import own, verbs
from ganzoo.cli.invert import invert
from ganzoo.cli.paint import paint
from ganzoo.cli.parser import Parser
from ganzoo.cli.translate import translate
from ganzoo.cli.warned import shorten_warnings

HELP = """ganzoo: train, judge and use generative adversarial networks

usage: ganzoo VERB [options]

with a trainer (LightningCLI; all take --config, --model, --data, --trainer, see `ganzoo fit --help`)
  fit           train a game:            ganzoo fit --config models/dcgan --config data/mnist
  test          judge a model:           ganzoo test --ckpt_path runs/dcgan-mnist/checkpoints/best.ckpt
  validate      the same, fewer samples
  predict       write many samples:      ganzoo predict --ckpt_path CKPT --samples.n 10000 --samples.out DIR

without a trainer
  generate      images of seeds:         ganzoo generate MODEL --seeds 0-63 --out DIR
  invert        pictures into any model: ganzoo invert MODEL a.png b.png --out DIR
  paint         a photo, by strokes:     ganzoo paint MODEL photo.png strokes.png --out DIR
  translate     pictures into others:    ganzoo translate MODEL a.png photos/ --out DIR
  encode        latents by an encoder:     ganzoo encode MODEL a.png b.png --out DIR
  interpolate   from latent to latent:   ganzoo interpolate MODEL --seeds 0,5,9 --steps 16 --out DIR
  traverse      along codes, directions: ganzoo traverse MODEL --directions jacobian --seeds 0-7 --out DIR
  arithmetic    sums of latents:         ganzoo arithmetic MODEL --plus 1,2,3 --minus 4,5,6 --plus 7,8,9
  edit          along an attribute:      ganzoo edit MODEL --positive 1,2,3 --negative 4,5,6 --strength=-3:3:7
  neighbours    nearest training images: ganzoo neighbours MODEL --data data/mnist --seeds 0-31 --out DIR
  reference     statistics of images:    ganzoo reference --data data/mnist --out FILE.npz, for --evaluate.reference
  export        checkpoint to a folder:  ganzoo export CKPT --out DIR
  list          variants, configurations, networks, data sets, trained models
  fetch         download a data set:     ganzoo fetch MNIST

A model is a checkpoint, the folder of a run (its best checkpoint, else its last), one written by export, or the name of
one that comes with ganzoo (`ganzoo list pretrained`). A latent is a seed, a row of an npz (--latents), or a picture
(--images). The command line wins over --config files, later files over earlier ones, and
all of them over the checkpoint. Resume with `ganzoo fit --run DIR --ckpt_path last`.
Games and networks of your own: --import my_gan (a module, or my_gan.py in this folder) with every verb. A file never
decides what is imported: classes in a checkpoint or folder must be ours, or of a module that you --import.
Data is looked for in $GANZOO_DATA (default ~/.cache/ganzoo). Errors are one line; GANZOO_TRACEBACK=1 shows all."""

LARGE = "there is not enough memory: choose smaller networks, images or batches, or fewer at a time"
TRAINED = ("fit", "validate", "test", "predict")
UNTRAINED = (
    "generate",
    "invert",
    "paint",
    "translate",
    "encode",
    "interpolate",
    "traverse",
    "arithmetic",
    "edit",
    "neighbours",
    "reference",
    "export",
    "list",
    "fetch",
)
VERBS = (*TRAINED, *UNTRAINED)

HABITS = {
    "train": "fit",
    "sample": "generate",
    "eval": "test",
    "evaluate": "test",
    "publish": "export",
    "download": "fetch",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    shorten_warnings()
    try:
        return answer(own.bring(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        print("ganzoo: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # of `| head`, which has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except (ValueError, ArithmeticError, OSError, ImportError) as error:
        if os.environ.get("GANZOO_TRACEBACK"):
            raise
        if out_of_memory(error):  # said by a parser that was making a network
            return fail(LARGE)
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        return fail(f"{error}: free some space, or choose another folder, and resume" if full else str(error))
    except (MemoryError, RuntimeError) as error:
        if os.environ.get("GANZOO_TRACEBACK") or not out_of_memory(error):
            raise
        return fail(LARGE)


def answer(argv: list[str]) -> int:
    """Run a verb, or print what was asked for."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0
    if argv[0] == "--version":
        print(f"ganzoo {__version__}")
        return 0
    verb, rest = argv[0], argv[1:]
    if verb not in VERBS:
        meant = f": here it is {HABITS[verb]!r}" if verb in HABITS else nearest(verb, VERBS)
        raise ValueError(f"no verb {verb!r}{meant} (see `ganzoo --help`)")
    if verb in TRAINED:
        return trained(verb, rest)
    elsewhere: dict[str, Callable[[list[str]], int]]
    elsewhere = {"list": list_, "invert": invert, "paint": paint, "translate": translate}
    run = elsewhere.get(verb) or getattr(verbs, verb)
    return run(rest)


def out_of_memory(error: Exception) -> bool:
    """Whether Python, torch or a card has found no memory."""
    words = ("allocate memory", "out of memory", "Storage size calculation overflowed")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def fail(message: str) -> int:
    """Print one line and return the exit status of a wrong call."""
    if message.startswith("Caught ") and "Original Traceback" in message:  # of a worker process
        message = message.strip().splitlines()[-1].split(": ", 1)[-1]
    print(f"ganzoo: {' '.join(message.split())}", file=sys.stderr)
    return 2


def trained(verb: str, rest: list[str]) -> int:
    """Run a verb of LightningCLI; typos in names are answered first, without torch."""
    if verb != "fit" and rest and not rest[0].startswith("-"):  # MODEL, as with the verbs without a trainer
        rest = ["--ckpt_path", *rest]
    check_names(rest)
    from ganzoo.cli.train import run

    run([verb, *rest])
    return 0


def check_names(argv: list[str]) -> None:
    """Refuse an unknown ``--model``, ``--data`` or ``--config``.

    Raises:
        ValueError: with the nearest name.
    """
    for option, value in options(argv):
        if option in ("--model", "--data") and "." not in value and not value.lstrip().startswith("{"):
            package = {"--model": "models", "--data": "data"}[option]
            known = {*classes(package), *(path.rpartition(".")[2] for path in own.classes())}
            if value not in known:
                other = next((room for room in ("models", "networks", "data") if value in classes(room)), None)
                meant = f": ganzoo.{other}.{value} is another kind" if other else nearest(value, known)
                raise ValueError(f"no {option[2:]} {value!r}{meant} (`ganzoo list {package}` shows all)")
        if option in ("--config", "-c"):
            find_config(value)


def options(argv: list[str]) -> list[tuple[str, str]]:
    """Return the options that have a value: ``--name value`` and ``--name=value``."""
    found = []
    for i, word in enumerate(argv):
        if word.startswith("-") and "=" in word:
            name, value = word.split("=", 1)
            found.append((name, value))
        elif word.startswith("-") and i + 1 < len(argv) and not argv[i + 1].startswith("--"):
            found.append((word, argv[i + 1]))
    return found


def list_(rest: list[str]) -> int:
    """Print what there is."""
    parser = Parser(
        prog="ganzoo list", description="Show variants, networks, data sets, trained models, configurations."
    )
    parser.add_argument(
        "what", nargs="?", choices=("models", "networks", "data", "pretrained", "configs"), help="only this"
    )
    what = parser.parse_args(rest).what
    for package in ("models", "networks", "data"):
        if what in (None, package):
            print(f"{package}:")
            for name, sentence in classes(package).items():
                print(f"  {name:22} {sentence}")
    if what in (None, "pretrained"):
        print("pretrained (models that come with ganzoo):")
        for line in bundled.table(bundled.list_pretrained()):
            print(f"  {line}")
    if own.MODULES and what is None:
        print("imported:")
        for path, cls in sorted(own.classes().items()):
            print(f"  {path:22} {(cls.__doc__ or '').strip().partition(chr(10))[0]}")
    if what in (None, "configs"):
        print("configs (for --config):")
        for name in configs():
            print(f"  {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
