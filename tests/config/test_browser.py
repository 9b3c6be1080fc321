"""`python -m tests.browser` says why there is no browser."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests import browser


@pytest.fixture(autouse=True)
def no_chromium(monkeypatch):
    """None on this machine, and nobody who requires one."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    monkeypatch.setattr(browser.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def apt_ends_with(code, said, monkeypatch):
    """What apt-get does."""
    done = subprocess.CompletedProcess([], code, stdout="", stderr=said)
    monkeypatch.setattr(browser.subprocess, "run", lambda *_, **__: done)


def test_what_apt_said_is_said(monkeypatch, capsys):
    apt_ends_with(100, "E: Could not resolve 'deb.debian.org'", monkeypatch)
    assert browser.main() == 0
    shown = capsys.readouterr().err
    assert "`apt-get update` ended with 100" in shown
    assert "Could not resolve" in shown
    assert "left out" in shown


def test_ci_requires_it(monkeypatch, capsys):
    apt_ends_with(0, "", monkeypatch)
    monkeypatch.setenv("CI", "true")
    assert browser.main() == 1
    shown = capsys.readouterr().err
    assert "none of chromium" in shown
    assert "CI requires" in shown


def test_who_may_not_install_is_told(monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert browser.main() == 0
    assert "needs root" in capsys.readouterr().err
    monkeypatch.setattr(browser.shutil, "which", lambda _: None)
    assert browser.main() == 0
    assert "no apt-get" in capsys.readouterr().err
