"""What the leak alarm found, as a file that `python -m core corpus leaks --output FILE` writes and pages show."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from core import atomic
from core.corpus.leakage import LeakReport
from core.errors import CorpusError


@dataclass(frozen=True)
class LeakFindings:
    """The reports of one run of the alarm.

    `corpus` is the version of the manifest they are about. `reports` stand in the order of the run: on the files,
    then on what models are fed, one for each way in which pictures are prepared.
    """

    corpus: str
    reports: Sequence[LeakReport]

    @property
    def fed(self) -> list[LeakReport]:
        """The reports on what models are fed: there the alarm decides something."""
        return [report for report in self.reports if report.models]

    def about(self, model: str) -> LeakReport | None:
        """Return the report on what a model is fed, or None if the alarm was not run on it."""
        return next((report for report in self.fed if model in report.models), None)


_SCHEMA: Final = TypeAdapter(LeakFindings)


def write(findings: LeakFindings, path: Path) -> None:
    """Write the findings as JSON, whole or not at all."""
    atomic.write(path, _SCHEMA.dump_json(findings, indent=1) + b"\n")


def read(path: Path) -> LeakFindings | None:
    """Read findings back, or None if there is no such file.

    Raises:
        CorpusError: the file cannot be read, or is not what `write` writes.
    """
    try:
        return _SCHEMA.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorpusError(
            f"The findings {path} cannot be read ({error.strerror}): check the path and its permissions."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise CorpusError(
            f"{path} is not what the leak alarm writes ({where}: {first['msg']}): write it anew with "
            f"`python -m core corpus leaks MANIFEST --output {path}`."
        ) from error
