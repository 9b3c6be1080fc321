"""What the suite itself rests on."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("together")
def test_a_group_is_kept_on_one_worker(request: pytest.FixtureRequest) -> None:
    """Else each worker would start the product for its share of the browser's tests.

    xdist writes the group into a test's id. Where pytest has ids that it cannot write, it says nothing.
    """
    if getattr(request.config.option, "loadgroup", False):
        assert request.node.nodeid.endswith("@together")
