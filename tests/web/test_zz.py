import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.web.places import furnish
from tests.web.conftest import *  # noqa
def test_q(world, ana):
    furnish(world); ana.get("/t/contoso/")
    with CaptureQueriesContext(connection) as q:
        ana.get("/t/contoso/")
    for x in q: print(x["sql"][:170])
