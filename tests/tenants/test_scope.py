"""Rows of a tenant are seen only inside its scope."""

from __future__ import annotations

import threading

import pytest

from tenantatlas.core.log import current_fields
from tenantatlas.tenants.models import BudgetRow, Connection, PermissionReport
from tenantatlas.tenants.scope import OutsideScope, current_tenant_id, tenant_scope
from tests.factories import ConnectionFactory


def test_outside_a_scope_a_query_is_refused(cast):
    assert current_tenant_id() is None
    with pytest.raises(OutsideScope):
        Connection.objects.count()
    with pytest.raises(OutsideScope):
        Connection.objects.filter(tenant=cast.contoso)


def test_inside_a_scope_only_that_tenants_rows_are_seen(cast):
    with tenant_scope(cast.contoso):
        assert current_tenant_id() == cast.contoso.pk
        assert current_fields()["tenant"] == "contoso"
        assert [row.tenant_id for row in Connection.objects.all()] == [cast.contoso.pk]
        with tenant_scope(cast.fabrikam):
            assert [row.tenant_id for row in Connection.objects.all()] == [cast.fabrikam.pk]
        assert [row.tenant_id for row in Connection.objects.all()] == [cast.contoso.pk]
    assert current_tenant_id() is None


def test_code_of_the_platform_looks_across_tenants_by_name(cast):
    assert Connection.all_tenants.count() == 2
    assert cast.contoso


def test_a_new_row_belongs_to_the_tenant_in_scope(cast):
    row = ConnectionFactory.build(tenant=cast.contoso, purpose="writer")
    row.tenant_id = None
    with tenant_scope(cast.contoso):
        row.save()
    assert row.tenant_id == cast.contoso.pk


def test_a_row_of_another_tenant_is_refused(cast):
    row = ConnectionFactory.build(tenant=cast.fabrikam, purpose="writer")
    with tenant_scope(cast.contoso):
        with pytest.raises(OutsideScope):
            row.save()
        with pytest.raises(OutsideScope):
            Connection.objects.bulk_create([row])
    assert Connection.all_tenants.count() == 2


def test_many_new_rows_belong_to_the_tenant_in_scope(cast):
    row = ConnectionFactory.build(tenant=cast.contoso, purpose="writer")
    row.tenant_id = None
    with tenant_scope(cast.contoso):
        Connection.objects.bulk_create([row])
    assert Connection.all_tenants.filter(tenant=cast.contoso).count() == 2


def test_a_new_thread_starts_outside(cast):
    seen = []
    with tenant_scope(cast.contoso):
        thread = threading.Thread(target=lambda: seen.append(current_tenant_id()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_rows_are_named_for_people(cast):
    membership = cast.contoso.memberships.get(user=cast.ana)
    report = PermissionReport(taken_at=cast.contoso.created_at)

    assert str(cast.contoso) == "contoso"
    assert str(membership) == f"{cast.ana.pk} operator of {cast.contoso.pk}"
    assert str(Connection.all_tenants.get(tenant=cast.contoso)).startswith("reader ")
    assert str(report).startswith("permissions at 20")
    assert str(BudgetRow(bucket="a|b")) == "a|b"
