"""What is to be mended in a form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What keeps a step from being left: the id of its field, and the sentence."""

    field: str
    message: str
    hint: str = ""
