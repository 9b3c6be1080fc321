"""What goes when it is old: one step for each kind of thing, found by name in every app's `retention.py`.

    @retention_step("backup_sets", label="Backup sets")
    def remove_old_sets(ctx: RunContext) -> int: ...    # how many went, of this tenant

The operation `retention.apply` takes every step as one item, in the order of their names. A step may be
taken again after a crash, so it removes what is too old now, and audits what nobody may miss without a word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from tenantatlas.core import clock

from . import endings
from .registry import RunContext

Remove = Callable[[RunContext], int]

_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class RetentionStep:
    """One kind of thing that grows old."""

    name: str
    label: str
    remove: Remove


_steps: dict[str, RetentionStep] = {}


def retention_step(name: str, *, label: str) -> Callable[[Remove], Remove]:
    """Have `retention.apply` call the function, in the scope of the run's tenant."""

    def register(remove: Remove) -> Remove:
        taken = _steps.get(name)
        if taken is not None and taken.remove.__qualname__ != remove.__qualname__:
            raise ValueError(f"two retention steps are called {name}")
        _steps[name] = RetentionStep(name=name, label=label, remove=remove)
        return remove

    return register


def all_steps() -> tuple[RetentionStep, ...]:
    """Every step, by name."""
    autodiscover_modules("retention")
    return tuple(step for _, step in sorted(_steps.items()))


def find_step(name: str) -> RetentionStep | None:
    """The step of that name; None when no installed app has it any more."""
    autodiscover_modules("retention")
    return _steps.get(name)


@retention_step("runs", label="Runs")
def remove_old_runs(ctx: RunContext) -> int:
    """Completed runs beyond their days, with their items and timeline."""
    moment = clock.now() - timedelta(days=settings.ATLAS_RUN_RETENTION_DAYS)
    number, removed = 0, _AT_ONCE
    while removed == _AT_ONCE and not ctx.cancelled():
        removed = endings.delete_ended_before(moment, limit=_AT_ONCE, tenant_id=ctx.tenant.pk)
        number += removed
        ctx.beat()
    return number
