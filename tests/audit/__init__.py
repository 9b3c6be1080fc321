"""Tests of `tenantatlas.audit`."""
