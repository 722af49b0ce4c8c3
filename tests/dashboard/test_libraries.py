"""A server that has started imports no library twice at once."""

import ast
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "dashboard" / "app_pages"

STARTED = """
import json, sys
from dashboard.libraries import import_what_pages_need
import_what_pages_need()
print(json.dumps(sorted(sys.modules)))
"""


def imported_by(page):
    for node in ast.walk(ast.parse(page.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def test_pages_import_nothing_that_starting_did_not():
    started = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    there = set(json.loads(started.stdout))
    for page in PAGES.glob("*.py"):
        assert set(imported_by(page)) <= there, page.name
