"""Finding people."""

from __future__ import annotations

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from tenantatlas.core import clock
from tenantatlas.core.errors import InputError, NotFound

from .models import Invitation, SecondFactor, User


def user_by_email(email: str) -> User:
    """The active person with that address."""
    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise NotFound(
            f"There is nobody with the address {email[:254]!r} here.",
            hint="Check the spelling of the address.",
        )
    return user


def person_by_email(email: str) -> User:
    """The person with that address, switched off or not."""
    person = User.objects.filter(email=email.strip().lower()).first()
    if person is None:
        raise NotFound(
            f"There is nobody with the address {email[:254]!r} here.",
            hint="Check the address: an owner adds people before they become members.",
        )
    return person


def all_people() -> QuerySet[User]:
    """Everybody, by address; `app` says whether they use an authenticator app, `open_sessions` how many."""
    confirmed = SecondFactor.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False)
    return User.objects.annotate(
        app=Exists(confirmed),
        invited=Exists(Invitation.objects.filter(user=OuterRef("pk"), expires_at__gt=clock.now())),
        open_sessions=Count("sessions", filter=Q(sessions__expire_date__gt=clock.now())),
    ).order_by("email")


def only_owner() -> User:
    """The one active owner of the install; where there are none or several, a person must be named."""
    owners = list(User.objects.filter(is_owner=True, is_active=True).order_by("pk")[:2])
    if len(owners) == 1:
        return owners[0]
    if owners:
        raise InputError(
            "This install has several owners.", hint="Say who you are with --as EMAIL or ATLAS_USER."
        )
    raise NotFound(
        "This install has no owner yet.",
        hint="Set it up with `tenantatlas init --admin-email E --admin-password-file F`.",
    )
