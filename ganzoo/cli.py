"""The command ``ganzoo``: a front that answers help, lists and typos without importing torch."""

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import Any

from ganzoo import __version__
from ganzoo.catalogue import classes, configs, find_config, nearest

HELP = """ganzoo: train, judge and use generative adversarial networks

usage: ganzoo VERB [options]

with a trainer (LightningCLI; all take --config, --model, --data, --trainer, see `ganzoo fit --help`)
  fit           train a game:            ganzoo fit --config models/dcgan --config data/mnist
  test          judge a checkpoint:      ganzoo test --ckpt_path runs/dcgan-mnist/checkpoints/best.ckpt
  validate      the same, fewer samples
  predict       write many samples:      ganzoo predict --ckpt_path CKPT --samples.n 10000 --samples.out DIR

without a trainer
  generate      images of seeds:         ganzoo generate MODEL --seeds 0-63 --out DIR
  encode        latents of pictures:     ganzoo encode MODEL a.png b.png --out DIR
  interpolate   from latent to latent:   ganzoo interpolate MODEL --seeds 0,5,9 --steps 16 --out DIR
  traverse      along codes, directions: ganzoo traverse MODEL --directions jacobian --seeds 0-7 --out DIR
  arithmetic    sums of latents:         ganzoo arithmetic MODEL --plus 1,2,3 --minus 4,5,6 --plus 7,8,9
  edit          along an attribute:      ganzoo edit MODEL --positive 1,2,3 --negative 4,5,6 --strength=-3:3:7
  export        checkpoint to a folder:  ganzoo export CKPT --out DIR
  list          variants, configurations, networks, data sets
  fetch         download a data set:     ganzoo fetch MNIST

A model is a folder written by export, or a checkpoint. A latent is a seed, a row of an npz (--latents), or a picture
(--images, of a model with an encoder). The command line wins over --config files, later files over earlier ones, and
all of them over the checkpoint. Resume with `ganzoo fit --run DIR --ckpt_path last`.
Data is looked for in $GANZOO_DATA (default ~/.cache/ganzoo). Errors are one line; all of it: GANZOO_TRACEBACK=1."""

TRAINED = ("fit", "validate", "test", "predict")
VERBS = (*TRAINED, "generate", "encode", "interpolate", "traverse", "arithmetic", "edit", "export", "list", "fetch")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(HELP)
        return 0
    if argv[0] == "--version":
        print(f"ganzoo {__version__}")
        return 0
    verb, rest = argv[0], argv[1:]
    if verb not in VERBS:
        return fail(f"no verb {verb!r}{nearest(verb, VERBS)} (see `ganzoo --help`)")
    try:
        if verb in TRAINED:
            return trained(verb, rest)
        own = (generate, encode, interpolate, traverse, arithmetic, edit, export, fetch)
        return {"list": list_, **{function.__name__: function for function in own}}[verb](rest)
    except (ValueError, ArithmeticError, OSError, ImportError) as error:
        if os.environ.get("GANZOO_TRACEBACK"):
            raise
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        return fail(f"{error}: free some space, or choose another folder, and resume" if full else str(error))


def fail(message: str) -> int:
    """Print one line and return the exit status of a wrong call."""
    if message.startswith("Caught ") and "Original Traceback" in message:  # of a worker process
        message = message.strip().splitlines()[-1].split(": ", 1)[-1]
    print(f"ganzoo: {' '.join(message.split())}", file=sys.stderr)
    return 2


def trained(verb: str, rest: list[str]) -> int:
    """Run a verb of LightningCLI; typos in names are answered first, without torch."""
    check_names(rest)
    from ganzoo.lightning_cli import run

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
            known = classes(package)
            if value not in known:
                raise ValueError(
                    f"no {option[2:]} {value!r}{nearest(value, known)} (`ganzoo list {package}` shows all)"
                )
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


class Parser(argparse.ArgumentParser):
    """argparse that takes no abbreviations, and whose errors are one line with the nearest option."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise the message with a suggestion."""
        if message.startswith("unrecognized arguments: "):
            word = message.split(": ", 1)[1].split()[0]
            message += nearest(word.split("=")[0], self._option_string_actions)
        raise ValueError(f"{message} (see `{self.prog} --help`)")


def list_(rest: list[str]) -> int:
    """Print what there is."""
    parser = Parser(prog="ganzoo list", description="Show variants, networks, data sets and configurations.")
    parser.add_argument("what", nargs="?", choices=("models", "networks", "data", "configs"), help="only this")
    what = parser.parse_args(rest).what
    for package in ("models", "networks", "data"):
        if what in (None, package):
            print(f"{package}:")
            for name, sentence in classes(package).items():
                print(f"  {name:22} {sentence}")
    if what in (None, "configs"):
        print("configs (for --config):")
        for name in configs():
            print(f"  {name}")
    return 0


def generate(rest: list[str]) -> int:
    """Write the images of seeds."""
    parser = Parser(prog="ganzoo generate", description="Write the images of seeds: seed i is the same image always.")
    parser.add_argument("model", help="a folder written by `ganzoo export`, or a checkpoint")
    parser.add_argument("--seeds", default="0-63", help="a seed, or first-last (default: 0-63)")
    parser.add_argument("--labels", help="one class, or a comma-separated list of one per seed (conditional models)")
    parser.add_argument("--out", default="samples", help="folder (default: samples)")
    parser.add_argument("--format", choices=("grid", "png", "npz"), default="grid", help="one picture, files, an array")
    given = parser.parse_args(rest)
    seeds = parse_seeds(given.seeds)
    labels = parse_labels(given.labels)
    from ganzoo.hub import write_samples

    print(write_samples(given.model, seeds, given.out, given.format, labels))
    return 0


def parse_seeds(text: str) -> range:
    """Read ``7`` or ``0-63``.

    Raises:
        ValueError: neither.
    """
    first, _, last = text.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()) or text.endswith("-"):
        raise ValueError(f"--seeds takes a whole number or first-last such as 0-63, got {text!r}")
    seeds = range(int(first), int(last or first) + 1)
    if not seeds:
        raise ValueError(f"--seeds {text!r} is empty: the last seed must not be below the first")
    return seeds


def parse_labels(text: str | None) -> list[int] | None:
    """Read ``7`` or ``0,1,2``.

    Raises:
        ValueError: neither.
    """
    words = text.split(",") if text is not None else []
    if not all(word.strip().isdecimal() for word in words):
        raise ValueError(f"--labels takes a class number or a list such as 0,1,2, got {text!r}")
    return [int(word) for word in words] if words else None


def export(rest: list[str]) -> int:
    """Turn a checkpoint into a folder."""
    parser = Parser(prog="ganzoo export", description="Turn a training checkpoint into a folder that loads safely.")
    parser.add_argument("checkpoint", help="a .ckpt written by `ganzoo fit`")
    parser.add_argument("--out", required=True, help="folder to write")
    given = parser.parse_args(rest)
    from ganzoo.hub import export_checkpoint

    print(export_checkpoint(given.checkpoint, given.out))
    return 0


def encode(rest: list[str]) -> int:
    """Write the latents of pictures."""
    parser = Parser(
        prog="ganzoo encode",
        description="Write the latents of pictures, latents.npz for --latents of other verbs, and what they decode to.",
    )
    parser.add_argument("model", help="a folder written by `ganzoo export`, or a checkpoint, with an encoder")
    parser.add_argument("images", nargs="+", metavar="FILE", help="pictures")
    parser.add_argument("--labels", help="one class, or a comma-separated list of one per picture (conditional models)")
    parser.add_argument("--out", default="latents", help="folder (default: latents)")
    given = parser.parse_args(rest)
    labels = parse_labels(given.labels)
    from ganzoo.hub import load
    from ganzoo.latent import inputs, verbs

    model = load(given.model)
    print(verbs.encode(model, inputs.read_images(given.images, model.generator.image_shape), given.out, labels))
    return 0


def interpolate(rest: list[str]) -> int:
    """Write the way through latents."""
    parser = start(Parser(prog="ganzoo interpolate", description="Walk from latent to latent: a GIF, a strip, an npz."))
    parser.add_argument("--steps", type=int, default=16, help="steps from one latent to the next (default: 16)")
    parser.add_argument("--loop", action="store_true", help="return to the first")
    parser.add_argument("--fps", type=int, default=16, help="frames per second (default: 16)")
    given = parser.parse_args(rest)
    from ganzoo.latent import verbs

    model, z, labels = started(given, default="0-3")
    print(verbs.interpolate(model, z, given.out, given.steps, given.loop, given.fps, labels))
    return 0


def traverse(rest: list[str]) -> int:
    """Write walks along codes, dimensions or directions."""
    parser = start(Parser(prog="ganzoo traverse", description="Walk along codes, dimensions of z, or directions."))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--code", help="one code of the prior, such as c1 (default: all; without codes: jacobian)")
    what.add_argument("--dims", help="dimensions of z, such as 0,1,2")
    what.add_argument("--directions", choices=("jacobian", "pca"), help="along which images change most")
    parser.add_argument("--steps", type=int, default=8, help="values of a walk (default: 8)")
    given = parser.parse_args(rest)
    from ganzoo.latent import inputs, verbs

    model, z, labels = started(given, default="0-7")
    dims = inputs.read_seeds(given.dims) if given.dims else ()
    print(verbs.traverse(model, z, given.out, given.code, dims, given.directions, given.steps, labels))
    return 0


def arithmetic(rest: list[str]) -> int:
    """Write sums and differences of latents."""
    parser = Parser(prog="ganzoo arithmetic", description="Add and subtract means of latents; a term is seeds or FILE.")
    parser.add_argument("model", help="a folder written by `ganzoo export`, or a checkpoint")
    parser.add_argument(
        "--plus", action="append", required=True, help="seeds such as 1,2,3, FILE.npz or FILE.npz:CLASS"
    )
    parser.add_argument("--minus", action="append", default=[], help="the same, subtracted")
    parser.add_argument("--labels", help="one class (conditional models)")
    parser.add_argument("--out", default="latents", help="folder (default: latents)")
    given = parser.parse_args(rest)
    from ganzoo.hub import load
    from ganzoo.latent import inputs, verbs

    model = load(given.model)
    plus, minus = ([inputs.of_term(model, term) for term in terms] for terms in (given.plus, given.minus))
    print(verbs.add(model, plus, minus, given.out, parse_labels(given.labels)))
    return 0


def edit(rest: list[str]) -> int:
    """Write latents moved along the direction of an attribute."""
    parser = start(Parser(prog="ganzoo edit", description="Move latents along a direction."))
    parser.add_argument("--direction", help="FILE.npz that holds one, or FILE.npz:2 for number 2")
    parser.add_argument("--positive", help="latents with the attribute: FILE.npz, FILE.npz:CLASS or seeds")
    parser.add_argument("--negative", help="latents without it")
    parser.add_argument("--strength", default="-3:3:7", help="such as --strength=-3:3:7 (default) or --strength=-1,0,1")
    given = parser.parse_args(rest)
    if bool(given.direction) == bool(given.positive) or bool(given.positive) != bool(given.negative):
        raise ValueError("give --direction FILE, or both --positive and --negative")
    from ganzoo.latent import inputs, verbs
    from ganzoo.latent.arithmetic import arithmetic as mean_difference

    strengths = inputs.read_strengths(given.strength)
    model, z, labels = started(given, default="0-7")
    if given.direction:
        q = inputs.of_direction(model, given.direction)
    else:
        q = mean_difference([inputs.of_term(model, given.positive)], [inputs.of_term(model, given.negative)])
    print(verbs.edit(model, z, q, strengths, given.out, labels))
    return 0


def start(parser: Parser) -> Parser:
    """Add what says where latents come from."""
    parser.add_argument("model", help="a folder written by `ganzoo export`, or a checkpoint")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--seeds", help="such as 0,5,9 or 0-7")
    source.add_argument("--images", nargs="+", metavar="FILE", help="pictures, for a model with an encoder")
    source.add_argument("--latents", metavar="FILE", help="an npz that holds z, or FILE.npz:CLASS")
    parser.add_argument("--labels", help="one class, or a comma-separated list (conditional models)")
    parser.add_argument("--out", default="latents", help="folder (default: latents)")
    return parser


def started(given: argparse.Namespace, default: str) -> tuple[Any, Any, list[int] | None]:
    """Return the model, the latents and the labels that the command names."""
    labels = parse_labels(given.labels)
    from ganzoo.hub import load
    from ganzoo.latent import inputs

    model = load(given.model)
    if given.images:
        z, labels = inputs.of_images(model, inputs.read_images(given.images, model.generator.image_shape), labels)
        return model, z, labels
    return model, inputs.of_term(model, given.latents or given.seeds or default), labels


def fetch(rest: list[str]) -> int:
    """Download a data set."""
    parser = Parser(prog="ganzoo fetch", description="Download a data set and verify its checksum.")
    parser.add_argument("name", help="MNIST, FashionMNIST, KMNIST, CIFAR10 or CIFAR100")
    parser.add_argument("--root", help="folder (default: $GANZOO_DATA or ~/.cache/ganzoo)")
    given = parser.parse_args(rest)
    known = ("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100")
    if given.name not in known:
        raise ValueError(f"no data set {given.name!r} to fetch{nearest(given.name, known)}")
    from ganzoo.data import fetch

    print(fetch(given.name, given.root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
