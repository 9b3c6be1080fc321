"""Guessing is slow, and guessing at somebody does not lock them out."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tenantatlas.accounts.models import TryCount
from tenantatlas.accounts.throttle import (
    FORGOTTEN_AFTER,
    LONGEST_WAIT,
    PAIR_TRIES,
    WIDE_TRIES,
    buckets_of,
    forget_tries,
    forgive_try,
    take_try,
)
from tenantatlas.core.errors import TooManyTries

OWNER = "otto@contoso.example"


def tries(number: int, *, email: str = OWNER, address: str = "10.0.0.1", browser: str = "") -> int:
    """How many of so many tries in a row were let through."""
    taken = 0
    for _ in range(number):
        try:
            take_try(buckets_of(email=email, address=address, browser=browser))
        except TooManyTries:
            break
        taken += 1
    return taken


@pytest.mark.django_db
def test_five_tries_then_half_a_minute_then_twice_as_long(virtual_clock):
    assert tries(10) == PAIR_TRIES
    for wait in (30, 60, 120, 240, 480, 900, 900):
        with pytest.raises(TooManyTries) as caught:
            take_try(buckets_of(email=OWNER, address="10.0.0.1"))
        assert wait - 1 <= caught.value.retry_after <= wait + 1
        assert "Wait" in caught.value.message
        assert caught.value.hint
        virtual_clock.advance(wait)
        assert tries(2) == 1
    assert LONGEST_WAIT.total_seconds() == 900


@pytest.mark.django_db
@pytest.mark.usefixtures("virtual_clock")
def test_who_tries_many_accounts_from_one_address_is_stopped():
    taken = sum(tries(1, email=f"person{number}@contoso.example") for number in range(100))
    assert taken == WIDE_TRIES


@pytest.mark.django_db
@pytest.mark.usefixtures("virtual_clock")
def test_who_tries_one_account_from_many_addresses_is_stopped():
    taken = sum(tries(1, address=f"10.0.{number}.1") for number in range(100))
    assert taken == WIDE_TRIES


@pytest.mark.django_db
@pytest.mark.usefixtures("virtual_clock")
def test_the_owner_gets_in_from_a_known_browser_while_the_account_is_flooded():
    """From everywhere, from the owner's own address too."""
    for number in range(100):
        tries(3, address=f"10.0.{number}.1")
    tries(30, address="10.0.0.1")
    assert tries(1, address="10.9.9.9") == 0
    assert tries(1, address="10.0.0.1", browser="the owner's") == 1
    assert tries(10, browser="the owner's") == PAIR_TRIES - 1, "which is counted by itself"


@pytest.mark.django_db
def test_nobody_waits_longer_than_a_quarter_of_an_hour(virtual_clock):
    for number in range(300):
        tries(3, address=f"10.{number}.0.1")
        virtual_clock.advance(60)
    virtual_clock.advance(LONGEST_WAIT.total_seconds())
    assert tries(1, address="192.0.2.1") == 1


@pytest.mark.django_db
def test_an_hour_without_a_try_forgets(virtual_clock):
    tries(10)
    virtual_clock.advance(FORGOTTEN_AFTER.total_seconds() + 1)
    assert tries(10) == PAIR_TRIES


@pytest.mark.django_db
@pytest.mark.usefixtures("virtual_clock")
def test_a_success_forgets_ones_own_tries_only():
    buckets = buckets_of(email=OWNER, address="10.0.0.1")
    for _ in range(4):
        take_try(buckets)
    forgive_try(buckets)
    assert tries(10) == PAIR_TRIES
    assert sorted(TryCount.objects.values_list("tries", flat=True)) == [5, 8, 8]


@pytest.mark.django_db
@pytest.mark.usefixtures("virtual_clock")
def test_an_office_that_signs_in_at_nine_is_no_attack():
    """Forty people behind one address, half of them at the same moment."""
    at_once = [
        buckets_of(email=f"person{number}@contoso.example", address="10.0.0.1") for number in range(20)
    ]
    for round_ in (at_once, at_once):
        for buckets in round_:
            take_try(buckets)
        for buckets in round_:
            forgive_try(buckets)


@pytest.mark.django_db
@pytest.mark.usefixtures("virtual_clock")
def test_a_new_password_from_an_owner_lets_tries_begin_anew():
    for number in range(100):
        tries(1, address=f"10.0.{number}.1")
    forget_tries(OWNER.upper())
    assert tries(1, address="192.0.2.1") == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("virtual_clock")
def test_what_was_typed_is_not_kept():
    """People type their password where the address belongs."""
    take_try(buckets_of(email="my-real-password", address="10.0.0.1"))
    assert not [row for row in TryCount.objects.values_list("bucket", flat=True) if "password" in row]


@pytest.mark.django_db(transaction=True)
def test_tries_at_once_are_counted_one_by_one():
    starting, taken, errors = threading.Barrier(8), [], []

    def work():
        try:
            starting.wait()
            taken.append(tries(5))
        except Exception as error:  # noqa: BLE001 - told to the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sum(taken) == PAIR_TRIES
