"""Administrative templates: the object first, then all definition values by one action.

`POST {item}/definitionValues` answers 404 in some tenants; `updateDefinitionValues` works everywhere, with
its own rules: entries of `updated` are rejected, `added` for a definition that is set already is silently
ignored, and deleting and adding in one call loses the added ones. So a changed value is deleted in one call
and added in a second. Definitions and presentations are named by absolute URLs of the tenant's own cloud.
"""

from __future__ import annotations

from collections.abc import Iterable

from tenantatlas.core import json
from tenantatlas.core.json import Json
from tenantatlas.policies import paths
from tenantatlas.policies.bodies import cleaned
from tenantatlas.policies.canonical import canonical_form
from tenantatlas.policies.model import Step, WriteContext

from .general import child, create_body, differs, patch, post, update_body

_VALUES = "definitionValues"
_SERVER_MADE = ("id", "createdDateTime", "lastModifiedDateTime")


def create_group_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """POST without values, then one call that adds them."""
    made = post(ctx, create_body(ctx, without=(_VALUES,)))
    added = _entries(ctx, _rows(ctx.wanted))
    return (made, _call(added, [], why="adds settings")) if added else (made,)


def update_group_policy(ctx: WriteContext) -> tuple[Step, ...]:
    """PATCH of the object where it differs; then one call that deletes and one that adds."""
    steps = []
    if differs(ctx, besides=("assignments", _VALUES, *ctx.policy_type.restore.strip_update)):
        steps.append(patch(update_body(ctx, without=(_VALUES,))))
    wanted, live = _meanings(ctx, ctx.wanted), _meanings(ctx, ctx.live)
    deleted = [row["id"] for row in _rows(ctx.live) if wanted.get(_definition(row)) != live[_definition(row)]]
    added = [row for row in _rows(ctx.wanted) if live.get(_definition(row)) != wanted[_definition(row)]]
    if deleted:
        steps.append(_call([], deleted, why="removes settings that differ"))
    if added:
        steps.append(_call(_entries(ctx, added), [], why="adds settings"))
    return tuple(steps)


def _rows(body: Json) -> list[Json]:
    return list((body or {}).get(_VALUES) or ())


def _definition(row: Json) -> str:
    return str(paths.value_at(row, "definition.id"))


def _meanings(ctx: WriteContext, body: Json) -> dict[str, bytes]:
    """What each definition is set to, by its id."""
    rows = canonical_form(ctx.policy_type, {_VALUES: _rows(body)})[_VALUES]
    return {_definition(row): json.dumps_sorted(row) for row in rows}


def _call(added: list[Json], deleted: list[str], *, why: str) -> Step:
    body = {"added": added, "updated": [], "deletedIds": deleted}
    return child("POST", "updateDefinitionValues", body, why=why)


def _entries(ctx: WriteContext, rows: Iterable[Json]) -> list[Json]:
    return [_entry(ctx, row) for row in rows]


def _entry(ctx: WriteContext, row: Json) -> Json:
    url = f"{ctx.graph_root}/deviceManagement/groupPolicyDefinitions('{_definition(row)}')"
    values = [_presentation_value(url, value) for value in row.get("presentationValues") or ()]
    own = paths.remove(row, (*_SERVER_MADE, "definition", "presentationValues"))
    return {**cleaned(own), "definition@odata.bind": url, "presentationValues": values}


def _presentation_value(definition_url: str, value: Json) -> Json:
    presentation = paths.value_at(value, "presentation.id")
    own = paths.remove(value, (*_SERVER_MADE, "presentation", "definitionValue"))
    return {**cleaned(own), "presentation@odata.bind": f"{definition_url}/presentations('{presentation}')"}
