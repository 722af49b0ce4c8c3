"""Letters that the typeface of a report lacks, and names that are longer than a line."""

import io
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from pypdf import PdfReader

from core import fonts
from core.pdf import FAMILY, MOST_SEARCHES, Paper

NAME = "画像-1.png"
EXPLAINED = "appear as codes such as"


def typeface(path, letters, fs_type=0):
    """Write a typeface with a square for each of the letters."""
    pen = TTGlyphPen(None)
    for number, corner in enumerate([(0, 0), (0, 700), (700, 700), (700, 0)]):
        (pen.lineTo if number else pen.moveTo)(corner)
    pen.closePath()
    square = pen.glyph()
    names = [".notdef", *(f"u{ord(letter):04X}" for letter in letters)]
    built = FontBuilder(1000)
    built.setupGlyphOrder(names)
    built.setupCharacterMap({ord(letter): f"u{ord(letter):04X}" for letter in letters})
    built.setupGlyf(dict.fromkeys(names, square))
    built.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
    built.setupHorizontalHeader(ascent=800, descent=-200)
    built.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    built.setupOS2(fsType=fs_type)
    built.setupPost()
    built.save(path)
    return str(path)


@pytest.fixture
def installed(monkeypatch):
    """Sets the typefaces of this computer."""

    def these(*paths):
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda: list(paths))
        fonts._installed.cache_clear()

    yield these
    monkeypatch.undo()
    fonts._installed.cache_clear()


def written(*names):
    """Return the first page of a report with a paragraph and a row of each name."""
    paper = Paper("portrait", datetime(2026, 5, 4, tzinfo=UTC))
    for name in names:
        paper.say(paper.shown(name), 10)
        paper.set_font(FAMILY, size=7)
        paper.row((paper.shown(name), "plain"), (60, 60))
    paper.explain_codes()
    return PdfReader(io.BytesIO(bytes(paper.output()))).pages[0]


def printed(*names):
    """Return the text of that page."""
    return " ".join(written(*names).extract_text().split())


def test_letters_are_borrowed_from_a_typeface_of_this_computer(installed, tmp_path):
    (tmp_path / "damaged.ttf").write_bytes(b"no typeface")
    installed(str(tmp_path / "damaged.ttf"), typeface(tmp_path / "squares.ttf", "画像"))
    text = printed(NAME, "plain.png")
    assert text.count(NAME) == 2
    assert text.count("plain.png") == 2
    assert EXPLAINED not in text


def test_letters_that_no_typeface_has_are_codes_and_the_report_says_so(installed, tmp_path):
    installed(typeface(tmp_path / "squares.ttf", "画"))
    text = printed(NAME)
    assert text.count("画\\u50cf-1.png") == 2
    assert text.endswith(
        "Invisible letters, and those for which the computer that wrote this had no typeface, appear as codes such as \\u50cf. Page 1"
    )


def test_a_typeface_whose_maker_forbids_to_embed_it_lends_nothing(installed, tmp_path):
    installed(typeface(tmp_path / "squares.ttf", "画像", fs_type=fonts.RESTRICTED))
    assert "\\u753b\\u50cf-1.png" in printed(NAME)


def test_names_of_ever_other_strange_letters_do_not_search_for_ever(installed, monkeypatch):
    installed()
    asked = []
    monkeypatch.setattr("core.pdf.font_with", asked.append)
    printed("".join(chr(0x4E00 + number) for number in range(MOST_SEARCHES * 2)))
    assert len(asked) == MOST_SEARCHES


def test_words_that_run_from_right_to_left_do_so_in_paragraphs_and_rows():
    name = "שלום"
    drawn = written(name, "plain").extract_text(extraction_mode="layout").split()
    assert drawn[:5] == [name[::-1], name[::-1], "plain", "plain", "plain"]
    assert printed(name).count(name) == 2


@pytest.mark.parametrize("width", [20, 68])
def test_a_name_without_spaces_is_broken_where_a_line_is_full_and_loses_nothing(width):
    paper = Paper("portrait", datetime(2026, 1, 1, tzinfo=UTC))
    paper.set_font(FAMILY, size=7)
    name = "IMG_iiiiWWWW-é.ß." * 12
    paper.row((name, "short"), (width, 30))
    drawn = PdfReader(io.BytesIO(paper.output())).pages[0].extract_text().split()
    lines = [line for line in drawn if line not in {"short", "Page", "1"}]
    assert "".join(lines) == name
    room = width - 2 * paper.c_margin
    assert all(paper.get_string_width(line) <= room for line in lines)
    assert all(paper.get_string_width(line + after[0]) > room for line, after in pairwise(lines))
