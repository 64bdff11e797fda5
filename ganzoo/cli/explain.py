"""Errors of the parser in one line, with the nearest known word."""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

import ganzoo.callbacks
import ganzoo.data
import ganzoo.engine.optim
import ganzoo.losses.likelihoods
import ganzoo.losses.objectives
import ganzoo.models
import ganzoo.networks
import ganzoo.priors
from ganzoo.catalogue import configs, nearest
from ganzoo.cli import own

NOISE = ("Parser key", "Does not validate", "Subtypes:", "Errors:", "Given value", "Expected a path but",
         "Expected a <class 'NoneType'>")  # fmt: skip


EXPECTED = r"Expected an? (?:<class '([^']+)'>|typing\.(.+\]))"


PLACES = {
    "model": ganzoo.models,
    "generator": ganzoo.networks,
    "discriminator": ganzoo.networks,
    "encoder": ganzoo.networks,
    "labeller": ganzoo.networks,
    "data": ganzoo.data,
    "d_optimizer": ganzoo.engine,
    "g_optimizer": ganzoo.engine,
    "e_optimizer": ganzoo.engine,
    "optimizer": ganzoo.engine,
    "likelihood": ganzoo.losses,
    "schedule": ganzoo.engine,
    "prior": ganzoo.priors,
    "objective": ganzoo.losses,
}


HABITS = {  # what other libraries call it
    **dict.fromkeys(("seed", "random_seed", "manual_seed"), "--seed_everything"),
    **dict.fromkeys(("latent_dim", "z_dim", "nz", "noise_dim"), "--model.generator.prior.dim"),
    **dict.fromkeys(("lr", "learning_rate"), "--model.d_optimizer.lr and --model.g_optimizer.lr"),
    **dict.fromkeys(("steps", "iterations", "n_iter", "num_steps", "max_steps"), "--trainer.max_steps (in batches)"),
    **dict.fromkeys(("epochs", "n_epochs", "num_epochs", "max_epochs"), "--trainer.max_steps (in batches)"),
    **dict.fromkeys(("gpus", "gpu", "num_gpus", "devices"), "--trainer.devices"),
    **dict.fromkeys(("img_size", "image_size", "imsize", "size"), "--data.size"),
    **dict.fromkeys(("dataset", "dataroot", "data_dir", "data_path"), "--config data/NAME, or --data.root FOLDER"),
    **dict.fromkeys(("out", "output", "output_dir", "outdir", "log_dir", "logdir"), "--run"),
    **dict.fromkeys(("resume", "checkpoint", "ckpt"), "--ckpt_path"),
    **dict.fromkeys(("batch_size", "batch", "bs"), "--data.batch_size"),
    **dict.fromkeys(("workers", "num_workers", "n_cpu"), "--data.num_workers"),
}


def explain(message: str, argv: Sequence[str] = (), options: Iterable[str] = ()) -> str:
    """Cut a message of jsonargparse down to one line: the argument, what is wrong, and the nearest known word.

    Args:
        message: In one line or in many.
        argv: What was typed.
        options: The arguments that the parser knows.
    """
    lines = [line.strip(" -\t") for line in message.splitlines()]
    lines = [line for line in lines if line and not line.startswith(NOISE)]
    cause = " ".join(lines[:2]) if lines and lines[0].endswith(":") else (lines or message.splitlines())[0]
    if found := re.match(r"the following arguments are required: (.*)", cause):
        return missing(found[1], re.findall(r"Parser key ['\"]([\w.]+)", message)[-1:])
    if found := re.search(r"(?:Option|accept option|unrecognized arguments:) ['\"]?-*([\w./-]+)", cause):
        return unknown(found[1], argv, set(options))
    keys = re.findall(r"Parser key ['\"]([\w.]+)", message)
    where = f"{flag(keys[-1], argv)}: " if keys else ""
    if "object has no attribute" in cause:
        return f"{where}there are init_args and no class_path: name the class; `ganzoo list` shows what there is"
    if found := re.search(r"(?:import path string: |has no attribute ')([\w.]+)", cause):
        return f"{where}no class {found[1]!r}{nearest(found[1], class_names())} (`ganzoo list` shows all)"
    if found := re.search(r"class_path '([\w.]+)'.*No module named '([\w.]+)'", cause):
        return f"{where}no module {found[2]!r} for {found[1]}: if it is a file of yours, add --import {found[2]}"
    if found := re.search(r"Unable to load config '(.*?)'", cause):
        return f"{where}expected a file of YAML, or {{name: value}}, got {found[1]!r}: leave it out for the defaults"
    if found := re.search(r"Import path ([\w.]+) does not correspond to a subclass of (\w+)", cause):
        return f"{where}{found[1]} is of another kind: give a {found[2]}; `ganzoo list` shows what there is"
    if found := re.search(r"Not a valid subclass of (\w+)", cause):
        given = re.findall(r"(?:Got|Given) value: (.*)", message)
        shown = f", got {given[0][:60]}" if given else ""
        return f"{where}expected a {found[1]} as class_path and init_args{shown}: `ganzoo list` shows what there is"
    if keys and cause.startswith("Expected a"):
        kinds = dict.fromkeys(first or second for first, second in re.findall(EXPECTED, "\n".join(lines)))
        given = re.findall(r"(?:Got|Given) value: (.*)", message)
        shown = " ".join(given[:1])
        return f"{where}expected {' or '.join(kinds) or 'another kind'}, got {shown[:60]!r}"
    return where + cause


def missing(names: str, within: Sequence[str] = ()) -> str:
    """Say which arguments are missing, and where to get them."""
    if within and within[0].startswith("trainer."):
        return f"missing {names}: add --{within[0]}.{names.split(',')[0]} VALUE"
    if names.rsplit(".", 1)[-1] == "model":
        return "no model: add --config models/NAME or --model NAME, or --ckpt_path FILE; `ganzoo list` shows all"
    if names.rsplit(".", 1)[-1] == "generator":
        return (
            "missing generator: start from --config models/NAME; for a game over a trained one add --generator PATH,"
            " a checkpoint or a folder written by `ganzoo export`"
        )
    if names.rsplit(".", 1)[-1] == "root":
        return "where are your pictures? Add --data.root FOLDER"
    if names.startswith("root,"):
        return f"missing {names}: add --data.root FOLDER and --data.size 64, or start from --config data/folder"
    if names.split(",")[0] not in PLACES:
        return f"missing {names}: give it a value in the class that needs it, or start from --config models/NAME"
    return f"missing {names}: start from --config models/NAME, or name a class (--model.generator MLPGenerator)"


def unknown(word: str, argv: Sequence[str], options: set[str]) -> str:
    """Say that there is no such argument, and which one is nearest."""
    if word in configs() or "/" in word:
        return f"no argument {word!r}: did you mean '--config {word}'?"
    full = flag(word, argv)
    within, _, last = full.rpartition(".")
    meant = HABITS.get(last.lstrip("-").replace("-", "_").lower(), full)
    if meant.split()[0] != full and meant.startswith(within):
        return f"no argument {full!r}: here it is {meant}"
    place, _, name = full.lstrip("-").rpartition(".")
    package = PLACES.get(place.rsplit(".", 1)[-1])
    if package is None:
        known = options | {f"--{place}.{name}" for place in ("model", "data") for name in parameters(PLACES[place])}
        known = known if full.startswith("-") else {option.lstrip("-") for option in known}
        return f"no argument {full!r}{nearest(full, known) or nearest(name, parameters(*PLACES.values()))}"
    known = {f"--{place}.{parameter}" for parameter in parameters(package)}
    return f"no argument {full!r}" + (" in the class that was chosen" if full in known else nearest(full, known))


def flag(word: str, argv: Sequence[str]) -> str:
    """Return the argument as it was typed, if it was typed: in full, or as the end of a longer one."""
    typed = [given.split("=", 1)[0] for given in argv if given.startswith("--")]
    exact = [name for name in typed if name.lstrip("-") == word]
    return next(iter(exact or [name for name in typed if name.endswith(f".{word}")]), word)


def class_names() -> set[str]:
    """Return the names of all classes that a configuration can name."""
    ours = {name for package in PLACES.values() for name, value in vars(package).items() if isinstance(value, type)}
    return ours | {path.rpartition(".")[2] for path in own.classes()}


def parameters(*packages: Any) -> set[str]:
    """Return the names of the arguments of all classes of some packages."""
    found = [value for package in packages for value in vars(package).values() if isinstance(value, type)]
    return {name for cls in found if cls.__module__.startswith("ganzoo") for name in inspect.signature(cls).parameters}
