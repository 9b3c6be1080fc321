"""What all parts of the simulator share: time, chance, schema, tenants."""

from __future__ import annotations

import random
import threading
import uuid
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import rsa

from tenantatlas.core.clock import Clock

from .collections import collection_at
from .facts import Collection
from .objects import fold
from .schema import Schema
from .tenants import SimTenant
from .times import Times, graph_date
from .tokens import process_key

if TYPE_CHECKING:
    from .authorize import Grant


class World:
    """The ground that requests are answered on. The same seed and the same requests give the same answers."""

    def __init__(self, *, seed: int = 1, clock: Clock | None = None, schema: Schema | None = None) -> None:
        self.lock = threading.RLock()
        self.seed = seed
        self.times = Times(clock)
        self.schema = schema
        self.random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.tenants: dict[str, SimTenant] = {}
        self.sequence = 0
        self.page_size: int | None = None  # for every collection, instead of its own
        self.token_life = (60.0, 90.0)  # minutes
        self.link_life = 3600.0  # seconds until a nextLink is refused
        self.current_url = ""  # of the request in hand
        self.grants: dict[str, Grant] = {}  # codes of people's sign-ins that are out
        self.saved_key: rsa.RSAPrivateKey | None = None

    @property
    def signing_key(self) -> rsa.RSAPrivateKey:
        """The key of the sign-in service."""
        return self.saved_key or process_key()

    def next_sequence(self) -> int:
        """A number that only grows."""
        self.sequence += 1
        return self.sequence

    def new_guid(self) -> str:
        """A random id that the seed decides."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def date(self) -> str:
        """Now, as Graph writes it."""
        return graph_date(self.times.now(), ticks=self.random.randrange(10))

    def collection(self, path: str) -> Collection | None:
        """The facts of a collection, by its path."""
        return collection_at(fold(path))
