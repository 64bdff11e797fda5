"""Walking, adding and editing latents, and finding them: functions of any generator."""

from typing import TYPE_CHECKING, Any

__all__ = ["brush", "invert"]

if TYPE_CHECKING:
    from ganzoo.inversion import brush, invert


def __getattr__(name: str) -> Any:
    """Import torch only when something that needs it is asked for."""
    if name in __all__:
        import ganzoo.inversion

        return getattr(ganzoo.inversion, name)
    raise AttributeError(f"module 'ganzoo.latent' has no attribute {name!r}")
