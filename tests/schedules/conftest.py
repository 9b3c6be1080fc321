"""A simulated tenant for the schedules of Contoso."""

from __future__ import annotations

from tests.simulated import simulated_world  # noqa: F401 - a fixture
