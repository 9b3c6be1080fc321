"""Operations that do nothing but be run: what they did is told by rows of ours and by a file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.runs import registry
from tenantatlas.runs.lifecycle import ItemState
from tenantatlas.runs.registry import ItemResult, ItemSpec, Operation, operation

#: What a toy does with an item, by the item's key; tests put functions here.
script: dict[str, Callable] = {}
#: What toys were asked to do, in order.
told: list[tuple] = []


@dataclass(frozen=True, kw_only=True)
class ToyParams:
    """Which items, in how many lanes."""

    names: tuple[str, ...] = ()
    lanes: int = 1
    note: str = ""


def note(*what) -> None:
    """Remember what happened, also across processes when ATLAS_TEST_TOYS names a file."""
    told.append(what)
    if path := os.environ.get("ATLAS_TEST_TOYS"):
        with Path(path).open("a") as file:
            file.write(" ".join(str(word) for word in what) + "\n")


class Toy(Operation[ToyParams]):
    """Does each item once, unless the script says otherwise."""

    params_type = ToyParams
    unique_by = ("names", "lanes")
    chunk_size = 3

    def subject(self, params, tenant):
        return f"{len(params.names)} toys of {tenant.name}"

    def plan(self, ctx) -> Iterable[ItemSpec]:
        note("plan")
        if "plan" in script:
            script["plan"](ctx)
        finders = script["finds"]() if "finds" in script else ""
        for number, name in enumerate(ctx.params.names):
            yield ItemSpec(
                key=name,
                label=name.title(),
                lane=f"lane{number % ctx.params.lanes}",
                finds_items=name in finders,
            )

    def process(self, ctx, item) -> ItemResult:
        ctx.crash_point("before_item")
        note("process", item.key)
        if item.key in script:
            result = script[item.key](ctx, item)
            if result is not None:
                return result
        ctx.crash_point("after_item")
        return ItemResult(key=item.key, state=ItemState.SUCCEEDED, action="played")

    def settle(self, ctx, item):
        note("settle", item.key)
        return script["settle"](ctx, item) if "settle" in script else None

    def finish(self, ctx) -> None:
        note("finish")
        if "finish" in script:
            script["finish"](ctx)

    def ended(self, run) -> None:
        note("ended", run.outcome)
        if "ended" in script:
            script["ended"](run)


class Play(Toy):
    """Reads only."""


class Write(Toy):
    """Takes the tenant's single-writer claim."""


def register() -> None:
    """Make the toys operations of this process."""
    play = operation(
        "toy.play", label="Play with toys", needs=Capability.INVENTORY_SYNC, aliases=("toy.old_name",)
    )
    play(Play)
    operation("toy.write", label="Write toys", needs=Capability.RESTORE_EXECUTE, writes_tenant=True)(Write)


@contextmanager
def registered() -> Iterator[None]:
    """The toys are operations within the block only: other tests go through the whole registry."""
    registry.all_operations()
    before = dict(registry._operations), dict(registry._aliases)
    register()
    try:
        yield
    finally:
        for known, kept in zip((registry._operations, registry._aliases), before, strict=True):
            known.clear()
            known.update(kept)
