"""Settings that contradict each other are found before anything starts."""

from __future__ import annotations

from django.core.checks import run_checks
from django.test import Client

from tenantatlas.config.checks import check_heartbeat, check_key_place, check_time_scale


def test_the_settings_of_an_install_have_no_finding():
    assert run_checks(tags=["atlas"]) == []


def test_a_worker_must_be_able_to_miss_a_beat(settings):
    settings.ATLAS_HEARTBEAT_SECONDS = 40.0
    settings.ATLAS_LEASE_SECONDS = 60.0
    assert [finding.id for finding in check_heartbeat()] == ["atlas.E001"]


def test_key_and_secret_are_two_files(settings):
    settings.ATLAS_SECRET_KEY_FILE = settings.ATLAS_KEY_FILE
    assert [finding.id for finding in check_key_place()] == ["atlas.E002"]


def test_scaled_time_is_pointed_out(settings):
    settings.ATLAS_TIME_SCALE = 50.0
    assert [finding.id for finding in check_time_scale()] == ["atlas.W001"]


def test_the_application_answers():
    assert Client().get("/no-such-page/").status_code == 404
