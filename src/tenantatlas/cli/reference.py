"""The text of the reference pages, from the registries: what the code says is what the page says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings

from tenantatlas.accounts.capabilities import GRANTABLE, ROLES, Capability, Role
from tenantatlas.core import errors
from tenantatlas.policies.model import PolicyType
from tenantatlas.policies.permissions import lookups
from tenantatlas.policies.registry import all_types
from tenantatlas.runs.reasons import AMOUNTS_TO
from tenantatlas.runs.registry import Operation, all_operations

_MADE = "<!-- Made by `tenantatlas docs build`. -->\n"


def render(page: str) -> str:
    """One page's Markdown."""
    return _MADE + "\n".join(_PAGES[page]()) + "\n"


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _table(*heads: str) -> tuple[str, str]:
    return _row(*heads), "|" + "---|" * len(heads)


def _operations() -> Iterator[str]:
    yield "# Operations\n"
    yield "What can be run, the capability it needs, and what makes two requests of a tenant the same work:"
    yield "they are aimed at the same, and these parameters are equal.\n"
    yield from _table(
        "operation",
        "label",
        "needs",
        "parameters",
        "aimed at",
        "the same work when equal",
        "writes to the tenant",
    )
    for op in all_operations():
        fields = [field.name for field in dataclasses.fields(op.params_type)]
        unique = fields if op.unique_by is None else list(op.unique_by)
        yield _row(
            f"`{op.key}`",
            op.label,
            f"`{op.needs.value}`",
            ", ".join(f"`{name}`" for name in fields) or "none",
            _target_of(op),
            ", ".join(f"`{name}`" for name in unique) or "none",
            "yes" if op.writes_tenant else "no",
        )


def _target_of(op: Operation[Any]) -> str:
    """What the operation says of its target."""
    target = type(op).target
    if target is Operation.target:
        return "the tenant"
    said = (target.__doc__ or "").strip().rstrip(".")
    return said[:1].lower() + said[1:]


def _policy_types() -> Iterator[str]:
    yield "# Policy types\n"
    yield "In the order in which they are restored. *Mode*: full, update only, or backup only.\n"
    yield from _table("key", "what", "collection", "mode", "risk", "secrets", "refers to")
    for each in all_types():
        yield _row(
            f"`{each.key}`",
            each.label,
            f"`{each.path}`",
            each.restore.mode.value,
            each.restore.risk.value,
            ", ".join(sorted({f"`{secret.path}` ({secret.kind.value})" for secret in each.secrets}))
            or "none",
            ", ".join(sorted({reference.kind for reference in each.references})) or "none",
        )
    yield "\n## What each cannot do\n"
    for each in all_types():
        if each.limits:
            yield f"**{each.label}** (`{each.key}`)\n"
            yield from (f"- {limit}" for limit in each.limits)
            yield ""


def _permissions() -> Iterator[str]:
    yield "# Permissions\n"
    yield "Application permissions of Microsoft Graph. Any one named is enough; the first asks for least.\n"
    yield (
        "*To look up*: before a restore, the reader's app looks in the tenant for what the policies name "
        "(people, apps …). Without it, a policy that names such a thing is held and says why.\n"
    )
    yield from _table("policy type", "to back up", "to restore", "to look up")
    for each in all_types():
        looks = " and ".join(_any(any_of) for any_of in lookups(each))
        yield _row(f"`{each.key}`", _any(each.reads), _writes(each), looks or "none")


def _any(names: tuple[str, ...]) -> str:
    return " or ".join(f"`{name}`" for name in names) or "none"


def _writes(each: PolicyType) -> str:
    return " and ".join([_any(each.writes), *(f"`{name}`" for name in each.writes_also)])


def _leaves(parent: type[errors.AtlasError]) -> Iterator[type[errors.AtlasError]]:
    for child in parent.__subclasses__():
        yield child
        yield from _leaves(child)


def _errors() -> Iterator[str]:
    yield "# Errors\n"
    yield "Each has a stable code, an exit code of the command line and an HTTP status of the pages.\n"
    yield from _table("code", "sentence", "exit code", "HTTP status", "tried again")
    for leaf in sorted(set(_leaves(errors.AtlasError)), key=lambda leaf: (leaf.exit_code, leaf.code)):
        if leaf in {errors.Cancelled, errors.Snoozed} or not leaf.__module__.startswith("tenantatlas.core"):
            continue
        sentence = (leaf.__doc__ or "").strip().splitlines()[0]
        yield _row(
            f"`{leaf.code}`", sentence, leaf.exit_code, leaf.http_status, "yes" if leaf.retry else "no"
        )
    yield "\nExit code 0 is success, 1 is our bug, 3 finished but incomplete, 8 cancelled."
    yield "\n## How items of runs end\n"
    yield "What only items end with, and the exit code of a command with `--wait` whose run failed by it.\n"
    yield from _table("code", "exit code")
    for code, error in sorted(AMOUNTS_TO.items(), key=lambda each: (each[1].exit_code, each[0])):
        yield _row(f"`{code}`", error.exit_code)


def _roles() -> Iterator[str]:
    yield "# Roles\n"
    yield "What is checked is the capability; a role bundles several. An owner of a tenant gives roles, and"
    yield "may add what says *by grant*, person by person.\n"
    operations: dict[str, list[str]] = {}
    for op in all_operations():
        operations.setdefault(op.needs, []).append(f"`{op.key}`")
    yield from _table("capability", *(role.value for role in Role), "operations that need it")
    for capability in Capability:
        otherwise = "by grant" if capability in GRANTABLE else "no"
        held = ("yes" if capability in ROLES[role] else otherwise for role in Role)
        yield _row(f"`{capability}`", *held, ", ".join(operations.get(capability, ["none"])))


def _settings() -> Iterator[str]:
    yield "# Settings\n"
    yield "Read from the environment.\n"
    yield from _table("name", "kind", "default", "what it does")
    for known in settings.ATLAS_KNOWN_SETTINGS:
        default = known.default.replace(str(settings.ATLAS_HOME), "ATLAS_HOME")
        yield _row(f"`{known.name}`", known.kind, f"`{default}`" if default else "none", known.sentence)


_PAGES: dict[str, Callable[[], Iterator[str]]] = {
    "operations": _operations,
    "policy-types": _policy_types,
    "permissions": _permissions,
    "errors": _errors,
    "roles": _roles,
    "settings": _settings,
}
