"""Signing in with an e-mail address and a password."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest

from .models import User


class EmailBackend(BaseBackend):
    """Unknown address, wrong password and inactive account are answered alike, in the same time."""

    def authenticate(
        self,
        request: HttpRequest | None,  # noqa: ARG002 - Django's signature
        email: str | None = None,
        password: str | None = None,
        **_kwargs: Any,
    ) -> User | None:
        """The person, or None."""
        if not email or not password:
            return None
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            make_password(password)  # takes the time that checking would
            return None
        return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: int) -> User | None:
        """The person of a session, unless they have been switched off."""
        return User.objects.filter(pk=user_id, is_active=True).first()
