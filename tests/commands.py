"""Runs the command line inside the test's process."""

from __future__ import annotations

from click.testing import Result
from typer.testing import CliRunner

from core.cli import app


def invoke(*arguments: str) -> Result:
    """Run a verb and return exit code, stdout, stderr and the exception, if it raised one."""
    return CliRunner().invoke(app, list(arguments))


def run_cli(*arguments: str) -> str:
    """Run a verb that must succeed and return its stdout."""
    result = invoke(*arguments)
    if result.exception is not None:
        raise result.exception
    return result.stdout
