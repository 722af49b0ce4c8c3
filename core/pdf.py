"""Pages of a report: A4, a typeface with many letters, headings, sentences, and rows of wrapped cells."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, cast

import matplotlib as mpl
from fpdf import FPDF
from fpdf.enums import WrapMode
from fpdf.fonts import TTFFont

from core.fonts import font_with
from core.visible_text import visible

FONTS: Final = Path(mpl.get_data_path()) / "fonts" / "ttf"
FAMILY: Final = "DejaVu"
LINE: Final = 3.4
"""Height of a line of a cell, in mm."""
PICTURE: Final = 12
"""Side of the square that a small picture in a row fills, in mm."""
TOGETHER: Final = 35
"""A part begins on the next page where less than this is left, in mm: no heading stands alone."""
JOINED: Final = range(0x0590, 0x1E00)
"""Code points of scripts that run from right to left, or whose letters take their form and place from their neighbours."""
MOST_SEARCHES: Final = 64
"""So many letters are looked for among the typefaces of this computer; names of strangers could hold any number."""


class Paper(FPDF):
    """A document with its first page begun.

    `text` of strangers is to pass through `shown` before it is drawn. All lengths are in mm, sizes of letters in points.

    Args:
        orientation: of the pages.
        created: the moment the document names as that of its creation, so that the same content is the same file.
    """

    def __init__(self, orientation: Literal["portrait", "landscape"], created: datetime) -> None:
        super().__init__(orientation, "mm", "A4")
        self._lent: set[int] = set()
        self._sought: set[str] = set()
        self._families: list[str] = []
        self._code = ""
        self._widths: dict[tuple[str, float, str], float] = {}
        self.set_creation_date(created)
        self.set_margins(10, 10)
        self.set_auto_page_break(auto=True, margin=14)
        self.set_draw_color(190)
        self.add_font(FAMILY, fname=FONTS / "DejaVuSans.ttf")
        self._glyphs = self._letters_of(FAMILY)
        self.add_font(FAMILY, style="B", fname=FONTS / "DejaVuSans-Bold.ttf")
        self.add_page()

    def footer(self) -> None:
        """Number the page."""
        self.set_y(-10)
        self.set_font(FAMILY, size=7)
        self.cell(0, 5, f"Page {self.page_no()}", align="R")

    def shown(self, text: str) -> str:
        """Return a text with what no typeface here has, or what would rearrange the page, as escapes."""
        if text.isascii() and text.isprintable():
            return text
        for letter in text:
            if ord(letter) not in self._glyphs and letter.isprintable():
                self._borrow(letter)
        if not self.text_shaping and _has_joined(text):
            self.set_text_shaping(direction="ltr")
        shown = visible(text, self._glyphs)
        if shown != text and not self._code:
            self._code = next(code for letter in text if (code := visible(letter, self._glyphs)) != letter)
        return shown

    def explain_codes(self) -> None:
        """Say that escapes stand for letters, if any do."""
        if self._code:
            self.ln(2)
            self.say(
                f"Invisible letters, and those for which the computer that wrote this had no typeface, appear as codes such as {self._code}.",
                8,
            )

    def part(self, title: str) -> None:
        """Begin a part."""
        if self.will_page_break(TOGETHER):
            self.add_page()
        else:
            self.ln(2)
        self.say(title, 11, bold=True)

    def say(self, text: str, size: int, *, bold: bool = False) -> None:
        """Write a paragraph over the whole width."""
        self.set_font(FAMILY, style="B" if bold else "", size=size)
        self.multi_cell(0, size * 0.55, text, align="L", wrapmode=_wrap(text), new_x="LMARGIN", new_y="NEXT")

    def row(
        self,
        texts: Sequence[str],
        widths: Sequence[float],
        height: float = LINE,
        on_new_page: Callable[[], None] = lambda: None,
        picture: bytes = b"",
    ) -> None:
        """Draw one row in the font that is set, its cells wrapped; one longer than a page goes on on the next.

        Args:
            texts: of the cells.
            widths: of the cells.
            height: of a line.
            on_new_page: draws what is to stand above the rest of the row on a next page.
            picture: the bytes of one that stands at the row's left, or none.
        """
        indent = PICTURE + 2 if picture else 0
        inside = [widths[0] - indent, *widths[1:]]
        wrapped = [self._lines(text, width) for text, width in zip(texts, inside, strict=True)]
        if picture:
            if self.will_page_break(PICTURE + 1):
                self.add_page()
                on_new_page()
            box = self.get_x(), self.get_y() + 0.4, PICTURE, PICTURE
            self.image(io.BytesIO(picture), *box, keep_aspect_ratio=True)
        foot = self.get_y() + (PICTURE + 0.8 if picture else 0)
        for number in range(max(map(len, wrapped))):
            if self.will_page_break(height):
                self.add_page()
                on_new_page()
                foot = 0
            left = self.get_x() + indent + self.c_margin
            baseline = (
                self.get_y() + height / 2 + 0.3 * self.font_size
            )  # as a `cell` has it, in a fifth of the time
            for width, lines in zip(inside, wrapped, strict=True):
                if number < len(lines) and self._is_plain(lines[number]):
                    self.text(left, baseline, lines[number])
                elif number < len(lines):
                    self.set_x(left - self.c_margin)
                    self.cell(width, height, lines[number])
                left += width
            self.ln(height)
        self.set_y(max(self.get_y(), foot))
        self.line(self.l_margin, self.get_y(), self.w - self.r_margin - 1, self.get_y())
        self.ln(0.6)

    def _borrow(self, letter: str) -> None:
        """Take a typeface of this computer that has a letter, if there is one."""
        if letter in self._sought or len(self._sought) == MOST_SEARCHES:
            return
        self._sought.add(letter)
        path = font_with(letter)
        if path is None:
            return
        family = f"lent{len(self._sought)}"
        self.add_font(family, fname=path)
        self._families.append(family)
        self.set_fallback_fonts(self._families, exact_match=False)
        more = self._letters_of(family) - self._glyphs
        self._lent |= more
        self._glyphs |= more

    def _letters_of(self, family: str) -> set[int]:
        """Return the code points that a typeface has."""
        return set(cast("TTFFont", self.fonts[family.lower()]).cmap)

    def _is_plain(self, text: str) -> bool:
        """Tell whether one typeface draws a text letter by letter."""
        return text.isascii() or (self._lent.isdisjoint(map(ord, text)) and not _has_joined(text))

    def _lines(self, text: str, width: float) -> list[str]:
        plain = self._is_plain(text)
        widths = [self._width_of(letter) for letter in text] if plain else [self.get_string_width(text)]
        if not text or sum(widths) <= width - 3:
            return [text]
        if plain and " " not in text and "\n" not in text:
            return _broken(text, widths, width - 2 * self.c_margin)
        found = self.multi_cell(width, LINE, text, dry_run=True, output="LINES", wrapmode=_wrap(text))
        return cast("list[str]", found)

    def _width_of(self, letter: str) -> float:
        key = self.font_style, self.font_size_pt, letter
        if key not in self._widths:
            self._widths[key] = self.get_string_width(letter)
        return self._widths[key]


def _broken(text: str, widths: Sequence[float], room: float) -> list[str]:
    """Break a text wherever a line is full, as fpdf2 breaks one without spaces, in a twentieth of the time."""
    lines, used = [""], 0.0
    for letter, width in zip(text, widths, strict=True):
        if used + width > room:
            lines.append("")
            used = 0.0
        lines[-1] += letter
        used += width
    return lines


def _wrap(text: str) -> WrapMode:
    return WrapMode.WORD if " " in text else WrapMode.CHAR


def _has_joined(text: str) -> bool:
    return not text.isascii() and any(ord(letter) in JOINED for letter in text)
