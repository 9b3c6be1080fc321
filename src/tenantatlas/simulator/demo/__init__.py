"""A believable tenant for demonstrations, Contoso, and what may happen to it on a bad day."""

from .mishap import Mishap, accident
from .tenant import CLIENT_ID, TENANT, DemoFacts, seed_demo

__all__ = ["CLIENT_ID", "TENANT", "DemoFacts", "Mishap", "accident", "seed_demo"]
