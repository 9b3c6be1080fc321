"""What a start prints and how it ends."""

from __future__ import annotations

import pytest

from tenantatlas.cli import starts
from tenantatlas.runs.dispatch import run_inline
from tenantatlas.runs.models import OperationRun
from tests.canary import MARK
from tests.simulated import world  # noqa: F401 - a fixture


@pytest.fixture
def works_here(monkeypatch):
    """`--wait` works the run in this thread."""

    def work(run):
        run_inline(run)
        return OperationRun.all_tenants.get(pk=run.pk)

    monkeypatch.setattr(starts, "work_until_done", work)


@pytest.mark.usefixtures("works_here")
def test_a_check_prints_one_object_with_its_report(tenantatlas, world):  # noqa: F811 - the fixture
    assert world
    result = tenantatlas("tenants", "check", "contoso", "--json")

    assert result.code == 0, result.err
    assert result.object["created"] is True
    assert (result.object["status"], result.object["outcome"]) == ("completed", "succeeded")
    assert result.object["counts"]["succeeded"] == 3
    assert result.object["permissions"][0].keys() == {"permission", "for", "state", "by", "types"}
    shown = tenantatlas("tenants", "show", "contoso", "--json").object
    assert shown["checked_at"]


@pytest.mark.usefixtures("works_here", "terminal")
def test_people_see_the_permissions_on_standard_output(tenantatlas, world):  # noqa: F811 - the fixture
    assert world
    result = tenantatlas("tenants", "check", "contoso")

    assert "have" in result.out
    assert "DeviceManagementConfiguration.Read.All" in result.out
    assert result.err == ""


@pytest.mark.usefixtures("works_here", "terminal")
def test_with_json_the_object_alone_tells_it(tenantatlas, world):  # noqa: F811 - the fixture
    assert world
    result = tenantatlas("tenants", "check", "contoso", "--json")

    assert result.object["permissions"]
    assert result.err == ""


@pytest.mark.usefixtures("works_here")
def test_a_blocked_check_ends_with_its_causes_code_and_says_why(tenantatlas, world, tmp_path):  # noqa: F811 - the fixture
    secret = tmp_path / "secret"
    secret.write_text(f"{MARK}-wrong")
    assert tenantatlas("tenants", "update", "contoso", "--client-secret-file", secret).code == 0
    assert world

    result = tenantatlas("tenants", "check", "contoso", "--json")

    assert result.code == 7
    assert result.object["outcome"] == "blocked"
    assert "blocked: " in result.err
    assert MARK not in result.err + result.out


@pytest.mark.parametrize(
    ("outcome", "failures", "code"),
    [
        ("", [], 0),
        ("succeeded", [], 0),
        ("partially_succeeded", [{"code": "rejected"}], 3),
        ("cancelled", [], 8),
        ("failed", [{"code": "conflict"}, {"code": "input"}], 6),
        ("failed", [{"code": "throttled"}], 7),
        ("failed", [{"code": "no such code"}], 1),
        ("failed", [], 1),
        ("failed", [{"code": "changed_since_preview"}], 6),
        ("failed", [{"code": "differs"}], 7),
        ("failed", [{"code": "unverified"}], 7),
        ("failed", [{"code": "needs_failed"}, {"code": "changed_since_preview"}], 6),
        ("failed", [{"code": "incomplete"}, {"code": "unavailable"}], 7),
        ("failed", [{"code": "incomplete"}], 3),
        ("blocked", [{"code": "consent"}], 7),
        ("blocked", [{"code": "incomplete"}, {"code": "sign_in"}], 7),
        ("blocked", [{"code": "not_allowed"}], 4),
        ("blocked", [{"code": "storage"}], 7),
    ],
)
def test_the_exit_code_is_the_outcomes(outcome, failures, code):
    assert starts.exit_code_of(OperationRun(outcome=outcome, failures=failures)) == code
