"""Tests of `tenantatlas.tenants`."""
