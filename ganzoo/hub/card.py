"""The card of a published model."""

from typing import Any

from ganzoo.models.generative import Generative


def number(value: float | None) -> str:
    """Return a number of a table; "-" if there is none."""
    return "-" if value is None else f"{value:.4g}"


def card(config: dict[str, Any], model: Generative) -> str:
    """Return the card of a published model."""
    variant, training, measured = type(model).__name__, config["training"], config["metrics"]
    floors = measured.get("floors", {})
    data = (training.get("data") or {}).get("class_path", "unknown data").rsplit(".", 1)[-1]
    rows = [
        f"| {name} | {number(value)} | {number(floors.get(name))} |"
        for name, value in measured.get("metrics", {}).items()
    ]
    judged = (
        f"{measured['n_samples']} samples, seeds from {measured['first_seed']}, against {measured['n_reference']}"
        " training images; the floor is what real images get.\n\n| metric | value | floor |\n|---|---|---|\n"
        + "\n".join(rows)
        if rows
        else "Not judged: run `ganzoo test --ckpt_path CKPT` before exporting."
    )
    labels = f", labels=[i % {model.G.num_classes} for i in range(16)]" if model.G.num_classes else ""
    shape = ", ".join(map(str, model.G.image_shape))
    E = model.published.encoder
    told = ", labels=y" if model.conditional and model.published.labeller is None else ""
    codes = ", ".join(
        f"`{c.name}` ({f'{c.size} values' if c.kind == 'categorical' else f'{c.low:g} to {c.high:g}'})"
        for c in model.published.codes
    )
    coded = f"\nCodes: {codes}. `ganzoo traverse FOLDER` walks through them.\n" if codes else ""
    inverse = f"\nmodel.reconstruct(x{told})  # G(E(x)) of images x in [-1, 1]" if E is not None else ""
    return f"""# {variant} on {data}

{(type(model).__doc__ or "").strip().splitlines()[0]}

![samples](grid.png)

```python
import ganzoo
model = ganzoo.load("this folder")
images = model.sample(16, seed=0{labels})  # [16, {shape}] in [-1, 1]{inverse}
```
{coded}
Trained for {training.get("batches")} batches ({training.get("images_seen")} images), seed {training.get("seed")},
with ganzoo {config["ganzoo"]}.

## Judged

{judged}
"""
