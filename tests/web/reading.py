"""Reading pages as people do: text without markup, links, one element by its id."""

from __future__ import annotations

import html
import re
from typing import Any


def page(answer: Any, status: int = 200) -> str:
    """The page's source; the status must be this one."""
    assert answer.status_code == status, (answer.status_code, answer.content[:2000])
    return str(answer.content.decode())


def text(source: str) -> str:
    """What one reads: markup gone, entities resolved, white space single."""
    without = re.sub(r"<[^>]+>", " ", source)
    return " ".join(html.unescape(without).split())


def main(source: str) -> str:
    """The page without its frame."""
    return source.partition("<main")[2].partition("</main>")[0]


def element(source: str, id_: str) -> str:
    """The opening tag of the element with this id."""
    found = re.search(rf'<[a-z]+[^>]*\bid="{re.escape(id_)}"[^>]*>', source)
    assert found, f"nothing has the id {id_}"
    return html.unescape(found.group())


def following(client: Any, answer: Any) -> str:
    """The page that a redirect leads to."""
    assert answer.status_code == 302, (answer.status_code, answer.content[:2000])
    return page(client.get(answer.headers["Location"]))
