"""What every template keeps: our words, no code in pages, components that know no business."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tenantatlas.web
from tenantatlas.web.navigation import GROUPS
from tenantatlas.web.templatetags.atlas import without_commands

WEB = Path(tenantatlas.web.__file__).parent
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))
SCRIPTS = sorted((WEB / "static/web").glob("*.js"))

#: Words that the glossary replaces, and what they are called here.
BANNED = {
    r"customers?|organi[sz]ations?": "tenant",
    r"backup jobs?|backup runs?": "backup set, or run",
    r"snapshots?": "version",
    r"executions?": "run",
    r"simulat\w+|dry.?runs?": "preview",
    r"alerts?": "finding",
    r"categor(?:y|ies)|resource types?": "policy type",
    r"resources?": "policy",
    r"tasks?|jobs?": "operation, or run",
}
#: Words of one page's subject that a component must not know.
BUSINESS = ("policy", "policies", "backup", "restore", "drift", "version", "set", "run", "graph")
#: Components that are about one thing by their nature.
OF_ONE_THING = frozenset({"person.html", "tenantpicker.html", "bell.html", "bell_count.html", "help.html"})


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(WEB).as_posix() for path in paths]


def without_code(source: str) -> str:
    """What a person may read: tags of the template language, comments and attributes gone."""
    shown = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", " ", source, flags=re.DOTALL)
    labels = " ".join(re.findall(r'(?:aria-label|title|placeholder|label|verb|reason)="([^"]*)"', shown))
    return re.sub(r"<[^>]*>", " ", shown) + " " + labels


@pytest.mark.parametrize("path", TEMPLATES, ids=names(TEMPLATES))
def test_a_template_uses_the_words_of_the_glossary(path: Path):
    shown = without_code(path.read_text(encoding="utf-8"))
    for pattern, ours in BANNED.items():
        found = re.search(rf"\b(?:{pattern})\b", shown, flags=re.IGNORECASE)
        assert found is None, f"“{found.group()}” is called {ours} here"


@pytest.mark.parametrize("path", TEMPLATES, ids=names(TEMPLATES))
def test_a_template_holds_no_code_and_no_style(path: Path):
    """The content security policy refuses them, and they would be nobody's to test."""
    source = path.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)", source)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", source)
    assert not re.search(r"https?://", source.replace("http://www.w3.org/2000/svg", ""))
    assert "|safe" not in source
    assert "autoescape off" not in source


@pytest.mark.parametrize("path", TEMPLATES, ids=names(TEMPLATES))
def test_a_page_has_no_button_called_ok(path: Path):
    """Buttons say what they do."""
    for words in re.findall(
        r"<button[^>]*>(.*?)</button>", path.read_text(encoding="utf-8"), flags=re.DOTALL
    ):
        assert words.strip().lower() not in {"ok", "yes", "submit", "no"}


def test_components_know_no_business():
    for path in TEMPLATES:
        if path.parent.name != "components" or path.name in OF_ONE_THING:
            continue
        shown = without_code(path.read_text(encoding="utf-8")).lower().split()
        assert not set(BUSINESS) & set(shown), path.name


def test_every_component_says_what_it_takes():
    for path in TEMPLATES:
        if path.parent.name == "components" and path.name != "pill_tag.html":
            assert path.read_text(encoding="utf-8").startswith("{# "), path.name


def test_the_scripts_stay_small_and_evaluate_nothing():
    lines = 0
    for path in SCRIPTS:
        source = path.read_text(encoding="utf-8")
        lines += len(source.splitlines())
        assert not re.search(r"\beval\b|innerHTML|insertAdjacentHTML|new Function|document\.write", source), (
            path
        )
    assert [path.name for path in SCRIPTS] == ["keys.js", "live.js", "ui.js"]
    assert lines < 300


def test_each_page_of_the_navigation_has_a_key_of_its_own():
    """After `g`; the frame's own pages have v and t."""
    keys = [entry.key for group in GROUPS for entry in group]
    assert all(re.fullmatch(r"[a-z]", key) for key in keys)
    assert len({*keys, "v", "t"}) == len(keys) + 2


@pytest.mark.parametrize("path", TEMPLATES, ids=names(TEMPLATES))
def test_choosing_several_is_ticking(path: Path):
    """A list in which several are chosen by Ctrl and click loses the choice with one wrong click."""
    assert not re.search(r"<select[^>]*\smultiple\b", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TEMPLATES, ids=names(TEMPLATES))
def test_a_divider_is_never_alone_at_the_end_of_a_line(path: Path):
    """It stands in one group with the command after it."""
    source = path.read_text(encoding="utf-8")
    assert source.count('class="divider-v"') == source.count('<span class="group"><span class="divider-v"')


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        ("See `tenantatlas restore mapping 1`.", ""),
        ("Choose others. See them with `tenantatlas backups show a.b`.", "Choose others."),
        ("Start one with `tenantatlas worker`.", "Start one with `tenantatlas worker`."),
        (
            "Grant it to the app, then 1.5 minutes later check.",
            "Grant it to the app, then 1.5 minutes later check.",
        ),
        ("", ""),
    ],
)
def test_a_hint_on_a_page_names_no_command_for_what_pages_do(hint: str, shown: str) -> None:
    assert without_commands(hint) == shown
