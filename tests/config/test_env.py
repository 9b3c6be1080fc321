"""The one reader of the environment: typed, and clear about what it cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantatlas.config.databases import database, postgresql_database, sqlite_database
from tenantatlas.config.env import Env
from tenantatlas.config.settings import base
from tenantatlas.core.errors import InputError


def test_values_are_typed_and_blank_means_the_default():
    env = Env({"A_TEXT": " x ", "A_BLANK": "  ", "A_LIST": "a, b,,c", "A_PATH": "~/x", "A_FLAG": "Yes"})

    assert env.text("A_TEXT", sentence="s") == "x"
    assert env.text("A_BLANK", default="d", sentence="s") == "d"
    assert env.words("A_LIST", sentence="s") == ["a", "b", "c"]
    assert env.path("A_PATH", default=Path("/d"), sentence="s") == Path("~/x").expanduser()
    assert env.flag("A_FLAG", sentence="s")
    assert not env.flag("A_MISSING", sentence="s")
    assert env.number("A_MISSING", default=0.5, sentence="s") == 0.5
    assert [known.name for known in env.known][:2] == ["A_TEXT", "A_BLANK"]


@pytest.mark.parametrize("value", ["x", "nan", "-1", "11", "1e99", "0,5"])
def test_a_number_out_of_bounds_is_refused_by_name(value):
    with pytest.raises(InputError, match="A_NUMBER") as caught:
        Env({"A_NUMBER": value}).number("A_NUMBER", default=1, least=0, most=10, sentence="s")
    assert caught.value.hint


def test_a_flag_is_yes_or_no():
    with pytest.raises(InputError, match="A_FLAG"):
        Env({"A_FLAG": "maybe"}).flag("A_FLAG", sentence="s")


def test_a_file_that_is_named_must_exist(tmp_path):
    assert Env({}).optional_path("A_FILE", sentence="s") is None
    present = tmp_path / "x"
    present.touch()
    assert Env({"A_FILE": str(present)}).optional_path("A_FILE", sentence="s") == present
    with pytest.raises(InputError, match="A_FILE"):
        Env({"A_FILE": str(tmp_path / "y")}).optional_path("A_FILE", sentence="s")


def test_every_setting_has_a_sentence():
    for known in base.ATLAS_KNOWN_SETTINGS:
        assert known.name.startswith("ATLAS_")
        assert known.sentence.endswith(".")
        assert len(known.sentence) > 20


def test_without_a_url_the_database_is_a_file_in_the_home_folder(tmp_path):
    made = database("", home=tmp_path)

    assert made["NAME"] == str(tmp_path / "atlas.db")
    assert made["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in made["OPTIONS"]["init_command"]
    assert "synchronous=FULL" in made["OPTIONS"]["init_command"]
    assert made == sqlite_database(tmp_path / "atlas.db")


def test_a_url_names_a_postgresql_database(tmp_path):
    made = database("postgresql://me:p%40ss@db.example:5433/atlas?sslmode=require", home=tmp_path)

    assert (made["USER"], made["PASSWORD"], made["HOST"], made["PORT"]) == (
        "me",
        "p@ss",
        "db.example",
        "5433",
    )
    assert made["NAME"] == "atlas"
    assert made["OPTIONS"]["sslmode"] == "require"


def test_a_socket_folder_may_be_the_host():
    made = postgresql_database("postgresql:///atlas?host=/run/postgresql&port=5433")

    assert (made["HOST"], made["PORT"], made["NAME"]) == ("/run/postgresql", "5433", "atlas")


@pytest.mark.parametrize(
    "url", ["mysql://x/y", "postgresql://host", "postgresql://host:port/x", "atlas.db", "sqlite:///x"]
)
def test_another_url_is_refused_without_showing_it(url):
    with pytest.raises(InputError, match="ATLAS_DATABASE_URL") as caught:
        postgresql_database(url)
    assert url not in caught.value.message
