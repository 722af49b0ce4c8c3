"""The rules of the house that no linter knows."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE = sorted((ROOT / "core").rglob("*.py"))
OPENERS = {
    ("Image", "open"),
    ("cv2", "imread"),
    ("io", "decode_image"),
    ("io", "read_image"),
    ("io", "decode_jpeg"),
}

ROOMS = (
    ("__main__",),
    ("cli",),
    ("review",),
    ("audit",),
    ("training",),
    ("evaluation",),
    ("explain",),
    ("wording",),
    ("detectors",),
    ("provenance",),
    ("corpus",),
    ("archives", "markdown_table", "video_formats", "cache_folder", "terminal", "usage", "pdf"),
    ("images", "verdict"),
    ("limits", "locks"),
    (
        "atomic",
        "image_headers",
        "image_pixels",
        "visible_text",
        "clutter",
        "errors",
        "fonts",
        "named_paths",
        "threads",
    ),
)
"""The rooms of core from the top of the house to its ground, with the modules that stand between them."""


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_knows_nothing_of_the_web_page(path):
    assert not imported(path) & {"streamlit", "dashboard"}


def floor(room: str) -> int:
    return next(number for number, rooms in enumerate(ROOMS) if room in rooms)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_from_rooms_below_it(path):
    room = path.relative_to(ROOT / "core").parts[0].removesuffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = (
                [f"core.{alias.name}" for alias in node.names] if node.module == "core" else [node.module]
            )
        for module in modules:
            top, _, inside = module.partition(".")
            below = inside.partition(".")[0]
            if top == "core" and below not in ("", room):
                assert floor(room) < floor(below), f"line {node.lineno}: {room} stands below {below}"


@pytest.mark.parametrize("path", sorted((ROOT / "dashboard").rglob("*.py")), ids=lambda path: str(path.name))
def test_the_dashboard_holds_no_machine_learning_and_no_sql(path):
    assert not imported(path) & {"torch", "torchvision", "sklearn", "captum", "sqlalchemy", "sqlite3"}


def test_a_table_of_the_dashboard_is_saved_in_one_way_which_neutralises_formulas():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["client"]["disableDataExport"], "Streamlit's own CSV button writes cells as they are"
    for path in (ROOT / "dashboard").rglob("*.py"):
        if path.name != "chart_download.py":
            assert ".to_csv(" not in path.read_text(), f"{path} writes CSV past chart_download.as_csv"


def test_only_the_door_opens_images():
    for path in [*CORE, *(ROOT / "dashboard").rglob("*.py")]:
        if path.name == "images.py":
            continue
        used = {
            (node.value.id, node.attr)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        assert not used & OPENERS, f"{path} opens an image"
