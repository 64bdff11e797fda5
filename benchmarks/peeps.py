"""Train a network that reads the attributes of Peeps, and print how well it reads pictures that it did not see.

    GANZOO_DATA=... OMP_NUM_THREADS=1 python -m benchmarks.peeps --out runs/peeps-reader

Whoever edits a face asks it two things: are there glasses now, and is it still the same face? One small network of
strided convolutions has a head for each attribute: ``eyewear`` (are there glasses?), ``glasses`` (which; 0: none),
``head``, ``face``, ``skinColor``, ``clothingColor``, ``headContrastColor``. It is trained on the training pictures,
mirrored and moved at random, and never sees the others. The table says for each attribute the share of the test
pictures that are read rightly, of all, of plain ones and of those with glasses; how often both pictures of a face
are read as the same, which is the most that a perfect edit would get; and the share of the most frequent value.

With ``--half`` only the first or the second half of the training faces is seen: one network names faces, the other
judges the edits that follow from these names.

``load(path)`` returns the network: images [N, 3, 64, 64] in [-1, 1] to a dict of logits.
"""

import argparse
import json
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.machine import made
from ganzoo.data import Peeps, to_float
from ganzoo.pixels import mirror

FILE = "reader.safetensors"
WIDTHS = (24, 48, 64, 64)  # channels of the maps of sides 32, 16, 8 and 4
HIDDEN = 64
BATCH, SHIFT, NOISE = 64, 2, 0.05


class Reader(nn.Module):
    """Strided convolutions with batch norm, one hidden layer, and a linear head for each attribute.

    Args:
        sizes: Number of values of each attribute.
    """

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, o in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(i, o, 3, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
        layers += [nn.Flatten(), nn.Linear(16 * WIDTHS[-1], HIDDEN, bias=False), nn.BatchNorm1d(HIDDEN), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleDict({name: nn.Linear(HIDDEN, n) for name, n in sizes.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the logits of each attribute, [N, values], of images x [N, 3, 64, 64] in [-1, 1]."""
        features = self.body(x)
        return {name: head(features) for name, head in self.heads.items()}


def targets(data: Peeps, split: str) -> dict[str, Tensor]:
    """Return what is to be read, int64 [N] each."""
    found = data.attributes(split)
    return {"eyewear": (found["glasses"] > 0).long(), **found}


def sizes(data: Peeps) -> dict[str, int]:
    """Return the number of values of each attribute."""
    return {"eyewear": 2, **{name: len(values) for name, values in data.names.items()}}


def moved(x: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, shift by up to 2 pixels on white and add noise, at random for every image."""
    n, _, h, w = x.shape
    x = F.pad(mirror(x, torch.rand(n, generator=generator) < 0.5), (SHIFT,) * 4, value=1.0)
    down, right = torch.randint(0, 2 * SHIFT + 1, (2, n, 1), generator=generator)
    rows, columns = torch.arange(h) + down, torch.arange(w) + right
    x = x[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    return x + NOISE * torch.randn(x.shape, generator=generator)


def half(data: Peeps, which: str) -> tuple[Tensor, Tensor]:
    """Return the rows of "all" training faces, or of the "first" or "second" half: plain, and with glasses."""
    plain, glasses = data.pairs("train")
    middle = len(plain) // 2
    part = {"all": slice(None), "first": slice(middle), "second": slice(middle, None)}[which]
    return plain[part], glasses[part]


def train(data: Peeps, batches: int, seed: int = 0, which: str = "all") -> Reader:
    """Train by AdamW; the learning rate goes up for a tenth of the batches, then down to 0."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    rows = torch.cat(half(data, which)).sort().values
    images, reader = data.arrays("train")[0][rows], Reader(sizes(data))
    wanted = {name: y[rows] for name, y in targets(data, "train").items()}
    optimizer = torch.optim.AdamW(reader.parameters(), lr=4e-3, weight_decay=1e-2)
    for batch in tqdm(range(batches), desc="training", disable=None):
        done = (batch + 1) / (batches + 1)
        optimizer.param_groups[0]["lr"] = 4e-3 * min(done / 0.1, (1 - done) / 0.9)
        index = torch.randint(len(images), (BATCH,), generator=generator)
        logits = reader(moved(to_float(images[index]), generator))
        loss = sum(F.cross_entropy(logits[name], y[index]) for name, y in wanted.items())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return reader.eval()


def write(reader: Reader, out: Path) -> Path:
    """Write the weights, and the number of values of each attribute, into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    values = json.dumps({name: head.out_features for name, head in reader.heads.items()})
    save_file(reader.state_dict(), out / FILE, {"sizes": values})
    return out / FILE


def load(path: str | Path) -> Reader:
    """Return the network that was written into a folder, in evaluation mode; it needs no gradients of its own.

    Raises:
        FileNotFoundError: there is none.
    """
    file = Path(path) / FILE if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there: run `python -m benchmarks.peeps --out {path}`")
    with safe_open(file, "pt") as opened:
        reader = Reader(json.loads(opened.metadata()["sizes"]))
        reader.load_state_dict({name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    return reader.eval().requires_grad_(False)


@torch.no_grad()
def read(reader: Reader, images: Tensor) -> dict[str, Tensor]:
    """Return the most probable value of each attribute, int64 [N], of images uint8 or in [-1, 1]."""
    blocks = [reader(to_float(block)) for block in images.split(256)]
    return {name: torch.cat([block[name].argmax(dim=1) for block in blocks]) for name in reader.heads}


def report(reader: Reader, data: Peeps, split: str = "test") -> dict[str, dict[str, float]]:
    """Return for each attribute the accuracies, how often both pictures of a face are read alike, and a guess's."""
    found, wanted, kinds = read(reader, data.arrays(split)[0]), targets(data, split), data.pairs(split)
    lines = {}
    for name, y in wanted.items():
        right = (found[name] == y).double()
        agree = (found[name][kinds[0]] == found[name][kinds[1]]).double()
        guess = float((y == targets(data, "train")[name].mode().values).double().mean())
        shares = (right, right[kinds[0]], right[kinds[1]], agree)
        columns = ("all", "plain", "glasses", "both alike")
        lines[name] = {k: float(v.mean()) for k, v in zip(columns, shares, strict=True)} | {"guess": guess}
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help=f"folder that {FILE} is written into")
    parser.add_argument("--batches", type=int, default=1600, help=f"of {BATCH} images (default: 1600)")
    parser.add_argument("--half", choices=("all", "first", "second"), default="all", help="of the training faces")
    given = parser.parse_args()
    torch.set_num_threads(1)
    data, start = Peeps(), time.process_time()
    reader = train(data, given.batches, which=given.half)
    seconds, path = time.process_time() - start, write(reader, given.out)
    lines = report(load(path), data)
    print("| attribute | values |", " | ".join(next(iter(lines.values()))), "|\n" + "|---" * 7 + "|")
    for name, line in lines.items():
        print(f"| {name} | {sizes(data)[name]} |", " | ".join(f"{100 * v:.1f}" for v in line.values()), "|")
    n = sum(p.numel() for p in reader.parameters())
    print(f"\n{n:,} parameters, {seconds:.0f} CPU s of training, {path.stat().st_size:,} bytes: {path}\n{made()}")


if __name__ == "__main__":
    main()
