"""The verbs without a trainer; their help, too, comes without torch."""

import argparse
import sys
from pathlib import Path
from typing import Any

from ganzoo.catalogue import nearest
from ganzoo.cli import own
from ganzoo.cli.images import DATA, data_arguments, data_named, data_of
from ganzoo.cli.parser import Parser, parse_labels
from ganzoo.latent.words import read_numbers

MODEL = "a checkpoint, the folder of a run, one written by `ganzoo export`, or a name of `ganzoo list pretrained`"
FETCHABLE = (
    *("MNIST", "FashionMNIST", "KMNIST", "CIFAR10", "CIFAR100"),
    *("apple2orange", "cezanne2photo", "facades", "horse2zebra", "iphone2dslr_flower"),
    *("maps", "monet2photo", "summer2winter_yosemite", "ukiyoe2photo", "vangogh2photo"),
)


def load(source: str) -> Any:
    """Return a model; of a run's folder it is said which checkpoint was taken."""
    from ganzoo import hub
    from ganzoo.cli.warned import shorten_warnings

    shorten_warnings()
    model = hub.load(source)
    if Path(source).is_dir() and model.source != Path(source):
        print(f"ganzoo: {source} means {model.source}", file=sys.stderr)
    return model


def encode(rest: list[str]) -> int:
    """Write the latents of pictures."""
    parser = Parser(
        prog="ganzoo encode",
        description="Write the latents of pictures, latents.npz for --latents of other verbs, and what they decode to.",
    )
    parser.add_argument("model", help=f"{MODEL}, with an encoder")
    parser.add_argument("images", nargs="+", metavar="FILE", help="pictures")
    parser.add_argument(
        "--labels", help="class of all, or of each picture: kept, so that FILE.npz:CLASS means those of a class"
    )
    parser.add_argument("--out", default="latents", help="folder (default: latents)")
    given = parser.parse_args(rest)
    labels = parse_labels(given.labels)
    from ganzoo.latent import verbs
    from ganzoo.photos import read_images

    model = load(given.model)
    print(verbs.encode(model, read_images(given.images, model.generator.image_shape), given.out, labels))
    return 0


def interpolate(rest: list[str]) -> int:
    """Write the way through latents."""
    parser = start("interpolate", "Walk from latent to latent: a GIF, a strip, an npz.", seeds="0-3")
    parser.add_argument("--steps", type=int, default=16, help="steps from one latent to the next (default: 16)")
    parser.add_argument("--loop", action="store_true", help="return to the first")
    parser.add_argument("--fps", type=int, default=16, help="frames per second (default: 16)")
    given = parser.parse_args(rest)
    from ganzoo.latent import verbs

    model, z, labels, names = started(given)
    print(verbs.interpolate(model, z, given.out, given.steps, given.loop, given.fps, labels, names))
    return 0


def traverse(rest: list[str]) -> int:
    """Write walks along codes, dimensions or directions."""
    parser = start("traverse", "Walk along codes, dimensions of z, or directions.", seeds="0-7")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--code", help="one code of the prior, such as c1 (default: all; without codes: jacobian)")
    what.add_argument("--dims", help="dimensions of z, such as 0,1,2")
    what.add_argument("--directions", choices=("jacobian", "pca"), help="along which images change most")
    parser.add_argument("--steps", type=int, default=8, help="values of a walk (default: 8)")
    given = parser.parse_args(rest)
    from ganzoo.latent import verbs

    model, z, labels, names = started(given)
    dims = read_numbers(given.dims, "dimensions such as 0,1,2") if given.dims else ()
    print(verbs.traverse(model, z, given.out, given.code, dims, given.directions, given.steps, labels, names))
    return 0


def arithmetic(rest: list[str]) -> int:
    """Write sums and differences of latents."""
    parser = Parser(
        prog="ganzoo arithmetic", description="Add and subtract means of latents; a term is seeds, FILE or pictures."
    )
    parser.add_argument("model", help=MODEL)
    parser.add_argument(
        "--plus",
        action="append",
        required=True,
        help="seeds such as 1,2,3, FILE.npz, FILE.npz:CLASS, or pictures such as a.png,b.png: by the encoder, or by"
        " inversion where there is none",
    )
    parser.add_argument("--minus", action="append", default=[], help="the same, subtracted")
    parser.add_argument("--labels", help="the class of pictures, and to show (conditional models)")
    parser.add_argument("--out", default="arithmetic", help="folder (default: arithmetic)")
    given = parser.parse_args(rest)
    refuse_overwriting(given.out, *given.plus, *given.minus)
    from ganzoo.latent import inputs, verbs

    model, labels = load(given.model), parse_labels(given.labels)
    model.generator.condition.check(labels, 1)
    plus, minus = ([inputs.of_term(model, term, labels) for term in terms] for terms in (given.plus, given.minus))
    titles = [inputs.title(term) for term in (*given.plus, *given.minus)]
    print(verbs.add(model, plus, minus, given.out, labels, titles))
    return 0


def edit(rest: list[str]) -> int:
    """Write latents moved along the direction of an attribute."""
    parser = start("edit", "Move latents along a direction.", seeds="0-7")
    parser.add_argument("--direction", help="FILE.npz that holds one, or FILE.npz:2 for number 2")
    parser.add_argument("--positive", help="what has the attribute: FILE.npz, FILE.npz:CLASS, seeds or a.png,b.png")
    parser.add_argument("--negative", help="what lacks it")
    parser.add_argument(
        "--digit",
        type=int,
        help="0 to 9: print how its probability changes (of G's first label); alone: move towards it",
    )
    parser.add_argument("--strength", default="-3:3:7", help="such as --strength=-3:3:7 (default) or --strength=-1,0,1")
    given = parser.parse_args(rest)
    terms = [term for term in (given.positive, given.negative) if term]
    if len(terms) == 1 or (given.direction and terms) or not (given.direction or terms or given.digit is not None):
        raise ValueError("give --direction FILE, or both --positive and --negative, or --digit")
    from ganzoo.latent import digits, inputs, verbs
    from ganzoo.latent.arithmetic import arithmetic as mean_difference

    refuse_overwriting(given.out, given.direction or "", *terms)
    strengths = inputs.read_strengths(given.strength)
    model, z, labels, names = started(given)
    if given.direction:
        q = inputs.of_direction(given.direction)
    elif terms:
        q = mean_difference(*([inputs.of_term(model, term, parse_labels(given.labels))] for term in terms))
    else:
        q = digits.class_direction(model, given.digit, labels and labels[:1])
    print(verbs.edit(model, z, q, strengths, given.out, labels, names))
    if given.digit is not None:
        print(digits.score_class(model, q, strengths, given.digit, labels and labels[:1]))
    return 0


def neighbours(rest: list[str]) -> int:
    """Write samples beside the training images nearest to them."""
    parser = start("neighbours", "Has G copied? Samples beside the nearest: a picture and a CSV.", seeds="0-31")
    parser.add_argument("--data", help=f"the training images: {DATA} (default: those of the model's run)")
    rest, arguments = data_arguments(rest)
    given = parser.parse_args(rest)
    from ganzoo.latent import verbs

    model, z, labels, names = started(given)
    data = data_named(given.data, arguments) if given.data else data_of(model, arguments)
    images, y = data.arrays("train")
    classes = y if data.num_classes else None
    print(verbs.neighbours(model, z, images, given.out, labels, names=names, classes=classes))
    return 0


def reference(rest: list[str]) -> int:
    """Write the statistics of real images."""
    parser = Parser(
        prog="ganzoo reference",
        description="Write mean and covariance of the features of real images to a file, to judge samples against it"
        " without these images: `ganzoo test --ckpt_path CKPT --evaluate.reference FILE`, also `validate` and `fit`."
        " pytorch-fid, clean-fid and EDM can read it. Their own npz with mu and sigma can be judged against too,"
        " with Inception's features.",
    )
    parser.add_argument("--data", required=True, help=DATA)
    parser.add_argument("--out", required=True, metavar="FILE", help="the npz to write")
    parser.add_argument(
        "--extractor",
        help="InceptionV3 (its weights: $GANZOO_WEIGHTS), LeNet64, StackedLeNet64, Raw, or a class of yours that"
        " --import brings (default: the one by which `ganzoo test` judges on these data)",
    )
    parser.add_argument("--split", choices=("train", "val", "test"), default="train", help="(default: train)")
    parser.add_argument("--n", type=int, help="only the first N images (default: all)")
    rest, arguments = data_arguments(rest)
    given = parser.parse_args(rest)
    data = data_named(given.data, arguments)
    from ganzoo.callbacks.references import extractor_named, write_statistics

    print(write_statistics(data, given.out, extractor_named(given.extractor, data), given.split, given.n))
    return 0


def start(verb: str, description: str, seeds: str) -> Parser:
    """Return a parser of what says where latents come from, by default from ``seeds``, and where pictures go."""
    parser = Parser(prog=f"ganzoo {verb}", description=description)
    parser.add_argument("model", help=MODEL)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--seeds", default=seeds, help=f"such as 0-7 or 3,7,10-12 (default: {seeds})")
    source.add_argument(
        "--images", nargs="+", metavar="FILE", help="pictures: by the encoder, or by inversion where there is none"
    )
    source.add_argument("--latents", metavar="FILE", help="an npz that holds z, or FILE.npz:CLASS")
    parser.add_argument(
        "--labels", help="one class, or a comma-separated list (conditional models; default: those of FILE)"
    )
    parser.add_argument("--out", default=verb, help=f"folder (default: {verb})")
    return parser


def started(given: argparse.Namespace) -> tuple[Any, Any, list[int] | None, list[str]]:
    """Return the model, the latents and the labels that the command names, and what the latents are called."""
    labels = parse_labels(given.labels)
    refuse_overwriting(given.out, given.latents or "")
    from ganzoo.latent import inputs
    from ganzoo.photos import read_images

    model = load(given.model)
    if given.images:
        z, labels = inputs.of_images(model, read_images(given.images, model.generator.image_shape), labels)
        return model, z, labels, [Path(file).name for file in given.images]
    z, classes = inputs.labelled(model, given.latents or given.seeds)
    model.generator.condition.check(labels or classes, len(z))
    return model, z, labels or classes, inputs.names(given.latents or given.seeds)


def refuse_overwriting(out: str, *terms: str) -> None:
    """Check that the latents to be written are none of those that are read.

    Raises:
        ValueError: names the file.
    """
    for term in terms:
        file = Path(f"{term.partition('.npz')[0]}.npz")
        if ".npz" in term and file.resolve() == (Path(out) / "latents.npz").resolve():
            raise ValueError(f"{file} would be overwritten: choose another --out than {out}")


def generate(rest: list[str]) -> int:
    """Write the images of seeds."""
    parser = Parser(prog="ganzoo generate", description="Write the images of seeds: seed i is the same image always.")
    parser.add_argument("model", help=MODEL)
    parser.add_argument("--seeds", help="such as 7, 0-63 or 3,7,10-12 (default: 0-63; of a translator one each)")
    told = parser.add_mutually_exclusive_group()
    told.add_argument(
        "--labels", help="one class for all, or a comma-separated list of one per seed (conditional models)"
    )
    told.add_argument("--images", nargs="+", metavar="FILE", help="pictures to translate (models that translate)")
    parser.add_argument("--out", default="samples", help="folder (default: samples)")
    parser.add_argument("--format", choices=("grid", "png", "npz"), default="grid", help="one picture, files, an array")
    given = parser.parse_args(rest)
    last = len(given.images) - 1 if given.images else 63
    seeds = read_numbers(given.seeds or f"0-{last}", "--seeds such as 7, 0-63 or 3,7,10-12")
    condition: Any = parse_labels(given.labels)
    from ganzoo.latent.generate import write_samples
    from ganzoo.latent.inputs import sources

    model = load(given.model)
    if given.images:
        condition = sources(model, given.images)
    print(write_samples(model, seeds, given.out, given.format, condition))
    return 0


def export(rest: list[str]) -> int:
    """Turn a checkpoint into a folder."""
    parser = Parser(prog="ganzoo export", description="Turn a training checkpoint into a folder that loads safely.")
    parser.add_argument("checkpoint", help=MODEL)
    parser.add_argument("--out", required=True, help="folder to write")
    without = "networks to leave out, such as discriminator: the folder is smaller"
    parser.add_argument("--without", nargs="+", default=[], metavar="NETWORK", help=without)
    parser.add_argument("--onnx", action="store_true", help="also write generator.onnx, for other programs than Python")
    given = parser.parse_args(rest)
    from ganzoo.hub.writing import export_checkpoint

    if given.onnx:
        from ganzoo.hub.onnx import check_onnx, write_onnx

        check_onnx()
    print(export_checkpoint(given.checkpoint, given.out, own.words(), without=given.without))
    if given.onnx:
        print(f"wrote {', '.join(map(str, write_onnx(load(given.out), given.out)))}")
    return 0


def fetch(rest: list[str]) -> int:
    """Download a data set."""
    parser = Parser(prog="ganzoo fetch", description="Download a data set and verify its checksum.")
    parser.add_argument("name", help=f"{', '.join(FETCHABLE[:-1])} or {FETCHABLE[-1]}")
    parser.add_argument("--root", help="folder (default: $GANZOO_DATA or ~/.cache/ganzoo)")
    given = parser.parse_args(rest)
    if given.name not in FETCHABLE:
        raise ValueError(f"no data set {given.name!r} to fetch{nearest(given.name, FETCHABLE)}")
    from ganzoo.data import fetch

    print(fetch(given.name, given.root))
    return 0
