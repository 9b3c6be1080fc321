"""Making and changing accounts. Callers write the audit entry, in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError

from .models import User
from .preferences import is_allowed

LONGEST_PASSWORD = 128


def check_new_user(*, email: str, password: str, name: str = "") -> User:
    """The person as they would be made, not saved; `InputError` where address or password will not do."""
    user = _person(email=email, name=name)
    check_password(password, user=user)
    return user


def _person(*, email: str, name: str) -> User:
    address = email.strip().lower()
    try:
        validate_email(address)
    except ValidationError as error:
        raise InputError(
            f"{email[:254]!r} is not an e-mail address.", hint="Write it as name@example.com."
        ) from error
    return User(email=address, name=name.strip()[:120], created_at=clock.now())


def check_password(password: str, *, user: User) -> None:
    """Refuse a password that is short, common, or longer than anybody types."""
    if len(password) > LONGEST_PASSWORD:
        raise InputError(
            f"This password is longer than {LONGEST_PASSWORD} characters.", hint="Use a shorter one."
        )
    try:
        validate_password(password, user=user)
    except ValidationError as error:
        raise InputError(
            " ".join(error.messages), hint="Use at least 12 characters that others would not guess."
        ) from error


def create_user(*, email: str, password: str, name: str = "", is_owner: bool = False) -> User:
    """Make an account. The password is kept as its Argon2id hash only."""
    user = check_new_user(email=email, password=password, name=name)
    user.is_owner = is_owner
    user.set_password(password)
    return _insert(user)


def create_invited_user(*, email: str, name: str = "", is_owner: bool = False) -> User:
    """Make an account that nobody can sign in to until its person has set a password."""
    user = _person(email=email, name=name)
    user.is_owner = is_owner
    user.set_unusable_password()
    return _insert(user)


def _insert(user: User) -> User:
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            f"There is an account for {user.email} already.", hint="Sign in with it, or use another address."
        ) from error
    return user


def change_password(user: User, *, password: str) -> None:
    """Give the person a new password; sessions signed with the old one end."""
    check_password(password, user=user)
    user.set_password(password)
    user.save(update_fields=["password"])


def take_password(user: User) -> None:
    """Let no password be right; sessions signed with the old one end."""
    user.set_unusable_password()
    user.save(update_fields=["password"])


def switch_on_user(user: User) -> None:
    """Let the person sign in again."""
    User.objects.filter(pk=user.pk).update(is_active=True)
    user.refresh_from_db()


def give_install_ownership(user: User) -> None:
    """Make the person an owner of the install."""
    if not user.is_active:
        raise Conflict(f"{user.email} is switched off.", hint="Switch the account on first.")
    User.objects.filter(pk=user.pk).update(is_owner=True)
    user.refresh_from_db()


def switch_off_user(user: User) -> None:
    """Let the person no longer sign in. The last owner of the install stays."""
    with transaction.atomic():
        _keep_an_owner(besides=user)
        User.objects.filter(pk=user.pk).update(is_active=False)
    user.refresh_from_db()


def revoke_install_ownership(user: User) -> None:
    """Make the owner an ordinary person. The last owner of the install stays."""
    with transaction.atomic():
        _keep_an_owner(besides=user)
        User.objects.filter(pk=user.pk).update(is_owner=False)
    user.refresh_from_db()


def _keep_an_owner(*, besides: User) -> None:
    owners = User.objects.select_for_update().filter(is_owner=True, is_active=True).order_by("pk")
    remaining = {owner.pk for owner in owners}
    if remaining == {besides.pk}:
        raise Conflict(
            "This is the last owner of the install.", hint="Make somebody else an owner of the install first."
        )


def set_preferences(user: User, chosen: Mapping[str, str]) -> None:
    """Remember what the person chose; `InputError` where that cannot be chosen."""
    unknown = sorted(name for name, value in chosen.items() if not is_allowed(name, value))
    if unknown:
        raise InputError(
            f"{', '.join(unknown)}: not one of the choices.", hint="Choose one of those that the page offers."
        )
    user.preferences = {**user.preferences, **chosen}
    user.save(update_fields=["preferences"])
