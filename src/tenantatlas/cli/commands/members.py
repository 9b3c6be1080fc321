"""`tenantatlas members`: who may do what in a tenant."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.accounts.capabilities import Capability, Role
from tenantatlas.accounts.queries import person_by_email
from tenantatlas.cli.output import print_object, print_rows
from tenantatlas.cli.session import TenantOption, in_tenant
from tenantatlas.core.errors import InputError
from tenantatlas.tenants import services
from tenantatlas.tenants.queries import MEMBER_FACTS, member_facts, members_of, require_capability

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Who may do what in a tenant.", no_args_is_help=True)
    app.add_typer(group, name="members")
    for command in (list_, grant, revoke):
        group.command(name=command.__name__.rstrip("_"))(command)


def list_(*, tenant: TenantOption) -> None:
    """List the tenant's members, their roles and what was granted besides."""
    with in_tenant(tenant) as session:
        print_rows((member_facts(each) for each in members_of(session.tenant)), columns=MEMBER_FACTS)


def grant(
    email: EmailArgument,
    *,
    tenant: TenantOption,
    role: Annotated[Role, typer.Option(help="The role, in place of the one they have.")],
    grant: Annotated[
        list[str] | None,
        typer.Option("--grant", metavar="CAPABILITY", help="Something besides, such as restore.execute."),
    ] = None,
) -> None:
    """Make a person a member of the tenant, or change their role."""
    given = [_capability(name) for name in grant or ()]
    with in_tenant(tenant) as session:
        require_capability(session.user, session.tenant, Capability.MEMBERS_MANAGE)
        membership = services.grant_membership(
            session.tenant, actor=session.user, user=person_by_email(email), role=role, grants=given
        )
        print_object(member_facts(membership), text=f"{membership.user.email} is {role} of {tenant}.")


def revoke(email: EmailArgument, *, tenant: TenantOption) -> None:
    """Make a person a stranger to the tenant. The last owner stays."""
    with in_tenant(tenant) as session:
        require_capability(session.user, session.tenant, Capability.MEMBERS_MANAGE)
        person = person_by_email(email)
        services.revoke_membership(session.tenant, actor=session.user, user=person)
        print_object(
            {"email": person.email, "tenant": tenant, "revoked": True},
            text=f"{person.email} is no member of {tenant} any more.",
        )


def _capability(name: str) -> Capability:
    if name not in set(Capability):
        raise InputError(
            f"There is no capability {name[:60]!r}.",
            hint="See docs/reference or the page Roles for their names.",
        )
    return Capability(name)
