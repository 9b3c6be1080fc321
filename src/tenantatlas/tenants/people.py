"""The people of this install: made, changed, switched off, invited. Each change is audited in its
transaction, in the install's own chain. Named for what it is about: accounts cannot write to
the trail themselves.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction

from tenantatlas.accounts import services as accounts
from tenantatlas.accounts.models import Invitation, RecoveryCode, SecondFactor, Session, User
from tenantatlas.accounts.sessions import stored_key
from tenantatlas.accounts.throttle import buckets_of, forget_tries, forgive_try, take_try
from tenantatlas.audit.queries import audit_entries
from tenantatlas.audit.services import record_event
from tenantatlas.core import clock
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.core.ids import sha256_hex
from tenantatlas.core.json import Json

from .queries import require_install_owner

_SAME_REFUSAL = timedelta(minutes=1)
INVITED_FOR = timedelta(days=7)
PERSON_FACTS = ("email", "name", "owner", "active", "second_factor", "sessions", "last_sign_in")
#: Letters and digits that are not taken for each other.
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def record_person(
    action: str,
    *,
    actor: User | None,
    person: User | None,
    subject: str = "",
    details: dict[str, Any] | None = None,
) -> None:
    """An entry of the install's chain about a person, in the caller's transaction."""
    record_event(
        tenant_id=None,
        actor_id=actor.pk if actor else None,
        actor_name=actor.display_name if actor else "somebody",
        action=action,
        subject=subject or (person.email if person else "unknown address"),
        details=details or {},
    )


def record_refusal(*, actor: User, tenant_id: int | None, address: str, path: str, capability: str) -> None:
    """For the trail: the person tried what they may not do. The same again within a minute adds nothing."""
    since = clock.now() - _SAME_REFUSAL
    before = audit_entries(tenant_id).filter(
        at__gte=since, actor_id=actor.pk, action="authorisation.refused", subject=path[:300]
    )
    if not before.exists():
        record_event(
            tenant_id=tenant_id,
            actor_id=actor.pk,
            actor_name=actor.display_name,
            action="authorisation.refused",
            subject=path,
            details={"capability": capability, "address": address},
        )


def one_time_code(*, groups: int = 4) -> str:
    """A code to be read off a screen and typed: 20 bits a group of four, each from a CSPRNG."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(groups))


def code_digest(code: str) -> str:
    """What is kept of a code. Case, spaces and hyphens do not matter."""
    plain = "".join(each for each in code.upper() if each.isalnum())
    return sha256_hex(plain.encode("utf-8", "replace"))


# ── What owners of the install do ─────────────────────────────────────────────────────────────────────────


def add_person(*, actor: User, email: str, name: str = "", password: str, is_owner: bool = False) -> User:
    """Make an account with a first password."""
    require_install_owner(actor)
    with transaction.atomic():
        person = accounts.create_user(email=email, name=name, password=password, is_owner=is_owner)
        record_person("person.added", actor=actor, person=person, details={"owner": is_owner})
    return person


def invite_person(*, actor: User, email: str, name: str = "", is_owner: bool = False) -> tuple[User, str]:
    """Make an account without a password, and the one-time code with which its person sets one."""
    require_install_owner(actor)
    with transaction.atomic():
        person = accounts.create_invited_user(email=email, name=name, is_owner=is_owner)
        code = _new_invitation(person)
        record_person("person.invited", actor=actor, person=person, details={"owner": is_owner})
    return person, code


def invite_again(person: User, *, actor: User) -> str:
    """A one-time code with which the person sets a new password; the old one ends now, and so do sessions."""
    require_install_owner(actor)
    with transaction.atomic():
        accounts.take_password(person)
        code = _new_invitation(person)
        forget_sessions(person)
        forget_tries(person.email)
        record_person("person.password_reset", actor=actor, person=person, details={"by": "one-time code"})
    return code


def reset_password(person: User, *, actor: User, password: str) -> None:
    """Give the person a new password; their sessions end."""
    require_install_owner(actor)
    with transaction.atomic():
        accounts.change_password(person, password=password)
        Invitation.objects.filter(user=person).delete()
        forget_sessions(person)
        forget_tries(person.email)
        record_person("person.password_reset", actor=actor, person=person, details={"by": "owner"})


def switch_off(person: User, *, actor: User) -> None:
    """Let the person no longer sign in; their sessions end. The last owner of the install stays."""
    require_install_owner(actor)
    with transaction.atomic():
        accounts.switch_off_user(person)
        forget_sessions(person)
        record_person("person.switched_off", actor=actor, person=person)


def switch_on(person: User, *, actor: User) -> None:
    """Let the person sign in again, with the password and memberships they had."""
    require_install_owner(actor)
    with transaction.atomic():
        accounts.switch_on_user(person)
        record_person("person.switched_on", actor=actor, person=person)


def make_owner(person: User, *, actor: User) -> None:
    """Make the person an owner of the install, who may connect tenants and add people."""
    require_install_owner(actor)
    with transaction.atomic():
        accounts.give_install_ownership(person)
        record_person("person.made_owner", actor=actor, person=person)


def revoke_owner(person: User, *, actor: User) -> None:
    """Make the owner an ordinary person. The last owner of the install stays."""
    require_install_owner(actor)
    with transaction.atomic():
        accounts.revoke_install_ownership(person)
        record_person("person.owner_revoked", actor=actor, person=person)


def end_all_sessions(person: User, *, actor: User) -> int:
    """Sign the person out everywhere, at once; how many sessions that were."""
    require_install_owner(actor)
    with transaction.atomic():
        ended = forget_sessions(person)
        record_person("person.sessions_ended", actor=actor, person=person, details={"sessions": ended})
    return ended


def take_second_factor(person: User, *, actor: User) -> None:
    """For somebody who lost their authenticator app: the password alone signs in again."""
    require_install_owner(actor)
    with transaction.atomic():
        if not SecondFactor.objects.filter(user=person).delete()[0]:
            raise Conflict(f"{person.email} uses no authenticator app.", hint="There is nothing to remove.")
        RecoveryCode.objects.filter(user=person).delete()
        forget_sessions(person)
        record_person("second_factor.removed", actor=actor, person=person, details={"by": "owner"})


# ── What people do for themselves ─────────────────────────────────────────────────────────────────────────


def accept_invitation(*, email: str, code: str, password: str, address: str = "") -> User:
    """Set the password that a one-time code lets its person set. The code is used up."""
    buckets = buckets_of(email=email, address=address)
    take_try(buckets)
    found = (
        Invitation.objects.select_related("user")
        .filter(user__email=email.strip().lower(), user__is_active=True, expires_at__gt=clock.now())
        .first()
    )
    given = code_digest(code)
    if found is None or not secrets.compare_digest(found.digest, given):
        raise InputError(
            "That address and one-time code do not belong together, or the code was used or is too old.",
            hint="Ask an owner of the install for a new one.",
        )
    person = found.user
    with transaction.atomic():
        accounts.check_password(password, user=person)
        if not Invitation.objects.filter(pk=found.pk, digest=given).delete()[0]:
            raise Conflict("This code has just been used.", hint="Sign in with the password that was set.")
        accounts.change_password(person, password=password)
        forget_sessions(person)
        forgive_try(buckets)
        record_person("person.password_set", actor=person, person=person, details={"by": "one-time code"})
    return person


def change_own_password(person: User, *, current: str, password: str, keep: str = "") -> None:
    """Change one's password, knowing the one in use. All sessions end but the one named `keep`."""
    check_own_password(person, current)
    with transaction.atomic():
        accounts.change_password(person, password=password)
        forget_sessions(person, keep=keep)
        record_person("person.password_changed", actor=person, person=person)


def end_other_sessions(person: User, *, keep: str) -> int:
    """Sign out everywhere else; how many sessions that were."""
    with transaction.atomic():
        ended = forget_sessions(person, keep=keep)
        record_person("person.sessions_ended", actor=person, person=person, details={"sessions": ended})
    return ended


def check_own_password(person: User, password: str) -> None:
    """Nothing, or `InputError`: this is not the person's password. Tries are counted."""
    buckets = buckets_of(email=person.email, address="", browser=f"own {person.pk}")
    take_try(buckets)
    if not person.check_password(password):
        raise InputError("This is not your password.", hint="Type the one that you signed in with.")
    forgive_try(buckets)


def sessions_of(person: User) -> list[Session]:
    """Where the person is signed in, newest first."""
    return list(Session.objects.filter(user=person, expire_date__gt=clock.now()).order_by("-started_at"))


def person_facts(person: User) -> dict[str, Json]:
    """The person as programs read them; the keys are `PERSON_FACTS`."""
    return {
        "email": person.email,
        "name": person.name,
        "owner": person.is_owner,
        "active": person.is_active,
        "second_factor": SecondFactor.objects.filter(user=person, confirmed_at__isnull=False).exists(),
        "sessions": len(sessions_of(person)),
        "last_sign_in": person.last_login.isoformat(timespec="seconds") if person.last_login else None,
    }


def _new_invitation(person: User) -> str:
    code = one_time_code()
    values = {"digest": code_digest(code), "expires_at": clock.now() + INVITED_FOR}
    Invitation.objects.update_or_create(user=person, defaults=values)
    return code


def forget_sessions(person: User, *, keep: str = "") -> int:
    """End the person's sessions but the one named; the caller says why in the trail."""
    others = Session.objects.filter(user=person).exclude(session_key=stored_key(keep) if keep else "")
    return others.delete()[0]
