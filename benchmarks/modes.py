"""Mode collapse on the ring and the grid: one network, one budget, several games and seeds.

    python benchmarks/modes.py --out runs/modes [--batches 20000] [--only grid:R3GAN:0] [--table]

G and D have three hidden layers of 128 units, z is N(0, I) in the plane, batches of 256 points, Adam with lr 1e-3 and
betas (0, 0.99), constant for half of the batches and then falling to 0. UnrolledGAN steps as its authors' demonstration
does, D with lr 1e-4, both with betas (0.5, 0.999): with the common steps its G ran away on the ring (seed 0). WGANGP's
weight is 0.1, as in its authors' code for points. The ring has 8 modes (radius 1, std 0.01); the grid 25, and is
divided by 2.828. 10,000 samples of the weights' average are judged (decay 0.999). A run that is there already is not
repeated. The floor is what the mixture's own points get. ``sheet.png`` shows the last seed of each game.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
from PIL import Image, ImageDraw
from tqdm import tqdm
from training import cell, fit, quiet

from ganzoo import models
from ganzoo.data import Gaussians
from ganzoo.engine.optim import Adam, Linear
from ganzoo.metrics.modes import mode_report
from ganzoo.networks import MLPDiscriminator, MLPGenerator, Packed
from ganzoo.pictures import save_png, scatter
from ganzoo.priors import Normal

N = 10_000  # samples that are judged
SEEDS = {"ring": 5, "grid": 3}
DATA: dict[str, Callable[[int], Gaussians]] = {
    "ring": lambda seed: Gaussians(kind="ring", batch_size=256, seed=seed),
    "grid": lambda seed: Gaussians(kind="grid", spacing=2 / 2.828, std=0.05 / 2.828, batch_size=256, seed=seed),
}
GAMES: dict[str, tuple[str, int, dict[str, Any]]] = {  # variant, images that D judges at once, its own arguments
    "NSGAN": ("NSGAN", 1, {}),
    "LSGAN": ("LSGAN", 1, {}),
    "WGANGP": ("WGANGP", 1, {"gp_weight": 0.1, "n_critic": 5}),
    "UnrolledGAN": ("UnrolledGAN", 1, {"n_unroll": 5}),
    "PacGAN2": ("PacGAN", 2, {}),
    "PacGAN4": ("PacGAN", 4, {}),
    "R3GAN": ("R3GAN", 1, {"gamma": 0.01}),
}
COMMON = {"lr": 1e-3, "beta1": 0.0, "beta2": 0.99}
STEPS = {"UnrolledGAN": ({"lr": 1e-4, "beta1": 0.5}, {"lr": 1e-3, "beta1": 0.5})}  # of D and of G


def game(name: str, batches: int) -> models.GAN:
    """Return a game on the networks that all have in common."""
    variant, pack, own = GAMES[name]
    G = MLPGenerator((2,), Normal(dim=2), width=128, output="linear")
    D = MLPDiscriminator((2 * pack,), width=128)
    schedule = Linear(start=batches // 2, stop=batches)
    d, g = (Adam(**how, schedule=schedule) for how in STEPS.get(name, (COMMON, COMMON)))
    made: models.GAN = getattr(models, variant)(
        G, Packed(D, pack) if pack > 1 else D, d_optimizer=d, g_optimizer=g, **own
    )
    return made


def run(data: str, name: str, seed: int, batches: int, out: Path) -> None:
    """Train, judge and write one run."""
    path = out / f"{data}-{name}-{seed}.json"
    if path.is_file():
        return
    L.seed_everything(seed, verbose=False)
    model, points = game(name, batches), DATA[data](seed)
    seconds, _ = fit(model, points, batches, out, "32-true")
    samples = model.sample(N, seed=2**20)
    found = mode_report(samples, points.means, points.std, points.weights)
    save_png(scatter(samples[:2500], points.arrays("train")[0][:2500]), path.with_suffix(".png"))
    path.write_text(json.dumps({**found._asdict(), "cpu_seconds": seconds, "batches": batches}))


def floor(data: str) -> tuple[float, float, float]:
    """Return what the mixture's own points get."""
    points = DATA[data](0)
    return mode_report(points.arrays("test")[0][:N], points.means, points.std, points.weights)


def table(out: Path) -> None:
    """Print what is there."""
    for data in DATA:
        print(f"\n| {data} | seeds | modes | high quality, % | reverse KL | CPU s |\n|---|---|---|---|---|---|")
        for name in GAMES:
            found = [json.loads(path.read_text()) for path in sorted(out.glob(f"{data}-{name}-*.json"))]
            if found:
                modes = cell([r["modes"] for r in found], ".1f")
                quality = cell([100 * r["high_quality"] for r in found], ".1f")
                kl, seconds = (
                    cell([r["reverse_kl"] for r in found], ".3f"),
                    cell([r["cpu_seconds"] for r in found], ".0f"),
                )
                print(f"| {name} | {len(found)} | {modes} | {quality} | {kl} | {seconds} |")
        modes, quality, kl = floor(data)
        print(f"| floor: the mixture itself | - | {modes} | {100 * quality:.1f} | {kl:.4f} | - |")


def sheet(out: Path, side: int = 240) -> None:
    """Write ``sheet.png``, if there are pictures: samples of the last seed of each game, a row for each mixture."""
    if not any(out.glob("*-*-*.png")):
        return
    image = Image.new("RGB", (side * len(GAMES), (side + 20) * len(DATA)), "white")
    for row, data in enumerate(DATA):
        for column, name in enumerate(GAMES):
            for path in sorted(out.glob(f"{data}-{name}-*.png"))[-1:]:
                at = (column * side, row * (side + 20))
                image.paste(Image.open(path).resize((side, side), Image.Resampling.LANCZOS), (at[0], at[1] + 20))
                ImageDraw.Draw(image).text((at[0] + 40, at[1] + 6), f"{name}, {data}", "black")
    save_png(image, out / "sheet.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("runs/modes"))
    parser.add_argument("--only", nargs="*", help="DATA:GAME:SEED")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    quiet()
    every = [f"{data}:{name}:{seed}" for data in DATA for seed in range(SEEDS[data]) for name in GAMES]
    for item in tqdm([] if given.table else given.only or every, unit="run"):
        data, name, seed = item.split(":")
        run(data, name, int(seed), given.batches, given.out)
    table(given.out)
    sheet(given.out)


if __name__ == "__main__":
    main()
