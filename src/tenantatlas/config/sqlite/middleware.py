"""What a request writes goes before what runs write."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from .base import for_a_person


class PeopleFirst:
    """A person waits for every request; on PostgreSQL nobody takes turns, and this changes nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with for_a_person():
            return self.get_response(request)
