"""ganzoo: generative adversarial networks on PyTorch Lightning."""

import importlib
from typing import TYPE_CHECKING, Any

from ganzoo.config import __version__ as __version__

__all__ = ["create", "list_models", "list_pretrained", "load", "load_game"]
ROOMS = ("inversion", "latent")  # which `import ganzoo` alone gives too

if TYPE_CHECKING:
    from ganzoo.bundled import list_pretrained
    from ganzoo.hub import create, list_models, load, load_game


def __getattr__(name: str) -> Any:
    """Import torch only when something that needs it is asked for."""
    if name == "list_pretrained":
        from ganzoo.bundled import list_pretrained

        return list_pretrained
    if name in __all__:
        import ganzoo.hub

        return getattr(ganzoo.hub, name)
    if name in ROOMS:
        return importlib.import_module(f"ganzoo.{name}")
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too, so that help and tab completion show them."""
    return sorted({*globals(), *__all__, *ROOMS})
