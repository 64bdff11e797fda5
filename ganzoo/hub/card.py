"""The card of a published model."""

import inspect
import itertools
import re
import textwrap
from typing import Any

from ganzoo.catalogue import docstring
from ganzoo.config import Configurable
from ganzoo.inference import Inference
from ganzoo.roles import Classes, Images, Translator


def number(value: float | None) -> str:
    """Return a number of a table; "-" if there is none."""
    return "-" if value is None else f"{value:.4g}"


def card(config: dict[str, Any], model: Inference, pictured: bool = True) -> str:
    """Return the card of a published model, with its ``grid.png`` if it has one."""
    path, training = config["variant"]["class_path"], config["training"]
    variant = path.rsplit(".", 1)[-1]
    data = (training.get("data") or {}).get("class_path", "unknown data").rsplit(".", 1)[-1]
    codes = ", ".join(
        f"`{c.name}` ({f'{c.size} values' if c.kind == 'categorical' else f'{c.low:g} to {c.high:g}'})"
        for c in model.codes
    )
    name, shown = training.get("name"), "\n![samples](grid.png)\n" if pictured else ""
    coded = f"\nCodes: {codes}. `ganzoo traverse {name or 'FOLDER'}` walks through them.\n" if codes else ""
    return f"""# {f"{name}: " if name else ""}{variant} on {data}

{sentence(path)}
{equations(path)}{shown}
```python
import ganzoo

model = ganzoo.load("{name or "this folder"}")
{usage(model)}
```
{coded}
Trained for {training.get("batches")} batches ({training.get("images_seen")} images), seed {training.get("seed")},
with ganzoo {config["ganzoo"]}.
{trained(training)}
## Judged

{judged(config["metrics"])}
{inverted(training)}{licences(training)}"""


def sentence(path: str) -> str:
    """Return the first sentence of a variant's docstring; of ours also under ``python -OO``, which drops them."""
    first = documentation(path).partition("\n\n")[0].replace("\n", " ")
    return first or f"A game of a user's own, `{path}`."


def equations(path: str) -> str:
    """Return what a variant minimises: the first indented lines of its docstring; nothing if there are none."""
    lines = itertools.dropwhile(lambda line: not line.startswith("    "), documentation(path).splitlines())
    block = textwrap.dedent("\n".join(itertools.takewhile(lambda line: line.startswith("    "), lines)))
    return f"\n```\n{block}\n```\n" if re.search(r"^L_\w+ =", block, flags=re.MULTILINE) else ""


def documentation(path: str) -> str:
    """Return the docstring of a variant; of ours from its source, because ``python -OO`` drops them."""
    package, _, name = path.rpartition(".")
    ours = docstring("models", name) if package == "ganzoo.models" else ""
    return ours or inspect.cleandoc(getattr(Configurable.known.get(path), "__doc__", None) or "")


def trained(training: dict[str, Any]) -> str:
    """Return what is known of how a model was trained: command, time, hardware."""
    took = f" of {training['cpu_minutes']} CPU minutes" if "cpu_minutes" in training else ""
    on = f" on {training['hardware']}" if "hardware" in training else ""
    by = f", with torch {training['torch']}" if "torch" in training else ""
    said = f"\nTaken from a run{took}{on}{by}.\n" if took or on or by else ""
    return f"{said}\n```\n{training['command']}\n```\n" if "command" in training else said


def inverted(training: dict[str, Any]) -> str:
    """Return how near test images come that are brought into the generator, where it is known."""
    return f"\nTest images brought into it: {training['inversion']}.\n" if "inversion" in training else ""


def licences(training: dict[str, Any]) -> str:
    """Return the terms of the weights and of the data, where they are known."""
    named = {"Weights": training.get("licence"), "Training data": training.get("data_licence")}
    lines = "".join(f"{what}: {licence}.\n" for what, licence in named.items() if licence)
    return f"\n## Licences\n\n{lines}" if lines else ""


def usage(model: Inference) -> str:
    """Return lines of Python that use a model."""
    G = model.generator
    if isinstance(G.condition, Images):
        return usage_of_translator(model, G.condition.shape[0])
    told = f", condition=[i % {G.num_classes} for i in range(16)]" if isinstance(G.condition, Classes) else ""
    lines = [f"images = model.sample(16, seed=0{told})  # [16, {', '.join(map(str, G.image_shape))}] in [-1, 1]"]
    if model.encoder is not None:
        own = ", condition=y" if told and model.labeller is None else ""
        lines.append(f"model.reconstruct(x{own})  # G(E(x)) of images x in [-1, 1]")
    return "\n".join(lines)


def usage_of_translator(model: Inference, channels: int) -> str:
    """Return lines of Python that use a translator of images of so many channels."""
    size = "any height and width" if isinstance(model.generator, Translator) else "its size"
    lines = [f"images = model.translate(x)  # of images x, [N, {channels}, H, W] in [-1, 1], of {size}"]
    if "generator_back" in model.networks:
        lines.append("model.translate_back(images)  # the other way")
    return "\n".join(lines)


def judged(measured: dict[str, Any]) -> str:
    """Return the table of a verdict."""
    floors = measured.get("floors", {})
    rows = [
        f"| {name} | {number(value)} | {number(floors.get(name))} |"
        for name, value in measured.get("metrics", {}).items()
    ]
    if not rows:
        return "Not judged on its training data: run `ganzoo test --ckpt_path CKPT` before exporting."
    reference = measured.get("reference") or {}
    of = f" of {reference['data']}" if isinstance(reference.get("data"), str) else ""
    return (
        f"{measured['n_samples']} samples, seeds from {measured['first_seed']}, against {measured['n_reference']}"
        f" training images{of}; the floor is what real images get.\n\n| metric | value | floor |\n|---|---|---|\n"
        + "\n".join(rows)
    )
