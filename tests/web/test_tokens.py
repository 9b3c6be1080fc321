"""The colours of the style sheet can be told apart: text on its fill and on the page, borders on the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tenantatlas.web

SHEET = (Path(tenantatlas.web.__file__).parent / "static/web/atlas.css").read_text(encoding="utf-8")
TONES = ("neutral", "info", "success", "warning", "danger", "purple")
TEXT, BORDER = 4.5, 3.0


def tokens(theme: str) -> dict[str, str]:
    """The custom properties that the theme sets, as the browser ends up with them."""
    found: dict[str, str] = {}
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", SHEET):
        if f"[data-theme={theme}]" in selector.replace('"', "").replace(":not([data-theme=light])", ""):
            found |= dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-fA-F]{3,6})(?=[;}]|$)", body))
    return found


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(each * 2 for each in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
class TestTheme:
    def test_a_tone_is_readable_in_its_pill_and_on_the_page(self, theme):
        here = tokens(theme)
        for tone in TONES:
            colour = here[f"--tone-{tone}"]
            assert contrast(colour, here[f"--tone-{tone}-fill"]) >= TEXT, tone
            assert contrast(colour, here["--color-base-100"]) >= TEXT, tone
            assert contrast(colour, here["--color-base-200"]) >= TEXT, tone

    def test_text_links_and_muted_text_are_readable_on_both_grounds(self, theme):
        here = tokens(theme)
        for name in ("--color-base-content", "--muted", "--link"):
            for ground in ("--color-base-100", "--color-base-200"):
                assert contrast(here[name], here[ground]) >= TEXT, (name, ground)
        assert contrast(here["--color-base-content"], here["--color-base-300"]) >= TEXT
        assert contrast(here["--color-primary-content"], here["--color-primary"]) >= TEXT

    def test_the_border_of_a_control_and_the_focus_ring_are_seen(self, theme):
        here = tokens(theme)
        for ground in ("--color-base-100", "--color-base-200"):
            assert contrast(here["--control-border"], here[ground]) >= BORDER, ground
            assert contrast(here["--link"], here[ground]) >= BORDER, ground


def test_the_system_theme_in_the_dark_is_the_dark_theme():
    """The same values stand twice, once for the system's choice and once for the person's."""
    chosen = tokens("dark")
    (block,) = re.findall(
        r":root:not\(\[data-theme=\"?light\"?\]\)\{([^{}]*--tone-purple-fill[^{}]*)\}", SHEET
    )
    system = dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-fA-F]{3,6})", block))
    assert system == {name: chosen[name] for name in system}
