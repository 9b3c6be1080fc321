"""What the documents say is what the code does."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import tenantatlas
from tenantatlas.cli.commands.docs import PAGES
from tenantatlas.cli.main import build_app
from tenantatlas.cli.reference import render

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TEMPLATES = ROOT / "src" / "tenantatlas" / "web" / "templates"
GUIDES = sorted((DOCS / "guide").glob("*.md"))
READ_BY_ADMINS = [ROOT / "README.md", *GUIDES]

#: Words that the glossary sets against a term and that also have a meaning of their own on pages.
OWN_MEANING = {
    "item": "a row of work inside a run",
    "execution": "carrying out a plan",
    "step": "of the wizard",
    "diff": "two versions side by side",
}

Layers = list[set[str]]


@pytest.mark.parametrize("page", PAGES)
def test_reference_pages_are_current(page: str) -> None:
    assert (DOCS / "reference" / f"{page}.md").read_text(encoding="utf-8") == render(page), "make accept"


# ── The map ───────────────────────────────────────────────────────────────────────────────────────────────


def contract() -> Layers:
    """The layers that import-linter holds; what is not built yet stands there in brackets."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    return [{name.strip() for name in line.split("|") if "(" not in name} for line in layers]


def test_docstring_draws_the_contract() -> None:
    lines = [line for line in (tenantatlas.__doc__ or "").splitlines() if line.startswith("    ")]
    assert [{name.strip() for name in line.split("|")} for line in lines] == contract()


def test_map_draws_the_contract() -> None:
    text = (DOCS / "dev" / "map.md").read_text(encoding="utf-8")
    table = text.split("Why the surprising lines", 1)[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")][2:]
    assert [{name.strip() for name in row[2].split(",")} for row in rows] == contract()


def test_contributing_draws_the_contract() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"`(config > .*? > core)`", text)
    assert [{name.strip() for name in layer.split("|")} for layer in line.split(">")] == contract()


def test_every_package_is_on_the_map() -> None:
    found = {path.parent.name for path in (ROOT / "src" / "tenantatlas").glob("*/__init__.py")}
    assert found == set().union(*contract())


# ── The words ─────────────────────────────────────────────────────────────────────────────────────────────


def banned_words() -> list[str]:
    """What the glossary says is not to be said."""
    text = (DOCS / "dev" / "glossary.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("|")][2:]
    words = [word.strip() for row in rows for word in row[3].split(",") if word.strip()]
    return [word for word in words if word not in OWN_MEANING]


def shown_text(template: str) -> str:
    """What of a template people read: text, and attributes that are read out or shown."""
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template, flags=re.DOTALL)
    read_out = re.findall(r'(?:label|title|alt|placeholder|verb|what)="([^"]*)"', text)
    return " ".join([re.sub(r"<[^>]*>", " ", text), *read_out])


def prose(markdown: str) -> str:
    """Markdown without its code."""
    return re.sub(r"```.*?```|`[^`]*`", " ", markdown, flags=re.DOTALL)


def told_to_people() -> Iterator[tuple[str, str]]:
    """Everything that people read, by place."""
    for path in sorted(TEMPLATES.rglob("*.html")):
        yield path.name, shown_text(path.read_text(encoding="utf-8"))
    for path in GUIDES:
        yield path.name, prose(path.read_text(encoding="utf-8"))
    for path, command in every_command(get_command(build_app())):
        yield (
            path,
            " ".join([command.help or "", *(getattr(each, "help", "") or "" for each in command.params)]),
        )


@pytest.mark.parametrize("word", banned_words())
def test_one_word_for_one_thing(word: str) -> None:
    pattern = re.compile(rf"\b{re.escape(word)}s?\b", re.IGNORECASE)
    assert [place for place, text in told_to_people() if pattern.search(text)] == []


# ── The commands ──────────────────────────────────────────────────────────────────────────────────────────


def every_command(command: Any, path: str = "tenantatlas") -> Iterator[tuple[str, Any]]:
    """Each command below, with how it is called."""
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from every_command(child, f"{path} {name}")


def command_lines() -> Iterator[Any]:
    """Every command line that admins are told to type."""
    for path in READ_BY_ADMINS:
        for block in re.findall(r"```\w*\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                words = line.split("#")[0].strip().removeprefix("$ ").removeprefix(".venv/bin/")
                if words.startswith("tenantatlas "):
                    yield pytest.param(words.split(" > ")[0], id=words[:60])


def _runs_by_itself(command: Any, words: list[str]) -> bool:
    """Whether the group is a command too, and is given options of its own."""
    return bool(command.invoke_without_command and words and words[0].startswith("-"))


@pytest.mark.parametrize("line", list(command_lines()))
def test_commands_in_guides_are_commands(line: str) -> None:
    words = [word for word in shlex.split(line)[1:] if word != "--json"]
    command: Any = get_command(build_app())
    while hasattr(command, "commands") and not _runs_by_itself(command, words):
        assert words, f"{line}: not a whole command"
        assert words[0] in command.commands, f"{line}: no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    with command.make_context(command.name, [], resilient_parsing=True) as context:
        given, left, _ = command.make_parser(context).parse_args(list(words))
    assert left == [], f"{line}: too many words"
    required = {each.name for each in command.params if each.required}
    assert required <= set(given), f"{line}: {required - set(given)} missing"


def test_commands_in_sentences_are_commands() -> None:
    known = {path for path, _ in every_command(get_command(build_app()))}
    for path in READ_BY_ADMINS:
        for said in re.findall(r"`(tenantatlas [a-z][^`]*)`", path.read_text(encoding="utf-8")):
            words = said.split()
            starts = {" ".join(words[:number]) for number in range(2, len(words) + 1)}
            assert starts & known, f"{path.name}: {said}"
