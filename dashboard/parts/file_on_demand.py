"""A file that is made when its button is pressed, outside of a run of the page: Streamlit says that it failed, and not why."""

from collections.abc import Callable, MutableMapping

from core.errors import VersoError

Failed = MutableMapping[str, str]
"""Why files could not be made when that was last tried, by their names."""


def noting_failure(make: Callable[[], bytes], name: str, failed: Failed) -> Callable[[], bytes]:
    """Return what makes a file as `make` does, and keeps the sentence of a `VersoError` in `failed`.

    Args:
        make: returns the bytes of the file.
        name: of the file in `failed`.
        failed: lies in the session's state already, which cannot be reached from where the file is made.
    """

    def made() -> bytes:
        failed.pop(name, None)
        try:
            return make()
        except VersoError as error:
            failed[name] = str(error)
            raise

    return made
