"""How a warning looks to somebody who typed a command."""

import warnings


def shorten_warnings() -> None:
    """Make a warning one line, without the source that it comes from. Lightning undoes it when it is imported."""
    warnings.formatwarning = lambda message, *_, **__: f"ganzoo: warning: {' '.join(str(message).split())}\n"
