"""The people of the install, the members of a tenant, and what each role may do."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tenantatlas.accounts.capabilities import GRANTABLE, ROLES, Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.accounts.queries import all_people, person_by_email
from tenantatlas.core.errors import AtlasError, Conflict, InputError, NotFound
from tenantatlas.core.json import Json
from tenantatlas.runs.registry import all_operations
from tenantatlas.tenants import people, services
from tenantatlas.tenants.queries import (
    MEMBER_FACTS,
    member_facts,
    members_of,
    memberships_of,
    require_install_owner,
)
from tenantatlas.tenants.secondfactor import has_second_factor
from tenantatlas.web import filters
from tenantatlas.web.exports import export_response
from tenantatlas.web.requests import PersonRequest, TenantRequest, capabilities, require

Answer = HttpResponse | StreamingHttpResponse
PER_PAGE = 50


# ── People of the install ─────────────────────────────────────────────────────────────────────────────────


@require_GET
@filters.remembered("people")
def people_list(request: PersonRequest) -> Answer:
    """Everybody who may sign in, for owners of the install."""
    return _people(request, {})


@require_POST
def people_add(request: PersonRequest) -> Answer:
    """Make an account; the answer shows its one-time code, once."""
    require_install_owner(request.user)
    given = {name: request.POST.get(name, "") for name in ("email", "name", "owner")}
    try:
        person, code = people.invite_person(
            actor=request.user, email=given["email"], name=given["name"], is_owner=given["owner"] == "yes"
        )
    except (InputError, Conflict) as error:
        problems = [{"field": "email", "message": error.message, "hint": error.hint}]
        return _people(request, {"problems": problems, "given": given}, status=error.http_status)
    return _show_person(request, person, {"code": code})


def _people(request: PersonRequest, context: dict[str, Json], *, status: int = 200) -> Answer:
    require_install_owner(request.user)
    asked = filters.text(request, "q")
    found = all_people()
    if asked:
        found = found.filter(email__icontains=asked) | found.filter(name__icontains=asked)
    rows = (people.person_facts(person) for person in found.iterator(chunk_size=500))
    if file := export_response(request, name="people", columns=people.PERSON_FACTS, rows=rows):
        return file
    page = filters.page_of(request, found, PER_PAGE)
    context |= {"title": "People", "section": "people", "page": page, "q": asked}
    return render(request, "web/people/list.html", context, status=status)


@require_GET
def person_detail(request: PersonRequest, user_id: int) -> HttpResponse:
    """One person: state, tenants, sessions, and what an owner may do about them."""
    require_install_owner(request.user)
    return _show_person(request, _person(user_id), {})


@require_POST
def person_change(request: PersonRequest, user_id: int) -> HttpResponse:
    """Do to the person what the form's button says."""
    require_install_owner(request.user)
    person = _person(user_id)
    change = request.POST.get("do", "")
    if change == "reset":
        return _show_person(request, person, {"code": people.invite_again(person, actor=request.user)})
    if change not in _CHANGES:
        raise InputError("The form does not say what to do.", hint="Use one of the buttons of the page.")
    act, said = _CHANGES[change]
    act(person, actor=request.user)
    messages.success(request, f"{person.email}: {said}.")
    return redirect("person_detail", user_id=person.pk)


_CHANGES: dict[str, tuple[Callable[..., object], str]] = {
    "switch_off": (people.switch_off, "can no longer sign in"),
    "switch_on": (people.switch_on, "can sign in again"),
    "make_owner": (people.make_owner, "owns this install"),
    "revoke_owner": (people.revoke_owner, "is an ordinary person"),
    "end_sessions": (people.end_all_sessions, "signed out everywhere"),
    "take_second_factor": (people.take_second_factor, "signs in with the password alone"),
}


def _person(user_id: int) -> User:
    person = User.objects.filter(pk=user_id).first()
    if person is None:
        raise NotFound
    return person


def _show_person(request: PersonRequest, person: User, context: dict[str, Json]) -> HttpResponse:
    context |= {
        "title": person.display_name,
        "section": "people",
        "person": person,
        "memberships": list(memberships_of(person)),
        "sessions": people.sessions_of(person),
        "app": has_second_factor(person),
        "has_password": person.has_usable_password(),
    }
    return render(request, "web/people/detail.html", context)


# ── Members of a tenant ───────────────────────────────────────────────────────────────────────────────────


@require_GET
def member_list(request: TenantRequest) -> Answer:
    """Who is a member, in which role, with what besides."""
    return _members(request, {})


@require_POST
def member_grant(request: TenantRequest) -> Answer:
    """Make somebody a member, or change their role."""
    require(request, Capability.MEMBERS_MANAGE)
    given = {name: request.POST.get(name, "") for name in ("email", "role")}
    try:
        membership = services.grant_membership(
            request.tenant,
            actor=request.user,
            user=person_by_email(given["email"]),
            role=_role(given["role"]),
            grants=[Capability(each) for each in request.POST.getlist("grant") if each in GRANTABLE],
        )
    except (InputError, NotFound, Conflict) as error:
        return _refuse(request, error, given)
    messages.success(request, f"{membership.user.email} is {_a(membership.get_role_display().lower())} now.")
    return redirect("member_list", slug=request.tenant.slug)


@require_POST
def member_revoke(request: TenantRequest, user_id: int) -> HttpResponse:
    """Make a member a stranger."""
    require(request, Capability.MEMBERS_MANAGE)
    member = members_of(request.tenant).filter(user_id=user_id).first()
    if member is None:
        raise NotFound
    services.revoke_membership(request.tenant, actor=request.user, user=member.user)
    messages.success(request, f"{member.user.email} is no member any more.")
    if member.user_id == request.user.pk:
        return redirect("home")
    return redirect("member_list", slug=request.tenant.slug)


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _role(name: str) -> Role:
    if name not in set(Role):
        raise InputError("Choose a role.", hint="See what each may do under Roles.")
    return Role(name)


def _refuse(request: TenantRequest, error: AtlasError, given: dict[str, str]) -> Answer:
    """The page again, with what is wrong. Nobody of that name is a mistake in the form, not a lost page."""
    status = 400 if isinstance(error, NotFound) else error.http_status
    problems = [{"field": "email", "message": error.message, "hint": error.hint}]
    return _members(request, {"problems": problems, "given": given}, status=status)


def _members(request: TenantRequest, context: dict[str, Json], *, status: int = 200) -> Answer:
    found = members_of(request.tenant)
    rows = (member_facts(each) for each in found.iterator(chunk_size=500))
    if file := export_response(request, name="members", columns=MEMBER_FACTS, rows=rows):
        return file
    context |= {
        "title": "Members",
        "section": "members",
        "members": list(found),
        "roles": [(role.value, role.value.title()) for role in Role],
        "grantable": sorted(GRANTABLE),
        "may_manage": Capability.MEMBERS_MANAGE in capabilities(request),
    }
    return render(request, "web/people/members.html", context, status=status)


# ── Roles ─────────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
def role_matrix(request: PersonRequest) -> HttpResponse:
    """What each role may do: from the capabilities themselves, so that it is what is checked."""
    operations: dict[str, list[str]] = {}
    for each in all_operations():
        operations.setdefault(each.needs, []).append(each.label)
    rows = [
        {
            "capability": capability.value,
            "held": [(role.value, capability in ROLES[role]) for role in Role],
            "grantable": capability in GRANTABLE,
            "operations": operations.get(capability, ()),
        }
        for capability in Capability
    ]
    context = {"title": "Roles", "section": "roles", "roles": [role.value for role in Role], "rows": rows}
    return render(request, "web/people/roles.html", context)
