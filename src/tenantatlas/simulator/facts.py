"""The words in which the simulator says how one Graph collection behaves.

A `Collection` is data about the service, not about our client. Rules that do not fit into data are functions
named by it (`check_create`, `actions`, `new_id` …); they raise `AnswerError` for what Graph refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tenantatlas.core.json import Json

if TYPE_CHECKING:
    from .messages import SimRequest
    from .objects import SimObject, State
    from .odata import Query
    from .tenants import SimTenant
    from .world import World


class FilterSupport(StrEnum):
    """What becomes of a `$filter`."""

    EVALUATED = "evaluated"
    IGNORED = "ignored"  # all rows come back, and no word about it
    REFUSED = "refused"


class ExpandSupport(StrEnum):
    """What becomes of an `$expand`."""

    WORKS = "works"
    EMPTY = "empty"  # accepted, and the array is empty
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an action answers."""

    status: int = 204
    body: Json = None
    delay: float = 0.0


@dataclass(kw_only=True)
class Call:
    """One request at the place where rules are asked."""

    world: World
    tenant: SimTenant
    collection: Collection
    request: SimRequest
    query: Query
    version: str
    graph: str  # "https://graph.microsoft.com": where links and binds point
    object: SimObject | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    cast: str = ""  # the type segment that the path went through
    applied: bool = False

    @property
    def state(self) -> State:
        """The state of the object that the path names."""
        if self.object is None:
            raise LookupError("the path names no object")
        return self.object.latest


Check = Callable[[Call, dict[str, Json]], None]
Completion = Callable[["SimTenant", dict[str, Json]], dict[str, Json]]
Handler = Callable[[Call, Json], Reply]


@dataclass(frozen=True)
class Action:
    """A bound action or function. `cast` is the type segment it must be reached through ("" = none)."""

    handler: Handler
    method: str = "POST"
    cast: str = field(default="", kw_only=True)
    on_collection: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, kw_only=True)
class Child:
    """Rows that hang below an object and are read by requests of their own."""

    name: str
    entity: str = ""
    page_size: int = 100
    routed: bool = True  # GET {item}/{name} exists
    on_list: ExpandSupport = ExpandSupport.REFUSED
    on_item: ExpandSupport = ExpandSupport.REFUSED
    nested: tuple[str, ...] = ()  # properties of a row that only an $expand shows
    inline: bool = False  # accepted inside the body of a create
    parent_key: bool = False  # row ids are "<object id>_<something>"
    counted: bool = False  # @odata.count is the size of the page
    change: Callable[[Call, str, Json, Json], Json] | None = None  # POST, PATCH, DELETE of a row
    single: bool = False  # one object or nothing, not a list
    cast: bool = False  # the path must name the derived type before it
    keeps_ids: bool = False  # rows are other objects


@dataclass(frozen=True, kw_only=True)
class Assignments:
    """How assignments are written and what comes back."""

    body_key: str = "assignments"
    odata_type: str = ""
    status: int = 200
    cast: str = ""  # the action lives behind this type segment
    action: bool = True  # POST {item}/assign; else POST and DELETE of single rows
    legacy_keys: tuple[str, ...] = ()
    targets: frozenset[str] = frozenset(
        {
            "groupAssignmentTarget",
            "exclusionGroupAssignmentTarget",
            "allDevicesAssignmentTarget",
            "allLicensedUsersAssignmentTarget",
        }
    )
    filters: bool = True
    keep: tuple[str, ...] = ("target",)
    exclusions_become_inclusions: bool = False
    zero_filter: str = ""  # what filter type a row without filter shows beside the all-zero id ("" = null id)
    unknown_group: int = 400  # the status for a group that does not exist
    routed: bool = True
    absent_on_built_in: bool = False  # the property is missing, not empty
    on_list: ExpandSupport = ExpandSupport.WORKS
    on_item: ExpandSupport = ExpandSupport.WORKS


@dataclass(frozen=True, kw_only=True)
class Collection:
    """How one collection behaves."""

    path: str
    entity: str
    family: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    write_also: tuple[str, ...] = ()
    delegated_only: bool = False
    intune: bool = True
    v1: bool = True
    singleton: bool = False
    name: str = "displayName"
    # reading
    page_size: int = 1000
    top_limit: int = 1000
    top_refused: bool = False
    top_ignored: bool = False
    counts_pages: bool = False
    omitted: tuple[str, ...] = ()  # absent from list rows
    nulled: tuple[str, ...] = ()  # null in list rows
    omitted_unless_selected: tuple[str, ...] = ()  # absent from list rows unless $select names them
    select_refused: bool = False
    filter: FilterSupport = FilterSupport.IGNORED
    filter_refuses: tuple[str, ...] = ()  # words in a $filter that give 400
    filter_ignores: tuple[str, ...] = ()  # words in a $filter that make the service return everything
    filter_rows: Callable[[Call, str, list[Json]], list[Json]] | None = None
    item_shows: Callable[[Call, dict[str, Json], str], dict[str, Json]] | None = (
        None  # view: "list" or "item"
    )
    children: tuple[Child, ...] = ()
    assignments: Assignments | None = None
    # writing
    types: frozenset[str] = (
        frozenset()
    )  # not empty: the collection is polymorphic and bodies must say which they are
    derived: frozenset[str] = (
        frozenset()
    )  # types of rows besides the collection's own: these say what they are, its own do not
    create: bool = True
    create_status: int = 201
    patch: bool = True
    patch_status: int = 204
    put: bool = False
    delete: bool = True
    delete_status: int = 200
    keeps_id: bool = False
    versioned: bool = False
    modified: str = "lastModifiedDateTime"
    modified_at_create: bool = True
    created: str = "createdDateTime"
    defaults: Mapping[str, Json] = field(default_factory=dict)
    read_only: tuple[str, ...] = ()  # refused in create and update
    immutable: Mapping[str, str] = field(
        default_factory=dict
    )  # refused in update -> the sentence Graph answers
    ignored_in_update: Mapping[str, Any] = field(
        default_factory=dict
    )  # property -> the value silently ignored
    check_create: Check | None = None
    check_update: Check | None = None
    check_delete: Callable[[Call], None] | None = None
    complete: Completion | None = (
        None  # what the service makes of a body that it accepted (create and update)
    )
    learn: Callable[[SimTenant, dict[str, Json], dict[str, list[Json]]], None] | None = (
        None  # seeding tells facts
    )
    prepare: Callable[[SimTenant, dict[str, Json]], dict[str, Json]] | None = (
        None  # first look at a seeded document
    )
    virtual: Callable[[SimTenant], Mapping[str, dict[str, Json]]] | None = (
        None  # objects that are computed, not stored
    )
    new_id: Callable[[Call, dict[str, Json]], str] | None = None
    computed: Mapping[str, str] = field(
        default_factory=dict
    )  # property -> name of the child whose rows are counted
    is_assigned: bool = False
    built_in: Callable[[dict[str, Json]], bool] | None = None
    built_in_patch: tuple[str, ...] | None = (
        None  # properties that may not be patched on a built-in; None = no patch
    )
    serial_seconds: float = 0.0  # a second write within this time conflicts
    soft_delete: bool = False
    actions: Mapping[str, Action] = field(default_factory=dict)
    feature: str = ""  # profile switch that must be on

    @property
    def key(self) -> str:
        """The path, folded: what look-ups use."""
        return self.path.lower()

    def child(self, name: str) -> Child | None:
        """The child with that name, compared without case."""
        return next((child for child in self.children if child.name.lower() == name.lower()), None)
