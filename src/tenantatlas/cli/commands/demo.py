"""`tenantatlas demo`: the main job on a simulated tenant, told as a story; `demo-serve` opens its data."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from django.conf import settings
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tenantatlas.accounts.models import User
from tenantatlas.cli.demonstration import (
    ADMIN,
    CLIENT_SECRET,
    EMAIL,
    NAME,
    PASSWORD,
    SLUG,
    Place,
    Simulated,
    begin_anew,
    is_as_before,
    names_in,
    running_simulator,
    saved_place,
    simulator_folder,
)
from tenantatlas.core import clock
from tenantatlas.core.errors import AtlasError, Incomplete
from tenantatlas.drift.models import Finding
from tenantatlas.restore.models import Restore, RestoreItem
from tenantatlas.restore.queries import shown_writes
from tenantatlas.runs.lifecycle import Outcome, Trigger
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.progress import progress
from tenantatlas.runs.services import launch_worker, start_run, stop_worker
from tenantatlas.tenants.credentials import client_secret
from tenantatlas.tenants.install import set_up
from tenantatlas.tenants.models import Environment, PermissionReport, Tenant
from tenantatlas.tenants.scope import tenant_scope
from tenantatlas.tenants.services import NewTenant, add_tenant

_POLL = 0.1
_SHOWN_WRITES = 12
_SHOWN_FINDINGS = 10
_LONGEST_WORD = 35


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("demo")(demo)
    app.command("demo-serve")(demo_serve)


def demo() -> None:
    """Play a day on a simulated tenant: back up, break, see, restore, verify. Exits by itself."""
    place = begin_anew()
    with running_simulator(place) as simulated:
        story = _Story(place, simulated)
        try:
            story.tell()
        finally:
            stop_worker()
            simulated.ask("POST", "/save", {})


def demo_serve(
    *,
    host: Annotated[str, typer.Option(metavar="H", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="P", min=1, max=65535, help="The port to listen on.")] = 8000,
) -> None:
    """Open the demo's data in the browser: pages, worker and the simulated tenant."""
    from tenantatlas.cli.commands.serve import serve  # noqa: PLC0415 - loads the web server

    place = saved_place()
    named = "localhost" if host == "127.0.0.1" else host  # where a sign-in with Microsoft may come back to
    with running_simulator(place):
        Console(stderr=True).print(
            f"[bold]http://{named}:{port}[/bold]  "
            f"sign in as [bold]{EMAIL}[/bold] with [bold]{PASSWORD}[/bold]"
        )
        serve(host=host, port=port)


@dataclass
class _Story:
    """The demo from beginning to end. Each chapter does one thing and says what it did."""

    place: Place
    simulated: Simulated
    chapter: int = 0

    def __post_init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)

    def tell(self) -> None:
        """All chapters, and the table at the end."""
        tenant, owner = self._connect()
        launch_worker(embedded=True)
        self.tenant, self.owner = tenant, owner
        with tenant_scope(tenant):
            self._check()
            self._sync()
            backup = self._back_up()
            before = self.simulated.state()
            accident = self._accident()
            self._drift(backup)
            restore = self._preview(backup)
            self._execute(restore)
            again = self._preview(backup, again=True)
            self._summary(before, accident, restore, again)

    def _title(self, text: str) -> None:
        self.chapter += 1
        self.console.print(f"\n[bold]{self.chapter}. {text}[/bold]")

    def _say(self, text: str) -> None:
        self.console.print(f"   {text}")

    def _run(self, key: str, params: Mapping[str, Any]) -> OperationRun:
        run, _ = start_run(key, tenant=self.tenant, params=params, actor=self.owner, trigger=Trigger.CLI)
        bar = Progress(
            TextColumn("   {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self.console,
            transient=not sys.stdout.isatty(),
            disable=not sys.stdout.isatty(),
        )
        with bar:
            task = bar.add_task(progress(run).sentence, total=100)
            while run.is_open:
                clock.sleep(_POLL * clock.scale())
                run.refresh_from_db()
                now = progress(run)
                bar.update(task, description=now.sentence, completed=now.percent or 0)
        self._say(f"run {run.pk}: {progress(run).sentence}")
        if run.outcome != Outcome.SUCCEEDED:
            for failure in run.failures:
                self._say(f"[red]{failure['message']}[/red] {failure.get('hint', '')}")
            raise Incomplete(f"{key} did not succeed: {run.outcome}.", hint="See the log in ATLAS_HOME.")
        return run

    def _connect(self) -> tuple[Tenant, User]:
        self._title("Connect a tenant")
        simulated, place = self.simulated, self.place
        simulated.ask("POST", "/tenants", {"guid": place.guid, "name": "Contoso"})
        simulated.ask(
            "POST",
            f"/tenants/{place.guid}/apps",
            {"client_id": place.client_id, "secret": CLIENT_SECRET},
        )
        simulated.ask("POST", "/demo", {"guid": place.guid})
        simulated.ask("POST", f"/tenants/{place.guid}/people", {"upn": ADMIN, "name": "Adele Vance"})
        for host in ("127.0.0.1", "localhost"):
            address = f"http://{host}:8000/delegated/callback/"
            reply = {"address": address, "delegated": ["GroupMember.Read.All"]}
            simulated.ask("POST", f"/tenants/{place.guid}/reply-to", reply)
        owner = set_up(email=EMAIL, password=PASSWORD)
        tenant = add_tenant(
            NewTenant(
                slug=SLUG,
                name=NAME,
                tenant_guid=place.guid,
                client_id=place.client_id,
                credential=client_secret(CLIENT_SECRET),
                environment=Environment.TEST.value,
                cloud="custom",
                graph_url=place.url,
                login_url=place.url,
                ca_pem=(simulator_folder() / "ca.pem").read_text(encoding="ascii"),
            ),
            actor=owner,
        )
        self._say(f"{NAME}: a simulated Microsoft Graph at {place.url}, over TLS with a CA of its own.")
        return tenant, owner

    def _check(self) -> None:
        self._title("Check the connection and its permissions")
        self._run("connection.check", {})
        rows = PermissionReport.objects.latest("pk").rows
        held = Counter(str(row["state"]) for row in rows)
        self._say("permissions: " + ", ".join(f"{count} {state}" for state, count in held.items()))

    def _sync(self) -> None:
        self._title("Read the inventory and the group names")
        self._run("directory_groups.sync", {})
        self._run("inventory.sync", {})

    def _back_up(self) -> OperationRun:
        self._title("Back everything up")
        return self._run("backup_set.capture", {"name": "Before the accident"})

    def _accident(self) -> list[dict[str, Any]]:
        self._title("An accident, behind our back")
        happened: list[dict[str, Any]] = self.simulated.ask("POST", "/accident", {"guid": self.place.guid})[
            "happened"
        ]
        for each in happened:
            kind = f"[red]{each['kind']:<8}[/red]" if each["kind"] == "widened" else f"{each['kind']:<8}"
            what = "" if each["kind"] == "deleted" else f": {each['what']}"
            self._say(f"{kind}  {each['name']}{what}")
        return happened

    def _drift(self, backup: OperationRun) -> None:
        self._title("See what differs from the backup")
        run = self._run("drift.generate", {"set": backup.context["set"]})
        findings = Finding.objects.filter(sightings__run_id=run.pk).order_by("severity", "kind", "name")
        for finding in findings[:_SHOWN_FINDINGS]:
            self._say(f"{finding.severity:<6}  {finding.kind:<8} {finding.name}")
        if findings.count() > _SHOWN_FINDINGS:
            self._say(f"… and {findings.count() - _SHOWN_FINDINGS} more")

    def _preview(self, backup: OperationRun, *, again: bool = False) -> Restore:
        self._title(
            "Preview once more: nothing left to do" if again else "Preview the restore: writes nothing"
        )
        sent = self._writes()
        run = self._run("restore.preview", {"set": backup.context["set"]})
        restore = Restore.objects.get(pk=run.context["restore"])
        told = ", ".join(f"{count} {name}" for name, count in restore.counts.items() if count)
        self._say(f"plan {restore.plan_sha256[:16]}…: {told}")
        if self._writes() != sent:
            raise AtlasError("The preview wrote to the tenant.")
        if not again:
            self._show_plan(restore)
        return restore

    def _show_plan(self, restore: Restore) -> None:
        writes = shown_writes(restore)
        for write in writes[:_SHOWN_WRITES]:
            self._say(f"{write.n:>3}  {write.method:<6} {_short(write.path):<58}  {write.name}")
        if len(writes) > _SHOWN_WRITES:
            self._say(f"… and {len(writes) - _SHOWN_WRITES} more: `tenantatlas restore plan {restore.pk}`")
        cannot = RestoreItem.objects.filter(restore=restore, action__in=["cannot", "undecided"])
        for item in cannot[:_SHOWN_FINDINGS]:
            self._say(f"not restored: {item.name}: {item.reasons[0]['message'] if item.reasons else ''}")

    def _execute(self, restore: Restore) -> None:
        self._title("Execute exactly that plan, confirmed by its hash and the tenant's name")
        params = {"restore": restore.pk, "plan": restore.plan_sha256, "confirm": SLUG}
        self._run("restore.execute", params)

    def _writes(self) -> int:
        return sum(1 for entry in self.simulated.journal() if _is_write(entry))

    def _summary(
        self,
        before: dict[str, list[dict[str, Any]]],
        broken: list[dict[str, Any]],
        restore: Restore,
        again: Restore,
    ) -> None:
        after = self.simulated.state()
        journal = self.simulated.journal()
        self._title("What the simulated tenant itself says")
        table = Table("", "", box=None, show_header=False, padding=(0, 2))
        ids = _successors(before, after)
        whole = sum(_is_whole(each, before, after, ids) for each in broken)
        table.add_row("objects before the accident", str(sum(map(len, before.values()))))
        table.add_row("objects now", str(sum(map(len, after.values()))))
        table.add_row("broken by the accident, as before again", f"{whole} of {len(broken)}")
        doubled = names_in(after) - names_in(before)
        table.add_row("names that occur more often than before", str(sum(doubled.values())))
        writes = [entry for entry in journal if _is_write(entry)]
        table.add_row(
            "writes that it saw / writes in the plan", f"{len(writes)} / {restore.counts['writes']}"
        )
        table.add_row("requests in all, and throttled", f"{len(journal)}, {_throttled(journal)}")
        table.add_row("writes in a second plan", str(again.counts["writes"]))
        self.console.print(table)
        if (
            whole != len(broken)
            or doubled
            or len(writes) != restore.counts["writes"]
            or again.counts["writes"]
        ):
            raise Incomplete(
                "The simulated tenant is not what it was.", hint="This is a bug: please report it."
            )
        shown = Path(settings.ATLAS_HOME)
        self.console.print(
            f"\nData and logs are in {shown}. Open them in the browser with: [bold]make run[/bold]"
        )


def _short(path: str) -> str:
    """A path without its version, ids cut."""
    words = [word if len(word) <= _LONGEST_WORD else f"{word[:8]}…" for word in path.split("/")[2:]]
    return "/".join(words)


def _is_write(entry: Mapping[str, Any]) -> bool:
    """A request that meant to change something: neither a read, nor a batch of reads, nor a sign-in."""
    return entry["method"] != "GET" and not str(entry["path"]).endswith(("/$batch", "/getByIds", "/token"))


def _throttled(journal: list[dict[str, Any]]) -> int:
    return sum(entry["status"] == 429 for entry in journal)  # noqa: PLR2004 - HTTP's number


def _successors(
    before: dict[str, list[dict[str, Any]]], after: dict[str, list[dict[str, Any]]]
) -> dict[str, str]:
    """The new ids of objects that were deleted and made again, by name."""
    found = {}
    for collection, bodies in before.items():
        now = {_name(body): str(body["id"]) for body in after.get(collection, ())}
        kept = set(now.values())
        for body in bodies:
            if str(body["id"]) not in kept and _name(body) in now:
                found[str(body["id"])] = now[_name(body)]
    return found


def _name(body: Mapping[str, Any]) -> str:
    return str(body.get("displayName") or body.get("name") or "")


def _is_whole(
    each: Mapping[str, Any],
    before: dict[str, list[dict[str, Any]]],
    after: dict[str, list[dict[str, Any]]],
    ids: Mapping[str, str],
) -> bool:
    place = str(each["collection"]).casefold()
    was = next(body for body in before[place] if body["id"] == each["id"])
    wanted = ids.get(str(each["id"]), str(each["id"]))
    now = next((body for body in after.get(place, ()) if str(body["id"]) == wanted), None)
    return now is not None and is_as_before(each["collection"], was, now, ids=ids)
