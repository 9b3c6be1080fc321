"""How a plan is made. Pure: equal inputs give equal plans, byte for byte.

    each source ─► matched (match.py) ─► equal? ─► unchanged
                                          │ no
                                          ▼
                                    references (resolve.py) ─► undecided · cannot
                                          │ all answered
                                          ▼
                    what a person chose for policies that exist ─► update · recreate · copy · skip
                    nothing there ─► create
                                          │
                                          ▼
                                    steps of the type ─► order.py ─► writes

What the app may not write is held too, with the permission. A policy that was enabled in conditional access
comes back report-only. What a policy names is decided before the policy itself; a circle of policies that
must all be created first is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from tenantatlas.core import json
from tenantatlas.core.json import Json
from tenantatlas.policies import backup_only, references, registry, writes
from tenantatlas.policies.canonical import digest
from tenantatlas.policies.model import MASKS, PolicyType, RestoreMode, Step, StepKind, WriteContext
from tenantatlas.policies.writes.general import is_built_in

from . import assigned, enabling, undoing
from .match import Match, match_sources, same_name
from .order import ItemSteps, Placed, place_steps
from .planned import (
    ABSENT,
    MAKING,
    NOT_READ,
    PERMISSION_MISSING,
    UNSETTLED,
    WRITING,
    Action,
    Link,
    Plan,
    PlannedItem,
    PlannedWrite,
    Reason,
    placeholders_in,
)
from .resolve import Resolution, Resolver, Verdict
from .softening import soften
from .world import (
    COPY_SUFFIX,
    PLACEHOLDER_MARK,
    Assignments,
    Existing,
    LiveType,
    PlanInput,
    RestoreKind,
    Source,
    placeholder,
)

_USERS_SHOWN = 3


def build_plan(given: PlanInput) -> Plan:
    """The plan for these sources in this target."""
    planner = _Planner(given)
    items = tuple(planner.item(source.key) for source in given.sources)
    steps = undoing.users_first(
        [planner.steps[item.key] for item in items if item.key in planner.steps], planner.users
    )
    by_key = {item.key: item for item in items}
    placed = place_steps(steps)
    first = _first_writes(placed)
    return Plan(
        tenant_guid=given.tenant_guid,
        existing=given.existing,
        allow_deletes=given.allow_deletes,
        choices=_choices(given),
        items=items,
        writes=tuple(_write(each, planner.types, by_key[each.key], first=first) for each in placed),
    )


def _choices(given: PlanInput) -> dict[str, Json]:
    """What was chosen besides what is usual."""
    chosen: dict[str, tuple[Json, Json]] = {
        "kind": (given.kind.value, RestoreKind.RESTORE.value),
        "existing_by_type": ({key: each.value for key, each in given.existing_by_type.items()}, {}),
        "copy_suffix": (given.copy_suffix, COPY_SUFFIX),
        "assignments": (given.assignments.value, Assignments.BACKED_UP.value),
    }
    return {name: value for name, (value, usual) in chosen.items() if value != usual}


def types_needed(sources: tuple[Source, ...]) -> tuple[PolicyType, ...]:
    """The types whose lists a plan needs: those of the sources, and those that they name."""
    known = {policy_type.key: policy_type for policy_type in registry.all_types()}
    keys = {source.policy_type.key for source in sources}
    keys |= {kind for kind in ids_named(sources) if kind in known}
    return tuple(policy_type for key, policy_type in known.items() if key in keys)


def ids_named(sources: tuple[Source, ...]) -> dict[str, frozenset[str]]:
    """The ids that the sources name, by kind; those that mean the same everywhere are left out."""
    named: dict[str, set[str]] = {}
    for source in sources:
        for found in references.find(source.policy_type, source.body):
            named.setdefault(found.kind, set()).add(found.id)
    return {kind: frozenset(ids) for kind, ids in sorted(named.items())}


def check_paths(sources: tuple[Source, ...]) -> dict[str, str]:
    """For each kind that the sources name and that is found by GET: the path, with `{id}`."""
    paths = {"groups": "/v1.0/groups/{id}?$select=id", "users": "/v1.0/users/{id}?$select=id"}
    for source in sources:
        for reference in source.policy_type.references:
            if reference.check:
                paths.setdefault(reference.kind, reference.check)
    return paths


class _Planner:
    """Decides items on demand, each once, what they name first."""

    def __init__(self, given: PlanInput) -> None:
        self.given = given
        self.types = {policy_type.key: policy_type for policy_type in registry.all_types()}
        self.types |= {source.policy_type.key: source.policy_type for source in given.sources}
        self.sources = {
            source.key: assigned.without_assignments(source, given.assignments) for source in given.sources
        }
        self.matches = match_sources(given)
        self.users = undoing.users_of(given, self.matches)
        self.steps: dict[str, ItemSteps] = {}
        self._items: dict[str, PlannedItem] = {}
        self._path: list[str] = []
        self._circles: dict[str, str] = {}
        self._names = _NamesTaken(given)
        self._resolver = Resolver(given, types=self.types, restored=self._restored)

    def item(self, key: str) -> PlannedItem:
        """The item of that key."""
        if key not in self._items:
            self._path.append(key)
            item = self._held_without_permission(self._decide(self.sources[key]))
            item = self._held_while_unsettled(item)
            self._path.pop()
            if key in self._circles:
                item = _base(self.sources[key], Action.CANNOT, "circle", self._circles[key])
                self.steps.pop(key, None)
            self._items[key] = item
        return self._items[key]

    def _held_without_permission(self, item: PlannedItem) -> PlannedItem:
        """The item; held where it writes and the app lacks a permission without which Graph would refuse."""
        source = self.sources[item.key]
        lacking = self.given.lacking.get(source.policy_type.key, ())
        if not lacking or item.action not in WRITING:
            return item
        self.steps.pop(item.key, None)
        what = f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing"
        message = f"The app may not write it: {what}. Grant it, or connect a writer's app that has it."
        held = _base(source, Action.CANNOT, PERMISSION_MISSING, message)
        return replace(held, live_id=self.matches[item.key].live_id)

    def _held_while_unsettled(self, item: PlannedItem) -> PlannedItem:
        """The item; held where it makes what an earlier restore may have made, as nobody can see yet."""
        if item.action not in MAKING or item.key not in self.given.unsettled:
            return item
        self.steps.pop(item.key, None)
        held = _base(self.sources[item.key], Action.CANNOT, UNSETTLED, self.given.unsettled[item.key])
        return replace(held, live_id=self.matches[item.key].live_id)

    def _restored(self, key: str) -> Resolution | None:
        """What an item of this plan will be known by, for an item that names it."""
        if key not in self.sources:
            return None
        if key in self.users and self.given.allow_deletes:
            return _goes(self.sources[key])
        kind, source_id = self.sources[key].policy_type.key, self.sources[key].source_id
        if key in self._path:
            live_id = self.matches[key].live_id
            if live_id and self.given.existing_of(kind) in (Existing.UPDATE, Existing.SKIP):
                return _found_live(kind, source_id, live_id)
            return self._circle(key)
        item = self.item(key)
        if item.object_id:
            return Resolution(
                kind=kind,
                id=source_id,
                verdict=Verdict.RESOLVED,
                target=item.object_id,
                how="restored with it" if item.action in MAKING else "same policy",
            )
        verdict = Verdict.UNDECIDED if item.action is Action.UNDECIDED else Verdict.HELD
        why = item.reasons[0].message if item.reasons else ""
        return Resolution(
            kind=kind,
            id=source_id,
            verdict=verdict,
            message=f"It needs “{item.name}” ({key}), which is not restored: {why}",
        )

    def _circle(self, key: str) -> Resolution:
        members = self._path[self._path.index(key) :]
        names = " → ".join(f"“{self.sources[each].name}”" for each in (*members, key))
        for member in members:
            self._circles[member] = f"They need each other in a circle: {names}."
        source = self.sources[key]
        return Resolution(
            kind=source.policy_type.key,
            id=source.source_id,
            verdict=Verdict.HELD,
            message=self._circles[key],
        )

    def _decide(self, source: Source) -> PlannedItem:
        live = self.given.live_of(source.policy_type.key)
        match = self.matches[source.key]
        trouble = _unreadable(source, live, match)
        if trouble is not None:
            return trouble
        body = live.bodies.get(match.live_id)
        if self.given.kind is RestoreKind.ENABLE or (source.undone is not None and source.undone.remove):
            special = self._decide_removal if source.undone is not None else self._decide_enabling
            return special(source, match, body)
        plain = assigned.with_assignments(source, self.given.assignments, body)
        if body is not None and not self._mapped_by_person(source) and _same(source, plain, body):
            return _unchanged(source, match, body)
        moved = undoing.moved(source, match, body)
        if moved is not None:
            return replace(_base(source, Action.CANNOT, moved.code, moved.message), live_id=match.live_id)
        return self._left_alone(source, match) or self._decide_write(source, match, body)

    def _left_alone(self, source: Source, match: Match) -> PlannedItem | None:
        """The item, where a person has to say which policy it is, or wants those that exist left alone."""
        existing = self.given.existing_of(source.policy_type.key)
        if match.is_ambiguous and existing in (Existing.UPDATE, Existing.RECREATE):
            return _ambiguous(source, match)
        if existing is Existing.SKIP and (match.live_id or match.is_ambiguous):
            item = _base(source, Action.SKIP, "exists", "It is in the tenant already.")
            return replace(item, live_id=match.live_id)
        return None

    def _decide_enabling(self, source: Source, match: Match, body: Json) -> PlannedItem:
        decided = enabling.enabled(source, match, body)
        if isinstance(decided, Reason):
            return replace(_base(source, Action.CANNOT, decided.code, decided.message), live_id=match.live_id)
        if decided is None:
            return _unchanged(source, match, body)
        self.steps[source.key] = ItemSteps(
            key=source.key,
            policy_type=source.policy_type,
            steps=(_at(enabling.STEP, f"{source.policy_type.path}/{match.live_id}"),),
            needs=frozenset(),
        )
        return replace(
            _base(source, Action.UPDATE),
            live_id=match.live_id,
            expects=digest(source.policy_type, body),
            wanted=decided,
            live=body,
        )

    def _decide_removal(self, source: Source, match: Match, body: Json) -> PlannedItem:
        steps = undoing.removal(source, match, body, allow_deletes=self.given.allow_deletes)
        staying = [key for key in sorted(self.users[source.key]) if not self._will_let_go(key)]
        if staying and not isinstance(steps, Reason):
            names = ", ".join(f"“{self.sources[key].name}”" for key in staying)
            steps = Reason(code="in_use", message=f"It is still named by what is not taken back: {names}.")
        if isinstance(steps, Reason):
            action = Action.SKIP if steps.code == undoing.GONE else Action.CANNOT
            return replace(_base(source, action, steps.code, steps.message), live_id=match.live_id)
        path = f"{source.policy_type.path}/{match.live_id}"
        self.steps[source.key] = ItemSteps(
            key=source.key, policy_type=source.policy_type, steps=tuple(_at(step, path) for step in steps)
        )
        return replace(
            _base(source, Action.REMOVE),
            name=str(body.get(source.policy_type.name_field) or source.name),
            live_id=match.live_id,
            expects=digest(source.policy_type, body),
            live=body,
        )

    def _will_let_go(self, key: str) -> bool:
        """Whether the item stops naming what it names now; two that name each other go together."""
        return key in self._path or self.item(key).action in (Action.UPDATE, Action.RECREATE, Action.REMOVE)

    def _mapped_by_person(self, source: Source) -> bool:
        found = references.find(source.policy_type, source.body)
        return any((each.kind, each.id) in self.given.mapping for each in found)

    def _decide_write(self, source: Source, match: Match, body: Json) -> PlannedItem:
        resolutions = self._resolve_all(source)
        base = _resolved_base(source, resolutions)
        held = [each for each in resolutions if each.verdict is Verdict.HELD]
        open_ = [each for each in resolutions if each.verdict is Verdict.UNDECIDED]
        objections = _objections(source)
        if held or objections:
            reasons = (*objections, *(Reason(code="reference", message=each.message) for each in held))
            return replace(base, action=Action.CANNOT, reasons=reasons, live_id=match.live_id)
        if open_:
            reasons = tuple(Reason(code="mapping", message=each.message) for each in open_)
            return replace(base, action=Action.UNDECIDED, reasons=reasons, live_id=match.live_id)
        rewritten = _rewritten(source, resolutions)
        if rewritten.refused:
            reasons = tuple(Reason(code="mapping", message=message) for message in rewritten.refused)
            return replace(base, action=Action.CANNOT, reasons=reasons, live_id=match.live_id)
        wanted = assigned.with_assignments(source, self.given.assignments, body, wanted=rewritten.body)
        if body is not None and _same(source, wanted, body):
            return replace(_unchanged(source, match, body), links=base.links, needs=base.needs)
        return self._write(source, match, replace(base, wanted=wanted, live=body))

    def _resolve_all(self, source: Source) -> tuple[Resolution, ...]:
        found = references.find(source.policy_type, source.body)
        return tuple(self._resolver.resolve(each) for each in found)

    def _write(self, source: Source, match: Match, base: PlannedItem) -> PlannedItem:
        """The item that writes, with its steps kept for the order; or why it cannot be written after all."""
        way = _way(source, match, self.given)
        if isinstance(way, Reason):
            action = Action.SKIP if way.code == "built_in" and match.live_id else Action.CANNOT
            return replace(base, action=action, reasons=(way,), live_id=match.live_id, wanted=None)
        wanted, notes = soften(source.policy_type, base.wanted)
        if way is Action.COPY:
            wanted = assigned.for_copy(source, self.given.assignments, wanted)
            wanted = {**wanted, source.policy_type.name_field: self._names.free_for(source)}
        live = base.live if way in (Action.UPDATE, Action.RECREATE) else None
        steps = self._steps(source.policy_type, wanted, live, way)
        if not steps and way is Action.UPDATE and source.undone is not None and self.given.allow_deletes:
            way = Action.RECREATE
            steps = self._steps(source.policy_type, wanted, live, way)
        users = self._named_by.get((source.policy_type.key, match.live_id), ())
        if way is Action.RECREATE and source.policy_type.foundation and users:
            reason = Reason(code="in_use", message=_in_use(users))
            return replace(base, action=Action.CANNOT, reasons=(reason,), live_id=match.live_id, wanted=None)
        if not steps:
            what = "What differs cannot be changed in place; recreate it or make a copy."
            reason = Reason(code="no_way", message=what)
            return replace(base, action=Action.CANNOT, reasons=(reason,), live_id=match.live_id, wanted=None)
        live_id = match.live_id if way is not Action.CREATE else ""
        needs = placeholders_in((json.dumps_sorted(wanted),), self.sources) - {source.key}
        item_path = f"{source.policy_type.path}/{placeholder(source.key) if way in MAKING else live_id}"
        deleted_path = f"{source.policy_type.path}/{live_id}"
        self.steps[source.key] = ItemSteps(
            key=source.key,
            policy_type=source.policy_type,
            steps=tuple(
                _at(step, deleted_path if step.kind is StepKind.DELETE else item_path) for step in steps
            ),
            needs=frozenset(key for key in needs if self._items[key].action in MAKING),
        )
        if way in MAKING and source.policy_type.restore.recreate:
            notes = (*notes, source.policy_type.restore.recreate)
        return replace(
            base,
            action=way,
            notes=notes,
            live_id=live_id,
            expects=ABSENT if live is None else digest(source.policy_type, live),
            beside=self._beside(source.policy_type, wanted) if way in MAKING else (),
            wanted=wanted,
        )

    @cached_property
    def _named_by(self) -> dict[tuple[str, str], list[str]]:
        """Type and id of what is named in the target now → who names it, of all that was read there."""
        users: dict[tuple[str, str], list[str]] = {}
        for type_key, live in self.given.live.items():
            policy_type = self.types[type_key]
            for live_id, body in {**live.rows, **live.bodies}.items():
                named = {(each.kind, each.id) for each in references.find(policy_type, body)}
                for used in named - {(type_key, live_id)}:
                    users.setdefault(used, []).append(str(body.get(policy_type.name_field) or live_id))
        return users

    def _beside(self, policy_type: PolicyType, wanted: Json) -> tuple[str, ...]:
        rows = self.given.live_of(policy_type.key).rows
        return same_name(policy_type, wanted, rows)

    def _steps(self, policy_type: PolicyType, wanted: Json, live: Json, way: Action) -> tuple[Step, ...]:
        root = f"{self.given.graph_url}/{policy_type.path.split('/')[1]}"
        ctx = WriteContext(policy_type=policy_type, wanted=wanted, graph_root=root)
        if way is Action.UPDATE:
            ctx = replace(ctx, live=live)
            return (*writes.update_steps(ctx), *writes.assign_steps(ctx))
        steps = writes.create_steps(ctx)
        if steps and way is Action.RECREATE:
            removing = writes.delete_steps(replace(ctx, live=live))
            steps = (*(replace(step, kind=StepKind.DELETE) for step in removing), *steps)
        if steps and wanted.get("assignments"):
            steps = (*steps, *writes.assign_steps(ctx))
        return steps


def _in_use(users: Iterable[str]) -> str:
    names = sorted(users)
    shown = ", ".join(f"“{name}”" for name in names[:_USERS_SHOWN])
    more = f" and {len(names) - _USERS_SHOWN} more" if len(names) > _USERS_SHOWN else ""
    return f"Graph does not delete what is in use by {shown}{more}. Update it in place, or make a copy."


class _NamesTaken:
    """Finds free names for copies."""

    def __init__(self, given: PlanInput) -> None:
        self._suffix = given.copy_suffix
        self._taken: dict[str, set[str]] = {}
        for source in given.sources:
            key, field = source.policy_type.key, source.policy_type.name_field
            if key not in self._taken:
                rows = given.live_of(key).rows.values()
                self._taken[key] = {str(row.get(field, "")) for row in rows}

    def free_for(self, source: Source) -> str:
        """`Name - restored`, or the first `Name - restored 2`, `3` … that nobody has."""
        taken = self._taken[source.policy_type.key]
        name, number = f"{source.name}{self._suffix}", 2
        while name in taken:
            name, number = f"{source.name}{self._suffix} {number}", number + 1
        taken.add(name)
        return name


def _base(source: Source, action: Action, code: str = "", message: str = "") -> PlannedItem:
    return PlannedItem(
        key=source.key,
        type_key=source.policy_type.key,
        source_id=source.source_id,
        version=source.version,
        name=source.name,
        action=action,
        reasons=(Reason(code=code, message=message),) if code else (),
    )


def _resolved_base(source: Source, resolutions: tuple[Resolution, ...]) -> PlannedItem:
    links = {
        (each.kind, each.id): Link(kind=each.kind, id=each.id, target=each.target, how=each.how)
        for each in resolutions
        if each.verdict in (Verdict.RESOLVED, Verdict.DROPPED)
    }
    needs = {(each.kind, each.id): each.need for each in resolutions if each.need is not None}
    return replace(
        _base(source, Action.CANNOT),
        links=tuple(links[key] for key in sorted(links)),
        needs=tuple(needs[key] for key in sorted(needs)),
    )


def _goes(source: Source) -> Resolution:
    return Resolution(
        kind=source.policy_type.key,
        id=source.source_id,
        verdict=Verdict.HELD,
        message=f"It needs “{source.name}” ({source.key}), which is removed.",
    )


def _found_live(kind: str, source_id: str, live_id: str) -> Resolution:
    return Resolution(kind=kind, id=source_id, verdict=Verdict.RESOLVED, target=live_id, how="same policy")


def _unreadable(source: Source, live: LiveType, match: Match) -> PlannedItem | None:
    if live.failed:
        message = f"{source.policy_type.label} could not be read in the tenant: {live.failed}"
        return _base(source, Action.CANNOT, NOT_READ, message)
    if match.live_id in live.unread:
        message = f"It could not be read in the tenant: {live.unread[match.live_id]}"
        return replace(_base(source, Action.CANNOT, NOT_READ, message), live_id=match.live_id)
    return None


def _unchanged(source: Source, match: Match, live: Json) -> PlannedItem:
    expects = digest(source.policy_type, live)
    return replace(_base(source, Action.UNCHANGED), live_id=match.live_id, expects=expects)


def _ambiguous(source: Source, match: Match) -> PlannedItem:
    ids = ", ".join(candidate.id for candidate in match.candidates)
    message = f"It is not clear which policy of the tenant it is: {ids}."
    return _base(source, Action.UNDECIDED, "ambiguous", message)


def _same(source: Source, wanted: Json, live: Json) -> bool:
    """Equal, or different only in that conditional access is not enforced yet."""
    policy_type = source.policy_type
    found = digest(policy_type, live)
    if found == digest(policy_type, wanted):
        return True
    softened, notes = soften(policy_type, wanted)
    return bool(notes) and found == digest(policy_type, softened)


def _objections(source: Source) -> tuple[Reason, ...]:
    """Why this version can never be written, whatever is in the target."""
    policy_type = source.policy_type
    found: list[tuple[str, str]] = []
    found += [("backup_only", message) for message in backup_only.reasons(policy_type, source.body)]
    if not found:
        refused = writes.refusals(WriteContext(policy_type=policy_type, wanted=source.body))
        found += [("refused", message) for message in refused]
    if not found:
        masked = "The value of {} is masked: it was never captured and cannot be written."
        found += [("masked_secret", masked.format(place)) for place in _masked(source.body)]
    if PLACEHOLDER_MARK.encode() in json.dumps(source.body):
        found.append(
            ("reserved_text", f"It contains the text “{PLACEHOLDER_MARK}”, which plans keep for ids.")
        )
    return tuple(Reason(code=code, message=message) for code, message in found)


def _masked(value: Json, path: str = "") -> list[str]:
    """Where a mask stands in place of a value."""
    if isinstance(value, dict):
        return [spot for name, child in value.items() for spot in _masked(child, f"{path}.{name}")]
    if isinstance(value, list):
        return [spot for index, child in enumerate(value) for spot in _masked(child, f"{path}[{index}]")]
    return [path.removeprefix(".")] if isinstance(value, str) and value in MASKS else []


def _rewritten(source: Source, resolutions: tuple[Resolution, ...]) -> references.Rewritten:
    answers = {(each.kind, each.id): each for each in resolutions}

    def decide(kind: str, source_id: str) -> references.Answer:
        answer = answers[kind, source_id]
        return references.DROP if answer.verdict is Verdict.DROPPED else answer.target

    return references.rewritten(source.policy_type, source.body, decide)


def _way(source: Source, match: Match, given: PlanInput) -> Action | Reason:
    """Which writing action it takes, or why none may be taken."""
    rule = source.policy_type.restore
    built_in = is_built_in(source.policy_type, source.body)
    if built_in or rule.mode is RestoreMode.UPDATE_ONLY:
        return _way_of_fixed(source, match, built_in=built_in)
    if not match.live_id and not match.is_ambiguous:
        return Action.CREATE
    existing = given.existing_of(source.policy_type.key)
    if existing is Existing.RECREATE and not given.allow_deletes:
        return Reason(
            code="deletes_off", message="Recreating deletes it first, and this tenant does not allow deletes."
        )
    return Action(existing.value)


def _way_of_fixed(source: Source, match: Match, *, built_in: bool) -> Action | Reason:
    """What is there once and for all is changed in place or not at all."""
    if not match.live_id:
        return Reason(code="fixed", message="It cannot be created, and the tenant does not have it.")
    if built_in and not source.policy_type.built_in_update:
        return Reason(code="built_in", message="It was made by Microsoft and cannot be changed.")
    return Action.UPDATE


def _at(step: Step, item_path: str) -> Step:
    return replace(
        step,
        path=step.path.replace("{item}", item_path),
        twin_path=step.twin_path.replace("{item}", item_path),
    )


def _first_writes(placed: tuple[Placed, ...]) -> frozenset[int]:
    """Which writes begin an item."""
    first: dict[str, int] = {}
    for each in placed:
        first.setdefault(each.key, each.n)
    return frozenset(first.values())


def _write(
    placed: Placed, types: Mapping[str, PolicyType], item: PlannedItem, *, first: frozenset[int]
) -> PlannedWrite:
    policy_type, step = types[item.type_key], placed.step
    body = None if step.body is None else json.dumps_sorted(step.body)
    said = (body or b"").decode("utf-8", "surrogateescape") + step.path
    return PlannedWrite(
        n=placed.n,
        item=placed.key,
        kind=step.kind.value,
        phase=placed.phase,
        family=policy_type.family,
        method=step.method,
        path=step.path,
        body=body,
        why=step.why or _WHY[step.kind],
        expects=item.expects if placed.n in first else "",
        depends_on=placed.depends_on,
        mapping=tuple(link for link in item.links if link.target and link.target in said),
        repeatable=step.repeatable and step.kind is not StepKind.CREATE,
        twin_path=step.twin_path,
        twin_by=step.twin_by,
        unless=step.unless,
        serial=policy_type.path if policy_type.restore.serial else "",
    )


_WHY: Mapping[StepKind, str] = {
    StepKind.CREATE: "make it",
    StepKind.UPDATE: "change it to the captured state",
    StepKind.CHILD: "write what belongs below it",
    StepKind.ASSIGN: "assign it as captured",
    StepKind.DELETE: "delete it, to make it again",
}
