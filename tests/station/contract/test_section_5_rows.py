"""station-store.md section 5, row by row: where the reference fails, and what this store does instead."""

import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from certs import FROM, UNTIL, Pki, csms_pki, issue, key_pem, root, stack, v2g_pki
from chainpilot.pki.certificate import load_certificates
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import Parity, ProfilePolicy
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashData,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    GetCertificateSignRequestStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from chainpilot.station.vault import OsFiles
from clocks import SetClock
from forge import NOON, Forged, forge
from ocsp_answers import answer, cert_id, single
from stock import (
    bundle_file,
    chains,
    descendants,
    info,
    leaf,
    listed,
    named,
    openssl,
    openssl_takes,
    place,
    put,
    serial,
    settle,
)
from stores import EVSE, StoppingFiles, assert_store_unchanged, enrol, open_store, store_with, tree
from work import counted

V2G = LeafCertificateType.V2G
CSMS = LeafCertificateType.CSMS
DOMAIN = CaCertificateType.V2G
INSTALL = InstallCertificateResult
VALIDATION = CertificateValidationResult
DELETE = DeleteCertificateResult
DAY = timedelta(days=1)
NOW = SetClock().now()


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def requested(store: EvseSecurity, kind: LeafCertificateType = V2G, common: str = EVSE) -> str:
    made = store.generate_certificate_signing_request(kind, "DE", "Operator", common)
    assert made.csr is not None, made.reason
    return made.csr


TWENTY = """
import sys
from pathlib import Path
from chainpilot.station import EvseSecurity, StoreConfig
store = EvseSecurity(StoreConfig(Path(sys.argv[1]), lock_timeout_seconds=60))
for path in sorted(Path(sys.argv[2]).iterdir()):
    print(store.install_ca_certificate(path.read_text(), "V2G").value)
"""


@pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
def test_row_01_of_two_processes_installs_all_forty_survive(tmp_path: Path, bundle: str) -> None:
    script = TWENTY.replace("Path(sys.argv[1]),", f"Path(sys.argv[1]), v2g_ca_bundle={bundle!r},")
    for process in ("one", "two"):
        for number in range(20):
            put(tmp_path / process / f"{number:02}.pem", root(f"{process} {number}").certificate.to_pem())
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "store"), str(tmp_path / process)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in ("one", "two")
    ]
    told = [line for process in running for line in process.communicate(timeout=120)[0].split()]
    assert told == ["Accepted"] * 40
    assert len(listed(open_store(tmp_path / "store", v2g_ca_bundle=bundle))) == 40


@pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
@pytest.mark.parametrize("command", ["install", "delete"])
def test_row_02_an_error_at_any_file_operation_leaves_the_old_state(
    tmp_path: Path, v2g: Pki, bundle: str, command: str
) -> None:
    """The disk fails once and recovers; tests/crash stops the process too."""
    second = root("Second").certificate
    for allowed in range(60):
        place_of_store = tmp_path / str(allowed)
        store_with(place_of_store, (DOMAIN, v2g), v2g_ca_bundle=bundle)
        files = StoppingFiles(allowed, recovers=True)
        store = open_store(place_of_store, v2g_ca_bundle=bundle, files=files)
        before = tree(place_of_store)
        if command == "install":
            accepted = store.install_ca(second.to_pem(), DOMAIN).accepted
        else:
            wanted = named(v2g.root.certificate, v2g.root.certificate)
            accepted = store.delete_certificate(wanted) is DELETE.ACCEPTED
        store.generate_certificate_signing_request("MO", "DE", "O", "sweeps what was left")
        if accepted:
            assert tree(place_of_store) != before
        else:
            assert tree(place_of_store) == before, f"refused at operation {allowed}"
        if not files.stopped:
            return
    pytest.fail("the change never ended")


class WatchingFiles(OsFiles):
    """Notes what is made durable before what."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def sync(self, descriptor: int) -> None:
        self.done.append("fsync")
        super().sync(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        self.done.append(f"rename to {target.name}")
        super().rename(source, target)

    def sync_directory(self, path: Path) -> None:
        self.done.append(f"fsync {path.name}")
        super().sync_directory(path)


def test_row_02_a_file_is_synced_renamed_and_its_directory_synced(tmp_path: Path, v2g: Pki) -> None:
    store_with(tmp_path, (DOMAIN, v2g))
    files = WatchingFiles()
    assert open_store(tmp_path, files=files).install_ca(root("Second").certificate.to_pem(), DOMAIN).accepted
    assert files.done == ["fsync", "rename to V2G_ROOT_CA.pem", "fsync v2g"]


BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("name", ["ca/v2g/broken.pem", "client/cso/broken.pem", "client/cso/broken.key"])
def test_row_03_one_corrupt_file_is_told_of_and_skipped(tmp_path: Path, v2g: Pki, name: str) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), v2g_ca_bundle="ca/v2g")
    put(tmp_path / name, BROKEN)
    enrol(store, v2g)
    assert len(listed(store)) == 4
    told = {finding.path for finding in store.findings()}
    assert told <= {str(tmp_path / name)}
    assert store.install_ca(root("Second").certificate.to_pem(), DOMAIN).accepted
    assert (tmp_path / name).read_text() == BROKEN


def test_row_04_housekeeping_keeps_every_key_of_a_certificate_or_a_request(tmp_path: Path, v2g: Pki) -> None:
    """Also where key and certificate directories differ."""
    clock = SetClock()
    store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, secc_leaf_key_directory="keys")
    enrol(store, v2g)
    requested(store)
    orphan = put(tmp_path / "keys/SECC_LEAF_orphan.key", key_pem(generate_private_key(KeySpec.P256)))
    clock.set(datetime.fromtimestamp(orphan.stat().st_ctime, UTC) + timedelta(days=100))
    store.run_housekeeping()
    assert len(list((tmp_path / "keys").iterdir())) == 2
    assert not orphan.exists()


class FirstModes(OsFiles):
    """Looks at every file's mode from its birth to its name."""

    def __init__(self) -> None:
        self.seen: dict[str, set[int]] = {}
        self._born: dict[Path, set[int]] = {}

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        self._born[path] = {os.fstat(descriptor).st_mode & 0o777}
        return descriptor

    def write(self, descriptor: int, data: bytes) -> None:
        super().write(descriptor, data)
        for path, modes in self._born.items():
            if path.exists():
                modes.add(path.stat().st_mode & 0o777)

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        if source in self._born:
            self.seen[target.suffix] = self.seen.get(target.suffix, set()) | self._born[source]


@pytest.mark.parametrize(("settings", "mode"), [({}, 0o600), ({"key_mode": 0o640, "group": os.getgid()}, 0o640)])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_row_05_a_key_is_never_wider_than_its_mode_for_a_moment(
    tmp_path: Path, settings: dict[str, Any], mode: int, umask: int
) -> None:
    files = FirstModes()
    held = os.umask(umask)
    try:
        requested(open_store(tmp_path, files=files, **settings))
    finally:
        os.umask(held)
    assert files.seen[".key"] <= {0o600, mode}
    (key,) = (tmp_path / "client/cso").iterdir()
    assert key.stat().st_mode & 0o777 == mode


TIMES: dict[str, tuple[dict[str, Any], str]] = {
    "ended": ({"begin": FROM, "end": NOW - timedelta(seconds=1)}, "Expired"),
    "not begun": ({"begin": NOW + timedelta(seconds=1), "end": UNTIL}, "Unknown"),
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("which", ["root", "sub1", "sub2"])
def test_row_06_times_of_everything_in_the_path_count(tmp_path: Path, which: str, times: str) -> None:
    changes, expected = TIMES[times]
    always: dict[str, Any] = {"begin": FROM, "end": UNTIL}
    above = forge("V2G Root", ca=True, **(changes if which == "root" else always))
    sub1 = forge("CPO Sub1", above, ca=True, **(changes if which == "sub1" else always))
    sub2 = forge("CPO Sub2", sub1, ca=True, **(changes if which == "sub2" else always))
    pki = Pki(above, sub1, sub2)
    for parity, word in ((Parity(), expected), (Parity(times=True), "Valid")):
        store = open_store(tmp_path, parity=parity)
        bundle_file(store, DOMAIN, above.certificate)
        assert store.verify_certificate(pki.stack(leaf(pki).certificate), [V2G]).value == word


def test_row_07_ended_and_future_leaves_are_deleted_by_hash_and_future_ones_asked_about(
    tmp_path: Path, v2g: Pki
) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), default_ocsp_url="http://ocsp.example")
    ended, future = leaf(v2g, end=NOW - DAY), leaf(v2g, begin=NOW + DAY)
    for name, one in (("ENDED", ended), ("FUTURE", future)):
        place(store, v2g, one, name=name)
    asked = {one.certificate_hash_data for one in store.get_v2g_ocsp_request_data().ocsp_request_data_list}
    assert asked == set(descendants(v2g, future.certificate)), "about one that has ended nobody asks"
    for one in (ended, future):
        subject = named(one.certificate, v2g.issuing.certificate)
        assert store.delete_certificate(subject) is DELETE.ACCEPTED
    assert list((tmp_path / "client/cso").iterdir()) == []


class TestRow08:
    """What becomes an anchor, an intermediate, or is refused."""

    @pytest.mark.parametrize("kind", CaCertificateType)
    def test_row_08_a_self_signed_ca_is_an_anchor(self, tmp_path: Path, v2g: Pki, kind: CaCertificateType) -> None:
        store = open_store(tmp_path)
        assert store.install_ca_certificate(v2g.root.certificate.to_pem(), kind) is INSTALL.ACCEPTED
        assert tuple(store.trust_anchors(kind)) == (v2g.root.certificate,)

    def test_row_08_a_ca_signed_by_one_of_the_domain_is_an_intermediate_listed_as_a_child(
        self, tmp_path: Path, v2g: Pki
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        for one in (v2g.sub1, v2g.issuing):
            assert store.install_ca_certificate(one.certificate.to_pem(), DOMAIN) is INSTALL.ACCEPTED
        assert tuple(store.trust_anchors(DOMAIN)) == (v2g.root.certificate,)
        assert listed(store) == [serial(one) for one in (v2g.root, v2g.sub1, v2g.issuing)]
        assert store.get_installed_sub_cas(1) == (named(v2g.sub1.certificate, v2g.root.certificate),)
        assert store.get_installed_sub_cas(2) == (named(v2g.issuing.certificate, v2g.sub1.certificate),)

    @pytest.mark.parametrize("kind", [kind for kind in CaCertificateType if kind is not DOMAIN])
    def test_row_08_a_ca_signed_by_one_of_another_domain_is_refused(
        self, tmp_path: Path, v2g: Pki, kind: CaCertificateType
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), (kind, csms_pki()))
        with assert_store_unchanged(tmp_path):
            result = store.install_ca_certificate(v2g.sub1.certificate.to_pem(), kind)
        assert result is INSTALL.INVALID_CERTIFICATE_CHAIN

    def test_row_08_a_sub_ca_without_its_issuer_and_every_leaf_is_refused(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        below_root = forge(EVSE, v2g.root, begin=FROM, end=UNTIL)
        self_signed = forge(EVSE, begin=FROM, end=UNTIL)
        for one in (v2g.issuing, v2g_pki().sub1, leaf(v2g), below_root, self_signed):
            with assert_store_unchanged(tmp_path):
                result = store.install_ca_certificate(one.certificate.to_pem(), DOMAIN)
            assert result is INSTALL.INVALID_CERTIFICATE_CHAIN

    def test_row_08_found_on_disk_all_the_same_the_doctor_tells_of_it(self, tmp_path: Path, v2g: Pki) -> None:
        store = open_store(tmp_path)
        one = leaf(v2g)
        bundle = bundle_file(store, DOMAIN, one.certificate, v2g_pki().sub1.certificate, v2g.root.certificate)
        told = [finding.why for finding in store.findings() if finding.path == str(bundle)]
        assert len(told) == 2
        assert len([problem for problem in store.checkup() if str(bundle) in repr(problem)]) >= 2
        assert listed(store) == [serial(v2g.root)]
        assert store.verify_certificate(v2g.stack(one.certificate), [V2G]) is VALIDATION.VALID


PROFILES: dict[str, tuple[dict[str, Any], InstallCertificateResult]] = {
    "neither EVSEID nor SECCID": ({"common_name": "station 7"}, INSTALL.INVALID_COMMON_NAME),
    "another EVSE": ({"common_name": "DE*CHP*E9999*9"}, INSTALL.INVALID_COMMON_NAME),
    "DC of another role": ({"domain": "MO"}, INSTALL.INVALID_CERTIFICATE_CHAIN),
    "key usage not critical": ({"usage_critical": False}, INSTALL.INVALID_CERTIFICATE_CHAIN),
    "key usage without signing": ({"usage": {"key_agreement": True}}, INSTALL.INVALID_CERTIFICATE_CHAIN),
}
BY_NAME = ("another EVSE", "neither EVSEID nor SECCID")
"""Refused whatever the profile says: the station asked for another name."""


@pytest.mark.parametrize("policy", ProfilePolicy)
@pytest.mark.parametrize("case", PROFILES)
def test_row_09_a_leaf_that_does_not_fit_its_profile_is_refused_where_configured(
    tmp_path: Path, v2g: Pki, caplog: pytest.LogCaptureFixture, case: str, policy: ProfilePolicy
) -> None:
    changes, expected = PROFILES[case]
    store = store_with(tmp_path, (DOMAIN, v2g), v2g_profile=policy)
    outcome = store.update_leaf(v2g.enrol(requested(store), **changes), V2G)
    if policy is ProfilePolicy.ENFORCE or case in BY_NAME:
        assert (outcome.result, bool(outcome.reason)) == (expected, True)
    else:
        assert outcome.accepted
        warned = [record for record in caplog.records if "is installed, but not" in record.getMessage()]
        assert len(warned) == (policy is ProfilePolicy.WARN)


def test_row_09_each_domain_has_a_policy_of_its_own(tmp_path: Path, v2g: Pki) -> None:
    csms = csms_pki()
    settings = {"csms_profile": ProfilePolicy.OFF, "v2g_profile": ProfilePolicy.ENFORCE}
    store = store_with(tmp_path, (DOMAIN, v2g), (CaCertificateType.CSMS, csms), **settings)
    bad: dict[str, Any] = {"usage_critical": False}
    client = csms.enrol(requested(store, CSMS, "CS-001"), **bad)
    assert store.update_leaf(client, CSMS).accepted
    assert not store.update_leaf(v2g.enrol(requested(store), **bad), V2G).accepted


class TestRow10:
    """Certificates and bytes counted correctly; CSR and OCSP writes count too."""

    def test_row_10_every_certificate_of_every_file_counts_once(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        bundle_file(store, DOMAIN, v2g.root.certificate, v2g.sub1.certificate, v2g.issuing.certificate)
        put(tmp_path / "ca/mo/MO_ROOT_CA.pem", BROKEN + root("MO Root").certificate.to_pem())
        place(store, v2g, leaf(v2g))
        held = 3 + 2 + 4
        offered = root("Another").certificate.to_pem()
        full = open_store(tmp_path, max_certificates=held).install_ca(offered, DOMAIN)
        assert full.result is INSTALL.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED
        assert full.reason == f"the store holds {held} certificates of at most {held}"
        assert open_store(tmp_path, max_certificates=held + 1).install_ca(offered, DOMAIN).accepted

    @pytest.mark.parametrize(
        "name",
        [
            "ca/v2g/V2G_ROOT_CA.pem",
            "client/cso/CPO_CERT_SECC_LEAF_CHAIN.pem",
            "client/cso/SECC_LEAF.key",
            "client/csms/CSMS_LEAF.key",
            "client/cso/ocsp/1_ocsp.der",
            "client/cso/ocsp/1_ocsp.hash",
            ".chainpilot/pending/1.json",
            "ca/v2g/ocsp/1_ocsp.der",
        ],
    )
    def test_row_10_the_bytes_of_every_file_count_and_no_others(self, tmp_path: Path, v2g: Pki, name: str) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        place(store, v2g, leaf(v2g))
        offered = root("Another").certificate.to_pem()
        held = sum(len(data) for data in tree(tmp_path).values())
        limit = held + len(offered)
        asked = open_store(tmp_path, max_bytes=limit - 1)
        assert asked.install_ca(offered, DOMAIN).result is INSTALL.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED
        path = tmp_path / name
        put(path, (path.read_bytes() if path.exists() else b"") + b"\n" * 100)
        more = open_store(tmp_path, max_bytes=limit + 99)
        assert more.install_ca(offered, DOMAIN).result is INSTALL.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED
        assert open_store(tmp_path, max_bytes=limit + 100).install_ca(offered, DOMAIN).accepted

    @pytest.mark.parametrize(
        "name",
        ["ca/v2g/V2G_ROOT_CA.pem", "client/cso/SECC_LEAF.pem", "client/cso/ocsp/1_ocsp.der"],
    )
    def test_row_10_bytes_that_a_file_grew_by_since_count_too(self, tmp_path: Path, v2g: Pki, name: str) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        place(store, v2g, leaf(v2g))
        put(tmp_path / "client/cso/ocsp/1_ocsp.der", b"1")
        held = sum(len(data) for data in tree(tmp_path).values())
        asked = open_store(tmp_path, max_bytes=held + 2000)
        assert asked.install_ca(root("One").certificate.to_pem(), DOMAIN).accepted
        path = tmp_path / name
        path.write_bytes(path.read_bytes() + b"\n" * 2000)
        second = asked.install_ca(root("Two").certificate.to_pem(), DOMAIN)
        assert second.result is INSTALL.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED

    def test_row_10_what_replaces_another_needs_only_the_room_that_it_grows_by(self, tmp_path: Path, v2g: Pki) -> None:
        """The same leaf with a renewed Sub2, and the next OCSP answer about it, in a store that is full."""
        store = store_with(tmp_path, (DOMAIN, v2g), clock=SetClock(NOON))
        one = load_certificates(enrol(store, v2g))[0]
        renewed = forge("CPO Sub2", v2g.sub1, ca=True, key=v2g.issuing.key, begin=FROM, end=UNTIL)
        subject = named(one, v2g.issuing.certificate)
        answers = [
            b64encode(answer(v2g.issuing, single(cert_id(one, v2g.issuing.certificate), since=NOON - age))).decode()
            for age in (2 * DAY, DAY)
        ]
        assert store.cache_ocsp(subject, answers[0]).accepted
        text = stack(one, renewed.certificate, v2g.sub1.certificate)
        held = sum(len(data) for data in tree(tmp_path).values())
        full = open_store(tmp_path, clock=SetClock(NOON), max_certificates=5, max_bytes=held + 16)
        assert full.install_ca(root("One").certificate.to_pem(), DOMAIN).result is (
            INSTALL.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED
        )
        assert full.cache_ocsp(subject, answers[1]).accepted
        assert full.update_leaf(text, V2G).accepted
        assert serial(renewed) in listed(full)

    def test_row_10_a_request_needs_room_too(self, tmp_path: Path, v2g: Pki) -> None:
        store_with(tmp_path, (DOMAIN, v2g))
        held = sum(len(data) for data in tree(tmp_path).values())
        with assert_store_unchanged(tmp_path):
            small = open_store(tmp_path, max_bytes=held + 500)
            result = small.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE)
        assert (result.status, result.csr) == (GetCertificateSignRequestStatus.GENERATION_ERROR, None)
        assert "bytes of at most" in (result.reason or "")


def test_row_11_an_ocsp_answer_is_judged_and_stored_as_der(tmp_path: Path, v2g: Pki) -> None:
    """test_ocsp_cache.py tries every kind of answer."""
    store = store_with(tmp_path, (DOMAIN, v2g), clock=SetClock(NOON))
    one = leaf(v2g)
    place(store, v2g, one)
    subject = named(one.certificate, v2g.issuing.certificate)
    about = single(cert_id(one.certificate, v2g.issuing.certificate))
    for der, fits in (
        (b"not parsed by the reference", False),
        (answer(v2g.sub1, about), False),
        (answer(v2g.issuing, single(cert_id(one.certificate, v2g.issuing.certificate), unknown=True)), False),
        (answer(v2g.issuing, about), True),
    ):
        assert store.cache_ocsp(subject, b64encode(der).decode()).accepted is fits
        files = list((tmp_path / "client/cso/ocsp").glob("*.der"))
        assert [path.read_bytes() for path in files] == ([der] if fits else [])


@pytest.mark.parametrize("spelt", [str.lower, str.upper], ids=["lower", "upper"])
def test_row_12_one_rule_of_case_for_cas_and_leaves(tmp_path: Path, v2g: Pki, spelt: Callable[[str], str]) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    one = leaf(v2g)
    place(store, v2g, one)
    for certificate, issuer in ((one, v2g.issuing), (v2g.root, v2g.root)):
        data = named(certificate.certificate, issuer.certificate)
        texts = (data.issuer_name_hash, data.issuer_key_hash, data.serial_number)
        told = CertificateHashData(data.hash_algorithm, *map(spelt, texts))
        assert store.delete_certificate(told) is DELETE.ACCEPTED


def test_row_13_a_key_goes_when_nothing_uses_it(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    one = leaf(v2g)
    renewed = Forged(leaf(v2g, key=one.key, begin=FROM + DAY).certificate, one.key)
    key = place(store, v2g, one, name="SHARED").key
    put(tmp_path / "client/cso/RENEWED.pem", v2g.stack(renewed.certificate))
    for certificate, stays in ((one, True), (renewed, False)):
        assert store.delete_certificate(named(certificate.certificate, v2g.issuing.certificate)) is DELETE.ACCEPTED
        assert key.exists() is stays


@pytest.mark.parametrize(
    ("country", "organization", "common"),
    [
        ("Germany", "Operator", EVSE),
        ("D", "Operator", EVSE),
        ("de", "Operator", EVSE),
        ("D1", "Operator", EVSE),
        ("DE", "Operator", "x" * 65),
        ("DE", "x" * 65, EVSE),
    ],
)
@pytest.mark.parametrize("policy", [ProfilePolicy.ENFORCE, ProfilePolicy.OFF])
def test_row_14_a_name_that_can_not_be_written_whole_is_a_generation_error_with_a_reason(
    tmp_path: Path, country: str, organization: str, common: str, policy: ProfilePolicy
) -> None:
    store = open_store(tmp_path, v2g_profile=policy)
    with assert_store_unchanged(tmp_path):
        result = store.generate_certificate_signing_request(V2G, country, organization, common)
    assert (result.status, result.csr) == (GetCertificateSignRequestStatus.GENERATION_ERROR, None)
    assert result.reason


@pytest.mark.parametrize("organization", ["O", "x" * 64, "é" * 40, "Łódź & Söhne, Ltd.", "運営者"])
def test_row_14_a_name_that_is_accepted_is_written_whole(tmp_path: Path, organization: str) -> None:
    made = open_store(tmp_path).generate_certificate_signing_request(V2G, "DE", organization, EVSE)
    assert made.csr is not None, made.reason
    subject = x509.load_pem_x509_csr(made.csr.encode()).subject
    assert [attribute.value for attribute in subject] == ["DE", organization, EVSE, "CPO"]


@pytest.mark.parametrize("spec", KeySpec)
def test_row_15_keys_of_every_kind_are_made(tmp_path: Path, spec: KeySpec) -> None:
    """test_keys_of_every_kind.py takes each to a leaf in use."""
    store = open_store(tmp_path, csms_key=spec)
    csr = requested(store, CSMS, "CS-001")
    assert openssl("req", "-verify", "-noout", "-text", given=csr.encode())


def test_row_16_newest_is_the_latest_not_before_among_the_valid_per_evse(tmp_path: Path, v2g: Pki) -> None:
    """test_slots.py tries the orders."""
    store = store_with(tmp_path, (DOMAIN, v2g), secc_common_name=EVSE)
    leaves = {
        "longest": leaf(v2g),
        "newest": leaf(v2g, begin=FROM + DAY, end=NOW + DAY),
        "future": leaf(v2g, begin=NOW + DAY),
        "ended": leaf(v2g, begin=FROM + 2 * DAY, end=NOW - DAY),
        "another EVSE's": leaf(v2g, "DE*CHP*E1234*2", begin=FROM + 3 * DAY),
    }
    for name, one in leaves.items():
        place(store, v2g, one, name=name)
    assert Path(info(store).key).stem == "newest"


class TestRow17:
    """Cross-signed roots: kept when the issuer, or the same key's self-signed form, is at hand."""

    def crossed(self, v2g: Pki, other: Forged) -> Forged:
        """The V2G root's key, certified by another root."""
        return Forged(
            forge("V2G Root", other, ca=True, key=v2g.root.key, begin=FROM, end=UNTIL).certificate, v2g.root.key
        )

    def test_row_17_below_its_issuer(self, tmp_path: Path, v2g: Pki) -> None:
        other = root("Other Root")
        store = open_store(tmp_path)
        crossed = self.crossed(v2g, other).certificate
        assert store.install_ca_certificate(crossed.to_pem(), DOMAIN) is INSTALL.INVALID_CERTIFICATE_CHAIN
        assert store.install_ca(other.certificate.to_pem(), DOMAIN).accepted
        assert store.install_ca(crossed.to_pem(), DOMAIN).accepted
        assert listed(store) == [serial(other), serial(crossed)]
        assert tuple(store.trust_anchors(DOMAIN)) == (other.certificate,)
        assert store.verify_certificate(v2g.stack(leaf(v2g).certificate), [V2G]) is VALIDATION.VALID

    def test_row_17_beside_its_self_signed_form(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        crossed = self.crossed(v2g, root("Other Root")).certificate
        assert store.install_ca(crossed.to_pem(), DOMAIN).accepted
        assert tuple(store.trust_anchors(DOMAIN)) == (v2g.root.certificate,)
        assert store.verify_certificate(v2g.stack(leaf(v2g).certificate), [V2G]) is VALIDATION.VALID

    @pytest.mark.parametrize("installed", ["own", "other", "both"])
    @pytest.mark.parametrize("is_sent", [False, True], ids=["not sent", "sent"])
    def test_row_17_a_chain_leads_to_whichever_root_is_there(
        self, tmp_path: Path, v2g: Pki, installed: str, *, is_sent: bool
    ) -> None:
        other = root("Other Root")
        crossed = self.crossed(v2g, other).certificate
        store = open_store(tmp_path)
        held = {"own": [v2g.root], "other": [other], "both": [other, v2g.root]}[installed]
        bundle_file(store, DOMAIN, *(one.certificate for one in held))
        chain = v2g.stack(leaf(v2g).certificate) + (crossed.to_pem() if is_sent else "")
        expected = VALIDATION.VALID if is_sent or installed != "other" else VALIDATION.ISSUER_NOT_FOUND
        assert store.verify_certificate(chain, [V2G]) is expected


def test_row_18_a_chain_file_that_includes_its_root_is_asked_about_whole(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), default_ocsp_url="http://ocsp.example")
    one = leaf(v2g)
    placed = place(store, v2g, one)
    put(placed.chain, v2g.stack(one.certificate) + v2g.root.certificate.to_pem())
    asked = tuple(each.certificate_hash_data for each in store.get_v2g_ocsp_request_data().ocsp_request_data_list)
    assert asked == descendants(v2g, one.certificate)


@pytest.mark.parametrize("times", [1, 5])
def test_row_19_the_same_certificate_again_changes_nothing(tmp_path: Path, v2g: Pki, times: int) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    chain = enrol(store, v2g)
    with assert_store_unchanged(tmp_path):
        for text in (
            chain,
            chain + v2g.root.certificate.to_pem(),
            "".join(one.der.hex() for one in load_certificates(chain)),
        ):
            for _ in range(times):
                assert store.update_leaf_certificate(text, V2G) is INSTALL.ACCEPTED
        assert store.install_ca_certificate(v2g.root.certificate.to_pem(), DOMAIN) is INSTALL.ACCEPTED


@pytest.mark.parametrize("suffix", [".pem", ".crt", ".cer", ".der"])
@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_row_20_certificates_are_read_under_all_four_suffixes_in_both_forms(
    tmp_path: Path, v2g: Pki, suffix: str, form: str
) -> None:
    store = open_store(tmp_path, v2g_ca_bundle="ca/v2g")
    one = leaf(v2g)
    for name, certificate in (("ca/v2g/root", v2g.root), ("client/cso/SECC_LEAF", one)):
        data = certificate.certificate.to_pem().encode() if form == "PEM" else certificate.certificate.der
        put(tmp_path / f"{name}{suffix}", data)
    put(tmp_path / "client/cso/SECC_LEAF.key", key_pem(one.key))
    assert store.is_ca_certificate_installed(DOMAIN)
    assert Path(info(store, encoding=form).certificate_single or "").suffix == suffix
    assert not store.findings()


COUNT = 300
"""More certificates than are remembered by their bytes alone."""


@pytest.fixture(scope="module")
def roots() -> list[Forged]:
    key = generate_private_key(KeySpec.P256)
    return [root(f"Root {number}", key=key) for number in range(COUNT)]


class TestRow21:
    """Parsed once, revalidated by stat; verdicts are never cached."""

    def prepared(self, directory: Path, roots: list[Forged], bundle: str) -> EvseSecurity:
        store = open_store(directory, v2g_ca_bundle=bundle)
        if bundle == "ca/v2g":
            for number, one in enumerate(roots):
                put(directory / bundle / f"{number:03}.pem", one.certificate.to_pem())
        else:
            bundle_file(store, DOMAIN, *(one.certificate for one in roots))
        return store

    @pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"], ids=["file", "directory"])
    def test_row_21_what_did_not_change_is_not_parsed_again(
        self, tmp_path: Path, roots: list[Forged], bundle: str
    ) -> None:
        store = self.prepared(tmp_path, roots, bundle)
        assert len(listed(store)) == COUNT
        with counted(0, of="_parsed"):
            for _ in range(3):
                assert len(listed(store)) == COUNT
                assert store.is_ca_certificate_installed(DOMAIN)
                assert store.get_verify_file(DOMAIN)
        another = root("One more").certificate.to_pem()
        assert open_store(tmp_path, v2g_ca_bundle=bundle).install_ca(another, DOMAIN).accepted
        with counted(1, of="_parsed"):
            assert len(listed(store)) == COUNT + 1, "another process added one"

    def test_row_21_an_install_parses_the_new_one_alone(self, tmp_path: Path, roots: list[Forged]) -> None:
        store = self.prepared(tmp_path, roots, "ca/v2g/V2G_ROOT_CA.pem")
        listed(store)
        with counted(2, of="_parsed"):
            assert store.install_ca(root("One more").certificate.to_pem(), DOMAIN).accepted
            assert len(listed(store)) == COUNT + 1

    def test_row_21_a_judgement_costs_the_same_beside_many_roots(
        self, tmp_path: Path, v2g: Pki, roots: list[Forged]
    ) -> None:
        work = []
        chain = v2g.stack(leaf(v2g).certificate)
        for number, held in enumerate(([], roots)):
            store = self.prepared(tmp_path / str(number), [*held, v2g.root], "ca/v2g/V2G_ROOT_CA.pem")
            for _ in range(2):
                assert store.verify_certificate(chain, [V2G]) is VALIDATION.VALID
            with counted(5000) as count:
                assert store.verify_certificate(chain, [V2G]) is VALIDATION.VALID
            work.append(count.calls)
        assert work[1] <= work[0] * 1.2

    def test_row_21_one_key_among_a_thousand_is_found_without_opening_the_others(
        self, tmp_path: Path, v2g: Pki
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g))
        key = key_pem(generate_private_key(KeySpec.P256))
        for number in range(1000):
            put(tmp_path / f"client/cso/AAA_{number}.key", key)
        place(store, v2g, leaf(v2g))
        settle(tmp_path)
        with counted(1, of="_load"):
            assert Path(info(store).key).name == "SECC_LEAF.key"
        with counted(400):
            assert info(store).certificate_count == 3

    def test_row_21_verdicts_are_never_kept(self, tmp_path: Path, v2g: Pki) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        chain = v2g.stack(leaf(v2g, end=NOW + DAY).certificate)
        seen = []
        for moment in (NOW, NOW + timedelta(days=3650), NOW, NOW - timedelta(days=3650), NOW):
            clock.set(moment)
            seen.append(store.verify_certificate(chain, [V2G]).value)
        assert seen == ["Valid", "Expired", "Valid", "Unknown", "Valid"]


def test_a_leaf_of_a_row_is_what_openssl_takes_too(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    one = put(tmp_path / "leaf.pem", issue(v2g.issuing, requested(store)).to_pem())
    between = put(tmp_path / "between.pem", stack(v2g.issuing.certificate, v2g.sub1.certificate))
    assert openssl_takes("verify", "-CAfile", store.get_verify_file(DOMAIN), "-untrusted", between, one)
    assert chains(store, CertificateType.V2G_CERTIFICATE_CHAIN) == ()
