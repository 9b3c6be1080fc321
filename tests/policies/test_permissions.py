from __future__ import annotations

from tenantatlas.policies.permissions import Purpose, least, missing, needs, superfluous

from .builders import a_type

WIDGETS = a_type()
GADGETS = a_type(key="gadgets")
DOORS = a_type(
    key="doors",
    reads=("Doors.Read.All",),
    writes=("Doors.ReadWrite.All",),
    writes_also=("Applications.Read.All",),
)
ALL = (WIDGETS, GADGETS, DOORS)
BOTH = (Purpose.READ, Purpose.WRITE)


def test_types_with_the_same_need_stand_together():
    found = needs(("Widgets.ReadWrite.All",), ALL, (Purpose.READ,))
    assert [(need.type_keys, need.met, need.held) for need in found] == [
        (("widgets", "gadgets"), True, ("Widgets.ReadWrite.All",)),
        (("doors",), False, ()),
    ]
    assert len(needs((), ALL, BOTH)) == 5


def test_missing_names_the_least():
    assert missing((), DOORS, Purpose.WRITE) == ("Doors.ReadWrite.All", "Applications.Read.All")
    assert missing(("Doors.ReadWrite.All",), DOORS, Purpose.WRITE) == ("Applications.Read.All",)
    assert missing(("Widgets.ReadWrite.All",), WIDGETS, Purpose.READ) == ()


def test_least_counts_writers_as_readers():
    assert least(ALL, (Purpose.READ,)) == ("Doors.Read.All", "Widgets.Read.All")
    assert least(ALL, BOTH) == (
        "Applications.Read.All",
        "Doors.Read.All",
        "Doors.ReadWrite.All",
        "Widgets.ReadWrite.All",
    )


def test_superfluous_is_what_nobody_asks_for():
    held = ("Widgets.Read.All", "Mail.Read", "Group.Read.All", "Doors.ReadWrite.All")
    assert superfluous(held, ALL, (Purpose.READ,)) == ("Doors.ReadWrite.All", "Mail.Read")
    assert superfluous(held, ALL, BOTH) == ("Mail.Read",)
