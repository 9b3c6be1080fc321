"""What the filters select, as a file, streamed: CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from tenantatlas.core import clock
from tenantatlas.core.json import Json, dumps
from tenantatlas.core.spreadsheets import UTF8_MARK, csv_lines
from tenantatlas.tenants.models import Tenant
from tenantatlas.tenants.scope import tenant_scope

from . import filters, personal

FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
ROWS_AT_A_TIME = 500


def export_response(
    request: HttpRequest, *, name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Json]]
) -> StreamingHttpResponse | None:
    """The rows as the file that `?export=csv` or `?export=json` asks for; None when it asks for none.

    `columns` are the keys that the command line prints with `--json`, in order. With `columns=shown` those
    that the person hid in the table called `name` stay out.
    """
    wanted = filters.chosen(request, "export", FORMATS)
    if not wanted:
        return None
    if request.GET.get("columns") == "shown":
        hidden = personal.read(request).hidden.get(name, [])
        columns = [column for column in columns if column not in hidden]
    write = _csv if wanted == "csv" else _json
    tenant: Tenant | None = getattr(request, "tenant", None)
    chosen = ({column: row.get(column) for column in columns} for row in rows)
    response = StreamingHttpResponse(_in_scope(write(chosen, columns), tenant), content_type=FORMATS[wanted])
    response["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=file_name(name, wanted, tenant)
    )
    return response


def file_name(name: str, ending: str, tenant: Tenant | None = None) -> str:
    """contoso-policies-2026-11-23T0850Z.csv."""
    parts = (tenant.slug if tenant else "tenantatlas", name, clock.now().strftime("%Y-%m-%dT%H%MZ"))
    return f"{'-'.join(parts)}.{ending}"


def _csv(rows: Iterator[Mapping[str, Json]], columns: Sequence[str]) -> Iterator[bytes]:
    lines = csv_lines(rows, columns)
    yield (UTF8_MARK + next(lines)).encode()
    while chunk := list(islice(lines, ROWS_AT_A_TIME)):
        yield "".join(chunk).encode()


def _json(rows: Iterator[Mapping[str, Json]], columns: Sequence[str]) -> Iterator[bytes]:  # noqa: ARG001 - the rows have them
    yield b"["
    before = b"\n"
    while chunk := list(islice(rows, ROWS_AT_A_TIME)):
        yield before + b",\n".join(dumps(dict(row)) for row in chunk)
        before = b",\n"
    yield b"\n]\n"


def _in_scope(parts: Iterator[bytes], tenant: Tenant | None) -> Iterator[bytes]:
    """The parts, each made inside the tenant's scope: they are asked for after the view has returned."""
    while True:
        with tenant_scope(tenant) if tenant else contextlib.nullcontext():
            part = next(parts, None)
        if part is None:
            return
        yield part
