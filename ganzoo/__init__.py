"""ganzoo: generative adversarial networks on PyTorch Lightning."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["create", "list_models", "load", "load_game"]

if TYPE_CHECKING:
    from ganzoo.hub import create, list_models, load, load_game


def __getattr__(name: str) -> Any:
    """Import torch only when something that needs it is asked for."""
    if name in __all__:
        import ganzoo.hub

        return getattr(ganzoo.hub, name)
    raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too, so that help and tab completion show them."""
    return [*globals(), *__all__]
