"""`tenantatlas tenants`: connect Microsoft tenants and look at the connections."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.cli.files import read_secret_file, read_text_file
from tenantatlas.cli.output import note, print_object, print_of_start, print_rows
from tenantatlas.cli.session import Session, acting_user, in_tenant
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.core import clock
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json
from tenantatlas.directory.queries import groups_by_id
from tenantatlas.runs.models import OperationRun
from tenantatlas.tenants import keys, services
from tenantatlas.tenants.correcting import correct_tenant
from tenantatlas.tenants.credentials import Credential, certificate, client_secret, last_moment
from tenantatlas.tenants.expiry import consequence, ending
from tenantatlas.tenants.models import Environment, Purpose, Tenant
from tenantatlas.tenants.queries import connection_of, latest_report, require_capability, tenants_of

_COLUMNS = ("slug", "name", "environment", "cloud", "tenant_id", "writes")


class CloudName(StrEnum):
    """The clouds that Graph lives in."""

    GLOBAL = "global"
    USGOV = "usgov"
    USGOV_DOD = "usgov-dod"
    CHINA = "china"
    CUSTOM = "custom"


class YesNo(StrEnum):
    """An answer that must be given."""

    YES = "yes"
    NO = "no"


SlugArgument = Annotated[str, typer.Argument(metavar="SLUG", help="The tenant's short name.")]
SecretFileOption = Annotated[
    Path | None,
    typer.Option("--client-secret-file", metavar="F", help="A file with the app's client secret."),
]
CertificateFileOption = Annotated[
    Path | None,
    typer.Option("--certificate-file", metavar="F", help="A PEM file with certificate and private key."),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Connect Microsoft tenants.", no_args_is_help=True)
    app.add_typer(group, name="tenants")
    for command in (add, list_, show, check, update, set_, certificate_, remove):
        group.command(name=command.__name__.rstrip("_"))(command)


def add(  # noqa: PLR0913 - the options of the command are its arguments
    slug: SlugArgument,
    *,
    name: Annotated[str, typer.Option(help="The tenant's name, as people say it.")],
    tenant_id: Annotated[str, typer.Option(metavar="GUID", help="The Microsoft tenant's id.")],
    client_id: Annotated[str, typer.Option(metavar="GUID", help="The app registration's client id.")],
    client_secret_file: SecretFileOption = None,
    certificate_file: CertificateFileOption = None,
    environment: Annotated[
        Environment, typer.Option(help="What the tenant is for.", case_sensitive=False)
    ] = Environment.PRODUCTION,
    cloud: Annotated[
        CloudName, typer.Option(help="The cloud that the tenant lives in.", case_sensitive=False)
    ] = CloudName.GLOBAL,
    graph_url: Annotated[str, typer.Option(metavar="U", help="Graph's address (custom cloud).")] = "",
    login_url: Annotated[str, typer.Option(metavar="U", help="The sign-in address (custom cloud).")] = "",
    ca_file: Annotated[
        Path | None, typer.Option(metavar="F", help="CA certificates to trust for this tenant, PEM.")
    ] = None,
) -> None:
    """Connect a tenant. Nothing is sent to it yet; see `tenants check`."""
    actor = acting_user()
    new = services.NewTenant(
        slug=slug,
        name=name,
        tenant_guid=tenant_id,
        client_id=client_id,
        credential=_credential(client_secret_file, certificate_file),
        environment=environment.value,
        cloud=cloud.value,
        graph_url=graph_url,
        login_url=login_url,
        ca_pem=read_text_file(ca_file, what="CA file") if ca_file else "",
    )
    tenant = services.add_tenant(new, actor=actor)
    print_object(_facts(tenant), text=f"{tenant.slug} is connected.")
    same = [each.slug for each in tenants_of(actor) if each.tenant_guid == tenant.tenant_guid != ""]
    others = ", ".join(slug for slug in same if slug != tenant.slug)
    if others:
        note(
            f"warning: this Microsoft tenant is connected as {others} too. They wait for each other's writes."
        )
    note(f"See what the app is allowed with `tenantatlas tenants check {tenant.slug}`.")


def list_() -> None:
    """List your tenants."""
    print_rows(
        (_facts(tenant) for tenant in tenants_of(acting_user())),
        columns=_COLUMNS,
        empty="No tenant yet. Connect one with `tenantatlas tenants add`.",
    )


def show(slug: SlugArgument) -> None:
    """Show one tenant, its connection and what its app was allowed when last checked."""
    with in_tenant(slug) as session:
        print_object({**_facts(session.tenant), **_connection_facts(session.tenant)})
        _warn_of_ends(session.tenant)


def check(slug: SlugArgument) -> None:
    """Sign in to the tenant and compare what the app is allowed with what is needed."""
    with in_tenant(slug) as session:
        start_and_wait("connection.check", session, params={}, wait=True, extra=_report_of)


def update(
    slug: SlugArgument,
    *,
    client_secret_file: SecretFileOption = None,
    certificate_file: CertificateFileOption = None,
    made_certificate: Annotated[
        bool, typer.Option("--made-certificate", help="Use the certificate that `tenants certificate` made.")
    ] = False,
    expires: Annotated[
        str, typer.Option(metavar="DATE", help="When the secret expires, as Entra shows it (2027-05-31).")
    ] = "",
    client_id: Annotated[str, typer.Option(metavar="GUID", help="Another app registration.")] = "",
    purpose: Annotated[
        Purpose, typer.Option(help="Which app: the reader, or a separate one that writes.")
    ] = Purpose.READER,
) -> None:
    """Replace the credential of a tenant's app registration."""
    with in_tenant(slug) as session:
        require_capability(session.user, session.tenant, Capability.CONNECTION_MANAGE)
        if made_certificate:
            if client_secret_file or certificate_file:
                raise InputError("--made-certificate is a credential by itself.", hint="Give one credential.")
            keys.use_certificate(session.tenant, actor=session.user, purpose=purpose, client_id=client_id)
        else:
            services.update_credential(
                session.tenant,
                actor=session.user,
                credential=_credential(client_secret_file, certificate_file, expires=expires),
                purpose=purpose,
                client_id=client_id,
            )
        print_object(
            {"slug": slug, **_connection_facts(session.tenant)},
            text=f"{slug} has a new {purpose.value} credential.",
        )


def certificate_(
    slug: SlugArgument,
    *,
    out: Annotated[Path, typer.Option(metavar="F", help="Where to write the public certificate (.cer).")],
    purpose: Annotated[Purpose, typer.Option(help="For which app.")] = Purpose.READER,
) -> None:
    """Make a key pair for an app. The private key is sealed here; the certificate is for Entra."""
    with in_tenant(slug) as session:
        require_capability(session.user, session.tenant, Capability.CONNECTION_MANAGE)
        if out.exists():
            raise InputError(f"{out} exists already.", hint="Name a file that does not.")
        made = keys.make_certificate(session.tenant, actor=session.user, purpose=purpose)
        try:
            out.write_bytes(keys.public_certificate(made))
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error.strerror}.", hint="Check the path.") from error
        print_object(
            {
                "slug": slug,
                "purpose": purpose.value,
                "certificate": str(out),
                "thumbprint": keys.thumbprint(made.certificate),
                "expires_at": made.expires_at.isoformat(),
            }
        )
        note(
            "Upload it to the app in Entra, then: "
            f"`tenantatlas tenants update {slug} --made-certificate --purpose {purpose.value}`."
        )


def set_(  # noqa: PLR0913 - the options of the command are its arguments
    slug: SlugArgument,
    *,
    name: Annotated[str, typer.Option(help="Another name.")] = "",
    environment: Annotated[
        Environment | None, typer.Option(help="What the tenant is for.", case_sensitive=False)
    ] = None,
    tenant_id: Annotated[
        str, typer.Option(metavar="GUID", help="The Microsoft tenant's id, until something of it was seen.")
    ] = "",
    cloud: Annotated[
        CloudName | None, typer.Option(help="The cloud that the tenant lives in.", case_sensitive=False)
    ] = None,
    graph_url: Annotated[str, typer.Option(metavar="U", help="Graph's address (custom cloud).")] = "",
    login_url: Annotated[str, typer.Option(metavar="U", help="The sign-in address (custom cloud).")] = "",
    ca_file: Annotated[
        str,
        typer.Option(metavar="F", help="CA certificates to trust for this tenant, PEM, or `none`."),
    ] = "",
    rbac_group: Annotated[
        str,
        typer.Option(metavar="GUID", help="The group that shall hold our service principal, or `none`."),
    ] = "",
    allow_deletes: Annotated[
        YesNo | None, typer.Option(help="Whether restores may delete policies in this tenant.")
    ] = None,
    require_approval: Annotated[
        YesNo | None, typer.Option(help="Whether a second person approves every restore's plan first.")
    ] = None,
    writes: Annotated[
        YesNo | None,
        typer.Option(
            help="yes: confirm, after `self restore`, that this tenant may be written to; no: hold."
        ),
    ] = None,
) -> None:
    """Change a tenant's settings. Another cloud or address forgets the apps' credentials."""
    where = (tenant_id, cloud, graph_url, login_url, ca_file)
    given = (name, environment, *where, rbac_group, allow_deletes, require_approval, writes)
    if not any(given):
        raise InputError(
            "Nothing to set.",
            hint="Give --name, --environment, --tenant-id, --cloud, --graph-url, --login-url, --ca-file, "
            "--rbac-group, or yes or no for --allow-deletes, --require-approval or --writes.",
        )
    with in_tenant(slug) as session:
        if any(where):
            _correct(session, tenant_id, cloud, graph_url, login_url, ca_file)
        if name or environment:
            services.change_tenant(
                session.tenant,
                actor=session.user,
                name=name or session.tenant.name,
                environment=environment.value if environment else session.tenant.environment,
            )
        if rbac_group:
            _keep_group(session, "" if rbac_group == "none" else rbac_group)
        if allow_deletes is not None:
            services.set_allow_deletes(session.tenant, actor=session.user, allowed=allow_deletes is YesNo.YES)
        if require_approval is not None:
            services.set_require_approval(
                session.tenant, actor=session.user, required=require_approval is YesNo.YES
            )
        if writes is not None:
            _set_writes(session, writes)
        print_object(_facts(session.tenant))


def remove(
    slug: SlugArgument,
    *,
    confirm: Annotated[
        str,
        typer.Option(metavar="SLUG", help="The tenant's slug again; a person who does not give it is asked."),
    ] = "",
) -> None:
    """Disconnect a tenant and destroy its credentials. Its backups stay in the store."""
    with in_tenant(slug) as session:
        require_capability(session.user, session.tenant, Capability.TENANT_MANAGE)
        _confirm_removal(slug, confirm)
        services.remove_tenant(session.tenant, actor=session.user)
    print_object(
        {"slug": slug, "removed": True}, text=f"{slug} is disconnected; its credentials are destroyed."
    )


def _confirm_removal(slug: str, confirm: str) -> None:
    """A person types the slug again; a script that names it once has said it."""
    given = confirm
    if not given and sys.stdin.isatty():
        note(f"Removing {slug} destroys its credentials and cannot be undone.")
        given = typer.prompt(f"Type {slug} to confirm", default="", show_default=False, err=True)
    elif not given:
        return
    if given != slug:
        raise InputError(
            f"What was given is not the slug of the tenant: it is {slug}. Nothing was removed.",
            hint=f"Confirm with --confirm {slug}.",
            details={"field": "confirm"},
        )


def _correct(
    session: Session, tenant_id: str, cloud: CloudName | None, graph_url: str, login_url: str, ca_file: str
) -> None:
    """What is not given stays; a known cloud brings its own addresses."""
    known = session.tenant
    named = cloud.value if cloud else known.cloud
    custom = named == CloudName.CUSTOM
    trusted = {"": known.ca_pem, "none": ""}
    facts = services.TenantFacts(
        slug=known.slug,
        name=known.name,
        environment=known.environment,
        tenant_guid=tenant_id or known.tenant_guid,
        cloud=named,
        graph_url=graph_url or (known.graph_url if custom else ""),
        login_url=login_url or (known.login_url if custom else ""),
        ca_pem=trusted[ca_file] if ca_file in trusted else read_text_file(Path(ca_file), what="CA file"),
    )
    forgotten = correct_tenant(known, facts, actor=session.user)
    for purpose, client_id in forgotten.items():
        note(
            f"The {purpose}'s credential was given for other addresses and is forgotten. Give it again with "
            f"`tenantatlas tenants update {known.slug} --purpose {purpose} --client-id {client_id} "
            "--client-secret-file F`."
        )


def _keep_group(session: Session, group_id: str) -> None:
    known = groups_by_id([group_id]).get(group_id)
    services.keep_rbac_group(
        session.tenant, actor=session.user, group_id=group_id, name=known.name if known else ""
    )


def _set_writes(session: Session, writes: YesNo) -> None:
    change = services.release_writes if writes is YesNo.YES else services.hold_writes
    change(session.tenant, actor=session.user)


def _credential(secret_file: Path | None, certificate_file: Path | None, *, expires: str = "") -> Credential:
    if secret_file is not None and certificate_file is None:
        secret = read_secret_file(secret_file, what="client secret file")
        return client_secret(secret, expires_at=last_moment(expires))
    if certificate_file is not None and secret_file is None:
        return certificate(read_text_file(certificate_file, what="certificate file"))
    raise InputError(
        "Exactly one credential is needed.", hint="Give --client-secret-file F or --certificate-file F."
    )


def _facts(tenant: Tenant) -> dict[str, Json]:
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "environment": tenant.environment,
        "tenant_id": tenant.tenant_guid,
        "cloud": tenant.cloud,
        "graph_url": tenant.graph_url,
        "login_url": tenant.login_url,
        "allow_deletes": tenant.allow_deletes,
        "require_approval": tenant.require_approval,
        "writes": "held" if tenant.writes_held else "allowed",
        "rbac_group": tenant.rbac_group_id or None,
        "rbac_group_name": tenant.rbac_group_name or None,
    }


def _connection_facts(tenant: Tenant) -> dict[str, Json]:
    facts: dict[str, Json] = {}
    for purpose in Purpose:
        row = connection_of(tenant, purpose)
        if row is not None:
            facts[purpose.value] = {
                "client_id": row.client_id,
                "kind": row.kind,
                "expires_at": row.expires_at.isoformat() if row.expires_at else None,
            }
    report = latest_report(tenant)
    facts["checked_at"] = report.taken_at.isoformat() if report else None
    return facts


def _warn_of_ends(tenant: Tenant) -> None:
    for purpose in Purpose:
        app = connection_of(tenant, purpose)
        if app is not None and (end := ending(app.expires_at, at=clock.now())):
            note(f"warning: {consequence(app, end)}")


def _report_of(run: OperationRun) -> dict[str, Json]:
    report = latest_report(run.tenant)
    if report is None or report.run_id != run.pk:
        return {}
    for row in report.rows:
        print_of_start(f"{row['state']:<9} {row['permission']:<55} {row['for']}")
    return {"organization": report.organization, "permissions": report.rows}
