"""Which assignments the restored policies end with. Pure.

| chosen     | a policy that is made | one that is there                                   |
|------------|-----------------------|-----------------------------------------------------|
| backed-up  | as captured, mapped   | as captured, mapped                                 |
| none       | none                  | none: it loses what it has                          |
| keep       | none                  | what it has now, as it is: nothing of it is mapped  |

A policy type that is not assigned (conditional access names its users itself) is not concerned.
"""

from __future__ import annotations

from dataclasses import replace

from tenantatlas.core.json import Json

from .world import Assignments, Source

_NAME = "assignments"


def without_assignments(source: Source, chosen: Assignments) -> Source:
    """The source without the assignments that will not be written, so that nobody has to map them."""
    if chosen is Assignments.BACKED_UP or source.policy_type.assignments is None:
        return source
    return replace(source, body={**source.body, _NAME: []})


def with_assignments(source: Source, chosen: Assignments, live: Json, *, wanted: Json = None) -> Json:
    """The body to end with (`wanted`, else the source's), given what the live policy has."""
    body = source.body if wanted is None else wanted
    if chosen is not Assignments.KEEP or source.policy_type.assignments is None or live is None:
        return body
    return {**body, _NAME: live.get(_NAME) or []}


def for_copy(source: Source, chosen: Assignments, wanted: Json) -> Json:
    """The body of a copy: what the live policy keeps is not given to a second one."""
    if chosen is not Assignments.KEEP or source.policy_type.assignments is None:
        return wanted
    return {**wanted, _NAME: []}
