"""Tests of `tenantatlas.core`."""
