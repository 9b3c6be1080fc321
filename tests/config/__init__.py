"""Tests of `tenantatlas.config`."""
