"""The command ``ganzoo``."""

from ganzoo.cli.front import main

__all__ = ["main"]
