"""What the filters select, as a file that neither breaks nor runs in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.http import HttpRequest
from django.test import RequestFactory

from tenantatlas.core.spreadsheets import safe_cell
from tenantatlas.inventory.models import Policy
from tenantatlas.tenants.scope import current_tenant_id
from tenantatlas.web.exports import export_response
from tests.simulated import World

COLUMNS = ("name", "platform", "versions")
ROWS = [
    {"name": '=HYPERLINK("https://evil.example")', "platform": "Windows", "versions": 3, "more": "hidden"},
    {"name": "Grüße, “Edge”\nsecond line", "platform": None, "versions": 0},
]


def ask(world: World, query: str) -> HttpRequest:
    request = RequestFactory().get(f"/t/contoso/policies/{query}")
    request.user, request.tenant = world.cast.ana, world.tenant
    return request


def export(world: World, query: str, rows=ROWS, columns=COLUMNS):
    return export_response(ask(world, query), name="policies", columns=columns, rows=rows)


def test_a_page_that_asks_for_no_file_gets_none(world: World) -> None:
    assert export(world, "?platform=Windows") is None


def test_a_csv_has_the_columns_in_order_and_excel_reads_its_letters(world: World) -> None:
    body = export(world, "?export=csv").getvalue()
    assert body.startswith(b"\xef\xbb\xbf")
    table = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert table[0] == list(COLUMNS)
    assert table[1] == ['\'=HYPERLINK("https://evil.example")', "Windows", "3"]
    assert table[2] == ["Grüße, “Edge”\nsecond line", "", "0"]


def test_a_json_is_one_list_of_what_the_command_line_prints(world: World) -> None:
    answer = export(world, "?export=json")
    assert answer.headers["Content-Type"] == "application/json"
    assert json.loads(answer.getvalue()) == [{key: row[key] for key in COLUMNS} for row in ROWS]
    assert json.loads(export(world, "?export=json", rows=[]).getvalue()) == []


def test_the_file_is_named_after_tenant_list_and_minute(world: World) -> None:
    named = export(world, "?export=csv").headers["Content-Disposition"]
    minute = world.clock.now().strftime("%Y-%m-%dT%H%MZ")
    assert named == f'attachment; filename="contoso-policies-{minute}.csv"'


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20", "  ="]
)
def test_what_a_spreadsheet_would_run_is_text(first: str) -> None:
    assert safe_cell(f"{first}cmd|' /C calc'!A0").startswith("'")


def test_numbers_stay_numbers_and_names_stay_themselves() -> None:
    assert [safe_cell(value) for value in (-3, 1.5, True, None, "Edge - baseline", ["a", 1])] == [
        *("-3", "1.5", "yes", "", "Edge - baseline"),
        '["a",1]',
    ]


def test_rows_are_read_as_they_are_sent_and_in_the_tenants_scope(world: World) -> None:
    """The response is read after the view has left the scope."""
    seen = []

    def rows():
        for number in range(1200):
            seen.append(current_tenant_id())
            yield {"name": str(number), "platform": Policy.objects.count(), "versions": 0}

    answer = export(world, "?export=csv", rows=rows())
    assert seen == []
    parts = iter(answer)
    next(parts)
    next(parts)
    assert len(seen) == 500
    assert sum(part.count(b"\r\n") for part in parts) == 700
    assert set(seen) == {world.tenant.pk}
