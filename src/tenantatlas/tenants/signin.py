"""Who signs in, and who tried to: throttled before the password is looked at, audited for the install."""

from __future__ import annotations

import logging

from django.contrib.auth import authenticate
from django.db import transaction

from tenantatlas.accounts.models import Invitation, User
from tenantatlas.accounts.sessions import SessionStore
from tenantatlas.accounts.throttle import buckets_of, forgive_try, take_try
from tenantatlas.core.errors import TooManyTries

from .people import record_person
from .secondfactor import accept_code

log = logging.getLogger(__name__)


def check_password_of(*, email: str, password: str, address: str, browser: str) -> User | None:
    """The person whose password this is; None, the same for every other reason.

    `browser` is the id of a browser that has signed in to the account before; see `accounts.throttle`.
    """
    buckets = buckets_of(email=email, address=address, browser=browser)
    try:
        take_try(buckets)
    except TooManyTries:
        log.warning("sign_in_throttled", extra={"address": address})
        raise
    user = authenticate(None, email=email, password=password)
    if not isinstance(user, User):
        _note_failure(email=email, address=address, because="password")
        return None
    forgive_try(buckets)
    return user


def check_code_of(person: User, *, code: str, address: str) -> bool:
    """Whether the code is the person's; see `secondfactor.accept_code`."""
    if accept_code(person, code=code):
        return True
    _note_failure(email=person.email, address=address, because="code")
    return False


def note_signed_in(person: User, *, address: str) -> None:
    """For the trail. An invitation that was not used is void: its person knows the password."""
    with transaction.atomic():
        Invitation.objects.filter(user=person).delete()
        record_person("person.signed_in", actor=person, person=person, details={"address": address})
    SessionStore.clear_expired()


def note_signed_out(person: User, *, address: str) -> None:
    """For the trail."""
    record_person("person.signed_out", actor=person, person=person, details={"address": address})


def _note_failure(*, email: str, address: str, because: str) -> None:
    """What was typed for an address is kept only if it is somebody's: people type passwords there."""
    person = User.objects.filter(email=email.strip().lower()).first()
    record_person(
        "person.sign_in_failed", actor=None, person=person, details={"address": address, "because": because}
    )
