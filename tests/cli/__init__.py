"""Tests of `tenantatlas.cli`."""
