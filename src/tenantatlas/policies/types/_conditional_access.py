"""What conditional access, named locations and authentication strengths share.

They have one request a second for the whole tenant, no Retry-After, and every item of a batch counts: lists
are complete, so nothing is read twice, and nothing goes into a batch (Microsoft's throttling page; a tool
that does the same live).
"""

from typing import Final

FAMILY: Final = "conditionalAccess"
WRITE: Final = ("Policy.ReadWrite.ConditionalAccess",)
STRENGTH_IDS: Final = frozenset(f"00000000-0000-0000-0000-00000000000{number}" for number in (2, 3, 4))
