"""A small writer of SVG: shapes with escaped texts, in the order in which they are drawn."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Svg", "number"]

_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"


def number(value: float) -> str:
    """Return a number as SVG has it: at most one digit behind the point, and no negative zero."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


class Svg:
    """A drawing of some size, in pixels."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def rectangle(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        *,
        fill: str,
        line: str = "none",
        dashed: bool = False,
    ) -> None:
        """Draw a rectangle; it has round corners where it has a line."""
        corner = ' rx="8"' if line != "none" else ""
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self._parts.append(
            f'<rect x="{number(left)}" y="{number(top)}" width="{number(width)}" height="{number(height)}"{corner} '
            f'fill="{fill}" stroke="{line}"{dash}/>'
        )

    def text(self, across: float, down: float, text: str, *, fill: str, size: int = 14) -> None:
        """Write a text around a point."""
        self._parts.append(
            f'<text x="{number(across)}" y="{number(down)}" fill="{fill}" font-size="{size}" text-anchor="middle" '
            f'dominant-baseline="central">{escape(text)}</text>'
        )

    def arrow(self, points: Sequence[tuple[float, float]], *, line: str, title: str) -> None:
        """Draw a curve with a head: a first point, then two control points and an end for each part."""
        (begin, *rest) = [f"{number(across)} {number(down)}" for across, down in points]
        parts = "".join(f"C{rest[at]} {rest[at + 1]} {rest[at + 2]}" for at in range(0, len(rest), 3))
        self._parts.append(
            f'<path d="M{begin}{parts}" fill="none" stroke="{line}" marker-end="url(#head)"><title>{escape(title)}'
            "</title></path>"
        )

    def add(self, other: Svg, down: float) -> None:
        """Draw another drawing at the left, so far down."""
        self._parts += [f'<g transform="translate(0 {number(down)})">', *other._parts, "</g>"]

    def written(self, title: str) -> str:
        """Return the whole file.

        Args:
            title: says what it shows, for those who cannot see it.
        """
        size = f'width="{number(self.width)}" height="{number(self.height)}"'
        box = f'viewBox="0 0 {number(self.width)} {number(self.height)}"'
        head = (
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0L8 4L0 8z" fill="#57606a"/></marker></defs>'
        )
        background = '<rect width="100%" height="100%" fill="#ffffff"/>'
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" font-family="{_FONT}">'
            f"<title>{escape(title)}</title>{head}{background}{''.join(self._parts)}</svg>"
        )
