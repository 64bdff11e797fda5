"""Options of the verbs without a trainer: errors are one line with the nearest word."""

import argparse
from typing import Any

from ganzoo.catalogue import nearest


class Parser(argparse.ArgumentParser):
    """argparse that takes no abbreviations, and whose errors are one line with the nearest option."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> None:  # type: ignore[override]
        """Raise the message with a suggestion."""
        if message.startswith("unrecognized arguments: "):
            word = message.split(": ", 1)[1].split()[0]
            message += nearest(word.split("=")[0], self._option_string_actions)
        raise ValueError(f"{message} (see `{self.prog} --help`)")


def parse_labels(text: str | None) -> list[int] | None:
    """Read ``7`` or ``0,1,2``.

    Raises:
        ValueError: neither.
    """
    words = text.split(",") if text is not None else []
    if not all(word.strip().isdecimal() for word in words):
        raise ValueError(f"--labels takes a class number or a list such as 0,1,2, got {text!r}")
    return [int(word) for word in words] if words else None
