"""Who examines the files of an audit."""

from enum import StrEnum


class Engine(StrEnum):
    """The threads of one process, or the processes of a Ray cluster; the results are the same."""

    LOCAL = "local"
    RAY = "ray"
