"""What the simulated tenants hold: objects with their past, apps, profile, known definitions."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json

from .objects import SimObject, State, fold
from .permissions import READER, WRITER
from .seeding import put_object, replace_object

if TYPE_CHECKING:
    from .facts import Collection
    from .world import World


@dataclass
class App:
    """An app registration with its permissions in this tenant."""

    client_id: str
    secret: str = ""
    certificate: str = ""  # PEM
    permissions: set[str] = field(default_factory=set)
    generation: int = 0
    delegated: set[str] = field(default_factory=set)  # consented to for everybody
    redirect_uris: set[str] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who can sign in."""

    upn: str
    name: str
    oid: str


@dataclass
class Profile:
    """What the tenant's cloud and licences offer."""

    cloud: str = "global"
    intune: bool = True
    autopatch: bool = True
    premium: bool = True  # Entra ID P1: conditional access
    feature_updates: bool = True
    security_defaults: bool = False
    unknown_scope_tags: str = "rejected"  # or "dropped": the object falls back to the Default tag
    size: str = "S"  # the directory's size decides its budget


@dataclass
class Lag:
    """Seconds until every replica shows a write, by how it is looked at. A read meets a replica at random."""

    item: float = 0.0
    list: float = 0.0
    filtered: float = 0.0
    delete: float = 0.0
    reference: float = 0.0  # until a new object can be named by another

    def longest(self) -> float:
        """How long past versions are needed."""
        return max(self.item, self.list, self.filtered, self.delete, self.reference)


@dataclass
class Catalog:
    """Service data of the tenant: setting definitions and templates that it knows."""

    settings: set[str] = field(default_factory=set)
    templates: dict[str, dict[str, Json]] = field(default_factory=dict)
    template_references: dict[str, set[str]] = field(default_factory=dict)
    retired_templates: set[str] = field(default_factory=set)
    resource_actions: set[str] = field(default_factory=set)


class SimTenant:
    """One tenant. What is done here is done behind the client's back: unchecked, unthrottled, unjournaled."""

    def __init__(self, world: World, guid: str, *, name: str = "Contoso") -> None:
        self.world = world
        self.guid = guid.lower()
        self.name = name
        self.domain = f"{''.join(c for c in name.lower() if c.isalnum())}.onmicrosoft.com"
        self.apps: dict[str, App] = {}
        self.people: dict[str, Person] = {}
        self.profile = Profile()
        self.lag = Lag()
        self.catalog = Catalog()
        self.stored: dict[str, dict[str, SimObject]] = {}
        self.deleted: dict[str, dict[str, SimObject]] = {}
        self.lockouts: list[str] = []
        self.busy_until: dict[str, float] = {}
        self.random = random.Random(f"{world.seed}/{self.guid}")  # noqa: S311 - reproducible, not secret

    # apps and permissions

    def app(
        self,
        client_id: str,
        *,
        secret: str = "",
        certificate: str = "",
        permissions: Iterable[str] | None = None,
    ) -> App:
        """Register an app. Without `permissions` it may do everything that a reader and a writer need."""
        granted = set(READER | WRITER if permissions is None else permissions)
        made = App(client_id.lower(), secret=secret, certificate=certificate, permissions=granted)
        self.apps[made.client_id] = made
        return made

    def person(self, upn: str, *, name: str = "") -> Person:
        """Let somebody sign in."""
        made = Person(upn=upn, name=name or upn, oid=self.world.new_guid())
        self.people[upn.lower()] = made
        return made

    def reply_to(self, address: str, *, client_id: str = "", delegated: Iterable[str] = ()) -> None:
        """Register a reply address for people's sign-in, and consent for them to these permissions."""
        for app in self._apps(client_id):
            app.redirect_uris.add(address)
            app.delegated |= set(delegated)

    def grant(self, permissions: str | Iterable[str], *, client_id: str = "") -> None:
        """Consent to permissions; tokens that are out become stale."""
        for app in self._apps(client_id):
            app.permissions |= {permissions} if isinstance(permissions, str) else set(permissions)
            self._outdate(app)

    def revoke(self, permissions: str | Iterable[str], *, client_id: str = "") -> None:
        """Withdraw permissions; tokens that are out become stale."""
        for app in self._apps(client_id):
            app.permissions -= {permissions} if isinstance(permissions, str) else set(permissions)
            self._outdate(app)

    def expire_tokens(self) -> None:
        """Every token that is out stops working."""
        for app in self.apps.values():
            self._outdate(app)

    def _apps(self, client_id: str) -> list[App]:
        return [self.apps[client_id.lower()]] if client_id else list(self.apps.values())

    def _outdate(self, app: App) -> None:
        app.generation += 1

    # objects

    def find(self, collection: str, object_id: str) -> SimObject | None:
        """The object with that id, compared without case."""
        return self.stored.get(fold(collection), {}).get(object_id.lower())

    def put(self, collection: str, body: Json) -> str:
        """Make an object exist as if it had always been there; returns its id."""
        with self.world.lock:
            return put_object(self, collection, body)

    def objects(self, collection: str) -> list[Json]:
        """Every object, whole: its properties with the rows below it, secrets in clear."""
        with self.world.lock:
            return [self.whole(found) for found in self.live(collection)]

    def live(self, collection: str) -> list[SimObject]:
        """The objects that exist, oldest first."""
        with self.world.lock:
            stored = self.stored.get(fold(collection), {})
            return [found for found in stored.values() if found.newest is not None]

    def get(self, collection: str, object_id: str) -> Json:
        """One whole object."""
        found = self.find(collection, object_id)
        if found is None or found.newest is None:
            raise KeyError(f"{collection}/{object_id}")
        return self.whole(found)

    def whole(self, found: SimObject) -> Json:
        """An object with its rows embedded and its secrets in clear."""
        state = found.latest
        body = copy.deepcopy(state.body)
        for name, rows in state.children.items():
            body[name] = copy.deepcopy(list(rows))
        secrets = state.hidden.get("oma", {})
        for setting in body.get("omaSettings") or ():
            reference = setting.get("secretReferenceValueId")
            if reference in secrets:
                setting["value"] = secrets[reference]
        body.update(copy.deepcopy(state.hidden.get("plain", {})))
        return body

    def remove(self, collection: str, object_id: str) -> None:
        """Delete behind everybody's back."""
        found = self.find(collection, object_id)
        if found is None or found.newest is None:
            raise KeyError(f"{collection}/{object_id}")
        self.commit(found, None)

    def clear(self, collection: str) -> int:
        """Delete every object that is not built in; returns how many."""
        rules = self.world.collection(collection)
        gone = [
            found
            for found in self.live(collection)
            if not (rules is not None and rules.built_in is not None and rules.built_in(found.latest.body))
        ]
        for found in gone:
            self.commit(found, None)
        return len(gone)

    def mutate(self, object_id: str, change: Callable[[Json], Json | None], *, collection: str = "") -> None:
        """Change an object behind everybody's back. `change` is given the whole object and changes it in
        place, or returns another one."""
        paths = [fold(collection)] if collection else list(self.stored)
        for path in paths:
            found = self.stored.get(path, {}).get(object_id.lower())
            if found is not None and found.newest is not None:
                body = self.whole(found)
                changed = change(body)
                replace_object(self, path, found, body if changed is None else changed)
                return
        raise KeyError(object_id)

    def commit(self, found: SimObject, state: State | None) -> None:
        """Store a version now."""
        with self.world.lock:
            found.write(self.world.times.elapsed(), state, keep_past=self.lag.longest() > 0)

    def add(self, collection: Collection, object_id: str, state: State) -> SimObject:
        """Store a new object now."""
        found = SimObject(object_id, self.world.next_sequence())
        self.stored.setdefault(collection.key, {})[object_id.lower()] = found
        self.commit(found, state)
        return found

    # what a reader sees

    def visible(self, found: SimObject, view: str) -> State | None:
        """What a read of this kind shows now: a replica at random, up to date or as late as the lag."""
        lag = float(getattr(self.lag, view))
        if found.newest is None and self.lag.delete > lag:
            lag = self.lag.delete
        if lag <= 0:
            return found.newest
        behind = lag * self.random.choice((0.0, 0.5, 1.0))
        return found.seen_at(self.world.times.elapsed() - behind)

    def listed(self, collection: str, view: str) -> list[tuple[SimObject, State]]:
        """The objects that a list shows now, oldest first."""
        rows = []
        for found in self.stored.get(fold(collection), {}).values():
            state = self.visible(found, view)
            if state is not None:
                rows.append((found, state))
        return rows

    # references

    def knows(self, collection: str, object_id: str) -> bool:
        """Can an object be named by another now?"""
        found = self.find(collection, object_id)
        return found is not None and self.visible(found, "reference") is not None
