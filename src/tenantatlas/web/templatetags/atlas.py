"""How values look on pages: times, durations, pills, digests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

from django import template
from django.template.base import FilterExpression, Parser, Token
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from tenantatlas.accounts.capabilities import WORDS, Capability
from tenantatlas.core import clock, json
from tenantatlas.core.errors import InputError
from tenantatlas.policies.registry import get_type
from tenantatlas.runs.lifecycle import RunStatus
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.runs.progress import is_silent, progress
from tenantatlas.runs.registry import label_of
from tenantatlas.web import differing, filters, personal, words
from tenantatlas.web.requests import why_not
from tenantatlas.web.tables import columns_of, hiding
from tenantatlas.web.times import HOUR, MINUTE, times_of
from tenantatlas.web.words import STATES

register = template.Library()

NOTHING = "\N{EN DASH}"
_CURRENT = mark_safe(' aria-current="true"')


#: One sentence; a command in it may contain anything.
_SENTENCE = re.compile(r"(?:`[^`]*`|[^.;`]|[.;](?!\s|$))+[.;]?\s*")
#: Commands that a page has a button or a link for; those that start a process it has not.
_COMMAND = re.compile(r"`tenantatlas (?!worker|serve|web|self|init|migrate)")


@register.filter
def without_commands(hint: str) -> str:
    """A hint without the sentences that name a command for what the pages do themselves."""
    return "".join(each for each in _SENTENCE.findall(hint) if not _COMMAND.search(each)).strip()


@register.inclusion_tag("web/components/pill_tag.html")
def pill(word: str, note: str = "") -> dict[str, str]:
    """The pill of a state; an unknown word is shown as it is."""
    label, icon, tone = STATES.get(word, (word.replace("_", " ").capitalize(), "dot", "neutral"))
    return {"label": label, "icon": icon, "tone": tone, "note": note}


def seconds_in_words(seconds: float) -> str:
    """2 min 14 s."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


@register.filter
def duration(value: timedelta | float | None) -> str:
    """A duration in words; a dash while there is none."""
    if value is None:
        return NOTHING
    return seconds_in_words(value.total_seconds() if isinstance(value, timedelta) else value)


@register.filter
def platform_words(word: str) -> str:
    """What people call a platform."""
    return words.platform_words(word)


@register.filter
def browser_words(agent: str) -> str:
    """Which browser on which system."""
    return words.browser_words(agent)


@register.simple_tag(takes_context=True)
def moment_words(context: template.Context, value: datetime) -> str:
    """A time in words alone, for where no element may stand: the choices of a list."""
    return times_of(context.get("request")).minute(value)


@register.filter
def took(work: OperationRun | RunItem) -> str:
    """How long a run or an item took; a dash while that is not known."""
    if work.started_at is None or work.ended_at is None:
        return NOTHING
    return duration(work.ended_at - work.started_at)


@register.filter
def waited(run: OperationRun) -> str:
    """How long a run waited before it started, or waits since; a dash for imported history."""
    until = run.started_at or run.ended_at or clock.now()
    return NOTHING if run.imported_from else duration(until - run.created_at)


@register.filter
def pill_word(run: OperationRun) -> str:
    """The run's word; another one while its worker is silent."""
    return "silent" if is_silent(run) else run.word


@register.filter
def is_list(value: Any) -> bool:
    """Whether the value is a list."""
    return isinstance(value, list | tuple)


@register.filter
def percent_note(run: OperationRun) -> str:
    """How far a running run is, for its pill; empty while that cannot be said."""
    percent = progress(run).percent if run.status == RunStatus.RUNNING else None
    return "" if percent is None else f"{percent} %"


@register.filter
def state_words(word: str) -> str:
    """What people read for a state."""
    return STATES[word][0] if word in STATES else word


@register.simple_tag(takes_context=True)
def moment(context: template.Context, value: datetime | None, empty: str = NOTHING) -> SafeString | str:
    """A time as the person likes to read it; it carries the exact one, in their zone and in UTC."""
    if value is None:
        return empty
    times = times_of(context.get("request"))
    machine = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', machine, times.exact(value), times.shown(value)
    )


@register.filter
def graph_time(text: str) -> datetime | None:
    """A time as Graph writes it; None where it wrote none that makes sense."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


@register.simple_tag(takes_context=True)
def needs(context: template.Context, capability: str) -> str:
    """Why the person may not use a command; empty when they hold the capability."""
    return why_not(context["request"], Capability(capability))


@register.filter
def capability_words(capability: str) -> str:
    """What people read for a capability, after "the right to"; its id when this version does not know it."""
    return WORDS[Capability(capability)] if capability in set(Capability) else capability


@register.inclusion_tag("web/components/sort_header.html", takes_context=True)
def sort_header(context: template.Context, key: str, words: str) -> dict[str, Any]:
    """The head of a column that can be sorted by: a real link, and `aria-sort` on the one that is."""
    now = context["sort"]
    query = context["request"].GET.copy()
    query.pop("page", None)
    query["sort"] = f"-{key}" if now == key else key
    direction = {key: "ascending", f"-{key}": "descending"}.get(now, "")
    return {"words": words, "query": query.urlencode(), "direction": direction}


class TableNode(template.Node):
    """Renders the table inside, and hides the columns that the person does not want."""

    def __init__(self, inside: template.NodeList, name: FilterExpression, label: FilterExpression) -> None:
        self.inside, self.name, self.label = inside, name, label

    def render(self, context: template.Context) -> SafeString:
        """The chooser, and the scroller with the table."""
        name, request = str(self.name.resolve(context)), context["request"]
        table = self.inside.render(context)
        columns = columns_of(table, personal.read(request).hidden.get(name, ()))
        choice = [column for column in columns if not column.fixed]
        shown = {
            "name": name,
            "label": self.label.resolve(context),
            "columns": choice,
            "hidden_count": sum(column.hidden for column in choice),
            "hiding": hiding(columns),
            "table": table,
        }
        return render_to_string("web/components/table.html", shown, request=request)


@register.tag
def table(parser: Parser, token: Token) -> TableNode:
    """`{% table "policies" label="Policies" %}<table>…</table>{% endtable %}`: columns can be chosen."""
    _, name, label = token.split_contents()
    inside = parser.parse(("endtable",))
    parser.delete_first_token()
    return TableNode(inside, parser.compile_filter(name), parser.compile_filter(label.removeprefix("label=")))


@register.simple_tag(takes_context=True)
def with_filter(context: template.Context, name: str, value: Any) -> str:
    """The address of this list with one filter changed; the others stay, and the page begins anew."""
    others = _other_filters(context, name)
    if value in ("", None):
        return f"?{others or f'{filters.RESET}=1'}"
    return _filtered_by(others, name) + quote_plus(str(value))


def _filtered_by(others: str, name: str) -> str:
    return f"?{others}{'&' if others else ''}{urlencode({name: ''})}"


def _other_filters(context: template.Context, name: str) -> str:
    query = context["request"].GET.copy()
    for gone in ("page", "v", "shown", filters.RESTORED, filters.RESET, name):
        query.pop(gone, None)
    return str(query.urlencode())


@register.simple_tag(takes_context=True)
def filter_choices(
    context: template.Context, name: str, choices: Iterable[tuple[Any, str]], value: Any
) -> SafeString:
    """The choices of a filter as links, each to this list with that filter.

    Not a loop of the template: there may be a thousand scope tags.
    """
    before, now = _filtered_by(_other_filters(context, name), name), str(value)
    return format_html_join(
        "",
        '<li><a href="{}{}"{}>{}</a></li>',
        (
            (before, quote_plus(str(each)), _CURRENT if str(each) == now else "", words)
            for each, words in choices
        ),
    )


@register.filter
def words_of(value: Any, choices: Iterable[tuple[Any, str]]) -> str:
    """What the chosen one of the choices is called; empty where none is."""
    return next((words for each, words in choices if str(each) == str(value)), "")


@register.filter
def type_label(key: str) -> str:
    """What people call the policy type; its key when this version does not know it."""
    try:
        return get_type(key).label
    except InputError:
        return key


@register.filter
def operation_label(key: str) -> str:
    """What people call the operation."""
    return label_of(key)


@register.filter
def as_json(value: Any) -> str:
    """Readable JSON."""
    import json as standard  # noqa: PLC0415 - indentation is for eyes only; core.json writes for machines

    return standard.dumps(standard.loads(json.dumps(value)), indent=2, ensure_ascii=False)


@register.filter
def short(value: str, length: int = 12) -> str:
    """The beginning of a digest or id."""
    return value if len(value) <= length else f"{value[:length]}…"


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    """One value of a mapping whose key is in a variable."""
    return mapping.get(key, "") if mapping else ""


@register.filter
def in_words(differences: Iterable[Any], names: differing.Names) -> list[differing.Readable]:
    """Differences as people read them; `names` are those of `differing.names_in`."""
    return differing.readable(differences, names)


@register.filter
def value_words(value: Any) -> str:
    """A JSON value in a diff, short and readable."""
    if value is None:
        return "not set"
    if isinstance(value, str):
        return value if value else '""'
    if isinstance(value, bool):
        return "yes" if value else "no"
    return json.dumps(value).decode("utf-8", "replace")
