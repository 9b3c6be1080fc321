"""Log lines: JSON, with the work in hand, without secrets."""

from __future__ import annotations

import json
import logging
import stat

from tenantatlas.config.logging import JsonLines, PrivateFile, logging_config
from tenantatlas.core.log import log_fields, remember_secret


def line_of(message, *args, exc_info=None, **extra):
    """The line of one record."""
    record = logging.getLogger("t").makeRecord(
        "tenantatlas.t", logging.INFO, "f", 1, message, args, exc_info, extra=extra
    )
    return json.loads(JsonLines().format(record))


def test_a_line_carries_the_work_in_hand_and_its_extras():
    with log_fields(run=87, tenant="contoso"):
        line = line_of("item_recorded", item="a/b", seconds=1.5, count=3, none=None)

    assert line["event"] == "item_recorded"
    assert line["level"] == "info"
    assert line["logger"] == "tenantatlas.t"
    assert line["time"].endswith("+00:00")
    assert (line["run"], line["tenant"], line["item"]) == (87, "contoso", "a/b")
    assert (line["seconds"], line["count"], line["none"]) == (1.5, 3, None)


def test_secrets_are_in_no_part_of_a_line():
    secret = 'canary "quoted"\\value'
    remember_secret(secret)
    try:
        raise ValueError(f"with {secret}")
    except ValueError as error:
        line = line_of(
            f"message {secret} %s",
            f"and {secret}",
            exc_info=(type(error), error, error.__traceback__),
            extra_field=secret,
        )

    assert "canary" not in json.dumps(line)
    assert "ValueError" in line["trace"]


def handler_of(path):
    """A file handler as the settings make it."""
    handler = PrivateFile(path, delay=True, encoding="utf-8")
    handler.setFormatter(JsonLines())
    return handler


def record(level):
    """A record of that level."""
    return logging.getLogger("t").makeRecord("t", level, "f", 1, "something_happened", (), None)


def test_a_log_file_is_for_its_user_only(tmp_path):
    handler = handler_of(tmp_path / "x.log")
    handler.emit(record(logging.INFO))
    handler.close()

    assert stat.S_IMODE((tmp_path / "x.log").stat().st_mode) == 0o600
    assert json.loads((tmp_path / "x.log").read_text())["event"] == "something_happened"


def test_where_the_folder_is_missing_only_errors_are_said_aloud(tmp_path, capsys):
    handler = handler_of(tmp_path / "missing" / "x.log")
    handler.emit(record(logging.INFO))
    assert capsys.readouterr().err == ""
    handler.emit(record(logging.ERROR))
    handler.close()

    assert json.loads(capsys.readouterr().err)["level"] == "error"
    assert not (tmp_path / "missing").exists()


def test_lines_that_cannot_be_written_do_not_stop_the_work(tmp_path, capsys):
    handler = handler_of(tmp_path / "x.log")
    handler.handleError(record(logging.ERROR))
    handler.handleError(record(logging.INFO))

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_lines_go_to_a_file_or_to_standard_error(tmp_path):
    assert logging_config(level="INFO")["handlers"]["lines"]["class"] == "logging.StreamHandler"
    assert logging_config(level="INFO", path=str(tmp_path))["handlers"]["lines"]["filename"] == str(tmp_path)
