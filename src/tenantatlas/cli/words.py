"""Options that several commands take, and lists as people type them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from tenantatlas.core.errors import InputError

TypesOption = Annotated[str | None, typer.Option(metavar="A,B", help="Only these policy types, by key.")]
FoundationsOption = Annotated[
    bool | None,
    typer.Option(
        "--foundations/--no-foundations",
        help="Also what policies refer to: scope tags, filters … Without types they come along.",
    ),
]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option("--policy", metavar="ID", help="Only this policy, by Graph id; may be given again."),
]


def split_words(values: Iterable[str | None] | None) -> list[str]:
    """The words of comma-separated lists, each once. A list that was given and is empty is refused."""
    given = [value for value in values or () if value is not None]
    if not all(value.strip(" ,") for value in given):
        raise InputError(
            "A list of types or policies is empty.",
            hint="Name some, or leave the option out for all of them.",
        )
    words = (word.strip() for value in given for word in value.split(","))
    return list(dict.fromkeys(word for word in words if word))


def with_foundations(chosen: bool | None, types: str | None) -> bool:  # noqa: FBT001 - the value of an option
    """Whether foundations come along: as said, else with all types and not with named ones."""
    return not types if chosen is None else chosen
