"""Words of a command that are read before torch is there."""


def read_numbers(text: str, what: str) -> list[int]:
    """Read ``5``, ``0,5,9`` or ``0,5-9``: seeds or dimensions, as ``what`` says in the error.

    Raises:
        ValueError: none of them.
    """
    numbers: list[int] = []
    for word in text.split(","):
        first, dash, last = word.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or int(last or first) < int(first):
            raise ValueError(f"expected {what}, got {text!r}")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
