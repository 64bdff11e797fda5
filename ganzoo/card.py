"""The card of a published model."""

from typing import Any

from ganzoo.generative import Generative


def card(config: dict[str, Any], model: Generative) -> str:
    """Return the card of a published model."""
    variant, training, measured = type(model).__name__, config["training"], config["metrics"]
    data = (training.get("data") or {}).get("class_path", "unknown data").rsplit(".", 1)[-1]
    rows = [
        f"| {name} | {value:.4g} | {measured['floors'][name]:.4g} |"
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
    return f"""# {variant} on {data}

{(type(model).__doc__ or "").strip().splitlines()[0]}

![samples](grid.png)

```python
import ganzoo
images = ganzoo.load("this folder").sample(16, seed=0{labels})  # [16, {shape}] in [-1, 1]
```

Trained for {training.get("batches")} batches ({training.get("images_seen")} images), seed {training.get("seed")},
with ganzoo {config["ganzoo"]}.

## Judged

{judged}
"""
