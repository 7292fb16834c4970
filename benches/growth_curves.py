"""Points of curves of growth; growth_page.py draws them, with what is said of their bends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

__all__ = ["Curve", "point"]


@dataclass(frozen=True)
class Curve:
    """What grows, what is on the other axis, and why the curve bends where it does."""

    title: str
    axis: str
    bends: str


def point(benchmark: Any, curve: Curve, at: int, work: Callable[[], Any], *, rounds: int, line: str = "") -> None:
    """Measure a point: `at` on the curve's axis, on the line of that name where a curve has several."""
    benchmark.group = f"growth with {curve.title}"
    benchmark.extra_info.update(
        {"curve": curve.title, "axis": curve.axis, "at": at, "line": line, "bends": " ".join(curve.bends.split())}
    )
    benchmark.pedantic(work, rounds=rounds, warmup_rounds=min(2, rounds - 1))
