"""The words in which a policy type is described. Pure data and small pure functions; no I/O.

How the parts fit together:

    list row ──┐
    Part reads ┴─► Document ──compose──► composed body ──canonical──► canonical form ──► digest, diff
                                             │
                                   references.rewrite (mapping)
                                             │
                                 create / update / assign steps ──► restore plan

*Composed body*: one JSON object that holds the whole policy: the object's own properties with every Part
embedded under its `into` name, assignments always under `assignments`.
Paths inside bodies (`policies.paths`) are dotted, `[]` means every element, `**` any depth; a trailing `*`
matches any suffix of a property name, a leading `*` any prefix: `settings[].id`,
`templateReference.templateFamily`, `*@odata.context`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote

from tenantatlas.core.json import Json

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Shape(StrEnum):
    """What a Part's answer looks like."""

    OBJECT = "object"  # one object; merged into the body (into="") or embedded under `into`
    COLLECTION = "collection"  # {"value": [...]} with pages; embedded as a list
    VALUE = "value"  # {"value": <scalar>}; stored in the row it was read for, under `into`


@dataclass(frozen=True, kw_only=True)
class Part:
    """One extra read that a lossless copy needs.

    `path` begins with `{item}`; other placeholders (`{id}`, `{secretReferenceValueId}`) are properties of the
    row named by `for_each`, a dotted path to a list inside the body composed so far ("" = once per policy).
    """

    name: str
    path: str
    shape: Shape = Shape.COLLECTION
    into: str = ""
    for_each: str = ""
    when: Callable[[Json], bool] | None = None  # asked with the row (or the object): is this read needed?
    count_property: str = ""  # the object's own count of what must be found here (settingCount)
    secret: bool = False  # a failure here means "secret not captured", not "policy not captured"
    optional: bool = False  # 404 or 204 here means "there is none": no rows, nothing missing
    batchable: bool = True

    def row_id(self, row: Json) -> str:
        """What tells the rows of `for_each` apart: the properties that `path` names, joined by a comma. ""
        where the row lacks one of them: then there is nothing to read for it.
        """
        values = [row.get(name) for name in _PLACEHOLDER.findall(self.path) if name != "item"]
        return "" if None in values else ",".join(str(value) for value in values)

    def key_for(self, row: Json) -> str:
        """The key of this answer in a document: the name, and `:<row id>` where it is read for each row."""
        return f"{self.name}:{self.row_id(row)}" if self.for_each else self.name

    def path_for(self, item: str, *, row: Json) -> str:
        """The path to read. `item` is the object's own path; values from the row are percent-encoded."""
        return _PLACEHOLDER.sub(
            lambda found: item if found[1] == "item" else quote(str(row[found[1]]), safe=""), self.path
        )


class SecretKind(StrEnum):
    RECOVERABLE = "recoverable"  # a Part reads it in clear; kept encrypted
    NEEDS_INPUT = "needs input at restore"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, kw_only=True)
class Secret:
    """A property whose value must never be shown; values in `MASKS` are never kept as it and never written.

    Both questions are asked with the object that holds the property, as read and in canonical form, so what
    they look at must not be volatile. `when`: is this one a secret (default: where it is not null)?
    `given`: is the value there in a form that may be written (default: not null and not a mask)? The
    canonical form leaves out the value of a secret that Graph does not give (NEEDS_INPUT, IMPOSSIBLE): it
    says nothing.
    """

    path: str
    kind: SecretKind
    note: str = ""
    when: Callable[[Json], bool] | None = None
    given: Callable[[Json], bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Where a body names something else.

    `kind` is the mapping section and the type of what is named: a policy type key of ours
    ("assignmentFilters", "roleScopeTags", "conditionalAccess.namedLocations" …), "groups", "users", or a kind
    we only check ("mobileApps", "termsOfUse.agreements" …) by one GET of `check` ("/beta/…/{id}") in the
    target. `portable` values mean the same in every tenant. `when` is asked with the object that holds the
    property: does this one name something? `pick` is a regular expression whose group 1 is the id inside a
    longer value ("" = the whole value; no match = no reference). Only non-empty strings are references; what
    lies in an assignment that is never sent (inherited from elsewhere) is none.
    """

    path: str
    kind: str
    check: str = ""
    portable: frozenset[str] = frozenset()
    when: Callable[[Json], bool] | None = None
    pick: str = ""


class AssignWrite(StrEnum):
    NONE = "none"
    REPLACE = "replace"  # POST {item}/assign with the whole set
    ONE_BY_ONE = "one by one"  # POST {item}/assignments per target, DELETE {item}/assignments/{id}


@dataclass(frozen=True, kw_only=True)
class AssignmentRule:
    """How a type reads and writes its assignments.

    `targets` are type names without `#microsoft.graph.`; a target of another type is a reason to refuse the
    policy and never dropped. `virtual_groups`: all users and all devices are group targets with the ids
    `ALL_USERS_GROUP` and `ALL_DEVICES_GROUP` here (app protection).
    """

    write: AssignWrite = AssignWrite.REPLACE
    path: str = "{item}/assign"
    body_key: str = "assignments"
    odata_type: str = ""  # @odata.type of each row sent; "" = send none
    targets: frozenset[str] = frozenset(
        {
            "groupAssignmentTarget",
            "exclusionGroupAssignmentTarget",
            "allDevicesAssignmentTarget",
            "allLicensedUsersAssignmentTarget",
        }
    )
    filters: bool = True  # deviceAndAppManagementAssignmentFilter* allowed on targets
    keep: tuple[str, ...] = ("target",)  # properties of a row that are ours to send
    exclusions_stored_as_inclusions: bool = False  # then an exclusion is refused, never sent
    virtual_groups: bool = False


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class RestoreMode(StrEnum):
    FULL = "full"
    UPDATE_ONLY = "update only"
    BACKUP_ONLY = "backup only"


class StepKind(StrEnum):
    CREATE = "create"  # POST to the collection: makes the object
    UPDATE = "update"  # PATCH or PUT of the object
    CHILD = "child"  # anything below the object but assignments
    ASSIGN = "assign"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One write, as a type asks for it. `{item}` in `path` stands for the object's own path ("/beta/…/<id>").

    `repeatable` is False where sending it twice would make two things; then `twin_path` is the list that
    tells whether it was applied, and `twin_by` the properties of the body that identify it there. `unless`
    names values that make the step needless: the object is read right before, and where all of them are there
    already the step is not sent (Graph refuses, for instance, to set a priority to its current value).
    """

    kind: StepKind
    method: str
    path: str
    body: Json = None
    repeatable: bool = True
    twin_path: str = ""
    twin_by: tuple[str, ...] = ()
    unless: Mapping[str, Json] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class WriteContext:
    """What a type is given to say its steps. Bodies are composed bodies with references already mapped."""

    policy_type: PolicyType
    wanted: Json
    live: Json | None = None
    graph_root: str = ""  # "https://graph.microsoft.com/beta", for @odata.bind


Steps = Callable[[WriteContext], tuple[Step, ...]]


@dataclass(frozen=True, kw_only=True)
class RestoreRule:
    """How a type is put back. `create`, `update` and `delete` default to `writes.create_by_post`,
    `writes.update_by_patch` and `writes.delete_item`; the special ways stand in the package `writes` too.

    `order` is the contract's: ascending, foundations first, Entra after assignments. `serial` types have one
    write in flight at a time. `rewrites` are paths that the server is known to change: they count as success
    and are listed. `refuse` returns the reasons why this body cannot be written (template retired …).
    """

    order: int
    mode: RestoreMode = RestoreMode.FULL
    risk: Risk = Risk.MEDIUM
    reason: str = ""
    match_by: tuple[str, ...] = ()  # () = name field and @odata.type
    create: Steps | None = None
    update: Steps | None = None
    delete: Steps | None = None
    strip_create: tuple[str, ...] = ()
    strip_update: tuple[str, ...] = ()
    serial: bool = False
    rewrites: tuple[str, ...] = ()
    refuse: Callable[[Json], tuple[str, ...]] | None = None
    recreate: str = ""  # what an admin must know about a new id ("scripts run again")


@dataclass(frozen=True, kw_only=True)
class PolicyType:
    """Everything we know about one kind of policy. One instance per file in `policies/types/`, named
    POLICY_TYPE."""

    key: str  # as in `--types`, JSON and reference pages
    label: str
    platforms: tuple[str, ...]
    path: str  # collection with version: "/beta/deviceManagement/configurationPolicies"
    family: str  # throttle family, see graph/limits.py
    reads: tuple[str, ...]  # any one of these application permissions is enough to read; least first
    writes: tuple[str, ...]  # any one of these is enough to write
    writes_also: tuple[str, ...] = ()  # needed besides (conditional access: Application.Read.All)
    restore: RestoreRule
    docs: str = ""
    name_field: str = "displayName"
    scope_tags: str = "roleScopeTagIds"  # "" where the type has none
    odata_type: str = ""  # of rows that omit it
    odata_types: frozenset[str] = (
        frozenset()
    )  # known ones; others are kept and marked backup only. Empty = any.
    properties: frozenset[str] = frozenset()  # known top-level ones, likewise. Empty = not checked.
    selects: Callable[[Json], bool] | None = None  # this type's rows of a shared collection
    takes_rest: bool = False  # gets the rows of a shared collection that no other type selects
    list_query: str = ""  # "$expand=assignments"; sent with the list as is
    item_query: str = ""  # "$expand=apps,assignments"; sent with the item read
    reads_item: bool = False  # the list row is not enough
    parts: tuple[Part, ...] = ()
    assignments: AssignmentRule | None = None
    volatile: tuple[str, ...] = ()  # besides COMMON_VOLATILE
    unordered: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # list path -> natural key ("" = itself)
    secrets: tuple[Secret, ...] = ()
    references: tuple[Reference, ...] = ()
    compose: Callable[[Json], Json] | None = None  # last touch on the composed body
    built_in: Callable[[Json], bool] | None = None  # made by Microsoft: never created, deleted or renamed
    built_in_update: bool = False  # a built-in may be patched
    built_in_assignments: bool = False  # a built-in may be assigned
    foundation: bool = False
    batchable: bool = True  # conditional access is not
    limits: tuple[str, ...] = ()  # what it cannot do, each a plain sentence for admins

    @property
    def module_name(self) -> str:
        """The file in `policies/types/` that holds it."""
        words = "".join(f"_{c.lower()}" if c.isupper() else c for c in self.key.replace(".", "_"))
        return words.replace("__", "_").lstrip("_")


#: Set by the service on every object: never a difference, never written. (contracts: commonStrip)
COMMON_VOLATILE: tuple[str, ...] = (
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "modifiedDateTime",
    "version",
    "isAssigned",
    "supportsScopeTags",
    "createdBy",
    "lastModifiedBy",
    "settingCount",
    "*@odata.context",
    "*@odata.navigationLink",
    "*@odata.associationLink",
    "*@odata.count",
    "*@odata.nextLink",
    "@odata.id",
    "@odata.editLink",
    "@odata.etag",
    "#microsoft.graph.*",
    "@microsoft.graph.tips",
)

#: What Graph puts where a secret is. Never stored as a value, never written.
MASKS: frozenset[str] = frozenset({"****", "PGEvPg=="})

NO_FILTER = "00000000-0000-0000-0000-000000000000"
ALL_USERS_GROUP = "acacacac-9df4-4c7d-9d50-4ef0226f57a9"
ALL_DEVICES_GROUP = "adadadad-808e-44e2-905a-0b7873a8a531"

#: Every assignment and every scope tag list is a reference in the same way.
SCOPE_TAGS = Reference(path="roleScopeTagIds[]", kind="roleScopeTags", portable=frozenset({"0"}))
ASSIGNED_GROUPS = Reference(
    path="assignments[].target.groupId",
    kind="groups",
    portable=frozenset({ALL_USERS_GROUP, ALL_DEVICES_GROUP}),
)
ASSIGNED_FILTERS = Reference(
    path="assignments[].target.deviceAndAppManagementAssignmentFilterId",
    kind="assignmentFilters",
    portable=frozenset({NO_FILTER}),
)
