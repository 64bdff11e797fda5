"""The layers of a run's configuration, each winning over the one before."""

import itertools
import json
from pathlib import Path
from typing import Any

from ganzoo.catalogue import config_folder, find_config
from ganzoo.checkpoints import read_checkpoint
from ganzoo.cli.known import OBJECTS, run_layer
from ganzoo.cli.merge import Layers
from ganzoo.hub.form import place_of, read_config
from ganzoo.hub.games import fitting
from ganzoo.trust import checked

RUNS = Path("runs")


def layered(argv: list[str]) -> tuple[list[str], list[str]]:
    """Return the arguments of a verb with all layers of configuration in one ``--config``.

    The arguments of a class that an upper layer replaces by another class are left out; for each such class a line is
    returned that says so, and one for each run in place of which one of its checkpoints was taken.

    Raises:
        ValueError: a configuration or checkpoint does not exist or cannot be read.
    """
    verb, rest = argv[0], with_config_paths(argv[1:])
    if {"-h", "--help"} & set(rest) or any(word.endswith(".help") for word in rest):
        return [verb, *rest], []
    rest, said = with_places(rest, verb)
    rest, checkpoint = with_checkpoint_path(rest)
    given, words = split_configs(rest)
    layers = Layers()
    layers.add(str(config_folder() / "defaults.yaml"))
    if checkpoint is not None:
        layers.add(checkpoint_layer(checkpoint, verb))
    for source in given:
        layers.add(source)
    layers.add_words(words)
    return [verb, "--config", json.dumps(layers.config, default=str), *words], [*said, *layers.gone]


def split_configs(argv: list[str]) -> tuple[list[str], list[str]]:
    """Return what ``--config`` names, and all other words: an option wins over a file wherever it stands."""
    given: list[str] = []
    words: list[str] = []
    following = iter(argv)
    for word in following:
        if word in ("--config", "-c"):
            given += itertools.islice(following, 1)
        elif word.startswith("--config="):
            given.append(word.partition("=")[2])
        else:
            words.append(word)
    return given, words


def with_config_paths(argv: list[str]) -> list[str]:
    """Replace short names of configurations by their paths."""
    argv = list(argv)
    for i, word in enumerate(argv):
        if word in ("--config", "-c") and i + 1 < len(argv):
            argv[i + 1] = find_config(argv[i + 1])
        elif word.startswith("--config="):
            argv[i] = f"--config={find_config(word.split('=', 1)[1])}"
    return argv


def with_places(argv: list[str], verb: str) -> tuple[list[str], list[str]]:
    """Replace the folder of a run by a checkpoint in it, the best, or for ``fit``, which goes on, the last.

    The name of a model that comes with the package is replaced by its folder.

    Raises:
        FileNotFoundError: a folder that is neither that of a run nor a published one, or nearly the name of a model.
        ValueError: ``fit`` cannot go on from a published one.
    """
    said, best = [], ("best", "last")
    for name, prefer in (("--ckpt_path", best[::-1] if verb == "fit" else best), ("--generator", best)):
        given = option(argv, name)
        if given in (None, "null", *best):
            continue
        place = place_of(given, prefer)
        if verb == "fit" and name == "--ckpt_path" and place.is_dir():
            raise ValueError(f"{given} is published, without optimizers: go on from a checkpoint, or use --generator")
        if place != Path(given):
            said.append(f"{name} {given} means {place}")
            argv = with_value(argv, name, str(place))
    return argv, said


def with_value(argv: list[str], name: str, value: str) -> list[str]:
    """Return the words with another value of an option that is there."""
    words = [f"{name}={value}" if word.startswith(f"{name}=") else word for word in argv]
    return [value if before == name else word for before, word in zip(["", *words], words, strict=False)]


def with_checkpoint_path(argv: list[str]) -> tuple[list[str], Path | None]:
    """Replace ``last`` and ``best`` by the file in the run's folder; return the file too.

    Raises:
        ValueError: no such file; the message lists what there is.
    """
    given = option(argv, "--ckpt_path")
    if given is None or given == "null":
        return argv, None
    if given in ("last", "best"):
        run = option(argv, "--run")
        if run is None:
            found = sorted(str(p.parent.parent) for p in RUNS.glob(f"*/checkpoints/{given}.ckpt"))
            raise ValueError(f"--ckpt_path {given} needs --run DIR; runs here: {', '.join(found) or 'none'}")
        path = Path(run) / "checkpoints" / f"{given}.ckpt"
    else:
        path = Path(given)
    if not path.exists():
        there = sorted(str(p) for p in path.parent.glob("*.ckpt")) if path.parent.is_dir() else []
        raise ValueError(f"no checkpoint at {path}; in that folder: {', '.join(there) or 'none'}")
    return with_value(argv, "--ckpt_path", str(path)), path


def option(argv: list[str], name: str) -> str | None:
    """Return the last value given to an option."""
    value = None
    for i, word in enumerate(argv):
        if word == name and i + 1 < len(argv):
            value = argv[i + 1]
        elif word.startswith(f"{name}="):
            value = word.split("=", 1)[1]
    return value


def checkpoint_layer(path: Path, verb: str) -> str:
    """Return what a checkpoint, or a published folder, knows, as a value of ``--config``.

    ``fit`` goes on with the whole configuration of the run, the other verbs take model and data.

    Raises:
        ValueError: the file is damaged, was made from networks that have no configuration, or would import something.
    """

    def fits(checkpoint: dict[str, Any]) -> None:
        if "reason" not in checkpoint["ganzoo"]["model"]:
            fitting(checkpoint, str(path))  # so that it cannot take more memory than the file

    if path.is_dir():
        config = read_config(path)
        ours = {"model": config["variant"], "data": config["training"].get("data")}
    else:
        ours = read_checkpoint(path, fits)["ganzoo"]
    run = path.parent.parent / "config.yaml"
    if verb == "fit" and run.is_file():
        return json.dumps(run_layer(run, ours["model"]))
    layer = {key: ours[key] for key in ("model", "data") if ours.get(key)}
    for key, value in layer.items():
        if "reason" in value:
            raise ValueError(f"{path} does not know its {key}: {value['reason']}")
    return json.dumps({key: checked(value, OBJECTS[key], str(path)) for key, value in layer.items()})
