"""Who may import whom, that nothing is hidden or missing in ``__all__``, and the sizes of files and functions."""

import ast
import importlib
import inspect
import sys
from pathlib import Path

import lightning as L
import pytest

import ganzoo

PACKAGE = Path(ganzoo.__file__).parent
FILES = {".".join(("ganzoo", *p.relative_to(PACKAGE).with_suffix("").parts)): p for p in PACKAGE.rglob("*.py")}
TREES = {name.removesuffix(".__init__"): ast.parse(path.read_text()) for name, path in FILES.items()}
PACKAGES = {name.removesuffix(".__init__") for name in FILES if name.endswith(".__init__")}


def imports(nodes):
    """Full names of the modules that are imported by some nodes."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are not used"
            for alias in node.names:  # from ganzoo import game is an import of ganzoo.game
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in TREES else node.module)
    return found


EVERYWHERE = {name: imports(ast.walk(tree)) for name, tree in TREES.items()}  # also within functions
AT_ONCE = {name: imports(tree.body) for name, tree in TREES.items()}  # when the module is imported

# The rooms from top to bottom, and what each may import of ganzoo; "x" stands for ganzoo.x and all within it.
ARROWS = {
    "__main__": ["cli"],
    "cli": [
        *("hub", "callbacks", "models", "latent", "inversion", "translation", "photos", "engine", "losses"),
        *("networks", "roles", "priors", "data", "files", "checkpoints", "bundled", "catalogue", "trust", "config"),
    ],
    "hub": [
        *("models", "inference", "engine", "networks", "roles", "pictures", "files", "checkpoints", "bundled"),
        *("catalogue", "trust", "config"),
    ],
    "callbacks": [
        *("latent", "inference", "networks.batch_norm", "roles", "data", "metrics", "pictures", "pixels", "files"),
        "config",
    ],
    "models": ["inference", "engine", "losses", "roles", "priors", "pixels", "config"],
    "latent": ["inversion", "inference", "roles", "priors", "metrics", "photos", "pictures", "pixels", "files"],
    "inversion": [
        *("inference", "roles", "priors", "metrics", "photos", "pictures", "pixels", "files", "catalogue"),
    ],
    "translation": ["inference", "roles", "photos", "pictures", "files"],
    "inference": ["roles", "priors"],
    "engine": ["files", "checkpoints", "config"],
    "losses": ["roles", "config"],
    "networks": ["roles", "priors", "config"],
    "roles": ["priors", "config"],
    "priors": ["config"],
    "data": ["pictures", "pixels", "files", "config"],
    "metrics": ["pixels", "files", "config"],
    "photos": ["pictures", "pixels"],
    "pictures": ["pixels", "files"],
    "pixels": [],
    "files": [],
    "checkpoints": ["trust"],
    "bundled": ["catalogue"],
    "catalogue": [],
    "trust": ["config"],
    "config": [],
}
TORCH_ONLY = ["inference", "losses", "networks", "roles", "priors", "pixels", "trust", "config"]
NO_TORCH = [
    "config",
    "files",
    "bundled",
    "catalogue",
    "cli",
    "cli.warned",
    "cli.front",
    "cli.images",
    "cli.invert",
    "cli.paint",
    "cli.translate",
    "cli.verbs",
    "cli.parser",
    "cli.own",
    "latent.words",
    "__main__",
]


def within(module, part):
    return module == f"ganzoo.{part}" or module.startswith(f"ganzoo.{part}.")


def modules_of(part):
    return [module for module in TREES if within(module, part)]


def part_of(module):
    return module.split(".")[1]


def of_ganzoo(names):
    return {name for name in names if name.split(".")[0] == "ganzoo"}


@pytest.mark.parametrize("part", ARROWS)
def test_a_room_imports_only_what_it_may_and_only_from_below(part):
    rooms = list(ARROWS)
    assert all(rooms.index(other.split(".")[0]) > rooms.index(part) for other in ARROWS[part])
    assert modules_of(part)
    for module in modules_of(part):
        allowed = [part, *ARROWS[part]]
        wrong = {name for name in of_ganzoo(EVERYWHERE[module]) if not any(within(name, p) for p in allowed)}
        assert wrong <= {"ganzoo"}, f"{module} must not import {sorted(wrong)}"


def test_every_room_stands_in_the_table_and_every_arrow_is_used():
    rooms = {part_of(module) for module in TREES if module != "ganzoo"}
    assert rooms == set(ARROWS), "say in ARROWS what a new room may import"
    for part, others in ARROWS.items():
        used = {name for module in modules_of(part) for name in EVERYWHERE[module]}
        assert not [other for other in others if not any(within(name, other) for name in used)], part


def test_a_variant_imports_no_variant_but_its_parent():
    shared = {f"ganzoo.models.{name}" for name in ("generative", "batch", "translation", "pool")}  # none is a variant
    for module in [m for m in modules_of("models") if m not in ("ganzoo.models", *shared)]:
        tree = TREES[module]
        used = {base.id for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and within(node.module, "models") and node.module not in shared:
                assert {alias.name for alias in node.names} <= used, module


@pytest.mark.parametrize("part", TORCH_ONLY)
def test_the_mathematics_needs_torch_only(part):
    allowed = {*sys.stdlib_module_names, "torch", "ganzoo"}
    for module in modules_of(part):
        assert {name.split(".")[0] for name in EVERYWHERE[module]} <= allowed, module


@pytest.mark.parametrize("part", NO_TORCH)
def test_what_answers_at_once_does_not_load_torch(part):
    """Neither itself nor what it loads, unless within a function."""
    seen, left = set(), [f"ganzoo.{part}"]
    while left:
        module = left.pop()
        seen.add(module)
        others = {name.split(".")[0] for name in AT_ONCE[module]} - {"ganzoo"}
        assert others <= set(sys.stdlib_module_names), f"{part} loads {sorted(others)} through {module}"
        left += of_ganzoo(AT_ONCE[module]) - seen
    assert seen <= {"ganzoo", *map("ganzoo.{}".format, NO_TORCH)}


def test_metrics_know_nothing_of_training():
    for module in modules_of("metrics"):
        roots = {name.split(".")[0] for name in EVERYWHERE[module]}
        assert not roots & {"lightning", "wandb", "rich"}, module


def test_there_is_no_circle():
    """Imports within functions count: a circle that is closed late is a circle."""

    def closed(module, path):
        assert module not in path, f"circle: {' -> '.join([*path[path.index(module) :], module])}"
        if module in done:
            return
        for other in of_ganzoo(EVERYWHERE[module]) - {module, "ganzoo"}:
            # a package's own __init__ is loaded with each of its modules, and imports them
            if other not in PACKAGES or not module.startswith(f"{other}."):
                closed(other, [*path, module])
        done.add(module)

    done = set()
    for module in TREES:
        closed(module, [])


# -- __all__


def with_all():
    return [name for name, tree in TREES.items() if any("__all__" in ast.dump(node) for node in tree.body)]


@pytest.mark.parametrize("package", ["models", "networks", "data", "callbacks"])
def test_a_package_exports_all_that_it_imports_and_nothing_else(package):
    module = importlib.import_module(f"ganzoo.{package}")
    nodes = [node for node in TREES[f"ganzoo.{package}"].body if isinstance(node, ast.ImportFrom)]
    assert sorted(alias.asname or alias.name for node in nodes for alias in node.names) == sorted(module.__all__)


def test_every_exported_name_is_there():
    assert {"ganzoo", "ganzoo.models", "ganzoo.networks", "ganzoo.data", "ganzoo.callbacks"} <= set(with_all())
    for name in with_all():
        module = importlib.import_module(name)
        assert len(set(module.__all__)) == len(module.__all__)
        assert not [export for export in module.__all__ if not hasattr(module, export)], name


@pytest.mark.parametrize(
    ("package", "bases"),
    [
        ("models", ["ganzoo.engine.Game"]),
        ("networks", ["ganzoo.roles.Generator", "ganzoo.roles.Discriminator", "ganzoo.roles.Encoder"]),
        ("data", ["ganzoo.data.base.ImageData"]),
        ("callbacks", [L.Callback]),
    ],
)
def test_what_can_be_chosen_is_exported(package, bases):
    """A class that a configuration could name stands in __all__, except the bases that only share code."""

    def resolved(base):
        if not isinstance(base, str):
            return base
        module, name = base.rsplit(".", 1)
        return getattr(importlib.import_module(module), name)

    kinds = tuple(resolved(base) for base in bases)
    public = importlib.import_module(f"ganzoo.{package}").__all__
    shared = {
        "FileData",
        "TorchvisionData",
        "PairData",
        "FilePairData",
        "FolderPairData",
        "DomainData",
        "Wrapper",
        "Generative",
        "Translation",
    }
    for name in modules_of(package):
        for cls in vars(importlib.import_module(name)).values():
            if inspect.isclass(cls) and issubclass(cls, kinds) and cls.__module__ == name:
                inner = cls.__name__.startswith("_") or cls.__name__ in shared
                where = f"import it in ganzoo/{package}/__init__.py and name it in __all__ there"
                assert cls.__name__ in public or inner, f"{cls.__name__} is not exported: {where}"


# -- sizes


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def body_lines(function):
    """Lines of a body without its docstring."""
    body = function.body
    if (
        isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    ):
        body = body[1:]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_file_is_long():
    long = {name: n for name, path in FILES.items() if (n := len(path.read_text().splitlines())) > 350}
    assert not long


def test_no_function_is_long_and_most_are_short():
    sizes = {(name, f.name): body_lines(f) for name, tree in TREES.items() for f in functions(tree)}
    assert not {where: n for where, n in sizes.items() if n > 45}
    assert sorted(sizes.values())[len(sizes) // 2] <= 10


def test_no_argument_of_a_variant_is_a_flag():
    for module in [m for m in TREES if within(m, "models")]:
        for function in functions(TREES[module]):
            arguments = function.args
            for argument in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]:
                if function.name != "train":  # torch's own signature
                    assert "bool" not in ast.dump(argument.annotation or ast.Constant(0)), (module, argument.arg)
            for default in [*arguments.defaults, *arguments.kw_defaults]:
                if function.name != "train":
                    assert not (isinstance(default, ast.Constant) and isinstance(default.value, bool)), module


def test_variants_are_no_deeper_than_six():
    """LightningModule > Game > Generative > GAN > variant > its joint form; Configurable is among the bases too."""
    from ganzoo import models

    for name in models.__all__:
        mro = getattr(models, name).__mro__
        assert mro.index(L.LightningModule) <= 6, name
