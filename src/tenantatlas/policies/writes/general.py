"""The usual way to write a policy, and what every way shares.

    create   POST {collection}      everything that is ours, nulls left out, no assignments update   PATCH
    {item}           the same, with nulls where the live object has something and the policy has not assign
    POST {item}/assign     the whole set, or one by one where the type wants it delete   DELETE {item}

Nothing is written that is there already: each step is left out where the live object shows what it would
bring.
"""

from __future__ import annotations

from collections.abc import Iterable

from tenantatlas.core import json
from tenantatlas.core.json import Json
from tenantatlas.policies import assignments, paths
from tenantatlas.policies.bodies import cleaned, same, without_noise, without_nulls
from tenantatlas.policies.canonical import canonical_form
from tenantatlas.policies.model import (
    COMMON_VOLATILE,
    AssignmentRule,
    AssignWrite,
    PolicyType,
    RestoreMode,
    Step,
    StepKind,
    WriteContext,
)
from tenantatlas.policies.redact import missing_secrets

#: Never part of a body that is written to the object itself.
NEVER_WRITTEN: tuple[str, ...] = (*COMMON_VOLATILE, "assignments", "groupAssignments")


def create_steps(ctx: WriteContext) -> tuple[Step, ...]:
    """What makes the policy, without its assignments. Empty where the type or a built-in is never created."""
    rule = ctx.policy_type.restore
    if rule.mode is not RestoreMode.FULL or is_built_in(ctx.policy_type, ctx.wanted):
        return ()
    return (rule.create or create_by_post)(ctx)


def update_steps(ctx: WriteContext) -> tuple[Step, ...]:
    """What turns the live object into the wanted one, without its assignments. Empty where they are alike."""
    rule = ctx.policy_type.restore
    if rule.mode is RestoreMode.BACKUP_ONLY or not differs(ctx, besides=("assignments",)):
        return ()
    if is_built_in(ctx.policy_type, ctx.live) and not ctx.policy_type.built_in_update:
        return ()
    return (rule.update or update_by_patch)(ctx)


def assign_steps(ctx: WriteContext) -> tuple[Step, ...]:
    """What gives the policy exactly the wanted assignments. Empty where it has them."""
    policy_type = ctx.policy_type
    rule = policy_type.assignments
    if rule is None or policy_type.restore.mode is RestoreMode.BACKUP_ONLY:
        return ()
    if is_built_in(policy_type, ctx.wanted) and not policy_type.built_in_assignments:
        return ()
    return _WAYS_TO_ASSIGN[rule.write](ctx, rule)


def delete_steps(ctx: WriteContext) -> tuple[Step, ...]:
    """What removes the live object. Empty where the type or a built-in is never deleted."""
    rule = ctx.policy_type.restore
    if rule.mode is not RestoreMode.FULL or is_built_in(ctx.policy_type, ctx.live):
        return ()
    return (rule.delete or delete_item)(ctx)


def refusals(ctx: WriteContext) -> tuple[str, ...]:
    """Why this policy must not be written as it is; each a sentence for admins. Empty = it may be."""
    policy_type = ctx.policy_type
    reasons = [f"{secret.path}: {secret.reason}" for secret in missing_secrets(policy_type, ctx.wanted)]
    if policy_type.restore.refuse is not None:
        reasons += policy_type.restore.refuse(ctx.wanted)
    if policy_type.assignments is not None:
        reasons += assignments.refusals(policy_type.assignments, ctx.wanted.get("assignments"))
    return tuple(dict.fromkeys(reasons))


def is_built_in(policy_type: PolicyType, body: Json | None) -> bool:
    """Whether Microsoft made the object."""
    return policy_type.built_in is not None and body is not None and policy_type.built_in(body)


def create_by_post(ctx: WriteContext) -> tuple[Step, ...]:
    """One POST of everything that is ours."""
    return (post(ctx, create_body(ctx)),)


def update_by_patch(ctx: WriteContext) -> tuple[Step, ...]:
    """One PATCH, where what it may carry differs."""
    stripped = ctx.policy_type.restore.strip_update
    return (patch(update_body(ctx)),) if differs(ctx, besides=("assignments", *stripped)) else ()


def delete_item(_ctx: WriteContext) -> tuple[Step, ...]:
    """One DELETE."""
    return (Step(kind=StepKind.DELETE, method="DELETE", path="{item}", why="removes the policy"),)


def delete_unassigned(ctx: WriteContext) -> tuple[Step, ...]:
    """Each assignment first: the service does not delete an object that has some."""
    rows = (ctx.live or {}).get("assignments") or ()
    return (*(_unassign(row) for row in rows), *delete_item(ctx))


def post(ctx: WriteContext, body: Json) -> Step:
    """The POST that makes the object."""
    path = ctx.policy_type.path
    return Step(
        kind=StepKind.CREATE, method="POST", path=path, body=body, repeatable=False, why="creates the policy"
    )


def patch(body: Json) -> Step:
    """A PATCH of the object."""
    return Step(kind=StepKind.UPDATE, method="PATCH", path="{item}", body=body, why="updates the policy")


def child(method: str, below: str, body: Json, *, why: str) -> Step:
    """A write below the object that may be repeated."""
    return Step(kind=StepKind.CHILD, method=method, path=f"{{item}}/{below}", body=body, why=why)


def add_child(below: str, body: Json, *, twin_by: tuple[str, ...], why: str) -> Step:
    """A POST below the object that makes something, and would make it twice."""
    path = f"{{item}}/{below}"
    return Step(
        kind=StepKind.CHILD,
        method="POST",
        path=path,
        body=body,
        repeatable=False,
        twin_path=path,
        twin_by=twin_by,
        why=why,
    )


def create_body(ctx: WriteContext, *, without: Iterable[str] = ()) -> Json:
    """What a create carries: the policy without what is the service's, without nulls."""
    stripped = (*NEVER_WRITTEN, *ctx.policy_type.volatile, *ctx.policy_type.restore.strip_create, *without)
    return cleaned(paths.remove(ctx.wanted, stripped))


def update_body(ctx: WriteContext, *, without: Iterable[str] = ()) -> Json:
    """What an update carries: the same, with null (or an empty list) where the live object has a value that
    the policy has not. Sub-objects are whole.
    """
    stripped = (*NEVER_WRITTEN, *ctx.policy_type.volatile, *ctx.policy_type.restore.strip_update, *without)
    wanted = without_noise(paths.remove(ctx.wanted, stripped))
    live = without_noise(paths.remove(ctx.live or {}, stripped))
    known = ctx.policy_type.properties
    ours = {name: value for name, value in live.items() if name in wanted or not known or name in known}
    return _clearing(wanted, ours)


def _clearing(wanted: Json, live: Json) -> Json:
    """The wanted object, clearing what the live one has besides."""
    if not isinstance(live, dict) or wanted.get("@odata.type") != live.get("@odata.type"):
        return without_nulls(wanted)
    result = {}
    for name, value in wanted.items():
        if isinstance(value, dict):
            result[name] = _clearing(value, live.get(name))
        elif value is not None:
            result[name] = without_nulls(value)
    cleared = {name: value for name, value in live.items() if value is not None and name not in result}
    return result | {name: [] if isinstance(value, list) else None for name, value in cleared.items()}


def differs(ctx: WriteContext, *, besides: Iterable[str] = ()) -> bool:
    """Whether the wanted and the live policy differ in anything but these paths."""
    if ctx.live is None:
        return True
    wanted, live = (canonical_form(ctx.policy_type, body) for body in (ctx.wanted, ctx.live))
    ignored = tuple(besides)
    return not same(paths.remove(wanted, ignored), paths.remove(live, ignored))


def differs_in(ctx: WriteContext, name: str) -> bool:
    """Whether the wanted and the live policy differ in this property."""
    wanted, live = (canonical_form(ctx.policy_type, body) for body in (ctx.wanted, ctx.live or {}))
    return not same(wanted.get(name), live.get(name))


def _assign_nothing(_ctx: WriteContext, _rule: AssignmentRule) -> tuple[Step, ...]:
    return ()


def _assign_whole_set(ctx: WriteContext, rule: AssignmentRule) -> tuple[Step, ...]:
    rows = assignments.sendable(rule, ctx.wanted.get("assignments"))
    live = assignments.normalised(rule, (ctx.live or {}).get("assignments"))
    if same(live, assignments.normalised(rule, ctx.wanted.get("assignments"))):
        return ()
    body = {rule.body_key: rows}
    return (Step(kind=StepKind.ASSIGN, method="POST", path=rule.path, body=body, why="sets all assignments"),)


def _assign_one_by_one(ctx: WriteContext, rule: AssignmentRule) -> tuple[Step, ...]:
    wanted = {_identity(rule, row): row for row in assignments.sendable(rule, ctx.wanted.get("assignments"))}
    live_rows = [row for row in (ctx.live or {}).get("assignments") or () if assignments.is_direct(row)]
    live = {_identity(rule, row) for row in live_rows}
    removed = [_unassign(row) for row in live_rows if _identity(rule, row) not in wanted]
    added = [_assign(row) for identity, row in wanted.items() if identity not in live]
    return (*removed, *added)


def _identity(rule: AssignmentRule, row: Json) -> bytes:
    return json.dumps_sorted(assignments.normalised(rule, [row]))


def _unassign(row: Json) -> Step:
    path = f"{{item}}/assignments/{row['id']}"
    return Step(kind=StepKind.ASSIGN, method="DELETE", path=path, why="removes an assignment")


def _assign(row: Json) -> Step:
    return Step(
        kind=StepKind.ASSIGN,
        method="POST",
        path="{item}/assignments",
        body=row,
        repeatable=False,
        twin_path="{item}/assignments",
        twin_by=("target",),
        why="adds an assignment",
    )


_WAYS_TO_ASSIGN = {
    AssignWrite.NONE: _assign_nothing,
    AssignWrite.REPLACE: _assign_whole_set,
    AssignWrite.ONE_BY_ONE: _assign_one_by_one,
}
