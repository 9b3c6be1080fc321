"""The authenticator app of a person: enrolled, confirmed, asked for at sign-in, given up. Audited.

The secret is sealed with the install's key and shown only until the first right code; recovery codes are
shown once, and kept as digests. Every code is accepted once.
"""

from __future__ import annotations

from django.db import transaction

from tenantatlas.accounts import totp
from tenantatlas.accounts.models import RecoveryCode, SecondFactor, User
from tenantatlas.accounts.throttle import code_buckets, forgive_try, take_try
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.log import remember_secret

from .people import check_own_password, code_digest, forget_sessions, one_time_code, record_person
from .vault import seal_for_install, unseal_for_install

RECOVERY_CODES = 10
_PURPOSE = "second factor"
_RECOVERY_GROUPS = 3


def has_second_factor(person: User) -> bool:
    """Whether sign-in asks the person for a code."""
    return SecondFactor.objects.filter(user=person, confirmed_at__isnull=False).exists()


def recovery_codes_left(person: User) -> int:
    """How many recovery codes the person has not used."""
    return RecoveryCode.objects.filter(user=person, used_at=None).count()


def begin_enrolment(person: User) -> None:
    """Make a secret for the person's authenticator app; nothing asks for it until it is confirmed."""
    sealed = seal_for_install(purpose=_PURPOSE, record=str(person.pk), plain=totp.new_secret())
    with transaction.atomic():
        if has_second_factor(person):
            raise Conflict("You use an authenticator app already.", hint="Remove it before adding another.")
        values = {"sealed": sealed, "created_at": clock.now(), "confirmed_at": None, "last_period": 0}
        SecondFactor.objects.update_or_create(user=person, defaults=values)


def enrolment_secret(person: User) -> bytes | None:
    """The secret to put into the app, while it is not confirmed; None where there is nothing to confirm."""
    factor = SecondFactor.objects.filter(user=person, confirmed_at=None).first()
    return None if factor is None else _secret_of(factor)


def confirm_enrolment(person: User, *, code: str, keep: str = "") -> tuple[str, ...]:
    """From now on sign-in asks for a code. Returns the recovery codes, which are never shown again.

    All sessions end but the one named `keep`.
    """
    buckets = code_buckets(person.pk)
    take_try(buckets)
    with transaction.atomic():
        factor = SecondFactor.objects.select_for_update().filter(user=person, confirmed_at=None).first()
        if factor is None:
            raise Conflict("There is nothing to confirm.", hint="Begin by adding an authenticator app.")
        period = totp.matching_period(_secret_of(factor), code, at=clock.now(), after=0)
        if period is None:
            raise InputError(
                "This is not the code that the app shows now.",
                hint="Check that the telephone's clock is right, and type the newest code.",
            )
        factor.confirmed_at, factor.last_period = clock.now(), period
        factor.save(update_fields=["confirmed_at", "last_period"])
        codes = _new_recovery_codes(person)
        forget_sessions(person, keep=keep)
        forgive_try(buckets)
        record_person("second_factor.added", actor=person, person=person)
    return codes


def renew_recovery_codes(person: User, *, password: str) -> tuple[str, ...]:
    """New recovery codes in place of all old ones."""
    check_own_password(person, password)
    with transaction.atomic():
        if not has_second_factor(person):
            raise Conflict("You use no authenticator app.", hint="Add one first.")
        codes = _new_recovery_codes(person)
        record_person("second_factor.recovery_codes_renewed", actor=person, person=person)
    return codes


def remove_second_factor(person: User, *, password: str, keep: str = "") -> None:
    """Let the password alone sign in again. All sessions end but the one named `keep`."""
    check_own_password(person, password)
    with transaction.atomic():
        SecondFactor.objects.filter(user=person).delete()
        RecoveryCode.objects.filter(user=person).delete()
        forget_sessions(person, keep=keep)
        record_person("second_factor.removed", actor=person, person=person, details={"by": "themselves"})


def accept_code(person: User, *, code: str) -> bool:
    """Whether this is a code that signs the person in now: of the app, or a recovery code. It is used up."""
    buckets = code_buckets(person.pk)
    take_try(buckets)
    with transaction.atomic():
        accepted = _accept_app_code(person, code) or _accept_recovery_code(person, code)
        if accepted:
            forgive_try(buckets)
    return accepted


def _accept_app_code(person: User, code: str) -> bool:
    factor = SecondFactor.objects.filter(user=person, confirmed_at__isnull=False).first()
    if factor is None:
        return False
    period = totp.matching_period(_secret_of(factor), code, at=clock.now(), after=factor.last_period)
    if period is None:
        return False
    newer = SecondFactor.objects.filter(pk=factor.pk, last_period__lt=period)
    return newer.update(last_period=period) == 1


def _accept_recovery_code(person: User, code: str) -> bool:
    unused = RecoveryCode.objects.filter(user=person, digest=_recovery_digest(person, code), used_at=None)
    if not unused.update(used_at=clock.now()):
        return False
    left = recovery_codes_left(person)
    record_person("second_factor.recovery_code_used", actor=person, person=person, details={"left": left})
    return True


def _new_recovery_codes(person: User) -> tuple[str, ...]:
    codes = tuple(one_time_code(groups=_RECOVERY_GROUPS) for _ in range(RECOVERY_CODES))
    RecoveryCode.objects.filter(user=person).delete()
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=person, digest=_recovery_digest(person, code)) for code in codes
    )
    return codes


def _recovery_digest(person: User, code: str) -> str:
    return code_digest(f"{person.pk}X{code}")


def _secret_of(factor: SecondFactor) -> bytes:
    secret = unseal_for_install(purpose=_PURPOSE, record=str(factor.user_id), sealed=factor.sealed)
    remember_secret(totp.as_text(secret).replace(" ", ""))
    return secret
