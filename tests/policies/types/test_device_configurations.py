"""Device configurations: told apart by type, certificates bound, secrets never written as masks."""

from __future__ import annotations

import base64

import pytest

from tenantatlas.policies import backup_only, references
from tenantatlas.policies.registry import get_type

from .bodies import composed, creates, key_of, part_named, parts_read, refusals, same, updates

PATH = "/beta/deviceManagement/deviceConfigurations"
ROOT = "https://graph.test/beta"


def of(kind, **more):
    return {
        "@odata.type": f"#microsoft.graph.{kind}",
        "id": "c-1",
        "displayName": "A profile",
        "version": 4,
        "roleScopeTagIds": ["0"],
        "assignments": [],
        **more,
    }


def _keys():
    kinds = ("customOma", "certificates", "network", "updateRings", "appleUpdates")
    return ["deviceConfigurations", *(f"deviceConfigurations.{kind}" for kind in kinds)]


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("windows10GeneralConfiguration", "deviceConfigurations"),
        ("iosDeviceFeaturesConfiguration", "deviceConfigurations"),
        ("somethingNewConfiguration", "deviceConfigurations"),
        ("windows10CustomConfiguration", "deviceConfigurations.customOma"),
        ("macOSCustomConfiguration", "deviceConfigurations.customOma"),
        ("iosTrustedRootCertificate", "deviceConfigurations.certificates"),
        ("windows81SCEPCertificateProfile", "deviceConfigurations.certificates"),
        ("windowsWifiEnterpriseEAPConfiguration", "deviceConfigurations.network"),
        ("iosEasEmailProfileConfiguration", "deviceConfigurations.network"),
        ("windowsUpdateForBusinessConfiguration", "deviceConfigurations.updateRings"),
        ("macOSSoftwareUpdateConfiguration", "deviceConfigurations.appleUpdates"),
    ],
)
def test_the_type_tells_the_kinds_apart(kind, key):
    assert key_of(PATH, of(kind)) == key


def test_each_known_type_belongs_to_one_kind():
    kinds = [found for found in map(get_type, _keys()) if found.path == PATH]
    names = [name for found in kinds for name in found.odata_types]
    assert len(names) == len(set(names))
    for found in kinds:
        for name in found.odata_types:
            assert key_of(PATH, {"@odata.type": name}) == found.key


@pytest.mark.parametrize("kind", ["unsupportedDeviceConfiguration", "somethingNewConfiguration"])
def test_an_unknown_type_is_kept_and_not_written(kind):
    reasons = backup_only.reasons(get_type("deviceConfigurations"), of(kind))
    assert reasons == (f"Its kind ({kind}) is not known to this version of TenantAtlas.",)


@pytest.mark.parametrize("key", _keys())
def test_an_unknown_property_is_kept_and_not_written(key):
    known = of(min(get_type(key).odata_types).removeprefix("#microsoft.graph."))
    assert backup_only.reasons(get_type(key), known) == ()
    assert backup_only.reasons(get_type(key), {**known, "futureSetting": True}) == (
        "Its property futureSetting is not known to this version of TenantAtlas.",
    )


def test_old_mirrors_and_states_are_no_difference():
    one = of("sharedPCConfiguration")
    other = of("sharedPCConfiguration", groupAssignments=[{"id": "x"}], deviceStatuses=[], version=5)
    assert same("deviceConfigurations", one, other)


def test_update_names_the_type():
    wanted, live = of("sharedPCConfiguration", displayName="New"), of("sharedPCConfiguration")
    [(method, path, sent)] = updates("deviceConfigurations", wanted, live)
    assert (method, path) == ("PATCH", "{item}")
    assert sent["@odata.type"] == "#microsoft.graph.sharedPCConfiguration"


class TestCustomProfiles:
    KEY = "deviceConfigurations.customOma"

    def a_setting(self, kind="omaSettingString", **more):
        return {
            "@odata.type": f"#microsoft.graph.{kind}",
            "displayName": "Key",
            "omaUri": "./Device/Vendor/Key",
            "isEncrypted": True,
            "secretReferenceValueId": "s-1",
            "value": "****",
            **more,
        }

    def a_profile(self, *settings, plain=None):
        parts = {} if plain is None else {"omaSecrets:s-1": [{"value": plain}]}
        return composed(self.KEY, of("windows10CustomConfiguration", omaSettings=list(settings)), parts=parts)

    def test_encrypted_values_are_asked_for_one_by_one(self):
        part = part_named(self.KEY, "omaSecrets")
        assert part.when(self.a_setting())
        assert not part.when(self.a_setting(isEncrypted=False))
        assert part.path_for("/beta/x/c-1", row=self.a_setting()) == (
            "/beta/x/c-1/getOmaSettingPlainTextValue(secretReferenceValueId='s-1')"
        )
        assert part.secret

    def test_the_plain_value_is_written_without_what_the_service_made(self):
        [(_, _, sent)] = creates(self.KEY, self.a_profile(self.a_setting(), plain="hunter2"))
        assert sent["omaSettings"] == [
            {
                "@odata.type": "#microsoft.graph.omaSettingString",
                "displayName": "Key",
                "omaUri": "./Device/Vendor/Key",
                "value": "hunter2",
            }
        ]

    @pytest.mark.parametrize("plain", ["<a>ä</a>", "AAAA"])
    def test_plain_xml_is_written_as_base64(self, plain):
        body = self.a_profile(self.a_setting("omaSettingStringXml", value="PGEvPg=="), plain=plain)
        assert base64.b64decode(body["omaSettings"][0]["value"]).decode() == plain

    def test_xml_that_is_base64_already_stays(self):
        encoded = base64.b64encode(b"\xef\xbb\xbf<a/>").decode()
        body = self.a_profile(self.a_setting("omaSettingStringXml", value=encoded, isEncrypted=False))
        assert body["omaSettings"][0]["value"] == encoded
        body = self.a_profile(self.a_setting("omaSettingStringXml"), plain=encoded)
        assert body["omaSettings"][0]["value"] == encoded

    def test_other_values_stay_as_they_are(self):
        number = self.a_setting("omaSettingInteger", isEncrypted=False, value=3)
        assert self.a_profile(number)["omaSettings"][0]["value"] == 3
        assert backup_only.reasons(get_type(self.KEY), self.a_profile(number)) == ()

    def test_whether_the_service_had_encrypted_it_before_is_no_difference(self):
        before = self.a_profile(self.a_setting(isEncrypted=False, secretReferenceValueId=None, value="v"))
        assert same(self.KEY, before, self.a_profile(self.a_setting(), plain="v"))

    @pytest.mark.parametrize("mask", ["****", "PGEvPg=="])
    def test_a_mask_is_never_written(self, mask):
        body = self.a_profile(self.a_setting("omaSettingStringXml", value=mask))
        assert backup_only.reasons(get_type(self.KEY), body)
        assert refusals(self.KEY, body)

    def test_a_mask_is_not_written_even_where_nothing_says_encrypted(self):
        body = self.a_profile(self.a_setting(isEncrypted=False))
        assert refusals(self.KEY, body)

    def test_a_new_secret_id_is_no_difference_and_a_value_is(self):
        one = self.a_profile(self.a_setting(), plain="one")
        again = self.a_profile(self.a_setting(secretReferenceValueId="s-1"), plain="one")
        again["omaSettings"][0]["secretReferenceValueId"] = "s-2"
        assert same(self.KEY, one, again)
        assert not same(self.KEY, one, self.a_profile(self.a_setting(), plain="two"))

    def test_apple_payloads_get_no_oma_settings(self):
        body = composed(self.KEY, of("macOSCustomConfiguration", payload="PD94bWw="))
        assert "omaSettings" not in creates(self.KEY, body)[0][2]


class TestCertificates:
    KEY = "deviceConfigurations.certificates"

    def a_scep(self, root=None, **more):
        answer = [{"id": root, "displayName": "Root", "version": 9}] if root else []
        return composed(
            self.KEY,
            of("iosScepCertificateProfile", **more),
            parts={"rootCertificate-iosScepCertificateProfile": answer},
        )

    def test_only_the_certificates_of_the_type_are_read(self):
        assert parts_read(self.KEY, of("iosScepCertificateProfile")) == [
            "{item}/microsoft.graph.iosScepCertificateProfile/rootCertificate"
        ]
        assert parts_read(self.KEY, of("iosTrustedRootCertificate")) == []

    def test_the_root_is_bound_by_an_absolute_url(self):
        [(_, _, sent)] = creates(self.KEY, self.a_scep("root-1"))
        assert sent["rootCertificate@odata.bind"] == f"{ROOT}/deviceManagement/deviceConfigurations('root-1')"
        assert "rootCertificate" not in sent

    def test_the_root_is_found_and_checked(self):
        found = references.find(get_type(self.KEY), self.a_scep("root-1"))
        assert [(each.kind, each.id) for each in found] == [("deviceConfigurations.certificates", "root-1")]
        [reference] = [each for each in get_type(self.KEY).references if each.path == "rootCertificate.id"]
        assert reference.check == "/beta/deviceManagement/deviceConfigurations/{id}"

    def test_of_the_root_only_its_id_counts(self):
        other = self.a_scep("root-1")
        assert other["rootCertificate"] == {"id": "root-1"}
        assert not same(self.KEY, other, self.a_scep("root-2"))

    def test_another_root_is_set_by_reference(self):
        assert updates(self.KEY, self.a_scep("root-2"), self.a_scep("root-1")) == [
            (
                "PUT",
                "{item}/microsoft.graph.iosScepCertificateProfile/rootCertificate/$ref",
                {"@odata.id": f"{ROOT}/deviceManagement/deviceConfigurations('root-2')"},
            )
        ]

    def test_a_root_too_many_is_taken_away(self):
        assert updates(self.KEY, self.a_scep(), self.a_scep("root-1")) == [
            ("DELETE", "{item}/microsoft.graph.iosScepCertificateProfile/rootCertificate/$ref", None)
        ]

    def test_a_profile_that_only_changes_its_name_keeps_its_root(self):
        wanted, live = self.a_scep("root-1", displayName="New"), self.a_scep("root-1")
        [(method, path, _)] = updates(self.KEY, wanted, live)
        assert (method, path) == ("PATCH", "{item}")


class TestNetwork:
    KEY = "deviceConfigurations.network"
    EAP = "windowsWifiEnterpriseEAPConfiguration"

    def a_wifi(self, *roots, **more):
        return composed(
            self.KEY,
            of(self.EAP, wifiSecurityType="wpa2Enterprise", **more),
            parts={f"rootCertificatesForServerValidation-{self.EAP}": [{"id": root} for root in roots]},
        )

    def test_several_roots_are_bound_together(self):
        [(_, _, sent)] = creates(self.KEY, self.a_wifi("r-1", "r-2"))
        assert sent["rootCertificatesForServerValidation@odata.bind"] == [
            f"{ROOT}/deviceManagement/deviceConfigurations('r-1')",
            f"{ROOT}/deviceManagement/deviceConfigurations('r-2')",
        ]

    def test_roots_are_added_and_taken_one_by_one(self):
        path = f"{{item}}/microsoft.graph.{self.EAP}/rootCertificatesForServerValidation"
        assert updates(self.KEY, self.a_wifi("r-2", "r-3"), self.a_wifi("r-1", "r-2")) == [
            ("POST", f"{path}/$ref", {"@odata.id": f"{ROOT}/deviceManagement/deviceConfigurations('r-3')"}),
            ("DELETE", f"{path}/r-1/$ref", None),
        ]

    def test_the_order_of_roots_says_nothing(self):
        assert same(self.KEY, self.a_wifi("r-1", "r-2"), self.a_wifi("r-2", "r-1"))

    def test_derived_credentials_are_bound_where_they_live(self):
        row = of("iosVpnConfiguration", authenticationMethod="derivedCredential")
        parts = {"derivedCredentialSettings-iosVpnConfiguration": [{"id": "d-1"}]}
        body = composed(self.KEY, row, parts=parts)
        sent = creates(self.KEY, body)[0][2]
        assert sent["derivedCredentialSettings@odata.bind"] == (
            f"{ROOT}/deviceManagement/derivedCredentials('d-1')"
        )
        [found] = references.find(get_type(self.KEY), body)
        assert (found.kind, found.id) == ("derivedCredentials", "d-1")

    @pytest.mark.parametrize(
        "more",
        [
            {"wiFiSecurityType": "wpaPersonal"},
            {"wifiSecurityType": "wpa2Personal"},
            {"wiFiSecurityType": "wep"},
            {"preSharedKeyIsSet": True, "wiFiSecurityType": "open"},
            {"authenticationMethod": "sharedSecret"},
        ],
    )
    def test_a_profile_that_lives_by_a_shared_key_is_not_written_without_it(self, more):
        name = "sharedSecret" if "authenticationMethod" in more else "preSharedKey"
        row = of("iosWiFiConfiguration", **more)
        assert any(name in reason for reason in refusals(self.KEY, row))
        assert any(name in reason for reason in refusals(self.KEY, {**row, name: None}))
        assert refusals(self.KEY, {**row, name: "the key"}) == ()

    def test_other_profiles_need_no_key(self):
        assert (
            refusals(self.KEY, of("iosWiFiConfiguration", wiFiSecurityType="open", preSharedKey=None)) == ()
        )


class TestGeneral:
    KEY = "deviceConfigurations"
    DOMAIN_JOIN = "windowsDomainJoinConfiguration"

    def restrictions(self, *rows, **more):
        answer = {"id": "c-1", "privacyAccessControls": [{"id": "p", **row} for row in rows]}
        return composed(
            self.KEY, of("windows10GeneralConfiguration", **more), parts={"privacyAccessControls": [answer]}
        )

    def test_privacy_exceptions_are_read_expanded(self):
        assert parts_read(self.KEY, of("windows10GeneralConfiguration")) == [
            "{item}?$expand=microsoft.graph.windows10GeneralConfiguration/privacyAccessControls"
        ]
        assert parts_read(self.KEY, of("sharedPCConfiguration")) == []

    def test_privacy_exceptions_are_written_by_their_action(self):
        row = {"accessLevel": "forceDeny", "dataCategory": "camera", "appDisplayName": None}
        steps = creates(self.KEY, self.restrictions(row))
        assert [(method, path) for method, path, _ in steps] == [
            ("POST", PATH),
            ("POST", "{item}/windowsPrivacyAccessControls"),
        ]
        assert "privacyAccessControls" not in steps[0][2]
        assert steps[1][2] == {"windowsPrivacyAccessControls": [row]}
        assert len(creates(self.KEY, self.restrictions())) == 1

    def test_privacy_exceptions_are_changed_alone(self):
        row = {"accessLevel": "forceDeny", "dataCategory": "camera"}
        assert updates(self.KEY, self.restrictions(), self.restrictions(row)) == [
            ("POST", "{item}/windowsPrivacyAccessControls", {"windowsPrivacyAccessControls": []})
        ]

    def test_domain_join_names_network_profiles(self):
        parts = {f"networkAccessConfigurations-{self.DOMAIN_JOIN}": [{"id": "n-1"}]}
        body = composed(self.KEY, of(self.DOMAIN_JOIN), parts=parts)
        [found] = references.find(get_type(self.KEY), body)
        assert (found.kind, found.id) == ("deviceConfigurations.network", "n-1")

    def test_kiosk_apps_are_looked_for(self):
        profile = {"appConfiguration": {"uwpApp": {"appId": "app-1"}}}
        body = composed(self.KEY, of("windowsKioskConfiguration", kioskProfiles=[profile]))
        [found] = references.find(get_type(self.KEY), body)
        assert (found.kind, found.id) == ("mobileApps", "app-1")

    def test_a_masked_product_key_holds_the_profile(self):
        body = of("editionUpgradeConfiguration", productKey="****")
        assert backup_only.reasons(get_type(self.KEY), body)


def test_an_update_ring_is_written_without_the_dates_of_its_pause():
    key = "deviceConfigurations.updateRings"
    made = {"qualityUpdatesPauseStartDate": "2026-01-01", "featureUpdatesRollbackStartDateTime": "2026-01-01"}
    ring = of("windowsUpdateForBusinessConfiguration", qualityUpdatesPaused=True)
    sent = creates(key, composed(key, {**ring, **made}))[0][2]
    assert sent["qualityUpdatesPaused"] is True
    assert not set(made) & set(sent)
    assert same(key, composed(key, ring), composed(key, {**ring, **made}))
