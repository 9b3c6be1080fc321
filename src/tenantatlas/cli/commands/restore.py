"""`tenantatlas restore`: preview, decide, execute, look back.

restore list -t SLUG                   the newest, and where each stands
restore preview -t SLUG --set SET      what would be written; its own run
restore check RESTORE                  the checks, made again from the database
restore plan RESTORE                   every write of it
restore mapping RESTORE                what needs deciding, as a file to fill in
restore execute RESTORE --plan SHA256 --confirm SLUG
restore show RESTORE                   every policy with its outcome
restore enable RESTORE --policy ID     preview enforcing what came back report-only
restore undo RESTORE                   preview taking all of it back
restore approve RESTORE --plan SHA256  approve somebody else's plan, where the tenant asks for it
restore rerun RESTORE                  preview it once more, as it was chosen
restore remove-twin RESTORE --twin ID  preview removing what a lost answer made twice
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from tenantatlas.accounts.capabilities import Capability
from tenantatlas.cli.files import read_text_file
from tenantatlas.cli.output import note, print_object, print_rows, wants_json, write_line
from tenantatlas.cli.session import Session, TenantOption, WaitOption, in_tenant, in_tenant_of
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.cli.words import PolicyOption, TypesOption, split_words
from tenantatlas.core.errors import InputError
from tenantatlas.core.json import Json
from tenantatlas.restore import approval, queries
from tenantatlas.restore.enablement import enable_params
from tenantatlas.restore.looks import Level
from tenantatlas.restore.mapping import load_mapping
from tenantatlas.restore.models import Restore
from tenantatlas.restore.params import ExecuteParams, PreviewParams
from tenantatlas.restore.planned import Action
from tenantatlas.restore.services import make_checks, operation_of
from tenantatlas.restore.stored import mapping_of
from tenantatlas.restore.undo import rerun_params, twin_params, undo_params
from tenantatlas.restore.world import COPY_SUFFIX, Assignments, Existing
from tenantatlas.runs.models import OperationRun
from tenantatlas.tenants.queries import require_capability

_ITEM_COLUMNS = ("type", "name", "action", "state", "message")
_LIST_COLUMNS = ("restore", "set", "kind", "word", "reason")
_CHECK_COLUMNS = ("level", "message", "hint")
_WRITE_COLUMNS = ("n", "method", "path", "name", "why")
_LEFT_OUT_COLUMNS = ("type", "name", "action", "why")
#: What the plan does not write although it was asked for.
_NOT_PLANNED = (Action.CANNOT.value, Action.UNDECIDED.value)
_SHOWN_SECONDS = 60

RestoreArgument = Annotated[str, typer.Argument(metavar="RESTORE", help="The restore's number.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Put policies back.", no_args_is_help=True)
    app.add_typer(group, name="restore")
    group.command(name="list")(list_)
    for command in (
        preview,
        check,
        plan,
        mapping,
        execute,
        show,
        enable,
        undo,
        rerun,
        remove_twin,
        approve,
        decline,
    ):
        group.command(name=command.__name__.replace("_", "-"))(command)


def list_(
    *,
    tenant: TenantOption,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
) -> None:
    """List the restores of a tenant, newest first."""
    with in_tenant(tenant):
        print_rows(
            ({**queries.restore_facts(each), "word": each.word} for each in queries.restore_list()[:limit]),
            columns=_LIST_COLUMNS,
            empty="No restore yet. Preview one with `tenantatlas restore preview`.",
        )


def preview(  # noqa: PLR0913 - the options of the command are its arguments
    *,
    tenant: TenantOption,
    set_: Annotated[int, typer.Option("--set", metavar="SET", help="The backup set to restore from.")],
    types: TypesOption = None,
    policy: PolicyOption = None,
    version: Annotated[
        int, typer.Option(metavar="ID", show_default=False, help="One version instead of the set's.")
    ] = 0,
    existing: Annotated[
        Existing, typer.Option(help="What to do with policies that are in the tenant and differ.")
    ] = Existing.UPDATE,
    existing_for: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE=WAY", help="Another way for one policy type; may be given again."),
    ] = None,
    assignments: Annotated[
        Assignments, typer.Option(help="Which assignments the policies end with.")
    ] = Assignments.BACKED_UP,
    copy_suffix: Annotated[
        str,
        typer.Option(show_default=False, help=f"What the name of a copy ends with, else “{COPY_SUFFIX}”."),
    ] = COPY_SUFFIX,
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Decisions, as `restore mapping` prints them.")
    ] = None,
    wait: WaitOption = False,
) -> None:
    """Compute exactly what a restore would write. Nothing is written; valid for 30 minutes."""
    with in_tenant(tenant) as session:
        params = PreviewParams(
            set=set_,
            types=tuple(split_words([types])),
            policies=tuple(split_words(policy)),
            version=version,
            existing=existing,
            existing_by_type=_ways(existing_for or ()),
            assignments=assignments,
            copy_suffix=copy_suffix,
            mapping=_mapping_file(mapping) if mapping else {},
        )
        _preview(session, params, wait=wait)


def _ways(given: Iterable[str]) -> dict[str, Existing]:
    found = {}
    for each in given:
        key, _, way = each.partition("=")
        if way not in list(Existing):
            raise InputError(
                f"{each} is not a policy type and a way.",
                hint=f"Write TYPE=WAY with one of {', '.join(Existing)}.",
                details={"field": "existing_for"},
            )
        found[key.strip()] = Existing(way)
    return found


def _mapping_file(path: Path) -> dict[str, Any]:
    text = read_text_file(path, what="mapping file")
    load_mapping(text.encode())
    document: dict[str, Any] = orjson.loads(text)
    return document


def _previewed(run: OperationRun) -> dict[str, Json]:
    restore = Restore.objects.filter(preview_run=run).first()
    if restore is None:
        return {"restore": None, "plan_sha256": "", "expires_at": None}
    facts = queries.restore_facts(restore)
    if restore.plan_sha256:
        _explain(restore)
    else:
        facts["counts"] = run.counts
    del facts["status"], facts["outcome"]
    return facts


def _explain(restore: Restore) -> None:
    for check in restore.checks:
        if check["level"] != Level.SAFE:
            # A preview begins all the same: the plan says what comes of it.
            word = "problem" if check["level"] == Level.BLOCKING else "warning"
            note(f"{word}: {check['message']} {check['hint']}".rstrip())
    for risk in restore.risks:
        note(f"risk ({risk['severity']}): {risk['message']}")
    for warning in restore.warnings:
        note(f"warning: {warning}")
    if restore.counts.get(Action.UNDECIDED.value):
        note(f"Something has to be decided first: `tenantatlas restore mapping {restore.pk} > mapping.json`.")
    if restore.counts.get("writes"):
        note(
            f"It takes at least {_duration(restore.bound_seconds)}. "
            f"Every write: `tenantatlas restore plan {restore.pk}`."
        )


def _preview(session: Session, params: PreviewParams, *, wait: bool) -> None:
    """Start the preview; people read what its plan comes to and the command that executes it."""
    start_and_wait(
        "restore.preview", session, params=params, wait=wait, extra=_previewed, sentence=_next_step
    )


def _next_step(run: OperationRun) -> str:
    """What the plan does in numbers, and the command that executes it; empty where there is no plan."""
    restore = Restore.objects.filter(preview_run=run).first()
    if restore is None or not restore.plan_sha256:
        return ""
    numbers = [f"{number} {each.value}" for each in Action if (number := restore.counts.get(each.value))]
    said = f"Restore {restore.pk}: {', '.join(numbers) or 'nothing'}."
    if not restore.counts.get("writes"):
        return f"{said} The plan writes nothing."
    return (
        f"{said}\nExecute with: tenantatlas restore execute {restore.pk} --plan {restore.plan_sha256} "
        f"--confirm {run.tenant.slug}"
    )


def _duration(seconds: float) -> str:
    if seconds < _SHOWN_SECONDS:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / _SHOWN_SECONDS)} min"


def check(restore: RestoreArgument) -> None:
    """Make the checks of a restore again, from the database only, and print them."""
    with in_tenant_of(Restore, restore, noun="restore") as (session, found):
        require_capability(session.user, session.tenant, Capability.RESTORE_PREVIEW)
        row = queries.find_restore(found.pk)
        make_checks(row)
        print_rows(row.checks, columns=_CHECK_COLUMNS, empty="Nothing was found to check.")


def plan(restore: RestoreArgument) -> None:
    """List every write of the plan in the order in which they go out; for people also what it leaves out."""
    with in_tenant_of(Restore, restore, noun="restore") as (_, row):
        found = queries.find_restore(row.pk)
        if found.plan_sha256 and not wants_json():
            write_line(f"Plan {found.plan_sha256}")
        print_rows(queries.each_write(found), columns=_WRITE_COLUMNS, empty="The plan writes nothing.")
        if wants_json():
            return
        left_out = [item for item in _items(found) if item["action"] in _NOT_PLANNED]
        if left_out:
            write_line("")
            print_rows(left_out, columns=_LEFT_OUT_COLUMNS)


def mapping(restore: RestoreArgument) -> None:
    """Print what a person decides, as a mapping file to fill in."""
    with in_tenant_of(Restore, restore, noun="restore") as (_, found):
        document = mapping_of(queries.find_restore(found.pk))
        if wants_json():
            print_object(document)
        else:
            write_line(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())


def execute(
    restore: RestoreArgument,
    *,
    plan: Annotated[str, typer.Option(metavar="SHA256", help="The hash of the plan that you have seen.")],
    confirm: Annotated[str, typer.Option(metavar="SLUG", help="The tenant's name, to confirm.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the audit log.")] = "",
    wait: WaitOption = False,
) -> None:
    """Write exactly the previewed plan, and read everything back."""
    with in_tenant_of(Restore, restore, noun="restore") as (session, found):
        params = ExecuteParams(restore=found.pk, plan=plan.strip().lower(), confirm=confirm, reason=reason)
        start_and_wait(operation_of(found), session, params=params, wait=wait, extra=_executed)


def _executed(run: OperationRun) -> dict[str, Json]:
    restore = queries.find_restore(run.params["restore"])
    for twin in restore.late_twins:
        note(f"warning: {twin['name']} may exist twice: look at {twin['id']}.")
    return {"restore": restore.pk, "set": restore.backup_set_id, "late_twins": restore.late_twins}


def enable(
    restore: RestoreArgument,
    *,
    policy: Annotated[
        list[str], typer.Option(metavar="ID", help="The policy, by the id it has or had; may be given again.")
    ],
    wait: WaitOption = False,
) -> None:
    """Preview enforcing conditional access that came back report-only. Execute it like any restore."""
    with in_tenant_of(Restore, restore, noun="restore") as (session, found):
        params = enable_params(queries.find_restore(found.pk), split_words(policy))
        _preview(session, params, wait=wait)


def undo(restore: RestoreArgument, *, wait: WaitOption = False) -> None:
    """Preview taking a restore back: what it changed and what it made. Execute it like any restore."""
    with in_tenant_of(Restore, restore, noun="restore") as (session, found):
        params = undo_params(queries.find_restore(found.pk))
        _preview(session, params, wait=wait)


def rerun(restore: RestoreArgument, *, wait: WaitOption = False) -> None:
    """Preview a restore once more: same source, policies, options and decisions."""
    with in_tenant_of(Restore, restore, noun="restore") as (session, found):
        params = rerun_params(queries.find_restore(found.pk))
        _preview(session, params, wait=wait)


def approve(
    restore: RestoreArgument,
    *,
    plan: Annotated[str, typer.Option(metavar="SHA256", help="The hash of the plan that you have seen.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Kept in the audit log.")] = "",
) -> None:
    """Approve the plan of somebody else's restore, where the tenant asks for a second person."""
    _decide(restore, plan=plan, approve=True, reason=reason)


def decline(
    restore: RestoreArgument,
    *,
    plan: Annotated[str, typer.Option(metavar="SHA256", help="The hash of the plan that you have seen.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; who asked will read it.")],
) -> None:
    """Decline the plan of somebody else's restore."""
    _decide(restore, plan=plan, approve=False, reason=reason)


def _decide(restore: str, *, plan: str, approve: bool, reason: str) -> None:
    with in_tenant_of(Restore, restore, noun="restore") as (session, found):
        row = approval.decide(
            queries.find_restore(found.pk),
            plan=plan.strip().lower(),
            approve=approve,
            actor=session.user,
            reason=reason,
        )
        word = "approved" if approve else "declined"
        print_object(
            {"restore": found.pk, "plan_sha256": row.plan_sha256, "approved": approve, "reason": row.reason},
            text=f"Restore {found.pk} is {word}.",
        )


def remove_twin(
    restore: RestoreArgument,
    *,
    twin: Annotated[str, typer.Option(metavar="ID", help="The second object's id, as `restore show` says.")],
    wait: WaitOption = False,
) -> None:
    """Preview removing the second object that a lost answer made. Execute it like any restore."""
    with in_tenant_of(Restore, restore, noun="restore") as (session, found):
        params = twin_params(queries.find_restore(found.pk), twin.strip())
        _preview(session, params, wait=wait)


def show(
    restore: RestoreArgument,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Also the policies that stay as they are.")] = False,
) -> None:
    """Show a restore: what was planned for every policy, and how it ended."""
    with in_tenant_of(Restore, restore, noun="restore") as (_, row):
        found = queries.find_restore(row.pk)
        facts = queries.restore_facts(found)
        if wants_json():
            print_object({**facts, "items": list(_items(found))})
            return
        print_object(facts)
        items = list(_items(found))
        shown = [item for item in items if all_ or item["action"] != Action.UNCHANGED.value]
        if shown or not items:
            print_rows(shown, columns=_ITEM_COLUMNS, empty="It has not been previewed yet.")
        if len(shown) < len(items):
            note(f"{len(items) - len(shown)} unchanged are not listed: add --all.")


def _items(restore: Restore) -> Iterator[dict[str, Json]]:
    for item in queries.shown_items(restore):
        facts = dataclasses.asdict(item)
        said = item.message or " ".join(str(reason["message"]) for reason in item.reasons)
        ended = facts.pop("ended_at")
        yield {
            **facts,
            "type": item.type_key,
            "message": said,
            "why": " ".join(str(reason["message"]) for reason in item.reasons),
            "ended_at": ended.isoformat() if ended else None,
        }
