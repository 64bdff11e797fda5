"""The verb ``paint``: a photo is edited by strokes."""

import sys
from pathlib import Path
from typing import Any

from ganzoo.cli.parser import Parser, parse_labels
from ganzoo.cli.verbs import MODEL, load


def paint(rest: list[str]) -> int:
    """Write what a model makes of a photo with strokes on it, and the photo edited."""
    given = options().parse_args(rest)
    condition: Any = "auto" if given.labels == "auto" else parse_labels(given.labels)
    if given.steps < 1:
        raise ValueError(f"--steps must be 1 or more, got {given.steps}: without a step nothing is painted")
    for file in (given.photo, given.strokes):
        if Path(file).resolve() in {(Path(given.out) / name).resolve() for name in ("edited.png", "sheet.png")}:
            raise ValueError(f"--out {given.out} would overwrite {file}: choose another folder")
    from ganzoo.inversion.painting import How, write_painting
    from ganzoo.photos import how_fitted

    model = load(given.model)
    for line in how_fitted([given.photo], model.generator.image_shape):
        print(f"ganzoo: {line}", file=sys.stderr)
    how = How(given.kind, given.stay, given.candidates, given.steps, given.seed)
    print(write_painting(model, given.photo, given.strokes, given.out, how, condition))
    return 0


def options() -> Parser:
    """Return the parser of the verb."""
    parser = Parser(
        prog="ganzoo paint",
        description="Edit a photo by strokes. The model looks for images near the photo that are as painted, and the"
        " photo is moved and recoloured as these are: edited.png, at its own size; of a grey model by"
        " their brightness. Beside it sheet.png and latents.npz, the candidates from the best on, for --latents of"
        " other verbs.",
    )
    parser.add_argument("model", help=MODEL)
    parser.add_argument("photo", metavar="PHOTO", help="a picture; the model sees its middle")
    parser.add_argument(
        "strokes",
        metavar="STROKES.png",
        help="a picture of the photo's size, transparent where nothing is painted; without transparency what equals"
        " the photo is no stroke",
    )
    parser.add_argument(
        "--kind",
        choices=("colour", "shape"),
        default="colour",
        help="colour: pixels shall be as painted (default); shape: edges shall be as painted",
    )
    parser.add_argument("--stay", type=float, default=2.0, help="how much to stay near the photo (default: 2.0)")
    parser.add_argument("--candidates", type=int, default=8, help="how many answers to look for (default: 8)")
    parser.add_argument("--steps", type=int, default=30, help="of the solver (default: 30)")
    parser.add_argument("--labels", help="class of the photo, or auto: look for it (default, of conditional models)")
    parser.add_argument("--seed", type=int, default=0, help="of the candidates' starts (default: 0)")
    parser.add_argument("--out", default="painted", help="folder (default: painted)")
    return parser
