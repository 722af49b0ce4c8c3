from pathlib import Path

from core.detectors.store import DEFAULT_MODEL
from tests.commands import run_cli

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_results_table_is_what_the_command_prints():
    shown = README.split("<!-- results -->")[1].split("<!-- /results -->")[0]
    assert shown.strip() == run_cli("compare", DEFAULT_MODEL).strip()
