"""Translation on Streets of 64 x 64, label maps to photographs and back: the tables of CycleGAN and pix2pix.

    python -m benchmarks.papers.translation [--only CycleGAN:0 pix2pix:1 L1-back:0] [--table]

Every row has the same budget, 4,000 batches: of 1 image (CoGAN, whose batch norm needs more: of 8), Adam with lr 2e-4
and β1 0.5, the lr constant for one half and then falling to 0, one thread, float32, as bfloat16 is slower on CPUs that
lack it. Generators are ResNetTranslators of width 16 with 4 blocks (346,371 weights) in every row but CoGAN's, in those
of pix2pix too, which so has no dropout; D judges patches of 34 x 34 (width 32, 2 layers). Unpaired rows see label maps
of one half of the 4,096 scenes and photographs of the other, paired ones all. CycleGAN and its parts, PairGAN and CoGAN
learn both directions in one run; the other direction of all others is the row ROW-back. Differs from the papers: drawn
scenes of 64 x 64, small networks, one or two epochs where they have 200, averages of the weights.

    CoGAN      DCGANs of width 32, z ~ U[-1, 1]^100; translates 64 test images by inversion (L-BFGS, 60 steps)
    PairGAN    "BiGAN/ALI"
    ContentGAN "-pixel": "SimGAN", |G(x) - x|; "-StreetsFCN": "feature loss + GAN", by the smallest map of the network
               that judges, streets-fcn.v1, in place of VGG-16's relu4_2, whose weights do not come with the package. It
               has seen photographs with their label maps, which no other unpaired row has
    pix2pix    L1 + cGAN; its parts are L1, cGAN, L1+GAN (D sees no pairs) and GAN
    CycleGAN   its parts are cycle-alone, GAN-alone, GAN+forward and GAN+backward

Judged on the 512 test scenes. pixel, class, IoU: what is read in translations, by streets-fcn.v1 in photographs and by
the nearest colour in label maps, against the true label maps. The papers' figures are of FCN-8s on Cityscapes: compare
the order and not the numbers. These scores do not see that photographs are all alike or blurred: read sharpness (1: as
sharp as real), fd of the photographs, and the floors beside them ("colours": each class in its mean colour; "input":
the input as it is; "shuffled": the photograph of another scene). *: a figure of the paper that was copied from another
text and not compared with the paper. Pictures: OUT/ROW-SEED.png, 8 test images; OUT/outputs.png, those of seed 0.

Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", 2017, tables 2 to 5.
https://arxiv.org/abs/1703.10593
Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017, table 1.
https://arxiv.org/abs/1611.07004
"""

import argparse
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import lightning as L
from PIL import Image
from torch import Tensor, nn

from benchmarks.papers.runs import Record, cell, fit, options, quiet, records, show, sweep
from ganzoo.callbacks import Evaluate, SampleGrid
from ganzoo.callbacks.streets import StreetScores, floors_of_streets
from ganzoo.data import Streets
from ganzoo.engine.optim import Adam, Linear
from ganzoo.inference import decode
from ganzoo.inversion import LBFGS, invert
from ganzoo.metrics.pairs import l1, roughness
from ganzoo.metrics.streets_fcn import StreetsFCN
from ganzoo.models import CoGAN, ContentGAN, CycleGAN, PairGAN, Pix2Pix
from ganzoo.networks import DCGANDiscriminator, DCGANGenerator, PatchDiscriminator, ResNetTranslator
from ganzoo.pictures import blocks, save_png, sided
from ganzoo.pixels import to_float
from ganzoo.priors import Uniform

SHAPE, SCENES, TEST, BATCHES = (3, 64, 64), 4096, 512, 4_000
COGAN_BATCH, INVERTED = 8, 64
DRAWN, GAP = 8, 2  # test images in a picture, pixels between them
BACK = "-back"

CYCLE: dict[str, dict[str, float]] = {
    "CycleGAN": {},
    "cycle-alone": {"gan_weight": 0.0},
    "GAN-alone": {"forward_weight": 0.0, "backward_weight": 0.0},
    "GAN+forward": {"backward_weight": 0.0},
    "GAN+backward": {"forward_weight": 0.0},
}
PAIRED: dict[str, tuple[str, dict[str, float]]] = {  # what D sees, weights
    "pix2pix": ("pair", {}),
    "L1": ("pair", {"gan_weight": 0.0}),
    "cGAN": ("pair", {"l1_weight": 0.0}),
    "L1+GAN": ("image", {}),
    "GAN": ("image", {"l1_weight": 0.0}),
}
CONTENT = ("ContentGAN-pixel", "ContentGAN-StreetsFCN")
BOTH_WAYS = ("CoGAN", "PairGAN", *CYCLE)
MAIN = ("CoGAN", "PairGAN", *CONTENT, "CycleGAN", "pix2pix")
SEEDS = {
    **dict.fromkeys(MAIN, 3),
    **dict.fromkeys([*CYCLE, *PAIRED], 3),
    **{f"{row}{BACK}": 3 for row in (*CONTENT, "pix2pix", "L1", "cGAN")},
    **{f"{row}{BACK}": 0 for row in ("L1+GAN", "GAN")},
    "floors": 1,
}
# labels to photographs, photographs to labels
PAPER = {
    "CoGAN": (".40 / .10 / .06", ".45 / .11 / .08 *"),
    "PairGAN": (".19 / .06 / .02", ".41 / .13 / .07 *"),
    "ContentGAN-pixel": (".20 / .10 / .04", ".47 / .11 / .07 *"),
    "ContentGAN-StreetsFCN": (".06 / .04 / .01", ".50 / .10 / .06 *"),
    "CycleGAN": (".52 / .17 / .11", ".58 / .22 / .16 *"),
    "pix2pix": (".71 / .25 / .18", ".85 / .40 / .32 *"),
}
PAPER_PARTS = {
    "cycle-alone": (".22 / .07 / .02 *", ".10 / .05 / .02 *"),
    "GAN-alone": (".51 / .11 / .08 *", ".53 / .11 / .07 *"),
    "GAN+forward": (".55 / .18 / .12 *", ".49 / .11 / .07 *"),
    "GAN+backward": (".39 / .14 / .06 *", ".01 / .06 / .01 *"),
    "CycleGAN": (".52 / .17 / .11", ".58 / .22 / .16 *"),
}
PAPER_PAIRED = {  # pix2pix's own tables
    "L1": (".42 / .15 / .11", ".86 / .42 / .35"),
    "GAN": (".22 / .05 / .01", "-"),
    "cGAN": (".57 / .22 / .16", ".74 / .28 / .22"),
    "L1+GAN": (".64 / .20 / .15", "-"),
    "pix2pix": (".66 / .23 / .17", ".83 / .36 / .29"),
}


# -- games


class Deepest(nn.Module):
    """The smallest map of the network that reads streets: [N, 112, 8, 8] of images of 64 x 64."""

    def __init__(self) -> None:
        super().__init__()
        self.network = StreetsFCN().network

    def forward(self, x: Tensor) -> Tensor:
        """Return f_3 of images in [-1, 1]."""
        return self.network.maps(x)[-1]


def game(row: str, batches: int) -> Any:
    """Return the game of a row."""
    step = Adam(lr=2e-4, beta1=0.5, schedule=Linear(start=batches // 2, stop=batches))
    how: dict[str, Any] = {"g_optimizer": step, "d_optimizer": step}
    if row == "CoGAN":
        made = DCGANGenerator(SHAPE, Uniform(dim=100), width=32), DCGANDiscriminator(SHAPE, width=32)
        return CoGAN(*made, **how)
    G = ResNetTranslator(SHAPE, width=16, n_blocks=4)

    def D(sees: Any = "image") -> PatchDiscriminator:
        return PatchDiscriminator(SHAPE, sees=sees, width=32, n_layers=2)

    if row in CYCLE:
        return CycleGAN(G, D(), **CYCLE[row], **how)
    if row == "PairGAN":
        return PairGAN(G, D("pair"), **how)
    if row in CONTENT:
        return ContentGAN(G, D(), features=None if row == "ContentGAN-pixel" else Deepest(), **how)
    sees, weights = PAIRED[row]
    return Pix2Pix(G, D(sees), **weights, **how)


def streets(row: str, seed: int = 0) -> Streets:
    """Return the data of a row."""
    batch, name = COGAN_BATCH if row == "CoGAN" else 1, row.removesuffix(BACK)
    return Streets(n=SCENES, batch_size=batch, seed=seed, paired=name in PAIRED, reverse=row != name)


# -- runs


def run(row: str, seed: int, given: argparse.Namespace) -> Record:
    """Play a row in a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(played, row, seed, given).result()


def played(row: str, seed: int, given: argparse.Namespace) -> Record:
    """Train, judge and draw one run."""
    quiet()
    if row == "floors":
        return {"there": floors_of_streets(Streets()), "back": floors_of_streets(Streets(reverse=True))}
    L.seed_everything(seed, verbose=False)
    data, batches = streets(row, seed), given.batches or BATCHES
    model = game(row.removesuffix(BACK), batches)
    seconds, trainer = fit(model, data, batches, given.out, precision="32-true")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    n = min(given.n, TEST)
    verdict = Evaluate(n=n).judge(trainer, model, n)
    found = {**verdict.values, "fd_floor": verdict.floors["fd"], "n": n}
    path = given.out / f"{row}-{seed}.png"
    if row == "CoGAN":
        found |= crossed(model, data, path)
    else:
        save_png(SampleGrid(n=DRAWN).picture(trainer, model), path)
    costs = {"cpu_seconds": seconds, "peak_mb": memory, "images_seen": model.images_seen, "batches": batches}
    return {**found, **costs, "dtype": "float32"}


def crossed(model: CoGAN, data: Streets, path: Path) -> Record:
    """Return what CoGAN's translations by inversion are worth, both ways; draw some."""
    y, x = (to_float(side[:INVERTED]) for side in data.sides("test"))
    G_x, G_y = model.published["generator_source"], model.published["generator"]
    there, back = (invert(G, real, solver=LBFGS(60), progress=False) for G, real in ((G_x, x), (G_y, y)))
    made, made_back = decode(G_y, there.latents), decode(G_x, back.latents)
    scores = StreetScores(data)
    scores.add("fcn", made)
    scores.add("fcn_back", made_back)
    sides, words = (x, there.images, made, y), ["input", "inverted", "output", "target"]
    save_png(blocks([side[:DRAWN] for side in sides], DRAWN, words), path)
    return {
        **scores.values(),
        "pair_l1": float(l1(y, made).mean()),
        "sharpness": float(roughness(made).mean() / roughness(y).mean()),
        "inverted": INVERTED,
        "inverted_l1": float(l1(x, there.images).mean()),
        "inverted_back_l1": float(l1(y, back.images).mean()),
    }


# -- tables


def scores(found: Sequence[Record], way: str) -> str:
    """Return pixel, class and IoU of one direction."""
    kinds = [f"{way}_{kind}" for kind in ("pixel", "class", "iou")]
    values = [cell([record.get(kind) for record in found], ".3f") for kind in kinds]
    return " / ".join(values) if found else "-"


def line(out: Path, row: str, paper: tuple[str, str]) -> list[str]:
    """Return a row of a table, or nothing if there are no runs of it."""
    found, other = records(out, row), records(out, f"{row}{BACK}")
    if not found and not other:
        return []
    way_back = scores(found, "fcn_back") if row in BOTH_WAYS else scores(other, "fcn")
    seeds = f"{len(found)}" if row in BOTH_WAYS else f"{len(found)}, {len(other)}"
    cells = [row, seeds, paper[0], scores(found, "fcn"), paper[1], way_back]
    forms = {"sharpness": ".2f", "fd": ".2f", "pair_l1": ".3f", "cycle_l1": ".3f", "cycle_back_l1": ".3f"}
    forms |= {"cpu_seconds": ".0f", "peak_mb": ".0f", "images_seen": ".0f"}
    return [*cells, *(cell([record.get(kind) for record in found], form) for kind, form in forms.items())]


def table_of(title: str, paper: dict[str, tuple[str, str]], out: Path) -> None:
    """Print the rows that a table of a paper has, beside its figures."""
    columns = ["row", "seeds", "paper: labels → photo", "labels → photo: pixel / class / IoU", "paper: photo → labels"]
    columns += ["photo → labels", "sharpness", "fd", "L1", "cycle L1", "cycle L1, back", "CPU s", "MB", "images"]
    if lines := [cells for row, figures in paper.items() if (cells := line(out, row, figures))]:
        print(f"\n{title}")
        show(columns, lines)


def table_main(out: Path) -> None:
    """Print CycleGAN's tables 2 and 3."""
    table_of("Without pairs, and pix2pix with them (CycleGAN's tables 2 and 3)", PAPER, out)


def table_parts(out: Path) -> None:
    """Print CycleGAN's tables 4 and 5."""
    table_of("Parts of CycleGAN's loss (its tables 4 and 5)", PAPER_PARTS, out)


def table_paired(out: Path) -> None:
    """Print pix2pix's table 1."""
    table_of("Parts of pix2pix's loss (its table 1, and its table of photo → labels)", PAPER_PAIRED, out)


def table_floors(out: Path) -> None:
    """Print what images get that no translator made."""
    for record in records(out, "floors"):
        kinds = record["there"] | record["back"]
        rows = []
        for kind in kinds:
            there, back = ([record[way][kind]] if kind in record[way] else [] for way in ("there", "back"))
            cells = [cell([floor[value] for floor in there], ".3f") for value in ("sharpness", "pair_l1")]
            rows.append([kind, scores(there, "fcn"), *cells, scores(back, "fcn")])
        print("\nFloors and the ceiling")
        show(["images", "labels → photo: pixel / class / IoU", "sharpness", "L1", "photo → labels"], rows)


# -- pictures


def strips(path: Path) -> list[Image.Image]:
    """Return the rows of a run's picture, each a strip of 8 images without words."""
    with Image.open(path) as picture:
        step, width = SHAPE[1] + GAP, DRAWN * (SHAPE[2] + GAP) + GAP
        left = picture.width - width
        return [picture.crop((left, top, left + width, top + step)) for top in range(0, picture.height - GAP, step)]


def stacked(rows: dict[str, Image.Image]) -> Image.Image:
    """Return strips below each other, each with its name."""
    width, height = next(iter(rows.values())).size
    sheet = Image.new("RGB", (width, len(rows) * height + GAP), "white")
    for i, strip in enumerate(rows.values()):
        sheet.paste(strip, (0, i * height))
    return sided(sheet, list(rows))


def picture(out: Path) -> None:
    """Put what seed 0 of each row makes of the same label maps below each other, in ``OUT/outputs.png``.

    Left the games, right the parts of CycleGAN and pix2pix. CoGAN is shown with label maps of its own, the first test
    scenes.
    """
    runs = {row: strips(path) for row in (*MAIN, *CYCLE, *PAIRED) if (path := out / f"{row}-0.png").is_file()}
    own = runs.pop("CoGAN", None)
    if not runs:
        return
    label_map, *_, photo = next(iter(runs.values()))
    games = {row: strip[1] for row, strip in runs.items() if row in MAIN}
    parts = {row: strip[1] for row, strip in runs.items() if row not in MAIN}
    left = {"label map": label_map, **games, "true photo": photo}
    if own:
        left |= {"label map ": own[0], "CoGAN": own[2]}
    panels = [stacked(left), stacked({"label map": label_map, **parts})]
    sheet = Image.new("RGB", (sum(panel.width for panel in panels), max(panel.height for panel in panels)), "white")
    for panel, at in zip(panels, (0, panels[0].width), strict=True):
        sheet.paste(panel, (at, 0))
    save_png(sheet, out / "outputs.png")


def main() -> None:
    tables = [table_main, table_parts, table_paired, table_floors]
    sweep(options(__doc__), "translation", SEEDS, run, tables, [picture])


if __name__ == "__main__":
    main()
