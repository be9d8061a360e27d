"""Typesetting on Matplotlib: slides with columns of text, formulas, tables and places for figures.

It knows nothing of what it sets. Lengths are in points (1/72 inch), measured from the upper left
corner. Text and frames that do not fit where they should stand raise a LayoutError; what Matplotlib
writes around a frame is not measured.
"""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

WIDTH, HEIGHT = 792.0, 446.0  # 11 inches wide, 16:9
MARGIN = 40.0
TOP, BOTTOM = 76.0, HEIGHT - 34  # between title and foot
BODY, SMALL = 12.0, 10.0
LEADING = 1.3  # distance of lines, in sizes of their letters
INK, ACCENT, FAINT = "#1a1a1a", "#1f4e79", "#767676"
STYLE = {
    "font.family": "STIXGeneral",
    "mathtext.fontset": "stix",
    "font.size": SMALL,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
}


class LayoutError(ValueError):
    """Something does not fit; the message says what and where."""


@dataclass(frozen=True)
class Word:
    """A word, possibly with mathematics in it, its weight, and whether a blank stands before."""

    text: str
    weight: str = "normal"
    blank: bool = True

    def extent(self, size: float) -> tuple[float, float, float]:
        """Return width, height above the base line and depth below it."""
        return _extent(self.text, size, self.weight)


@functools.cache
def _extent(text: str, size: float, weight: str) -> tuple[float, float, float]:
    font = FontProperties(family=STYLE["font.family"], size=size, weight=weight)
    # Ask for the extent of the drawn size: text_to_path measures at 72 dots per inch.
    width, height, depth = text_to_path.get_text_width_height_descent(text, font, "$" in text)
    return width, height - depth, depth


def words(text: str) -> list[Word]:
    """Cut a text at its blanks, but not within $...$ nor beside ± and before %; **...** is bold."""
    text = re.sub(" (±|%)", "\N{NO-BREAK SPACE}\\1", text).replace("± ", "±\N{NO-BREAK SPACE}")
    result = []
    blank = True
    for number, part in enumerate(text.split("**")):
        weight = "bold" if number % 2 else "normal"
        for before, word in re.findall(r"( *)((?:\$[^$]*\$|[^ ])+)", part):
            result.append(Word(word, weight, blank or bool(before)))
            blank = False
        blank = part[-1].isspace() if part else blank
    return result


def break_lines(text: str, width: float, size: float) -> list[list[Word]]:
    """Fill lines with as many words as fit, one after the other."""
    blank = _blank(size)
    lines, room = [], 0.0
    for word in words(text):
        needed = word.extent(size)[0]
        if needed > width:
            raise LayoutError(
                f"{word.text!r} is {needed:.0f} points wide; the column is {width:.0f}"
            )
        before = blank if word.blank else 0.0
        if not lines or (word.blank and needed + before > room):
            lines.append([word])
            room = width - needed
        else:
            lines[-1].append(word)
            room -= needed + before
    return lines


def _blank(size: float) -> float:
    return _extent("x x", size, "normal")[0] - _extent("xx", size, "normal")[0]


class Slide:
    """One page: a title, a foot with the page number, and what columns and axes add."""

    def __init__(self, title: str, foot: str = ""):
        self.title = title
        self.figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72), facecolor="white")
        if title:
            self.text(MARGIN, 48, title, 20, color=ACCENT, weight="bold")
            self.rule(MARGIN, WIDTH - MARGIN, 58, color=ACCENT)
        self.text(MARGIN, HEIGHT - 18, foot, 9, color=FAINT)

    def number(self, page: int) -> None:
        """Write the number of the page into the foot."""
        self.text(WIDTH - MARGIN, HEIGHT - 18, str(page), 9, color=FAINT, align="right")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        color: str = INK,
        weight: str = "normal",
        align: str = "left",
    ) -> None:
        """Write one line, its base line at y."""
        width = _extent(text, size, weight)[0] if text else 0
        start = {"left": x, "center": x - width / 2, "right": x - width}[align]
        if start < MARGIN - 1 or start + width > WIDTH - MARGIN + 1:
            raise LayoutError(f"slide {self.title!r}: {text!r} runs over a margin")
        self.figure.text(
            start / WIDTH,
            1 - y / HEIGHT,
            text,
            size=size,
            color=color,
            weight=weight,
            va="baseline",
        )

    def rule(self, left: float, right: float, y: float, width: float = 0.8, color=INK) -> None:
        """Draw a horizontal line."""
        line = Line2D(
            [left / WIDTH, right / WIDTH], [1 - y / HEIGHT] * 2, linewidth=width, color=color
        )
        self.figure.add_artist(line)

    def axes(self, left: float, top: float, width: float, height: float, **options) -> Axes:
        """Return axes whose frame stands there; labels and ticks stand around it."""
        if left + width > WIDTH - MARGIN + 1 or top + height > BOTTOM + 1:
            raise LayoutError(f"slide {self.title!r}: axes run over a margin")
        bottom = HEIGHT - top - height
        place = (left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT)
        return self.figure.add_axes(place, **options)

    def column(self, left: float = MARGIN, right: float = WIDTH - MARGIN, top: float = TOP):
        """Return a column of text between two lengths from the left."""
        return Column(self, left, right, top)


class Column:
    """Text that runs down a slide; `y` is how far it has come."""

    def __init__(self, slide: Slide, left: float, right: float, top: float):
        self.slide, self.left, self.right, self.y = slide, left, right, top

    def _advance(self, height: float, what: str) -> None:
        self.y += height
        if self.y > BOTTOM + 1:
            raise LayoutError(f"slide {self.slide.title!r}: {what[:50]!r} runs over the bottom")

    def gap(self, height: float = 6) -> None:
        """Leave room."""
        self.y += height

    def heading(self, text: str) -> None:
        """Write a line above what follows."""
        self.gap(3)
        self._advance(BODY * LEADING, text)
        self.slide.text(self.left, self.y - 3, text, 13, color=ACCENT, weight="bold")

    def paragraph(self, text: str, size: float = BODY, mark: str = "", after: float = 6) -> None:
        """Write text in lines as wide as the column; a mark hangs before its first line."""
        indent = 14 if mark else 0
        left = self.left + indent
        blank = _blank(size)
        for number, line in enumerate(break_lines(text, self.right - left, size)):
            extents = [word.extent(size) for word in line]
            above, below = (max(extent[k] for extent in extents) for k in (1, 2))
            base = max(0.95 * size, above + 0.15 * size)
            if number == 0 and mark:
                self.slide.text(self.left, self.y + base, mark, size)
            x = left
            for place, (word, extent) in enumerate(zip(line, extents)):
                x += blank if place > 0 and word.blank else 0
                self.slide.text(x, self.y + base, word.text, size, weight=word.weight)
                x += extent[0]
            self._advance(max(LEADING * size, base + below + 0.15 * size), text)
        self.gap(after)

    def points(self, *texts: str, size: float = BODY) -> None:
        """Write paragraphs with a bullet each."""
        for text in filter(None, texts):
            self.paragraph(text, size, mark="•", after=4)

    def formula(self, text: str, size: float = 14, after: float = 6) -> None:
        """Write mathematics in the middle of a line of its own."""
        _, above, below = _extent(text, size, "normal")
        self._advance(above + 3, text)
        self.slide.text((self.left + self.right) / 2, self.y, text, size, align="center")
        self._advance(below + 3, text)
        self.gap(after)

    def table(
        self,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        size: float = SMALL,
        bold: Sequence[int] = (),
    ) -> None:
        """Set a table; its first column is aligned left, the others right.

        Parameters
        ----------
        header, rows
            What stands in it.
        size : float
            Of its letters.
        bold : sequence of int
            Rows in bold type.
        """
        widths = [
            max(
                max(_extent(cell, size, "bold")[0] for cell in column),
                _extent(title, size, "bold")[0],
            )
            for title, column in zip(header, zip(*rows))
        ]
        room = self.right - self.left - sum(widths)
        gap = room / max(1, len(widths) - 1)
        if gap < 6:
            raise LayoutError(
                f"slide {self.slide.title!r}: a table is {6 - gap:.0f} points too wide"
            )
        right = self.left + sum(widths) + gap * (len(widths) - 1)
        self.slide.rule(self.left, right, self.y)
        for number, cells in enumerate((header, *rows)):
            weight = "bold" if number == 0 or number - 1 in bold else "normal"
            x = self.left
            for place, (cell, width) in enumerate(zip(cells, widths)):
                where = (x, "left") if place == 0 else (x + width, "right")
                self.slide.text(where[0], self.y + 1.15 * size, cell, size, INK, weight, where[1])
                x += width + gap
            self._advance(1.5 * size, str(cells))
            if number == 0:
                self.slide.rule(self.left, right, self.y, width=0.4)
        self.slide.rule(self.left, right, self.y)
        self.gap(10)
