"""Many reads at once: `$batch` of up to 20 GETs, and exactly one outcome for each, whatever comes back.

A batch holds reads of one family and one API version. Answers may come in any order, twice, or not at all,
and each is throttled on its own: only what is worth it is asked again, after its own wait. Further pages go
into later batches. A single read goes direct.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice

import orjson

from tenantatlas.core.errors import AtlasError, InputError
from tenantatlas.core.json import BadJson

from .envelopes import Opened
from .limits import family_named
from .origins import own_path, split_version
from .reading import BATCH_SIZE, Again, Reader, Trail, Tries
from .sending import READ_PREFERENCE, Answer, Call
from .transport import Headers
from .values import Read, ReadOutcome

_DEADLINE = 90.0


@dataclass
class _Job:
    read: Read
    path: str
    trail: Trail
    tries: Tries = field(default_factory=Tries)
    rows: list[bytes] = field(default_factory=list)
    direct: bool = False


@dataclass(frozen=True)
class _Part:
    """One sub-response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_text(self) -> bool:
        """Is it a good answer whose body is text in base64? Graph gives so what it does not take for JSON."""
        good = HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        return good and self.body.startswith(b'"')


#: What is left to do after an attempt: jobs, each with its wait.
_Left = list[tuple[float, _Job]]


class ManyReads:
    """One call of `read_many`. Lives on the loop thread."""

    def __init__(self, reader: Reader, reads: Iterable[Read]) -> None:
        self._reader = reader
        self._outcomes: dict[str, ReadOutcome] = {}
        self._ready = [self._job(read) for read in reads]
        if len({job.read.key for job in self._ready}) != len(self._ready):
            raise InputError("Each read needs a key of its own.")

    def _job(self, read: Read) -> _Job:
        path = own_path(read.path)
        direct = not read.batchable or family_named(read.family).serial or not split_version(path)[0]
        return _Job(read=read, path=path, trail=Trail(self._reader.origin, path), direct=direct)

    async def run(self) -> dict[str, ReadOutcome]:
        """One outcome per read. Raises only what makes all reading pointless (`SignInFailed`)."""
        tasks: set[asyncio.Task[_Left]] = set()
        ready = self._ready
        try:
            while ready or tasks:
                tasks.update(asyncio.create_task(self._work(jobs)) for jobs in _groups(ready))
                ready = []
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    left = task.result()
                    ready.extend(job for seconds, job in left if seconds <= 0)
                    if waiting := [one for one in left if one[0] > 0]:
                        tasks.add(asyncio.create_task(self._later(waiting)))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._outcomes

    async def _later(self, waiting: _Left) -> _Left:
        """What waits goes together, after the longest wait among it."""
        await self._reader.wait(max(seconds for seconds, _ in waiting))
        return [(0.0, job) for _, job in waiting]

    async def _work(self, jobs: list[_Job]) -> _Left:
        if len(jobs) == 1:
            return await self._alone(jobs[0])
        return await self._together(jobs)

    async def _alone(self, job: _Job) -> _Left:
        call = Call(method="GET", path=job.path)
        try:
            answer = await self._reader.attempt(call, family=job.read.family, tries=job.tries)
        except AtlasError as error:
            return self._failed(job, error)
        if isinstance(answer, Again):
            return [(answer.seconds, job)]
        return self._good(job, _Part(answer.status, answer.headers, answer.body))

    async def _together(self, jobs: list[_Job]) -> _Left:
        version = split_version(jobs[0].path)[0]
        requests = [
            {
                "id": str(number),
                "method": "GET",
                "url": split_version(job.path)[1],
                "headers": READ_PREFERENCE,
            }
            for number, job in enumerate(jobs)
        ]
        call = Call(
            method="POST",
            path=f"{version}/$batch",
            body=orjson.dumps({"requests": requests}),
            deadline=_DEADLINE,
        )
        shared = Tries(
            throttled=max(job.tries.throttled for job in jobs),
            failed=max(job.tries.failed for job in jobs),
        )
        try:
            answer = await self._reader.attempt(
                call, family=jobs[0].read.family, tries=shared, paths=tuple(job.path for job in jobs)
            )
        except AtlasError as error:
            return self._all_failed(jobs, error)
        if isinstance(answer, Again):
            for job in jobs:
                job.tries = Tries(throttled=shared.throttled, failed=shared.failed)
            return [(answer.seconds, job) for job in jobs]
        return await self._each(jobs, answer)

    def _all_failed(self, jobs: list[_Job], error: AtlasError) -> _Left:
        """The envelope was refused or lost for good."""
        if error.retry or error.stops_run:
            return [left for job in jobs for left in self._failed(job, error)]
        return self._apart(jobs)

    def _apart(self, jobs: list[_Job]) -> _Left:
        """One bad sub-request, or one body that is not JSON, spoils it for all: ask for each alone."""
        for job in jobs:
            job.direct = True
        return [(0.0, job) for job in jobs]

    async def _each(self, jobs: list[_Job], answer: Answer) -> _Left:
        try:
            parts = _parts(answer.body)
        except BadJson:
            return self._apart(jobs)
        left: _Left = []
        for number, job in enumerate(jobs):
            left += await self._one(job, parts.get(str(number)), sent_at=answer.sent_at)
        return left

    async def _one(self, job: _Job, part: _Part | None, *, sent_at: float) -> _Left:
        if part is None:
            return self._lost(job, "the batch was answered without this part")
        if part.status == HTTPStatus.UNAUTHORIZED or part.is_text:
            # Alone it gets a new token, or the reason why there is none; and its body as JSON.
            job.direct = True
            return [(0.0, job)]
        try:
            verdict = await self._reader.judge(
                part.status,
                part.headers,
                part.body,
                path=job.path,
                family=job.read.family,
                tries=job.tries,
                sent_at=sent_at,
            )
        except AtlasError as error:
            return self._failed(job, error)
        if verdict is not None:
            return [(verdict.seconds, job)]
        return self._good(job, part)

    def _good(self, job: _Job, part: _Part) -> _Left:
        if not job.read.collection:
            self._done(job, ReadOutcome(status=part.status, body=part.body))
            return []
        try:
            page = Opened(part.body)
            rows = page.rows("value")
            following = job.trail.next(page.text("@odata.nextLink"), rows=len(rows))
        except BadJson as error:
            return self._lost(job, error.message)
        except AtlasError as error:
            return self._failed(job, error)
        job.rows += rows
        if following is None:
            self._done(job, ReadOutcome(status=part.status, rows=tuple(job.rows)))
            return []
        job.path = following
        job.tries = Tries()
        return [(0.0, job)]

    def _lost(self, job: _Job, reason: str) -> _Left:
        try:
            return [(self._reader.after_failure(reason, job.tries).seconds, job)]
        except AtlasError as error:
            return self._failed(job, error)

    def _failed(self, job: _Job, error: AtlasError) -> _Left:
        if error.stops_run:
            raise error
        status = error.details.get("status", 0)
        self._done(job, ReadOutcome(status=status if isinstance(status, int) else 0, error=error))
        return []

    def _done(self, job: _Job, outcome: ReadOutcome) -> None:
        self._outcomes[job.read.key] = outcome


def _groups(jobs: list[_Job]) -> Iterator[list[_Job]]:
    """Jobs as they are sent: up to 20 of one family and version together, the rest alone."""
    together: dict[tuple[str, str], list[_Job]] = defaultdict(list)
    for job in jobs:
        version = split_version(job.path)[0]
        if job.direct or not version:
            yield [job]
        else:
            together[job.read.family, version].append(job)
    for group in together.values():
        rest = iter(group)
        while chunk := list(islice(rest, BATCH_SIZE)):
            yield chunk


def _parts(body: bytes) -> dict[str, _Part]:
    """The sub-responses by id. An id that comes twice is left out: nobody knows which one is true."""
    parts: dict[str, _Part] = {}
    twice: set[str] = set()
    for row in Opened(body).rows("responses"):
        one = Opened(row)
        name = one.name("id")
        if name in parts:
            twice.add(name)
        parts[name] = _Part(one.number("status"), Headers(one.headers("headers")), _body(one))
    return {name: part for name, part in parts.items() if name not in twice}


def _body(one: Opened) -> bytes:
    """The sub-response's body, empty where there is none."""
    raw = one.raw("body")
    return b"" if raw is None or raw == b"null" else raw
