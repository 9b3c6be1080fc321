"""Tests of `tenantatlas.accounts`."""
