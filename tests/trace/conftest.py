"""Fixtures of these tests."""

from tests.simulated import world  # noqa: F401 - a fixture
