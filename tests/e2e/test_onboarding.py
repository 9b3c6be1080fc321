"""A tenant is connected by clicks alone, and nothing in it has changed by that."""

from __future__ import annotations

import pytest

from .browsing import Visit
from .onboarding import ADELE, ADMINS, NAME, POLICIES, Onboarded

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_the_first_backup_is_complete(onboarded: Onboarded, visit_fabrikam: Visit) -> None:
    assert f"{NAME} is connected, checked and backed up." in onboarded.texts["end"]
    assert "Policies without a version 0 of " in onboarded.texts["dashboard"]
    visit_fabrikam.open("backup-sets/")
    visit_fabrikam.page.click("td.name a")
    shown = visit_fabrikam.text()
    assert "Complete" in shown
    for name in POLICIES:
        assert name in shown


def test_the_group_was_found_with_the_admins_own_sign_in(onboarded: Onboarded, visit_fabrikam: Visit) -> None:
    """The name is kept, the sign-in is audited, and the group's members are whom they were."""
    assert ADMINS in onboarded.texts["group"]
    visit_fabrikam.open("connection/")
    assert ADMINS in visit_fabrikam.text()
    visit_fabrikam.open("audit/")
    assert ADELE in visit_fabrikam.page.content()


def test_connecting_wrote_nothing(onboarded: Onboarded) -> None:
    assert any(ADMINS[:6] in each["query"] for each in onboarded.journal)
    assert [each for each in onboarded.journal if each["applied"]] == []
