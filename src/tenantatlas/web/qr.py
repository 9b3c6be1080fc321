"""A text as a QR code: one shape that templates draw inline, since pages carry no pictures of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

import segno

#: White modules around the code; the standard asks for four, and telephones rely on them.
QUIET = 4


@dataclass(frozen=True, kw_only=True)
class QrCode:
    """The dark modules as one SVG path, in a square of `size` modules, its white border included."""

    size: int
    path: str = field(repr=False)


def qr_code(text: str) -> QrCode:
    """The text as a QR code. Whoever reads the shape reads the text: a secret stays one."""
    code = segno.make(text, error="m", micro=False)
    rows = list(code.matrix_iter(border=QUIET))
    return QrCode(size=len(rows), path="".join(_bars(row, y) for y, row in enumerate(rows)))


def _bars(row: Iterable[int], y: int) -> str:
    """The dark modules of one row; those side by side are one bar, so that no seam shows between them."""
    bars, x = [], 0
    for is_dark, modules in groupby(row, key=bool):
        width = len(list(modules))
        if is_dark:
            bars.append(f"M{x} {y}h{width}v1h-{width}z")
        x += width
    return "".join(bars)
