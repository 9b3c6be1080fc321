"""The program `tenantatlas`: finds its commands in `commands/`, runs one, and says how it ended.

A verb that is none of ours is one of Django's management commands. Only the module of the verb is loaded
where its file has the verb's name.
"""

from __future__ import annotations

import importlib
import logging
import os
import pkgutil
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import django
import typer
from django.apps import apps
from django.core.management import execute_from_command_line, get_commands
from typer.main import get_command

from tenantatlas import __version__
from tenantatlas.core.errors import AtlasError, InputError
from tenantatlas.core.ids import fresh_id
from tenantatlas.core.log import redact_text
from tenantatlas.tenants.storage import storage_failure

from . import commands, output

_LOGS_TO_STDERR = frozenset({"serve", "web", "worker", "simulator"})
_GROUPS_OF_OBJECTS = frozenset({"backups", "restore", "runs", "schedules"})
_USAGE_EXIT = InputError.exit_code
_INTERRUPTED = 130

_log = logging.getLogger("tenantatlas.cli")


def main() -> None:
    """The entry point of the program."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    try:
        rest = _take_common_options(list(arguments))
        return _run_command(rest)
    except AtlasError as error:
        return output.print_error(error)
    except KeyboardInterrupt:
        output.note("Interrupted.")
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: what is not ours is our fault
        return _our_fault(error)


def build_app(verb: str = "") -> typer.Typer:
    """The program with the commands of the verb's module, or with all commands."""
    app = typer.Typer(
        name="tenantatlas",
        help="Backup, drift and restore for Microsoft Intune and Entra configuration.",
        epilog=f"{output.COMMON_OPTIONS_HELP}\n\n{output.EXIT_CODES_HELP}",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def _root() -> None:
        """Make even a single command a group."""

    for module in _modules_for(verb):
        module.register(app)
    return app


def _modules_for(verb: str) -> list[Any]:
    names = sorted(module.name for module in pkgutil.iter_modules(commands.__path__))
    own = verb.replace("-", "_")
    wanted = [name for name in names if name.rstrip("_") == own] or names
    return [importlib.import_module(f"{commands.__name__}.{name}") for name in wanted]


def _take_common_options(arguments: list[str]) -> list[str]:
    """Options that every command takes, wherever they stand, and the rest."""
    rest: list[str] = []
    json, acting_as = False, ""
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--json":
            json = True
        elif word == "--as":
            acting_as = next(words, "")
            _refuse_nobody(acting_as)
        elif word.startswith("--as="):
            acting_as = word.removeprefix("--as=")
            _refuse_nobody(acting_as)
        else:
            rest.append(word)
    output.configure(json=json, acting_as=acting_as)
    return rest


def _refuse_nobody(acting_as: str) -> None:
    if not acting_as or acting_as.startswith("-"):
        raise InputError("--as needs an e-mail address.", hint="Write --as ana@contoso.example.")


def _run_command(arguments: list[str]) -> int:
    if arguments[:1] == ["--version"]:
        output.write_line(f"tenantatlas {__version__}")
        return 0
    verb = arguments[0] if arguments and not arguments[0].startswith("-") else ""
    _start_django(verb)
    command: Any = get_command(build_app(verb))
    for group in _GROUPS_OF_OBJECTS & command.commands.keys():
        _let_tenant_be_named(command.commands[group])
    if verb and verb not in command.commands:
        return _run_management_command(verb, arguments, ours=list(command.commands))
    try:
        answer = command.main(args=arguments, prog_name="tenantatlas", standalone_mode=False)
    except Exception as error:
        if hasattr(error, "format_message") and hasattr(error, "exit_code"):
            return _usage_error(error)
        raise
    if answer == _INTERRUPTED:
        raise KeyboardInterrupt
    return answer if isinstance(answer, int) else 0


def _start_django(verb: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantatlas.config.settings.production")
    if verb not in _LOGS_TO_STDERR:
        home = Path(os.environ.get("ATLAS_HOME") or "~/.tenantatlas").expanduser()
        os.environ.setdefault("ATLAS_LOG_FILE", str(home / "tenantatlas.log"))
    os.umask(0o077)  # what an install writes is for its user only
    if not apps.ready:
        django.setup()


def _let_tenant_be_named(group: Any) -> None:
    """Commands on an object by its number find its tenant themselves; scripts may name it all the same."""
    for command in group.commands.values():
        if not any(param.name == "tenant" for param in command.params):
            command.params.append(_tenant_option())


def _tenant_option() -> Any:
    app = typer.Typer(add_completion=False)

    @app.command()
    def _only_this(
        tenant: Annotated[
            str, typer.Option("--tenant", "-t", metavar="SLUG", help="Only if it is of this tenant.")
        ] = "",
    ) -> None:
        """Never called: only its option is taken."""

    (option,) = [param for param in get_command(app).params if param.name == "tenant"]
    option.expose_value = False
    option.callback = lambda _context, _option, slug: output.name_tenant(slug or "")
    return option


def _run_management_command(verb: str, arguments: list[str], *, ours: list[str]) -> int:
    known = get_commands()
    if verb not in known:
        near = get_close_matches(verb, [*ours, *known], n=3, cutoff=0.5)
        raise InputError(
            f"There is no command {verb[:60]!r}.",
            hint=f"Did you mean {' or '.join(near)}?" if near else "See `tenantatlas --help`.",
        )
    execute_from_command_line(["tenantatlas", *arguments])
    return 0


def _usage_error(error: Any) -> int:
    if type(error).__name__ == "NoArgsIsHelpError":  # a group was named and nothing else: this is its help
        output.note(error.format_message())
        return _USAGE_EXIT
    output.note(f"error: {error.format_message()}")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "tenantatlas"
    output.note(f"hint: See `{path} --help`.")
    return _USAGE_EXIT


def _our_fault(error: Exception) -> int:
    failure = storage_failure(error)
    if failure is not None:
        _log.warning("storage_failed", exc_info=error)
        return output.print_error(failure)
    reference = fresh_id()[:8]
    _log.error("command_failed", exc_info=error, extra={"reference": reference})
    output.note(f"error: This is our fault: {redact_text(type(error).__name__)} (reference {reference}).")
    output.note(f"hint: The log has the details under {reference}; please report it with them.")
    return 1
