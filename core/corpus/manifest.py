"""The manifest: one CSV row per image, with the facts that let anyone find it again and trust its label.

The schema is `Row`. Text is UTF-8, lines end in LF, an empty field is the empty string, and the sha256 of the
file is the version of the corpus.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import quote

import pandas as pd
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from core import atomic
from core.errors import ManifestError

Label = Literal["human", "ai"]
Split = Literal["train", "val", "test", "ood"]
LABELS: tuple[str, ...] = get_args(Label)
SPLITS: tuple[str, ...] = get_args(Split)

PROBLEMS_SHOWN = 10
ORDER = ["split", "label", "source", "source_path", "crop", "sha256"]
GITHUB = re.compile(r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)")
DEBIAN = re.compile(r"debian:(?P<package>\S+) \((?P<release>\w+)\)")
CROP = re.compile(r"(\d+) (\d+) (\d+) (\d+)")
NOT_A_VALUE = frozenset({"nan", "<na>"})


def _is_a_value(text: str) -> str:
    if text.lower() in NOT_A_VALUE:
        raise PydanticCustomError("placeholder", "an empty field is written as nothing")
    return text


def _is_a_box(text: str) -> str:
    if text:
        numbers = CROP.fullmatch(text)
        if numbers is None:
            raise PydanticCustomError("crop", "not four whole numbers")
        x0, y0, x1, y1 = map(int, numbers.groups())
        if not (x0 < x1 and y0 < y1):
            raise PydanticCustomError("crop", "an empty box")
    return text


Text = Annotated[str, AfterValidator(_is_a_value)]
Named = Annotated[Text, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Row(BaseModel):
    """The schema of one image; each description completes "expected ..."."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Sha256 = Field(description="the sha256 of the image file, 64 lower-case hexadecimal digits")
    split: Split | Literal[""] = Field(description="one of train, val, test, ood")
    label: Label = Field(description="human or ai")
    generator: Text = Field(description="the model that made an ai image, as attested; empty for human")
    family: Text = Field(description="the family of that model, to hold families out; empty for human")
    medium: Text = Field(description="the technique, such as oil or print, or nothing if not known")
    source: Named = Field(description="owner/name on GitHub, 'debian:package (release)', or another name")
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = Field(
        description="the 40 hexadecimal digits of the pinned commit, or nothing outside GitHub"
    )
    source_path: Named = Field(description="where the original lies inside its source")
    crop: Annotated[str, AfterValidator(_is_a_box)] = Field(
        description="the box 'x0 y0 x1 y1' cut from the original, in pixels, or nothing for the whole of it"
    )
    license: Text = Field(description="the licence of the image as its source states it, or nothing")
    attestation: Named = Field(description="why the label is believed")
    width: int = Field(gt=0, lt=2**31, description="the width of the image in pixels, a whole number above 0")
    height: int = Field(
        gt=0, lt=2**31, description="the height of the image in pixels, a whole number above 0"
    )
    original_format: Text = Field(description="the format of the original, such as PNG, or nothing")
    original_sha256: Sha256 | Literal[""] = Field(
        description="the sha256 of the original file, 64 lower-case hexadecimal digits, or nothing"
    )
    source_url: Text = Field(default="", description="the address of the original, or nothing")
    prompt: Text = Field(default="", description="the prompt that made an ai image, or nothing")

    @model_validator(mode="after")
    def _label_fits_generator(self) -> Self:
        for column in ("generator", "family"):
            value = getattr(self, column)
            if self.label == "ai" and not value:
                raise _contradiction(column, "a name for an ai image ('unknown' if not known)")
            if self.label == "human" and value:
                raise _contradiction(column, "nothing for a human image")
        return self

    @model_validator(mode="after")
    def _github_is_pinned(self) -> Self:
        if GITHUB.fullmatch(self.source) and not self.commit:
            raise _contradiction("commit", f"the commit at which {self.source} is pinned")
        return self


def _contradiction(column: str, expected: str) -> PydanticCustomError:
    return PydanticCustomError("contradiction", "{expected}", {"column": column, "expected": expected})


COLUMNS: tuple[str, ...] = tuple(Row.model_fields)
REQUIRED: tuple[str, ...] = tuple(name for name, field in Row.model_fields.items() if field.is_required())
NUMBERS = ("width", "height")
ROWS = TypeAdapter(list[Row])


@dataclass(frozen=True, eq=False)
class Manifest:
    """A manifest that fits its schema.

    `frame` has one row per image in file order, a RangeIndex, and every column of `Row`: `width` and `height`
    as int64, the others as text that is never missing. `version` is the sha256 of the file's bytes.
    """

    frame: pd.DataFrame
    version: str
    path: Path


@dataclass(frozen=True)
class Problem:
    """One break of the schema: the line of the file it is on, the column, and what is wrong."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}"


def read(path: Path | str, *, unsplit: bool = False) -> Manifest:
    """Read and validate a manifest.

    Args:
        path: a CSV file with the columns of `Row`; optional ones may be absent and then read as "".
        unsplit: accept rows whose `split` is still empty, as a source writes them before `corpus build`.

    Raises:
        ManifestError: the file cannot be read, is not CSV, or breaks the schema. All problems are counted,
            the first ten are named by line, column, what was expected and what was found.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ManifestError(
            f"The manifest {path} cannot be read ({error.strerror}): expected a CSV file."
        ) from error
    lines, records = _parse(data, path)
    rows = _validate(lines, records, path, unsplit=unsplit)
    return Manifest(frame=_frame(rows), version=hashlib.sha256(data).hexdigest(), path=path)


def write(frame: pd.DataFrame, path: Path | str, *, unsplit: bool = False) -> Manifest:
    """Validate `frame`, write it whole or not at all, and return what `read` makes of the file.

    The same rows always give the same bytes: rows are sorted, columns stand in the order of `Row`, and an
    optional column that no row uses is left out.

    Raises:
        ManifestError: the frame breaks the schema (line numbers are those the file would have had).
    """
    path = Path(path)
    columns = [name for name in COLUMNS if name in REQUIRED or (name in frame and (frame[name] != "").any())]
    unknown = [str(name) for name in frame.columns if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in frame]
    if unknown or missing:
        raise ManifestError(_wrong_columns(path, missing, unknown))
    ordered = frame[columns].sort_values([*ORDER], kind="stable", key=lambda values: values.astype(str))
    records = [{str(name): value for name, value in row.items()} for row in ordered.to_dict("records")]
    _validate(range(2, len(records) + 2), records, path, unsplit=unsplit)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    atomic.write(path, text.getvalue().encode())
    return read(path, unsplit=unsplit)


def source_url(source: str, commit: str, source_path: str) -> str:
    """The address of an original, or "" for a source that has none.

    A GitHub repository gives the raw file at its pinned commit; a Debian package gives a package URL
    (https://github.com/package-url/purl-spec) with the release and the path inside the package.
    """
    if (github := GITHUB.fullmatch(source)) and commit:
        return f"https://github.com/{github['owner']}/{github['name']}/raw/{commit}/{quote(source_path)}"
    if debian := DEBIAN.fullmatch(source):
        inside = quote(source_path.lstrip("/"))
        return f"pkg:deb/debian/{debian['package']}?distro={debian['release']}#{inside}"
    return ""


def _parse(data: bytes, path: Path) -> tuple[list[int], list[dict[str, str]]]:
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = next(reader, [])
        _check_header(header, path)
        lines, records, short = [], [], []
        start = reader.line_num + 1
        for cells in reader:
            if len(cells) == len(header):
                lines.append(start)
                records.append(dict(zip(header, cells, strict=True)))
            elif cells:
                short.append(Problem(start, "(all)", f"expected {len(header)} fields, found {len(cells)}."))
            start = reader.line_num + 1
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{path}, line {line}: expected UTF-8 text, found byte {error.object[error.start]:#04x}."
        ) from error
    except csv.Error as error:
        raise ManifestError(
            f"{path}, line {reader.line_num}: expected CSV, found a broken row ({error})."
        ) from error
    _raise_if_any(short, path)
    return lines, records


def _check_header(header: list[str], path: Path) -> None:
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing or unknown:
        raise ManifestError(_wrong_columns(path, missing, unknown))
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise ManifestError(f"{path}, line 1: expected each column once, found {', '.join(repeated)} twice.")


def _wrong_columns(path: Path, missing: list[str], unknown: list[str]) -> str:
    found = [f"no column {name}" for name in missing] + [f"the unknown column {name!r}" for name in unknown]
    return f"{path}, line 1: expected the columns {', '.join(COLUMNS)}; found {', '.join(found)}."


def _validate(lines: Sequence[int], records: list[dict[str, Any]], path: Path, *, unsplit: bool) -> list[Row]:
    if not records:
        raise ManifestError(f"{path} lists no images: expected at least one row below the header.")
    rows: list[Row] = []
    problems = list(_repeated(lines, records))
    if not unsplit:
        problems += _unsplit(lines, records)
    try:
        rows = ROWS.validate_python(records)
    except ValidationError as error:
        problems += _schema_problems(error, lines, records)
    _raise_if_any(sorted(problems, key=lambda problem: problem.line), path)
    return rows


def _repeated(lines: Sequence[int], records: list[dict[str, Any]]) -> Iterator[Problem]:
    first: dict[str, tuple[int, str]] = {}
    for line, record in zip(lines, records, strict=True):
        sha256, split = record["sha256"], record["split"]
        if sha256 not in first:
            first[sha256] = (line, split)
            continue
        earlier, its_split = first[sha256]
        found = f"found {sha256} in split {split!r} and, on line {earlier}, in split {its_split!r}"
        yield Problem(line, "sha256", f"expected each image once, {found}.")


def _unsplit(lines: Sequence[int], records: list[dict[str, Any]]) -> Iterator[Problem]:
    for line, record in zip(lines, records, strict=True):
        if record["split"] == "":
            yield Problem(line, "split", f"expected {Row.model_fields['split'].description}, found ''.")


def _schema_problems(
    error: ValidationError, lines: Sequence[int], records: list[dict[str, Any]]
) -> Iterator[Problem]:
    seen = set()
    for detail in error.errors(include_url=False):
        index = int(detail["loc"][0])
        context = detail.get("ctx", {})
        column = context.get("column") or str(detail["loc"][1])
        if (index, column) in seen:
            continue
        seen.add((index, column))
        expected = context["expected"] if "column" in context else Row.model_fields[column].description
        yield Problem(lines[index], column, f"expected {expected}, found {records[index][column]!r}.")


def _raise_if_any(problems: list[Problem], path: Path) -> None:
    if not problems:
        return
    shown = [str(problem) for problem in problems[:PROBLEMS_SHOWN]]
    if hidden := len(problems) - len(shown):
        shown.append(f"and {hidden} more")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ManifestError("\n  ".join([f"{path} breaks the schema of a manifest ({count}):", *shown]))


def _frame(rows: list[Row]) -> pd.DataFrame:
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    return pd.DataFrame(columns, dtype="str").astype(dict.fromkeys(NUMBERS, "int64"))
