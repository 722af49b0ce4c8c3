"""The command line: one typer command per verb, each a thin layer over a function of core.

Verbs of one room stand in its `commands.py`; here are those that join several, and how all of them end.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from core.audit.commands import audit, report
from core.corpus.commands import app as corpus
from core.detectors.commands import body_app, encoder_app
from core.errors import (
    ClusterLostError,
    OutputError,
    VersoError,
    VersoWarning,
    WrongUsageError,
)
from core.evaluation.commands import compare, evaluate, faithfulness, leaks
from core.provenance.commands import evidence
from core.terminal import say, show, write_json
from core.training.commands import bands, cascade, experiments, quantise, train
from core.usage import (
    ModelOption,
    a_file_to_write,
    a_local_path,
    a_name,
)
from core.visible_text import utf8_path, visible
from core.wording import to_three_decimals

app = typer.Typer(
    name="python -m core",
    help="Verso: was this artwork made by a person, or by a generator?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def predict(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Image files.", parser=a_name)],
    model: ModelOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines.")] = False,
) -> None:
    """Judge images, one line each; exit 0 if all were read, 1 if some were not, 2 for wrong usage.

    Every picture is decoded whole. Audits may decode large JPEGs at a smaller scale, so that p_ai can differ slightly.
    """
    from core import images
    from core.detectors.judging import judge
    from core.detectors.store import load_detector, stand_in
    from core.errors import ImageError

    if model is None and (told := stand_in()):
        say(told)
    detector = load_detector(model)
    unread = 0
    for path in paths:
        line: dict[str, object] = dict.fromkeys(("path", "sha256", "verdict", "p_ai", "model", "error"))
        named = utf8_path(path)
        line |= {"path": named, "model": detector.card.name}
        try:
            artwork = images.open(a_local_path(path))
        except ImageError as error:
            unread += 1
            line |= {"sha256": error.sha256, "error": str(error)}
            said = f"error: {error}"
        else:
            verdict = judge(detector, [artwork])[0]
            line |= {"sha256": artwork.sha256, "verdict": verdict.label, "p_ai": round(verdict.p_ai, 6)}
            said = f"{verdict.label} (p_ai {to_three_decimals(verdict.p_ai)}, {verdict.model})"
        if as_json:
            write_json(line)
        else:
            typer.echo(f"{visible(named)}: {said}")
    if unread:
        raise typer.Exit(1)


class Target(StrEnum):
    """The class an explanation speaks for."""

    HUMAN = "human"
    AI = "ai"


class Method(StrEnum):
    """The names of `core.explain.METHODS`, for `--help`, which does not wait for torch."""

    GRAD_CAM = "grad-cam"
    OCCLUSION = "occlusion"


def explain(
    path: Annotated[str, typer.Argument(metavar="PATH", help="An image file.", parser=a_name)],
    output: Annotated[Path, typer.Option(help="The PNG to write.", parser=a_file_to_write, metavar="<path>")],
    model: ModelOption = None,
    method: Annotated[
        Method, typer.Option(help="How: occlusion explains any model, and is slower.")
    ] = Method.GRAD_CAM,
    target: Annotated[Target, typer.Option(help="The class to speak for.")] = Target.AI,
    opacity: Annotated[float, typer.Option(min=0, max=1, help="Of the strongest part.")] = 0.6,
) -> None:
    """Judge a picture, and write it with what spoke for a class laid over it.

    A model that cannot show where it looked says so after its verdict, and nothing is written: exit 1.
    """
    from core import images
    from core.detectors.judging import judge
    from core.detectors.store import load_detector, stand_in
    from core.explain import MAX_SIDE, attribute, overlay

    picture = a_local_path(path)
    _expect_room_for_png(output, picture)
    artwork = images.open(picture)
    if model is None and (told := stand_in()):
        say(told)
    detector = load_detector(model)
    verdict = judge(detector, [artwork])[0]
    typer.echo(
        f"{visible(utf8_path(path))}: {verdict.label} (p_ai {to_three_decimals(verdict.p_ai)}, {verdict.model})"
    )
    saliency = attribute(method, detector, artwork, target)
    try:
        overlay(artwork.preview(MAX_SIDE), saliency, opacity).save(output, "PNG")
    except OSError as error:
        raise _unwritable(output, str(error.strerror)) from error
    if saliency.flat:
        say(f"Nothing in {picture.name} spoke for '{target}': the overlay is empty.")
    say(f"Wrote {output}.")


def _expect_room_for_png(output: Path, original: Path) -> None:
    """Refuse a place for an overlay where it would replace the picture itself, or anything that is no PNG."""
    from core.image_headers import recognise

    try:
        if output.exists():
            if original.exists() and output.samefile(original):
                raise _wrong_output(
                    f"{output} is the picture itself, which stays as it is: name another file."
                )
            if not output.is_file() or recognise(_start(output)) != "PNG":
                raise _wrong_output(
                    f"{output} exists and is no PNG, so it is not replaced: name another file."
                )
    except OSError as error:
        raise _unwritable(output, str(error.strerror)) from error
    if not output.parent.is_dir():
        raise _unwritable(output, f"there is no folder {output.parent}")
    if output.suffix.lower() != ".png":
        raise _wrong_output(f"The overlay is a PNG, but '{output}' is not called so: end its name in .png.")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _unwritable(output: Path, reason: str) -> OutputError:
    return OutputError(f"{output} cannot be written ({reason}); choose another --output.")


def _wrong_output(sentence: str) -> typer.BadParameter:
    return typer.BadParameter(sentence, param_hint="--output")


def bench(
    images: Annotated[int, typer.Option(min=1, help="JPEGs of 1 024 px to draw.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Alternating rounds after a warm-up.")] = 5,
    fast: Annotated[
        str | None,
        typer.Option(
            help="The model that is to be fast. Default: verso-fast.", parser=a_name, metavar="<str>"
        ),
    ] = None,
    peers: Annotated[
        bool,
        typer.Option("--peers", help="Also the published peers and verso; installs the peers, about 1 GB."),
    ] = False,
) -> None:
    """Measure the speed of audits against a naive loop, and against the published peers, in the same run."""
    script = Path(__file__).resolve().parents[1] / "benchmarks" / "speed.py"
    if not script.is_file():
        raise VersoError(f"{script} is missing: run bench in a copy of the whole repository.")
    options = ["--images", str(images), "--rounds", str(rounds)]
    options += ["--fast", fast] if fast else []
    options += ["--peers"] if peers else []
    paths = os.pathsep.join(filter(None, (str(script.parents[1]), os.environ.get("PYTHONPATH"))))
    environment = os.environ | {"PYTHONPATH": paths}
    ended = subprocess.run([sys.executable, script, *options], env=environment, check=False)  # noqa: S603
    raise typer.Exit(ended.returncode)


for verb in (
    predict,
    explain,
    evidence,
    audit,
    report,
    compare,
    train,
    evaluate,
    cascade,
    quantise,
    faithfulness,
    experiments,
    bands,
    bench,
):
    app.command()(verb)
corpus.command()(leaks)
app.add_typer(corpus)
app.add_typer(encoder_app)
app.add_typer(body_app)


def main() -> None:
    """Run the command line; a `VersoError` ends it with one sentence and exit code 1, or 2 for wrong usage."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name may hold bytes that are no text
    try:
        with _warnings_in_words():
            app()
    except VersoError as error:
        say(str(error), "Error:")
        if isinstance(error, ClusterLostError):
            sys.stdout.flush()
            os._exit(1)  # without Ray's own end, which can wait for what is gone, or crash
        sys.exit(2 if isinstance(error, WrongUsageError) else 1)
    except OSError as error:
        if not _is_of_stdout(error):
            what = error.filename or "A file"
            say(f"{what} cannot be read or written ({error.strerror or error}): check the disk.", "Error:")
            sys.exit(1)
        say(f"The output cannot be written ({error.strerror}): make room, or send it elsewhere.", "Error:")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what waits there is lost already
        sys.exit(1)


@contextmanager
def _warnings_in_words() -> Iterator[None]:
    """Tell Verso's own warnings as remarks, without a line of its source; keep what Pillow says of damaged metadata back."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        as_usual = warnings.showwarning

        def show_warning(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, VersoWarning):
                say(str(message), "Warning:")
            else:
                as_usual(message, category, filename, lineno, file, line)

        warnings.showwarning = show_warning
        yield


def _is_of_stdout(error: OSError) -> bool:
    """Whether an error came up while something was printed, or what was printed before finds no room."""
    printing = {typer.echo.__code__, show.__code__}
    if any(frame.f_code in printing for frame, _ in traceback.walk_tb(error.__traceback__)):
        return True
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False
