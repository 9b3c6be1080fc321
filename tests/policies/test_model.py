from __future__ import annotations

import pytest

from tenantatlas.policies.model import Part

from .builders import a_type

PLAIN = Part(name="plain", path="{item}/plain(ref='{ref}')", into="value", for_each="rows")


def test_a_part_of_a_row_is_named_after_what_its_path_names():
    assert PLAIN.key_for({"ref": "r1"}) == "plain:r1"
    assert Part(name="settings", path="{item}/settings").key_for({"id": "1"}) == "settings"
    two = Part(name="v", path="{item}/{a}/{b}", for_each="rows")
    assert two.row_id({"a": 1, "b": "x"}) == "1,x"


def test_a_row_without_it_has_nothing_to_read():
    assert PLAIN.row_id({}) == ""
    assert PLAIN.row_id({"ref": None}) == ""


def test_paths_are_filled_in_and_encoded():
    assert PLAIN.path_for("/beta/widgets/1", row={"ref": "a/b c"}) == "/beta/widgets/1/plain(ref='a%2Fb%20c')"


@pytest.mark.parametrize(
    ("key", "module"),
    [
        ("configurationPolicies", "configuration_policies"),
        ("configurationPolicies.endpointSecurity", "configuration_policies_endpoint_security"),
        ("deviceConfigurations.customOma", "device_configurations_custom_oma"),
    ],
)
def test_the_file_of_a_type(key, module):
    assert a_type(key=key).module_name == module
