"""What is known of a tenant's policies. Reads the database only."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from tenantatlas.core.errors import InputError
from tenantatlas.policies.registry import get_type

from .models import Policy, Presence, TypeRead

#: Where a policy is that is in the tenant, as far as is known.
IN_TENANT = (Presence.PRESENT, Presence.UNKNOWN)
_NAMED_AT_MOST = 5
_SCOPE_TAGS = "roleScopeTags"


def known_policies(
    *, types: Iterable[str] = (), presence: Presence | None = None, search: str = ""
) -> QuerySet[Policy]:
    """The policies of the tenant in scope, by type and name."""
    found = Policy.objects.order_by("type_key", "name", "id")
    keys = [get_type(key).key for key in types]
    if keys:
        found = found.filter(type_key__in=keys)
    if presence is not None:
        found = found.filter(presence=presence)
    if search:
        found = found.filter(name__icontains=search)
    return found


def latest_type_reads() -> dict[str, TypeRead]:
    """The newest reading of each policy type of the tenant in scope."""
    return {read.type_key: read for read in TypeRead.objects.order_by("at", "id")}


def find_policies(graph_ids: Iterable[str]) -> list[Policy]:
    """The policies with these ids; an id that was never observed is an `InputError` that names it."""
    wanted = list(dict.fromkeys(graph_ids))
    found = list(Policy.objects.filter(graph_id__in=wanted).order_by("type_key", "graph_id"))
    known = {policy.graph_id for policy in found}
    unknown = [graph_id for graph_id in wanted if graph_id not in known]
    if unknown:
        named = ", ".join(unknown[:_NAMED_AT_MOST])
        more = f" and {len(unknown) - _NAMED_AT_MOST} more" if len(unknown) > _NAMED_AT_MOST else ""
        raise InputError(
            f"No policy of this tenant has the id {named}{more}.",
            hint="Policies are known once the inventory was synchronised: `tenantatlas inventory sync`.",
            details={"field": "policies", "unknown": unknown[:50]},
        )
    return found


def scope_tag_names() -> dict[str, str]:
    """Id → name of the scope tags that were observed, by name."""
    found = Policy.objects.filter(type_key=_SCOPE_TAGS).order_by("name", "pk")
    return dict(found.values_list("graph_id", "name"))


def with_scope_tag(policies: QuerySet[Policy], tag: str) -> QuerySet[Policy]:
    """Those of the policies that carry this scope tag."""
    return policies.annotate(tags_text=Cast("scope_tags", TextField())).filter(tags_text__contains=f'"{tag}"')
