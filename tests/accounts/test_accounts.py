"""People: made with good passwords, signed in by them, the last owner kept."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.test import override_settings

from tenantatlas.accounts.capabilities import GRANTABLE, ROLES, WORDS, Capability, Role
from tenantatlas.accounts.models import User
from tenantatlas.accounts.queries import only_owner, user_by_email
from tenantatlas.accounts.services import (
    change_password,
    check_new_user,
    create_user,
    revoke_install_ownership,
    switch_off_user,
)
from tenantatlas.accounts.signin import EmailBackend
from tenantatlas.config.settings import base
from tenantatlas.core.errors import Conflict, InputError, NotFound
from tests.factories import UserFactory

GOOD = "a long and strange sentence"


@pytest.mark.django_db
def test_a_password_is_kept_as_argon2id():
    with override_settings(PASSWORD_HASHERS=base.PASSWORD_HASHERS):
        user = create_user(email="New@Contoso.example ", password=GOOD, name="New")

        assert user.email == "new@contoso.example"
        assert user.password.startswith("argon2$argon2id$")
        assert GOOD not in user.password
        assert authenticate(email="NEW@contoso.example", password=GOOD) == user


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("email", "password", "says"),
    [
        ("nobody", GOOD, "not an e-mail address"),
        ("", GOOD, "not an e-mail address"),
        ("a@contoso.example", "short", "12 characters"),
        ("a@contoso.example", "elevenchars", "12 characters"),
        ("a@contoso.example", "password123456", "common"),
    ],
)
def test_bad_addresses_and_passwords_are_refused(email, password, says):
    with pytest.raises(InputError, match=says) as caught:
        create_user(email=email, password=password)
    assert caught.value.hint
    assert not User.objects.exists()


@pytest.mark.django_db
def test_an_address_is_taken_once_whatever_its_case():
    create_user(email="a@contoso.example", password=GOOD)

    with pytest.raises(Conflict, match="already"):
        create_user(email="A@CONTOSO.example", password=GOOD)
    assert User.objects.count() == 1


def test_checking_makes_nobody():
    assert check_new_user(email="A@contoso.example", password=GOOD, name=" A ").name == "A"


@pytest.mark.django_db
def test_only_the_right_password_of_an_active_person_signs_in(django_assert_num_queries):
    user = UserFactory(email="ana@contoso.example", password=GOOD)
    backend = EmailBackend()

    assert backend.authenticate(None, email="ana@contoso.example", password=GOOD) == user
    assert backend.authenticate(None, email="ana@contoso.example", password="wrong") is None
    assert backend.authenticate(None, email="", password=GOOD) is None
    assert backend.authenticate(None, email="ana@contoso.example", password="") is None
    with django_assert_num_queries(1):
        assert backend.authenticate(None, email="nobody@contoso.example", password=GOOD) is None
    assert backend.get_user(user.pk) == user

    User.objects.filter(pk=user.pk).update(is_active=False)
    assert backend.authenticate(None, email="ana@contoso.example", password=GOOD) is None
    assert backend.get_user(user.pk) is None


@pytest.mark.django_db
def test_an_unknown_address_costs_a_hash_like_a_known_one(monkeypatch):
    hashed = []
    monkeypatch.setattr("tenantatlas.accounts.signin.make_password", hashed.append)

    EmailBackend().authenticate(None, email="nobody@contoso.example", password=GOOD)

    assert hashed == [GOOD]


@pytest.mark.django_db
def test_a_new_password_replaces_the_old_one():
    user = UserFactory(password=GOOD)

    change_password(user, password="another long sentence")

    assert not User.objects.get(pk=user.pk).check_password(GOOD)
    with pytest.raises(InputError):
        change_password(user, password="short")


@pytest.mark.django_db
def test_the_last_owner_of_the_install_stays():
    first, second = UserFactory(is_owner=True), UserFactory(is_owner=True)
    switch_off_user(UserFactory())

    switch_off_user(second)
    assert not second.is_active
    for change in (switch_off_user, revoke_install_ownership):
        with pytest.raises(Conflict, match="last owner"):
            change(first)

    UserFactory(is_owner=True)
    revoke_install_ownership(first)
    assert not first.is_owner


@pytest.mark.django_db
def test_who_acts_is_the_only_owner_where_there_is_just_one():
    with pytest.raises(NotFound, match="no owner yet"):
        only_owner()
    owner = UserFactory(is_owner=True)
    assert only_owner() == owner
    UserFactory(is_owner=True)
    with pytest.raises(InputError, match="several owners"):
        only_owner()


@pytest.mark.django_db
def test_people_are_found_by_address():
    user = UserFactory(email="ana@contoso.example", name="")

    assert user_by_email(" ANA@contoso.example") == user
    assert User.objects.get_by_natural_key("ANA@contoso.example") == user
    assert user.display_name == str(user) == "ana@contoso.example"
    with pytest.raises(NotFound):
        user_by_email("eve@contoso.example")


def test_each_role_has_all_of_the_one_below_and_owners_have_all():
    reader, operator, manager, owner = (
        ROLES[role] for role in (Role.READER, Role.OPERATOR, Role.MANAGER, Role.OWNER)
    )
    assert reader < operator < manager < owner == frozenset(Capability)
    assert Capability.RESTORE_EXECUTE not in operator
    assert frozenset({Capability.RESTORE_EXECUTE}) == GRANTABLE


def test_every_capability_has_words_of_its_own():
    assert set(WORDS) == set(Capability)
    assert len({each.words for each in Capability}) == len(Capability)
    assert all(each.words and "." not in each.words for each in Capability)
