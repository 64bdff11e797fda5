"""Glasses put on and taken off: three directions, counted by a network that has never seen the faces.

    GANZOO_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.peeps --half first --out runs/peeps-first
    ... python -m benchmarks.peeps --half second --out runs/peeps-second
    ... python -m benchmarks.papers.glasses --model dcgan-peeps --reader runs/peeps-first --judge runs/peeps-second

The lectures' "man with glasses - man without glasses + woman without glasses" needs a direction q of glasses. Three are
compared, all differences of means (``attribute_direction``, ``arithmetic``):

labels: of 2,000 samples that a reader (``benchmarks.peeps``) has named: with glasses less without;
exemplars: of three samples each, chosen as a person would: the first that the reader is sure of;
pictures: of 200 training faces, each inverted with its glasses and without (``invert``, 60 steps).

The reader has seen the labels of the first half of the training faces, the judge, which counts, those of the other.

They move held-out faces that are inverted in the same way: z + α q puts glasses on plain faces, z - α q takes them off
the others, for each α. Success: the share of edited faces of which the judge says what was wanted; before the edit
only those count of which it says the opposite. Kept: the mean share of hair, colour of skin and clothes that are
read as in the reconstruction without the edit. "random" is a direction of the same length that means nothing: what it
keeps is what any step of this length keeps. Faces are counted, means over them; one seed.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import ganzoo
from benchmarks.machine import made
from benchmarks.papers.runs import keep, show
from benchmarks.peeps import Reader, half, load, read
from ganzoo.data import Peeps, to_float
from ganzoo.inference import Inference
from ganzoo.inversion import invert
from ganzoo.latent.arithmetic import arithmetic
from ganzoo.latent.edit import attribute_direction
from ganzoo.latent.traverse import traverse_direction
from ganzoo.pictures import grid, save_png, sided

STRENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0)
SAMPLES, EXEMPLARS, PAIRS = 2_000, 3, 200
IDENTITY = ("head", "skinColor", "clothingColor")


def eyewear(reader: Reader, images: Tensor) -> Tensor:
    """Return the probability of glasses, [N]."""
    with torch.no_grad():
        blocks = [reader(block.clamp(-1, 1))["eyewear"].softmax(dim=1)[:, 1] for block in images.split(256)]
    return torch.cat(blocks)


def directions(model: Inference, reader: Reader, data: Peeps) -> dict[str, Tensor]:
    """Return the three directions of glasses, and a random one as long as the first."""
    z = model.latents(SAMPLES)
    sure = eyewear(reader, model.decode(z))
    worn, bare = (torch.where(chosen)[0][:EXEMPLARS] for chosen in (sure > 0.99, sure < 0.01))
    x, (plain, glasses) = data.arrays("train")[0], half(data, "first")
    pairs = torch.cat([glasses[:PAIRS], plain[:PAIRS]])
    found = invert(model, to_float(x[pairs])).latents
    labels = torch.arange(len(pairs)) < PAIRS
    named = {
        "labels": attribute_direction(z, (sure > 0.5).long()),
        "exemplars": arithmetic([z[worn]], [z[bare]]),
        "pictures": attribute_direction(found, labels.long()),
    }
    random = torch.randn(z.shape[1], generator=torch.Generator().manual_seed(0))
    return named | {"random": random / random.norm() * named["labels"].norm()}


def counted(model: Inference, judge: Reader, z: Tensor, q: Tensor, wanted: bool) -> list[dict[str, float]]:
    """Return for each strength what an edit has reached, of latents z of faces that lack what is wanted."""
    before = read(judge, model.decode(z).clamp(-1, 1))
    lacking = (before["eyewear"] == 1) != wanted
    lines = []
    for walk in traverse_direction(z[lacking], q if wanted else -q, STRENGTHS).unbind(dim=1):
        after = read(judge, model.decode(walk).clamp(-1, 1))
        kept = torch.stack([(after[name] == before[name][lacking]).float() for name in IDENTITY]).mean()
        success = ((after["eyewear"] == 1) == wanted).float().mean()
        lines.append({"faces": int(lacking.sum()), "success": float(success), "kept": float(kept)})
    return lines


def run(given: argparse.Namespace) -> None:
    """Measure, keep and draw."""
    model, reader, judge, data = ganzoo.load(given.model), load(given.reader), load(given.judge), Peeps()
    x, (plain, glasses) = to_float(data.arrays("test")[0]), data.pairs("test")
    sides = {True: plain[: given.n], False: glasses[: given.n]}  # those that get glasses, those that lose them
    z = {wanted: invert(model, x[rows]).latents for wanted, rows in sides.items()}
    qs = directions(model, reader, data)
    done: dict[str, Any] = {"machine": made(), "rows": {}}
    for name, q in qs.items():
        for wanted in (True, False):
            verb = "on" if wanted else "off"
            done["rows"][f"{name}, {verb}"] = counted(model, judge, z[wanted], q, wanted)
            print(name, verb, done["rows"][f"{name}, {verb}"], flush=True)
        for wanted, verb in ((True, "on"), (False, "off")):
            some = z[wanted][:8]
            walk = traverse_direction(some, q if wanted else -q, (0.0, *STRENGTHS)).flatten(0, 1)
            seen = torch.cat([x[sides[wanted][:8]][:, None], model.decode(walk).unflatten(0, (8, -1))], dim=1)
            words = ["face", *(f"{strength:g} q" for strength in (0.0, *STRENGTHS))]
            picture = sided(grid(seen.flatten(0, 1), columns=len(words)), [f"face {i}" for i in range(8)], words)
            save_png(picture, given.out / f"{name}-{verb}.png")
    keep(given.out / "glasses.json", done)


def table(out: Path) -> None:
    """Print what is there."""
    file = out / "glasses.json"
    done = json.loads(file.read_text())["rows"] if file.is_file() else {}
    columns = ["direction, glasses", "faces", *(f"α = {strength:g}: done, kept, %" for strength in STRENGTHS)]
    rows = [
        [name, lines[0]["faces"], *(f"{100 * line['success']:.0f}, {100 * line['kept']:.0f}" for line in lines)]
        for name, lines in done.items()
    ]
    show(columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="dcgan-peeps", help="a trained generator of faces (default: dcgan-peeps)")
    parser.add_argument("--reader", type=Path, help="what `benchmarks.peeps --half first --out` has written")
    parser.add_argument("--judge", type=Path, help="what `benchmarks.peeps --half second --out` has written")
    parser.add_argument("--n", type=int, default=500, help="held-out faces of each kind (default: 500)")
    parser.add_argument("--out", type=Path, default=Path("runs/glasses"), help="folder (default: runs/glasses)")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    given = parser.parse_args()
    if not given.table and not (given.reader and given.judge):
        parser.error("--reader, --judge: name the folders that `python -m benchmarks.peeps --out FOLDER` has written")
    torch.set_num_threads(1)
    if not given.table:
        run(given)
    table(given.out)


if __name__ == "__main__":
    main()
