"""The verb ``invert``: pictures into a generator."""

import sys
from pathlib import Path
from typing import Any

from ganzoo.cli.parser import Parser, parse_labels
from ganzoo.cli.verbs import MODEL, load

METHODS = ("optimise", "encoder", "hybrid", "tune")
WRITTEN = ("sheet.png", "loss.png", "tuned.png", "way.gif")


def invert(rest: list[str]) -> int:
    """Write the latents whose images are nearest to pictures."""
    given = options().parse_args(rest)
    check_method(given)
    refuse_pictures(given.out, *given.images, given.mask or "")
    condition: Any = "auto" if given.labels == "auto" else parse_labels(given.labels)
    from ganzoo.inversion.losses import Masked
    from ganzoo.inversion.words import contents, read_loss, read_mask, read_solver, read_start
    from ganzoo.inversion.writing import How, write_inversion
    from ganzoo.photos import how_fitted, read_images

    model = load(given.model)
    start = given.start or ("encoder" if given.method in ("encoder", "hybrid") else "nearest:1024")
    if start == "encoder":
        check_encoder(model, given.model)
    steps = 0 if given.method == "encoder" else given.steps
    loss = read_loss(given.loss, model)
    if given.mask:
        loss = Masked(loss, read_mask(given.mask, given.images, model.generator.image_shape))
    said = f"{start}, {given.solver} {steps}, {given.loss}, {given.space}, seed {given.seed}, restarts {given.restarts}"
    said += contents(given.loss, given.mask)
    how = How(
        *(given.space, read_start(start), read_solver(given.solver, steps), loss, given.restarts, given.seed, said)
    )
    for line in how_fitted(given.images, model.generator.image_shape):
        print(f"ganzoo: {line}", file=sys.stderr)
    x, names = read_images(given.images, model.generator.image_shape), [Path(file).name for file in given.images]
    if condition is None and model.generator.num_classes:
        condition = "auto" if model.labeller is None else model.classify(x)
    line, found = write_inversion(model, x, names, given.out, how, condition)
    print(line)
    if given.method == "tune":
        from ganzoo.inversion.tune import Tune

        tune = Tune(50 if given.tune_steps is None else given.tune_steps, layers=given.layers, loss=loss)
        print(tuned(model, x, names, Path(given.out), found.in_z(), tune))
    return 0


def check_method(given: Any) -> None:
    """Check that the words go with the method.

    Raises:
        ValueError: they do not.
    """
    if given.method in ("encoder", "hybrid") and given.start not in (None, "encoder"):
        raise ValueError(f"--method {given.method} starts at the encoder: leave out --start {given.start}")
    if given.method == "tune" and given.space != "z":
        raise ValueError(f"--method tune has its pivots in z: leave out --space {given.space}")
    if given.method != "tune" and (given.layers or given.tune_steps is not None):
        raise ValueError(f"--layers and --tune_steps are of --method tune, not of {given.method}")


def check_encoder(model: Any, source: str) -> None:
    """Check that a model has an encoder to start at.

    Raises:
        ValueError: it has none; says which do.
    """
    from ganzoo.bundled import with_encoder

    if model.encoder is None:
        raise ValueError(
            f"{source} has no encoder. Of the models that come with ganzoo these have one: {', '.join(with_encoder())};"
            f" `ganzoo fit --config models/imageencoder --config data/NAME --generator {source}` trains one"
        )


def refuse_pictures(out: str, *files: str) -> None:
    """Check that no picture that is read lies where one is written.

    Raises:
        ValueError: names the file.
    """
    written = {(Path(out) / name).resolve() for name in WRITTEN}
    for file in files:
        if Path(file).resolve() in written:
            raise ValueError(f"--out {out} would overwrite {file}: choose another folder")


def options() -> Parser:
    """Return the parser of the verb."""
    parser = Parser(
        prog="ganzoo invert",
        description="Bring pictures into a generator: latents.npz for --latents of other verbs, a sheet, the way there."
        " What was found is kept when it is interrupted: the same command goes on.",
    )
    parser.add_argument("model", help=MODEL)
    parser.add_argument("images", nargs="+", metavar="FILE", help="pictures, cut to the middle and resized")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="optimise",
        help="optimise: look for latents (default); encoder: E(x); hybrid: from E(x) on; tune: then move G to each"
        " picture, a folder each",
    )
    parser.add_argument("--steps", type=int, default=60, help="of the solver (default: 60)")
    parser.add_argument("--solver", choices=("lbfgs", "adam"), default="lbfgs", help="(default: lbfgs)")
    parser.add_argument("--start", help="nearest:DRAWS (default: nearest:1024), draw:SCALE or encoder")
    parser.add_argument(
        "--space", default="z", help="z (default), maps:LAYER, codes:LAYER:K, or another of the model's"
    )
    parser.add_argument(
        "--loss",
        default="pixels",
        help="terms with weights, such as pixels+0.1*shell (default: pixels): pixels, shell, digits, discriminator,"
        " lpips, lpips:vgg, lpips:squeeze, vgg16:FILE, indomain",
    )
    parser.add_argument("--mask", metavar="FILE", help="a picture: white is what counts")
    parser.add_argument(
        "--labels", help="class of all, or of each, or auto: look for it (default, of conditional models)"
    )
    parser.add_argument("--tune_steps", type=int, help="of G, with --method tune (default: 50)")
    parser.add_argument(
        "--layers", nargs="+", default=[], metavar="LAYER", help="that move with --method tune (default: all)"
    )
    parser.add_argument("--restarts", type=int, default=1, help="starts of which the best is kept (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="of the start (default: 0)")
    parser.add_argument("--out", default="inverted", help="folder (default: inverted)")
    return parser


def tuned(model: Any, x: Any, names: list[str], out: Path, pivots: Any, tune: Any) -> str:
    """Write a generator for each picture, moved until its latent makes the picture; return a line to print."""
    from ganzoo.bundled import FACTS
    from ganzoo.hub.writing import write_networks
    from ganzoo.inversion.tuning import folders_of, write_tuned

    folders = iter(folders_of(names))

    def keep(generator: Any, name: str) -> None:
        told = {key: value for key, value in model.config["training"].items() if key not in FACTS or "licence" in key}
        training = {**told, "tuned": name}
        write_networks({"generator": generator}, model.config["variant"], out / "tuned" / next(folders), training)

    mse = write_tuned(model, x, names, out, tune, pivots, keep)
    return f"tuned generators in {out / 'tuned'}, mse {mse:.4f}, beside them tuned.png"
