"""Configurations that were altered: each is taken, or refused in one line that says what to do."""

import copy
import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from tqdm import tqdm

from ganzoo.catalogue import config_folder
from ganzoo.cli import main
from ganzoo.cli.train import ZooCLI

FILES = sorted(Path(config_folder()).rglob("*.yaml"))
BEFORE = ("data", "trainer")  # these need a model below them
VALUES = [
    *(None, 0, -1, 3, 2.5, 10**15, -(10**15), 1e300, float("nan"), True, "", "x", "keys", "models/dcgan"),
    *([], [1], ["x"], [[1]], {}, {"a": 1}),
]
CLASSES = [
    *("ganzoo.models.VAE", "ganzoo.networks.MLPGenerator", "ganzoo.networks.DCGANDiscriminator", "ganzoo.data.Digits"),
    *("ganzoo.priors.Normal", "ganzoo.engine.Adam", "ganzoo.callbacks.Watch", "os.system", "torch.nn.Linear"),
    *("Nope", "ganzoo.models.Nope", "nowhere.Nope"),
]
BARE = (  # words of Python, of a parser or of Lightning that say nothing to a user
    r"object has no attribute|is not iterable|unhashable|NoneType|argument after \*\*|Misconfiguration|compute_fn"
    r"|unsupported operand|not supported between|unexpected keyword|positional argument|Parser key|'keys'.*did you"
)
SAYS = (
    r"\b(expected|must|needs?|got|give|add|put|leave|use|choose|take|did you mean|cannot|no |missing|where|not enough)"
)


def places(node, path=()):
    """Return the paths of all values within a configuration."""
    within = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path] * bool(path) + [found for key, value in within for found in places(value, (*path, key))]


def altered(config, chance):
    """Return a configuration with one thing wrong, and what was done to it."""
    config = copy.deepcopy(config)
    path = chance.choice(places(config))
    node, key = config, path[-1]
    for part in path[:-1]:
        node = node[part]
    how = chance.choice(["drop", "value", "value", "misspell", "class"])
    done = how
    if how == "drop":
        del node[key]
    elif how == "misspell" and isinstance(node, dict):
        cut = chance.randrange(len(key))
        node[key[:cut] + key[cut + 1 :] or "q"] = node.pop(key)
    elif how == "class":
        done = chance.choice(CLASSES)
        node[key] = done if key == "class_path" else {"class_path": done}
    else:
        done = chance.choice(VALUES)
        node[key] = done
    return config, f"{'.'.join(map(str, path))}: {json.dumps(done)}"


class Taken(Exception):
    """A configuration was parsed, and all of its objects were made."""


def said(words, capsys):
    """Run the command up to training; return nothing, its one line, or what went wrong."""
    try:
        status = main(words)
    except Taken:
        return ""
    except (Exception, SystemExit) as error:
        return f"TRACEBACK {type(error).__name__}: {error}"
    finally:
        lines = [line for line in capsys.readouterr().err.splitlines() if "starts from its own defaults" not in line]
    if status != 2 or len(lines) != 1:
        return f"TRACEBACK or no one line: {status}, {lines[-3:]}"
    return lines[0]


def fuzz(n, seed, folder, monkeypatch, capsys):
    """Alter ``n`` configurations; return how many were taken or refused, and all that went wrong."""

    def stop(*args, **kwargs):
        raise Taken

    monkeypatch.chdir(folder)
    monkeypatch.setattr(ZooCLI, "_run_subcommand", stop)
    chance, count, wrong = random.Random(seed), Counter(), []
    files = chance.sample(FILES, len(FILES))
    with capsys.disabled():
        steps = tqdm(range(n), desc=f"altered configurations, seed {seed}", mininterval=10)
    for k in steps:
        path = files[k % len(files)]
        config, done = altered(yaml.safe_load(path.read_text()), chance)
        (folder / "x.yaml").write_text(yaml.safe_dump(config))
        below = ["--config", "models/nsgan"] if path.parent.name in BEFORE or path.stem == "defaults" else []
        monkeypatch.delenv("GANZOO_RUN", raising=False)
        line = said(["fit", *below, "--config", "x.yaml", "--run", "run"], capsys)
        count["refused" if line else "taken"] += 1
        if line and (line.startswith("TRACEBACK") or re.search(BARE, line) or not re.search(SAYS, line)):
            wrong.append(f"{path.stem}, {done}: {line[:300]}")
    return count, wrong


def test_some_altered_configurations(tmp_path, monkeypatch, capsys):
    count, wrong = fuzz(25, 0, tmp_path, monkeypatch, capsys)
    assert not wrong, "\n".join(wrong)
    assert count["refused"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_many_altered_configurations(seed, tmp_path, monkeypatch, capsys):
    count, wrong = fuzz(300, seed, tmp_path, monkeypatch, capsys)
    assert not wrong, "\n".join(wrong)
    assert count["refused"] > 100
    assert count["taken"] > 30
