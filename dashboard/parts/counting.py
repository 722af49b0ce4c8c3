"""How many there are, in words."""


def counted(count: int, one: str, many: str = "") -> str:
    """Say how many there are of what one is called `one`, and several `many` or `one` with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
