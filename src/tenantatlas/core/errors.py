"""Every error a person can meet, drawn once.

    AtlasError                code         retry  stops run  HTTP  exit
    ├─ InputError             input        no     yes        400   2
    ├─ NotAllowed             not_allowed  no     yes        403   4
    ├─ NotFound               not_found    no     yes        404   5
    ├─ Conflict               conflict     no     yes        409   6
    │   ├─ TooMuchChange      too_much_change
    │   ├─ WritesHeld         writes_held
    │   ├─ ApprovalMissing    approval_missing
    │   ├─ TooManyTries       too_many_tries                429         retry_after
    │   └─ NothingToCompare   nothing_to_compare
    ├─ Incomplete             incomplete   no     no         409   3
    ├─ StorageFailed          storage      no     yes        503   7     disk full, store damaged
    │   └─ KeyMissing         key_missing                              nothing is damaged: it cannot be opened
    ├─ DispatchFailed         queue.dispatch_failed           503   7     the engine did not take the run
    ├─ WorkerLost             worker_lost  no     yes        500   1
    ├─ InternalError          internal     no     yes        500   1     our bug, with a reference
    ├─ UpstreamError          upstream     no     no         502   7
    │   ├─ Throttled          throttled    yes    no
    │   ├─ Unavailable        unavailable  yes    no
    │   ├─ SignInFailed       sign_in      no     yes
    │   ├─ ConsentMissing     consent      no     no
    │   ├─ NotOffered         not_offered  no     no               this cloud or licence lacks it
    │   ├─ Rejected           rejected     no     no
    │   └─ Untrusted          untrusted    no     no              a link that leads elsewhere, an endless one
    └─ Cancelled, Snoozed, Overdue   control flow, never shown as errors

The class docstring is the default sentence; `hint` says what to do next; `details` is for machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar


class AtlasError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    retry: ClassVar[bool] = False
    stops_run: ClassVar[bool] = False
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str = "", *, hint: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        self.details: dict[str, Any] = dict(details or {})
        super().__init__(self.message)

    def __str__(self) -> str:
        return self.message


class InputError(AtlasError):
    """What was given cannot be used."""

    code = "input"
    stops_run = True
    http_status = 400
    exit_code = 2


class NotAllowed(AtlasError):
    """You may not do this."""

    code = "not_allowed"
    stops_run = True
    http_status = 403
    exit_code = 4


class NotFound(AtlasError):
    """There is nothing with that name here."""

    code = "not_found"
    stops_run = True
    http_status = 404
    exit_code = 5


class Conflict(AtlasError):
    """The state of things does not allow this now."""

    code = "conflict"
    stops_run = True
    http_status = 409
    exit_code = 6


class TooMuchChange(Conflict):
    """This would change more than the limit allows."""

    code = "too_much_change"


class WritesHeld(Conflict):
    """Nothing is written to this tenant until a person confirms it."""

    code = "writes_held"


class TooManyTries(Conflict):
    """Too many tries; wait a while."""

    code = "too_many_tries"
    http_status = 429

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        hint: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.retry_after = retry_after


class NothingToCompare(Conflict):
    """There is nothing to compare with."""

    code = "nothing_to_compare"


class ApprovalMissing(Conflict):
    """A second person has to approve this first."""

    code = "approval_missing"


class Incomplete(AtlasError):
    """Finished, but not everything could be done."""

    code = "incomplete"
    http_status = 409
    exit_code = 3


class StorageFailed(AtlasError):
    """Our own storage cannot be used."""

    code = "storage"
    stops_run = True
    http_status = 503
    exit_code = 7


class KeyMissing(StorageFailed):
    """The key that opens what is stored is missing."""

    code = "key_missing"


class DispatchFailed(AtlasError):
    """The work could not be handed over to the engine."""

    code = "queue.dispatch_failed"
    stops_run = True
    http_status = 503
    exit_code = 7


class WorkerLost(AtlasError):
    """The worker process was lost several times while this was in hand."""

    code = "worker_lost"
    stops_run = True


class InternalError(AtlasError):
    """Something unexpected happened, and this is our fault."""

    code = "internal"
    stops_run = True


class UpstreamError(AtlasError):
    """Microsoft Graph did not do what was asked."""

    code = "upstream"
    http_status = 502
    exit_code = 7


class Throttled(UpstreamError):
    """Microsoft Graph asked us to slow down."""

    code = "throttled"
    retry = True

    def __init__(
        self,
        message: str = "",
        *,
        retry_after: float | None = None,
        hint: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.retry_after = retry_after


class Unavailable(UpstreamError):
    """Microsoft Graph could not be reached or failed."""

    code = "unavailable"
    retry = True


class SignInFailed(UpstreamError):
    """Signing in to the tenant failed."""

    code = "sign_in"
    stops_run = True


class ConsentMissing(UpstreamError):
    """A permission is missing."""

    code = "consent"


class NotOffered(UpstreamError):
    """This cloud or licence does not offer it."""

    code = "not_offered"


class Rejected(UpstreamError):
    """Microsoft Graph refused the request."""

    code = "rejected"


class Untrusted(UpstreamError):
    """Microsoft Graph's answer cannot be trusted."""

    code = "untrusted"


class Cancelled(AtlasError):
    """Stopped by a person."""

    code = "cancelled"
    exit_code = 8


class Overdue(AtlasError):
    """Its time came before it was sent, so it was not."""

    code = "overdue"


class Snoozed(AtlasError):
    """The run is put aside until a time."""

    code = "snoozed"

    def __init__(self, until: datetime, *, reason: str) -> None:
        super().__init__(f"put aside: {reason}")
        self.until = until
        self.reason = reason
