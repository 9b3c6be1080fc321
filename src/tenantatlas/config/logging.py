"""Log lines: one JSON object each, with the fields of the work in hand, and never a secret.

`time level logger event` always; `run item tenant actor request` when known (`core.log.log_fields` or
`extra=`);
`trace` for exceptions. Every string passes `core.log.redact_text`.
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import UTC, datetime
from io import BufferedWriter, FileIO, TextIOWrapper
from logging.handlers import WatchedFileHandler
from typing import Any

from tenantatlas.core.json import dumps
from tenantatlas.core.log import current_fields, redact_text

_OWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(str(value))


class JsonLines(logging.Formatter):
    """One JSON object per record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line; fields given with `extra=` win over those of the work in hand."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact_text(record.getMessage()),
        }
        extra = {key: value for key, value in vars(record).items() if key not in _OWN}
        line.update((key, _plain(value)) for key, value in {**current_fields(), **extra}.items())
        if record.exc_info:
            line["trace"] = redact_text(self.formatException(record.exc_info))
        return dumps(line).decode("utf-8", "replace")


class PrivateFile(WatchedFileHandler):
    """A log file for its user only. Where its folder is missing or full, errors go to standard error."""

    def _open(self) -> TextIOWrapper:
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return TextIOWrapper(BufferedWriter(FileIO(handle, "a")), encoding="utf-8", write_through=True)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line; a missing folder is no reason to make one."""
        try:
            super().emit(record)
        except OSError:
            self._say_aloud(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The line could not be written."""
        self._say_aloud(record)

    def _say_aloud(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            sys.stderr.write(self.format(record) + "\n")


def logging_config(*, level: str, path: str = "") -> dict[str, Any]:
    """Django's LOGGING: everything to one handler, a file if a path is given, else standard error."""
    handler: dict[str, Any] = {"class": "logging.StreamHandler", "formatter": "lines"}
    if path:
        handler = {
            "class": "tenantatlas.config.logging.PrivateFile",
            "formatter": "lines",
            "filename": path,
            "delay": True,
            "encoding": "utf-8",
        }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": "tenantatlas.config.logging.JsonLines"}},
        "handlers": {"lines": handler},
        "root": {"handlers": ["lines"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": "WARNING", "propagate": True},
            "django.server": {"handlers": [], "level": "WARNING", "propagate": True},
            "dbos": {"level": "WARNING"},
            "msal": {"level": "WARNING"},
        },
    }
