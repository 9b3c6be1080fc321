"""How often one may try to sign in. Every try is counted before the password is looked at.

bucket               free tries   then wait            counts
account + address         5       30 s, doubling       tries at one account from one address
address                  20       30 s, doubling       tries from one address, at whatever account
account                  20       30 s, doubling       tries at one account, from wherever
account + browser         5       30 s, doubling       tries from a browser that has signed in to it before

A browser that has signed in before carries a signed cookie and is counted by itself only: whoever floods an
account, or shares an address with us, does not lock its person out. No wait is longer than 15 minutes, and an
hour without a try forgets. Buckets are named by digests: what was typed for an address is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from tenantatlas.core import clock
from tenantatlas.core.errors import TooManyTries
from tenantatlas.core.ids import sha256_hex

from .models import TryCount

PAIR_TRIES, WIDE_TRIES = 5, 20
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Bucket:
    """What is counted together, how many tries are free, and whether success empties it."""

    name: str
    free: int
    emptied: bool = True


def buckets_of(*, email: str, address: str, browser: str = "") -> tuple[Bucket, ...]:
    """What a try at this account counts towards. `browser` is the id of one that has signed in to it."""
    account = email.strip().lower()
    if browser:
        return (_bucket("browser", account, browser, free=PAIR_TRIES),)
    return (
        _bucket("pair", account, address, free=PAIR_TRIES),
        _bucket("address", address, free=WIDE_TRIES, emptied=False),
        _account(account),
    )


def code_buckets(user_id: int) -> tuple[Bucket, ...]:
    """What a try at the person's code counts towards; only who has the password gets there."""
    return (_bucket("code", str(user_id), free=PAIR_TRIES),)


def take_try(buckets: tuple[Bucket, ...]) -> None:
    """Count a try, or refuse it with `TooManyTries` that says how long to wait."""
    now = clock.now()
    with transaction.atomic():
        rows = [_locked(bucket, now=now) for bucket in buckets]
        until = max(row.blocked_until or now for row in rows)
        if until <= now:
            for row, bucket in zip(rows, buckets, strict=True):
                row.tries += 1
                row.last_at = now
                row.blocked_until = _blocked_until(row.tries, free=bucket.free, now=now)
                row.save(update_fields=["tries", "last_at", "blocked_until"])
            return
    seconds = int((until - now).total_seconds()) + 1
    raise TooManyTries(
        f"Too many tries. Wait {_in_words(seconds)}, then try again.",
        hint="Whoever forgot a password can ask an owner of the install for a new one.",
        retry_after=float(seconds),
    )


def forgive_try(buckets: tuple[Bucket, ...]) -> None:
    """After a success: what counted for the person here is forgotten, what counts more widely loses a try."""
    for bucket in buckets:
        rows = TryCount.objects.filter(bucket=bucket.name)
        if bucket.emptied:
            rows.delete()
        else:
            rows.filter(tries__gt=0).update(tries=F("tries") - 1)
            rows.filter(tries__lt=bucket.free).update(blocked_until=None)
    TryCount.objects.filter(last_at__lt=clock.now() - FORGOTTEN_AFTER).delete()


def forget_tries(email: str) -> None:
    """Let tries at the account begin anew: an owner has given it a new password."""
    TryCount.objects.filter(bucket=_account(email.strip().lower()).name).delete()


def _account(email: str) -> Bucket:
    return _bucket("account", email, free=WIDE_TRIES, emptied=False)


def _bucket(*parts: str, free: int, emptied: bool = True) -> Bucket:
    return Bucket(sha256_hex("\x1f".join(parts).encode("utf-8", "replace")), free, emptied)


def _locked(bucket: Bucket, *, now: datetime) -> TryCount:
    rows = TryCount.objects.filter(bucket=bucket.name)
    if not rows.update(tries=F("tries")):  # takes the row's lock, on both databases
        TryCount.objects.bulk_create([TryCount(bucket=bucket.name, last_at=now)], ignore_conflicts=True)
        rows.update(tries=F("tries"))
    row = rows.get()
    if row.last_at < now - FORGOTTEN_AFTER:
        row.tries, row.blocked_until = 0, None
    return row


def _blocked_until(tries: int, *, free: int, now: datetime) -> datetime | None:
    if tries < free:
        return None
    doublings = min(tries - free, 10)
    return now + min(LONGEST_WAIT, FIRST_WAIT * float(2**doublings))


def _in_words(seconds: int) -> str:
    if seconds < 90:  # noqa: PLR2004 - shorter is said in seconds
        return f"{seconds} seconds"
    return f"{-(-seconds // 60)} minutes"
