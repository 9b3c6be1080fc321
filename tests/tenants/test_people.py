"""The people of an install: who may make them, what ends their sessions, and what the trail says of it."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate

from tenantatlas.accounts.models import Invitation, RecoveryCode, SecondFactor, Session, User
from tenantatlas.accounts.sessions import SessionStore, stored_key
from tenantatlas.accounts.totp import code_for, period_at
from tenantatlas.audit.queries import audit_entries, verify_chain
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError, NotAllowed, StorageFailed, TooManyTries
from tenantatlas.tenants import people, secondfactor
from tenantatlas.tenants.vault import seal_for_install, unseal_for_install
from tests.canary import secret
from tests.factories import PASSWORD, UserFactory

ANOTHER = secret("another password")


def last_entry():
    """What the install's trail says last."""
    assert verify_chain(None).intact
    return audit_entries(None).first()


def a_session(person: User) -> str:
    """A browser in which the person is signed in; its cookie."""
    store = SessionStore()
    store["_auth_user_id"] = str(person.pk)
    store.create()
    store["_auth_user_id"] = str(person.pk)
    store.save()
    return store.session_key


def is_open(cookie: str) -> bool:
    return Session.objects.filter(session_key=stored_key(cookie)).exists()


def test_the_cookie_of_a_session_does_not_stand_in_the_database(cast):
    cookie = a_session(cast.ana)
    row = Session.objects.get(user=cast.ana)
    assert cookie not in str(row.__dict__)
    assert SessionStore(cookie)["_auth_user_id"] == str(cast.ana.pk)
    assert dict(SessionStore(row.session_key).items()) == {}, "what stands there opens nothing"


def test_only_owners_of_the_install_change_people(cast):
    for change in (
        lambda: people.add_person(actor=cast.ana, email="new@contoso.example", password=ANOTHER),
        lambda: people.invite_person(actor=cast.ana, email="new@contoso.example"),
        lambda: people.invite_again(cast.olu, actor=cast.ana),
        lambda: people.reset_password(cast.olu, actor=cast.ana, password=ANOTHER),
        lambda: people.switch_off(cast.olu, actor=cast.ana),
        lambda: people.switch_on(cast.olu, actor=cast.ana),
        lambda: people.make_owner(cast.ana, actor=cast.ana),
        lambda: people.revoke_owner(cast.otto, actor=cast.ana),
        lambda: people.end_all_sessions(cast.olu, actor=cast.ana),
        lambda: people.take_second_factor(cast.olu, actor=cast.ana),
    ):
        with pytest.raises(NotAllowed):
            change()
    assert User.objects.count() == 4
    assert not audit_entries(None).exists()


@pytest.mark.parametrize(
    ("change", "action"),
    [
        (
            lambda who, actor: people.reset_password(who, actor=actor, password=ANOTHER),
            "person.password_reset",
        ),
        (lambda who, actor: people.invite_again(who, actor=actor), "person.password_reset"),
        (lambda who, actor: people.switch_off(who, actor=actor), "person.switched_off"),
        (lambda who, actor: people.end_all_sessions(who, actor=actor), "person.sessions_ended"),
    ],
)
def test_what_an_owner_does_ends_all_sessions_of_the_person_and_of_nobody_else(cast, change, action):
    theirs, another, others = a_session(cast.ana), a_session(cast.ana), a_session(cast.olu)

    change(cast.ana, cast.otto)

    assert [is_open(each) for each in (theirs, another, others)] == [False, False, True]
    entry = last_entry()
    assert (entry.action, entry.subject, entry.actor_name) == (action, cast.ana.email, "Otto")


def test_the_last_owner_of_the_install_stays(cast):
    for change in (people.switch_off, people.revoke_owner):
        with pytest.raises(Conflict, match="last owner"):
            change(cast.otto, actor=cast.otto)
    people.make_owner(cast.ana, actor=cast.otto)
    people.revoke_owner(cast.otto, actor=cast.otto)
    assert not User.objects.get(pk=cast.otto.pk).is_owner
    assert last_entry().action == "person.owner_revoked"


def test_who_is_switched_off_is_not_made_an_owner_and_can_come_back(cast):
    people.switch_off(cast.ana, actor=cast.otto)
    with pytest.raises(Conflict, match="switched off"):
        people.make_owner(cast.ana, actor=cast.otto)
    people.switch_on(cast.ana, actor=cast.otto)
    assert authenticate(email=cast.ana.email, password=PASSWORD) == cast.ana
    assert last_entry().action == "person.switched_on"


class TestInvitation:
    def test_a_person_sets_the_password_with_the_code_once(self, cast):
        person, code = people.invite_person(actor=cast.otto, email="new@contoso.example", name="New")
        assert authenticate(email=person.email, password="") is None
        assert code not in str(Invitation.objects.values())

        people.accept_invitation(
            email=" NEW@contoso.example", code=code.lower().replace("-", " "), password=ANOTHER
        )

        assert authenticate(email=person.email, password=ANOTHER) == person
        assert last_entry().action == "person.password_set"
        with pytest.raises(InputError, match="do not belong together"):
            people.accept_invitation(email=person.email, code=code, password=ANOTHER)

    def test_a_wrong_an_old_and_a_replaced_code_are_answered_alike(self, cast, virtual_clock):
        person, code = people.invite_person(actor=cast.otto, email="new@contoso.example")
        newer = people.invite_again(person, actor=cast.otto)
        said = set()
        for email, given in (
            (person.email, code),
            (person.email, "AAAA-AAAA-AAAA-AAAA"),
            ("nobody@contoso.example", newer),
            (cast.ana.email, newer),
        ):
            with pytest.raises(InputError) as caught:
                people.accept_invitation(email=email, code=given, password=ANOTHER)
            said.add(str(caught.value))
        virtual_clock.advance(people.INVITED_FOR.total_seconds() + 1)
        with pytest.raises(InputError) as caught:
            people.accept_invitation(email=person.email, code=newer, password=ANOTHER)
        assert said == {str(caught.value)}

    def test_a_bad_password_does_not_use_the_code_up(self, cast):
        person, code = people.invite_person(actor=cast.otto, email="new@contoso.example")
        for bad in ("short", "x" * 129):
            with pytest.raises(InputError, match="characters"):
                people.accept_invitation(email=person.email, code=code, password=bad)
        assert people.accept_invitation(email=person.email, code=code, password="x y" * 42) == person

    def test_codes_are_not_guessed(self, cast):
        person, _ = people.invite_person(actor=cast.otto, email="new@contoso.example")
        refused = 0
        for _ in range(10):
            try:
                people.accept_invitation(
                    email=person.email, code="AAAA", password=ANOTHER, address="10.0.0.1"
                )
            except TooManyTries:
                refused += 1
            except InputError:
                pass
        assert refused == 5


class TestOwnPassword:
    def test_it_is_changed_by_who_knows_it_and_other_sessions_end(self, cast):
        here, elsewhere = a_session(cast.ana), a_session(cast.ana)
        with pytest.raises(InputError, match="not your password"):
            people.change_own_password(cast.ana, current="wrong", password=ANOTHER, keep=here)
        assert is_open(elsewhere)

        people.change_own_password(cast.ana, current=PASSWORD, password=ANOTHER, keep=here)

        assert (is_open(here), is_open(elsewhere)) == (True, False)
        assert authenticate(email=cast.ana.email, password=ANOTHER)
        assert last_entry().action == "person.password_changed"

    def test_it_is_not_guessed_from_an_open_browser(self, cast):
        for _ in range(5):
            with pytest.raises(InputError):
                people.change_own_password(cast.ana, current="wrong", password=ANOTHER)
        with pytest.raises(TooManyTries):
            people.change_own_password(cast.ana, current=PASSWORD, password=ANOTHER)


def code_now(person: User) -> str:
    """What the person's app shows."""
    factor = SecondFactor.objects.get(user=person)
    return code_for(secondfactor._secret_of(factor), period_at(clock.now()))


@pytest.fixture
def enrolled(cast, virtual_clock):
    """Ana with an authenticator app, and her recovery codes."""
    secondfactor.begin_enrolment(cast.ana)
    codes = secondfactor.confirm_enrolment(cast.ana, code=code_now(cast.ana))
    virtual_clock.advance(60)
    return codes


class TestSecondFactor:
    def test_it_counts_only_once_it_is_confirmed(self, cast, virtual_clock):
        assert virtual_clock
        assert secondfactor.enrolment_secret(cast.ana) is None
        secondfactor.begin_enrolment(cast.ana)
        shown = secondfactor.enrolment_secret(cast.ana)
        assert not secondfactor.has_second_factor(cast.ana)
        with pytest.raises(InputError, match="not the code"):
            secondfactor.confirm_enrolment(cast.ana, code="000000")
        here, elsewhere = a_session(cast.ana), a_session(cast.ana)

        codes = secondfactor.confirm_enrolment(
            cast.ana, code=code_for(shown, period_at(clock.now())), keep=here
        )

        assert secondfactor.has_second_factor(cast.ana)
        assert secondfactor.enrolment_secret(cast.ana) is None, "shown no more"
        assert (is_open(here), is_open(elsewhere)) == (True, False)
        assert len(set(codes)) == secondfactor.RECOVERY_CODES
        assert last_entry().action == "second_factor.added"
        with pytest.raises(Conflict, match="already"):
            secondfactor.begin_enrolment(cast.ana)

    def test_the_secret_is_sealed_and_recovery_codes_are_digests(self, cast, enrolled):
        factor = SecondFactor.objects.get(user=cast.ana)
        assert secondfactor._secret_of(factor) not in bytes(factor.sealed)
        kept = str(list(RecoveryCode.objects.values()))
        assert not [code for code in enrolled if code in kept or code.replace("-", "") in kept]

    def test_a_code_is_accepted_once(self, cast, enrolled, virtual_clock):
        assert enrolled
        code = code_now(cast.ana)
        assert secondfactor.accept_code(cast.ana, code=code)
        assert not secondfactor.accept_code(cast.ana, code=code)
        virtual_clock.advance(30)
        assert secondfactor.accept_code(cast.ana, code=code_now(cast.ana))

    def test_a_recovery_code_is_accepted_once_by_its_person(self, cast, enrolled):
        assert not secondfactor.accept_code(cast.olu, code=enrolled[0])
        assert secondfactor.accept_code(cast.ana, code=enrolled[0].lower())
        assert not secondfactor.accept_code(cast.ana, code=enrolled[0])
        assert secondfactor.recovery_codes_left(cast.ana) == secondfactor.RECOVERY_CODES - 1
        assert last_entry().action == "second_factor.recovery_code_used"

    def test_new_recovery_codes_void_the_old_ones(self, cast, enrolled):
        newer = secondfactor.renew_recovery_codes(cast.ana, password=PASSWORD)
        assert not secondfactor.accept_code(cast.ana, code=enrolled[0])
        assert secondfactor.accept_code(cast.ana, code=newer[0])

    def test_codes_are_not_guessed(self, cast, enrolled):
        assert enrolled
        for _ in range(5):
            assert not secondfactor.accept_code(cast.ana, code="000000")
        with pytest.raises(TooManyTries):
            secondfactor.accept_code(cast.ana, code=code_now(cast.ana))

    def test_it_is_removed_with_the_password_and_other_sessions_end(self, cast, enrolled):
        elsewhere = a_session(cast.ana)
        with pytest.raises(InputError, match="not your password"):
            secondfactor.remove_second_factor(cast.ana, password="wrong")
        assert is_open(elsewhere)
        secondfactor.remove_second_factor(cast.ana, password=PASSWORD)
        assert not secondfactor.has_second_factor(cast.ana)
        assert not is_open(elsewhere)
        assert not secondfactor.accept_code(cast.ana, code=enrolled[0])

    def test_an_owner_removes_it_for_who_lost_the_app(self, cast, enrolled):
        assert enrolled
        elsewhere = a_session(cast.ana)
        people.take_second_factor(cast.ana, actor=cast.otto)
        assert not secondfactor.has_second_factor(cast.ana)
        assert not is_open(elsewhere)
        assert last_entry().details == {"by": "owner"}
        with pytest.raises(Conflict, match="no authenticator app"):
            people.take_second_factor(cast.ana, actor=cast.otto)

    def test_a_secret_moved_to_somebody_else_does_not_open(self, cast, enrolled):
        """Who may write to the database cannot give an owner the factor of an account they hold."""
        assert enrolled
        mine = SecondFactor.objects.get(user=cast.ana)
        other = SecondFactor.objects.create(
            user=cast.otto, sealed=mine.sealed, created_at=clock.now(), confirmed_at=clock.now()
        )
        with pytest.raises(StorageFailed, match="moved"):
            secondfactor._secret_of(other)


def test_what_is_sealed_for_the_install_opens_only_as_what_it_was():
    sealed = seal_for_install(purpose="p", record="r", plain=b"plain")
    assert b"plain" not in sealed
    assert unseal_for_install(purpose="p", record="r", sealed=sealed) == b"plain"
    for purpose, record, data in (
        ("q", "r", sealed),
        ("p", "s", sealed),
        ("p", "r", sealed[:-1] + b"x"),
        ("p", "r", b""),
    ):
        with pytest.raises(StorageFailed):
            unseal_for_install(purpose=purpose, record=record, sealed=data)


@pytest.mark.django_db
def test_an_unused_account_is_made_with_a_first_password():
    owner = UserFactory(is_owner=True)
    person = people.add_person(actor=owner, email="new@contoso.example", password=ANOTHER, is_owner=True)
    assert person.is_owner
    assert authenticate(email=person.email, password=ANOTHER) == person
    assert last_entry().details == {"owner": True}
