"""Fixtures of these tests."""

from tests.simulated import simulated_world  # noqa: F401 - a fixture
