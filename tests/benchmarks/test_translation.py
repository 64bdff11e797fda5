"""The table of translators: each row plays what its name says, on the data of its direction, and is printed so."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.papers import translation
from benchmarks.papers.translation import BACK, BOTH_WAYS, PAPER, PAPER_PAIRED, PAPER_PARTS, SEEDS, SHAPE, game, streets
from ganzoo.pictures import blocks, save_png

ROWS = [row for row in SEEDS if row != "floors" and not row.endswith(BACK)]
WEIGHTS = {  # γ, then λ_f and λ_b of CycleGAN, or λ of pix2pix
    "CycleGAN": (1, 10, 10),
    "cycle-alone": (0, 10, 10),
    "GAN-alone": (1, 0, 0),
    "GAN+forward": (1, 10, 0),
    "GAN+backward": (1, 0, 10),
    "pix2pix": (1, 100),
    "L1": (0, 100),
    "cGAN": (1, 0),
    "L1+GAN": (1, 100),
    "GAN": (1, 0),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_is_what_its_name_says(row):
    made = game(row, 4000)
    if row in WEIGHTS:
        kinds = ("gan_weight", "forward_weight", "backward_weight", "l1_weight")
        assert tuple(getattr(made, kind) for kind in kinds if hasattr(made, kind)) == WEIGHTS[row]
        assert ("d" in made.players()) == bool(made.gan_weight)
    sees = getattr(getattr(made, "D", None), "sees", "image")
    assert sees == ("pair" if row in ("PairGAN", "pix2pix", "L1", "cGAN") else "image")
    schedule = made.g_optimizer.schedule
    assert [schedule.factor(batch) for batch in (0, 2000, 3000, 4000)] == [1, 1, 0.5, 0]
    assert made.d_optimizer.schedule.factor(3000) == 0.5
    assert ("generator_back" in made.published or row == "CoGAN") == (row in BOTH_WAYS)
    if row != "CoGAN":
        assert sum(p.numel() for p in made.G.parameters()) == 346_371


def test_the_data_of_a_row():
    assert [streets(row).paired for row in ("pix2pix", "GAN-back", "CycleGAN", "ContentGAN-pixel-back")] == [1, 1, 0, 0]
    assert [streets(row).reverse for row in ("pix2pix", "GAN-back", "CycleGAN", "ContentGAN-pixel-back")] == [
        0,
        1,
        0,
        1,
    ]
    assert streets("CycleGAN", 3).seed == 3
    assert streets("CoGAN").batch_size > 1 == streets("PairGAN").batch_size


def test_every_row_stands_in_a_table():
    shown = {*PAPER, *PAPER_PARTS, *PAPER_PAIRED}
    assert {row.removesuffix(BACK) for row in SEEDS} - {"floors"} == shown
    assert {row for row in SEEDS if row.endswith(BACK)} == {f"{row}{BACK}" for row in shown if row not in BOTH_WAYS}


def record(out, name, **values):
    (out / f"{name}.json").write_text(json.dumps(values))


def test_both_directions_stand_in_a_line(tmp_path, capsys):
    there = {"fcn_pixel": 0.8, "fcn_class": 0.6, "fcn_iou": 0.5}
    back = {"fcn_back_pixel": 0.7, "fcn_back_class": 0.4, "fcn_back_iou": 0.3}
    costs = {"cpu_seconds": 500.0, "peak_mb": 900.0, "images_seen": 4000}
    record(tmp_path, "CycleGAN-0", **there, **back, fd=2.0, sharpness=1.06, cycle_l1=0.1, cycle_back_l1=0.2, **costs)
    record(tmp_path, "pix2pix-0", **there, **costs)
    record(tmp_path, "pix2pix-back-0", fcn_pixel=0.9, fcn_class=0.8, fcn_iou=0.7)
    record(tmp_path, "pix2pix-back-1", fcn_pixel=0.8, fcn_class=0.8, fcn_iou=0.7)
    translation.table_main(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    (cycle,) = [line for line in lines if line.startswith("| CycleGAN |")]
    paper = ".52 / .17 / .11 | 0.800 / 0.600 / 0.500 | .58 / .22 / .16 * | 0.700 / 0.400 / 0.300"
    assert cycle == f"| CycleGAN | 1 | {paper} | 1.06 | 2.00 | - | 0.100 | 0.200 | 500 | 900 | 4000 |"
    (pix,) = [line for line in lines if line.startswith("| pix2pix |")]
    assert "| 1, 2 | .71 / .25 / .18 | 0.800 / 0.600 / 0.500 |" in pix
    assert "0.850 ± 0.071 / 0.800 ± 0.000 / 0.700 ± 0.000" in pix


def test_floors_are_a_table(tmp_path, capsys):
    there, back = (
        {"fcn_pixel": p, "fcn_class": 0.5, "fcn_iou": 0.4, "sharpness": 1.0, "pair_l1": 0.2} for p in (0.9, 0.6)
    )
    record(tmp_path, "floors-0", there={"real": there, "colours": there}, back={"real": back})
    translation.table_floors(tmp_path)
    out = capsys.readouterr().out
    assert "| real | 0.900 / 0.500 / 0.400 | 1.000 | 0.200 | 0.600 / 0.500 / 0.400 |" in out
    assert "| colours | 0.900 / 0.500 / 0.400 | 1.000 | 0.200 | - |" in out


def test_what_seed_0_of_all_rows_makes_stands_in_one_picture(tmp_path):
    def kind(level):
        return torch.full((8, *SHAPE), level)

    rows = {  # input, then what was made in between, then target
        "CoGAN": (-0.9, -0.5, 0.0, 1.0),
        "CycleGAN": (-1.0, 0.2, 0.4, 0.9),
        "pix2pix": (-1.0, 0.3, 0.9),
        "L1": (-1.0, 0.6, 0.9),
        "GAN+forward": (-1.0, 0.5, 0.7, 0.9),
    }
    for row, levels in rows.items():
        words = ["input", *(["made"] * (len(levels) - 2)), "target"]
        save_png(blocks([kind(level) for level in levels], 8, words), tmp_path / f"{row}-0.png")
    translation.picture(tmp_path)
    sheet = np.asarray(Image.open(tmp_path / "outputs.png").convert("L"), dtype=float) / 127.5 - 1
    right = sheet[32::66, -34][:3]
    assert right == pytest.approx([-1.0, 0.5, 0.6], abs=0.01)  # label map, GAN+forward, L1
    left = sheet[32::66, sheet.shape[1] // 2 - 40][:6]
    assert left == pytest.approx([-1.0, 0.2, 0.3, 0.9, -0.9, 0.0], abs=0.01)  # with CoGAN's own label map
