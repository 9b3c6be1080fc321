"""The directory, as far as policies name it. All of it is read only."""

from __future__ import annotations

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import AnswerError, bad_request
from tenantatlas.simulator.facts import Action, Call, Collection, FilterSupport, Reply

_GROUPS_READ = ("Group.Read.All", "GroupMember.Read.All", "Directory.Read.All", "Group.ReadWrite.All")
_APPS_READ = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All")
_MOST_IDS = 1000
_KINDS = {"group": "/groups", "user": "/users", "servicePrincipal": "/servicePrincipals"}
_ADVANCED = (" ne ", "not ", "not(", "endswith", "$count")


def _filter(call: Call, text: str, bodies: list[Json]) -> list[Json]:
    """Advanced filters need the eventual consistency level, and say so."""
    from tenantatlas.simulator.filters import parse_filter  # noqa: PLC0415 - only directory lists come here

    advanced = any(word in f" {text.lower()}" for word in _ADVANCED)
    if advanced and call.request.header("consistencylevel").lower() != "eventual":
        raise AnswerError(
            400, "Request_UnsupportedQuery", "Unsupported Query. Set the ConsistencyLevel header to eventual."
        )
    test = parse_filter(text, ignore_case=True)
    return [body for body in bodies if test(body)]


def _get_by_ids(call: Call, body: Json) -> Reply:
    ids = body.get("ids") if isinstance(body, dict) else None
    if not isinstance(ids, list) or len(ids) > _MOST_IDS:
        raise bad_request(f"The collection 'ids' must hold between 1 and {_MOST_IDS} values.", intune=False)
    kinds = body.get("types") or list(_KINDS)
    rows: list[Json] = []
    for object_id in ids:
        for kind in kinds:
            found = call.tenant.find(_KINDS.get(kind, f"/{kind}s"), str(object_id))
            if found is not None and found.newest is not None:
                rows.append({"@odata.type": f"#microsoft.graph.{kind}", **found.latest.body})
    return Reply(
        status=200,
        body={"@odata.context": f"{call.graph}/{call.version}/$metadata#directoryObjects", "value": rows},
    )


_BY_IDS = {"getByIds": Action(_get_by_ids, on_collection=True)}


def _directory(path: str, entity: str, read: tuple[str, ...]) -> Collection:
    return Collection(
        path=path,
        entity=entity,
        family="identityAndAccess",
        read=read,
        write=(),
        intune=False,
        page_size=100,
        top_limit=999,
        filter=FilterSupport.EVALUATED,
        filter_rows=_filter,
        create=False,
        created="createdDateTime",
        modified="",
        actions=_BY_IDS,
    )


COLLECTIONS = (
    _directory("/groups", "group", _GROUPS_READ),
    _directory("/users", "user", ("User.Read.All", "Directory.Read.All", "User.ReadWrite.All")),
    _directory("/servicePrincipals", "servicePrincipal", _APPS_READ),
    _directory("/applications", "application", _APPS_READ),
    _directory("/directoryObjects", "directoryObject", _GROUPS_READ),
    _directory("/organization", "organization", ("Organization.Read.All", "Directory.Read.All")),
    Collection(
        path="/identityGovernance/termsOfUse/agreements",
        entity="agreement",
        family="identityGovernance",
        read=(),
        write=(),
        delegated_only=True,
        intune=False,
        create=False,
        created="",
        modified="",
        feature="premium",
    ),
)
