"""`tenantatlas users`: the people of this install."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tenantatlas.accounts.models import User
from tenantatlas.accounts.queries import all_people, person_by_email
from tenantatlas.cli.files import read_secret_file
from tenantatlas.cli.output import note, print_object, print_rows
from tenantatlas.cli.session import acting_user
from tenantatlas.core.errors import InputError
from tenantatlas.tenants import people
from tenantatlas.tenants.queries import require_install_owner

_ADDRESS = "/sign-in/first-password/"

EmailArgument = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]
PasswordOption = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="F", help="A file with the password; without, a one-time code is printed."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="The people of this install.", no_args_is_help=True)
    app.add_typer(group, name="users")
    for command in (add, list_, reset, disable, enable, end_sessions, owner):
        group.command(name=command.__name__.rstrip("_").replace("_", "-"))(command)


def add(
    *,
    email: Annotated[str, typer.Option(metavar="E", help="The person's e-mail address.")],
    name: Annotated[str, typer.Option(metavar="N", help="The person's name.")] = "",
    password_file: PasswordOption = None,
    owner: Annotated[bool, typer.Option("--owner", help="Make them an owner of the install.")] = False,
) -> None:
    """Add a person, with a first password or with a one-time code to set one. See `members grant` next."""
    actor = acting_user()
    if password_file is None:
        person, code = people.invite_person(actor=actor, email=email, name=name, is_owner=owner)
        _print_code(person, code)
        return
    password = read_secret_file(password_file, what="password file")
    person = people.add_person(actor=actor, email=email, name=name, password=password, is_owner=owner)
    print_object(people.person_facts(person), text=f"{person.email} can sign in.")


def list_() -> None:
    """List the people of this install."""
    require_install_owner(acting_user())
    print_rows((people.person_facts(person) for person in all_people()), columns=people.PERSON_FACTS)


def reset(
    email: EmailArgument,
    *,
    password_file: PasswordOption = None,
    remove_second_factor: Annotated[
        bool, typer.Option("--remove-second-factor", help="Let the password alone sign in: the app is lost.")
    ] = False,
) -> None:
    """Give a person a new password; their sessions end."""
    actor, person = _owner_and(email)
    if remove_second_factor:
        people.take_second_factor(person, actor=actor)
    if password_file is not None:
        password = read_secret_file(password_file, what="password file")
        people.reset_password(person, actor=actor, password=password)
    elif not remove_second_factor:
        _print_code(person, people.invite_again(person, actor=actor))
        return
    print_object(people.person_facts(person), text=f"{person.email} is reset; their sessions have ended.")


def disable(email: EmailArgument) -> None:
    """Let a person no longer sign in; their sessions end. The last owner stays."""
    actor, person = _owner_and(email)
    people.switch_off(person, actor=actor)
    print_object(people.person_facts(person), text=f"{person.email} can no longer sign in.")


def enable(email: EmailArgument) -> None:
    """Let a person sign in again."""
    actor, person = _owner_and(email)
    people.switch_on(person, actor=actor)
    print_object(people.person_facts(person), text=f"{person.email} can sign in again.")


def end_sessions(email: EmailArgument) -> None:
    """Sign a person out everywhere, at once."""
    actor, person = _owner_and(email)
    ended = people.end_all_sessions(person, actor=actor)
    print_object(
        {**people.person_facts(person), "ended": ended}, text=f"{person.email}: {ended} sessions ended."
    )


def owner(
    email: EmailArgument,
    *,
    set_: Annotated[
        bool | None, typer.Option("--make/--revoke", help="Make them an owner of the install, or not.")
    ] = None,
) -> None:
    """Make a person an owner of the install, or an ordinary person again. The last owner stays."""
    actor, person = _owner_and(email)
    if set_ is None:
        raise InputError("Nothing to do.", hint="Give --make or --revoke.")
    (people.make_owner if set_ else people.revoke_owner)(person, actor=actor)
    words = "owns this install" if set_ else "is an ordinary person"
    print_object(people.person_facts(person), text=f"{person.email} {words}.")


def _owner_and(email: str) -> tuple[User, User]:
    """Who acts, an owner of the install, and the person of that address."""
    actor = acting_user()
    require_install_owner(actor)
    return actor, person_by_email(email)


def _print_code(person: User, code: str) -> None:
    """The one place where a code is shown; only its digest is kept."""
    print_object(
        {**people.person_facts(person), "one_time_code": code, "set_password_at": _ADDRESS},
        text=f"{person.email} sets a password at {_ADDRESS} with the one-time code {code}",
    )
    note("The code works once, for 7 days, and is not shown again.")
