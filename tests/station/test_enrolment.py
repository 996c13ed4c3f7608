"""The station's half of an enrolment, through the commands that make it."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certs import FROM, Pki, csms_pki, issue, stack, v2g_pki
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import ProfilePolicy
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    GetCertificateInfoStatus,
    GetCertificateSignRequestResult,
    GetCertificateSignRequestStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from chainpilot.station.store import requests
from chainpilot.station.store.requests import MAX_SUPERSEDED
from clocks import SetClock
from forge import forge
from stock import leaf, place
from stores import EVSE, assert_store_unchanged, enrol, leaf_files, open_store, store_with, tree

V2G = LeafCertificateType.V2G


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def store(tmp_path: Path, v2g: Pki) -> EvseSecurity:
    return store_with(tmp_path, (CaCertificateType.V2G, v2g))


def request(store: EvseSecurity, common: str = EVSE, organization: str = "Operator") -> str:
    result = store.generate_certificate_signing_request(V2G, "DE", organization, common)
    assert result.csr is not None, result.reason
    return result.csr


def test_a_request_names_what_was_asked_and_has_the_profile_of_a_leaf(store: EvseSecurity) -> None:
    csr = x509.load_pem_x509_csr(request(store).encode())
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() == f"0.9.2342.19200300.100.1.25=CPO,CN={EVSE},O=Operator,C=DE".replace(
        "0.9.2342.19200300.100.1.25", "DC"
    )
    assert csr.extensions.get_extension_for_class(x509.BasicConstraints).critical
    usage = csr.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert usage.key_agreement


def test_key_and_record_are_on_disk_before_the_request_leaves(store: EvseSecurity, tmp_path: Path) -> None:
    request(store)
    (key,) = (tmp_path / "client/cso").glob("SECC_LEAF_*.key")
    assert list((tmp_path / ".chainpilot/pending").glob("*.json"))
    assert key.stat().st_mode & 0o777 == 0o600


def test_an_enrolment_ends_with_a_chain_that_openssl_accepts(store: EvseSecurity, v2g: Pki, tmp_path: Path) -> None:
    enrol(store, v2g)
    info = store.get_leaf_certificate_info(V2G).info
    assert info is not None
    assert info.certificate is not None
    assert info.certificate_single is not None
    assert info.certificate_count == 3
    root = store.get_verify_file(CaCertificateType.V2G)
    command = ["openssl", "verify", "-x509_strict", "-CAfile", root, "-untrusted", info.certificate]
    done = subprocess.run([*command, info.certificate_single], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    halves = [
        subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout
        for words in (
            ["x509", "-in", info.certificate_single, "-noout", "-pubkey"],
            ["pkey", "-in", info.key, "-pubout"],
        )
    ]
    assert halves[0] == halves[1]


def test_files_bear_the_names_of_the_reference(store: EvseSecurity, v2g: Pki, tmp_path: Path) -> None:
    enrol(store, v2g)
    names = sorted(path.name for path in (tmp_path / "client/cso").iterdir())
    word = names[1].removeprefix("SECC_LEAF_").removesuffix(".key")
    assert names == [f"CPO_CERT_SECC_LEAF_CHAIN_{word}.pem", f"SECC_LEAF_{word}.key", f"SECC_LEAF_{word}.pem"]
    assert not list((tmp_path / ".chainpilot/pending").iterdir())


def test_an_install_is_published_when_the_files_are_final(store: EvseSecurity, v2g: Pki) -> None:
    seen: list[tuple[CertificateStoreUpdate, GetCertificateInfoStatus]] = []
    store.subscribe(lambda update: seen.append((update, store.get_leaf_certificate_info(V2G).status)))
    enrol(store, v2g)
    update = CertificateStoreUpdate(CertificateStoreUpdateOperation.INSTALLED, leaf_certificate_type=V2G)
    assert seen == [(update, GetCertificateInfoStatus.ACCEPTED)]


def test_the_same_certificate_delivered_again_is_accepted_and_changes_nothing(
    store: EvseSecurity, v2g: Pki, tmp_path: Path
) -> None:
    chain = enrol(store, v2g)
    seen: list[CertificateStoreUpdate] = []
    store.subscribe(seen.append)
    with assert_store_unchanged(tmp_path):
        for _ in range(3):
            assert store.update_leaf_certificate(chain, V2G) is InstallCertificateResult.ACCEPTED
    assert not seen


def test_one_request_is_open_per_slot_and_is_answered_again(store: EvseSecurity, tmp_path: Path) -> None:
    first = request(store)
    with assert_store_unchanged(tmp_path):
        assert request(store) == first
    assert request(store, "DE*CHP*E1234*2") != first
    assert len(store.open_requests()) == 2


def keys(directory: Path) -> set[str]:
    return {path.name for path in (directory / "client/cso").glob("*.key")}


def records(directory: Path) -> set[str]:
    return {path.name for path in (directory / ".chainpilot/pending").iterdir()}


def test_a_request_that_other_names_superseded_is_not_sent_again_and_its_certificate_still_taken(
    store: EvseSecurity, v2g: Pki
) -> None:
    first = request(store)
    second = request(store, organization="Another Operator")
    assert first != second
    assert [pending.pem for pending in store.open_requests()] == [second]
    for csr, organization in ((first, "Operator"), (second, "Another Operator")):
        assert store.update_leaf(v2g.enrol(csr), V2G).accepted, organization
    assert not store.open_requests()


def test_a_clock_that_is_set_a_year_forward_loses_no_certificate(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock(datetime(2025, 6, 1, tzinfo=UTC))
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), clock=clock)
    first = request(store)
    clock.set(datetime(2026, 6, 1, tzinfo=UTC))
    assert [pending.pem for pending in store.open_requests()] == [first], "it is sent again at the next connection"
    second = request(store)
    store.run_housekeeping()
    assert first != second
    assert store.update_leaf(v2g.enrol(first), V2G).accepted
    assert store.update_leaf(v2g.enrol(second), None).accepted


def test_a_request_past_its_lifetime_gives_way_unless_a_csms_may_be_at_work_on_it(tmp_path: Path) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    first = request(store)
    clock.advance(3599)
    assert request(store) == first
    store.mark_request(store.open_requests()[0], with_csms=True)
    clock.advance(1_000_000)
    assert request(store) == first, "it is with a CSMS, whose CA may take days"
    store.mark_request(store.open_requests()[0], with_csms=False)
    second = request(store)
    assert second != first
    assert [pending.pem for pending in store.open_requests()] == [second]


def test_a_request_from_the_far_future_gives_way(tmp_path: Path) -> None:
    clock = SetClock(datetime(2040, 1, 1, tzinfo=UTC))
    store = open_store(tmp_path, clock=clock)
    first = request(store)
    clock.set(datetime(2026, 6, 1, tzinfo=UTC))
    assert request(store) != first


def test_marking_a_request_that_is_gone_brings_nothing_back(store: EvseSecurity, v2g: Pki, tmp_path: Path) -> None:
    csr = request(store)
    (pending,) = store.open_requests()
    assert store.update_leaf(v2g.enrol(csr), V2G).accepted
    with assert_store_unchanged(tmp_path):
        store.mark_request(pending, with_csms=True)


def test_a_request_whose_key_somebody_else_got_a_certificate_for_is_not_open(
    store: EvseSecurity, v2g: Pki, tmp_path: Path
) -> None:
    csr = request(store)
    (tmp_path / "client/cso/from_another_program.pem").write_text(v2g.enrol(csr))
    assert not store.open_requests()
    assert request(store) != csr, "a renewal has a key of its own"


def superseded(store: EvseSecurity, clock: SetClock, count: int) -> list[str]:
    """That many requests of one slot, a second apart, the last one open."""
    made = []
    for number in range(count):
        made.append(request(store, organization=f"Operator {number}"))
        clock.advance(1)
    return made


def test_housekeeping_removes_superseded_requests_past_their_lifetime_but_for_the_last_ones(
    tmp_path: Path, v2g: Pki
) -> None:
    clock = SetClock()
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), clock=clock)
    made = superseded(store, clock, 5)
    clock.advance(3600 - 5)
    with assert_store_unchanged(tmp_path):
        store.run_housekeeping()
    clock.advance(10)
    store.run_housekeeping()
    assert (len(keys(tmp_path)), len(records(tmp_path))) == (3, 3)
    with assert_store_unchanged(tmp_path):
        clock.advance(10**9)
        store.run_housekeeping()
    clock.set(datetime(2026, 7, 1, tzinfo=UTC))
    results = [store.update_leaf(v2g.enrol(csr), V2G).result for csr in made]
    assert results == [InstallCertificateResult.WRITE_ERROR] * 2 + [InstallCertificateResult.ACCEPTED] * 3


def test_superseded_requests_of_a_slot_are_bounded_and_the_oldest_go_first(tmp_path: Path) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    superseded(store, clock, MAX_SUPERSEDED + 1)
    at_the_bound = keys(tmp_path)
    assert len(at_the_bound) == MAX_SUPERSEDED + 1
    request(store, organization="One more")
    assert len(keys(tmp_path)) == len(records(tmp_path)) == MAX_SUPERSEDED + 1
    assert at_the_bound - keys(tmp_path) == {min(at_the_bound)}, "names begin with the time"


def asked(store: EvseSecurity, common: str, kind: LeafCertificateType = V2G) -> GetCertificateSignRequestResult:
    return store.generate_certificate_signing_request(kind, "DE", "Operator", common)


MOST = 6
"""In place of the bounds, which take seconds to reach."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few requests of a domain are kept."""
    for bound in ("MAX_OPEN", "MAX_SUPERSEDED_IN_ALL"):
        monkeypatch.setattr(requests, bound, MOST)


@pytest.mark.usefixtures("few")
def test_open_requests_of_a_domain_are_bounded_and_the_oldest_is_superseded(tmp_path: Path) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    client = asked(store, "CS-001", LeafCertificateType.CSMS).csr
    for number in range(MOST + 2):
        request(store, f"DE*CHP*E{number:04}")
        clock.advance(1)
    names = [one.csr.common_name for one in store.open_requests() if one.kind is V2G]
    assert names == [f"DE*CHP*E{number:04}" for number in range(2, MOST + 2)]
    assert len(keys(tmp_path)) == MOST + 2, "those of the oldest may still be answered"
    assert client in {one.pem for one in store.open_requests()}, "the other domain has room of its own"


@pytest.mark.usefixtures("few")
def test_superseded_requests_of_a_domain_are_bounded_over_all_its_names(tmp_path: Path) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    for number in range(MOST + 3):
        request(store, f"DE*CHP*E{number:04}")
        (pending,) = store.open_requests()
        store.give_up_request(pending)
        clock.advance(1)
    assert len(keys(tmp_path)) == len(records(tmp_path)) == MOST


@pytest.mark.usefixtures("few")
def test_no_more_requests_are_made_than_can_be_removed_again(tmp_path: Path) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    request(store)
    (tmp_path / "client/cso/broken.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    made = 0
    while (result := asked(store, f"DE*CHP*E{made:04}")).csr is not None:
        clock.advance(1)
        made += 1
        assert made < 100, "there is an end"
    assert "can't be removed" in (result.reason or "")
    (tmp_path / "client/cso/broken.pem").unlink()
    assert asked(store, "DE*CHP*E9999").csr is not None


def test_a_request_that_was_given_up_is_not_listed_and_its_certificate_still_taken(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    chain = v2g.enrol(request(store))
    (pending,) = store.open_requests()
    store.give_up_request(pending)
    assert store.open_requests() == ()
    assert not store.mark_request(pending, with_csms=True), "nobody waits for it"
    assert store.update_leaf(chain, V2G).accepted


def test_whoever_marks_a_request_hears_whether_its_certificate_is_still_waited_for(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g))
    chain = v2g.enrol(request(store))
    (pending,) = store.open_requests()
    assert store.mark_request(pending, with_csms=True)
    assert store.update_leaf(chain, V2G).accepted
    assert not store.mark_request(pending, with_csms=True)


def test_housekeeping_never_removes_an_open_request_or_a_key_in_use(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), clock=clock)
    chains = [v2g.enrol(csr) for csr in superseded(store, clock, 6)]
    open_key = keys(tmp_path)
    for number, chain in enumerate(chains[:4]):
        (tmp_path / f"client/cso/put_there_{number}.pem").write_text(chain)
    clock.advance(10**6)
    store.run_housekeeping()
    assert keys(tmp_path) == open_key, "four have certificates, one is kept, one is open"
    assert len(records(tmp_path)) == 2, "the answered ones are closed"
    assert store.update_leaf(chains[5], V2G).accepted


def test_housekeeping_keeps_every_key_while_a_certificate_can_not_be_read(tmp_path: Path) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    superseded(store, clock, 6)
    clock.advance(10**6)
    (tmp_path / "client/cso/broken.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    with assert_store_unchanged(tmp_path):
        store.run_housekeeping()
    (tmp_path / "client/cso/broken.pem").unlink()
    store.run_housekeeping()
    assert len(keys(tmp_path)) == 3


def test_housekeeping_of_an_empty_or_unusable_store_does_nothing(tmp_path: Path) -> None:
    open_store(tmp_path / "nowhere").run_housekeeping()
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "file").write_text("no directory")
    open_store(tmp_path / "file").run_housekeeping()


def test_a_certificate_that_comes_after_the_lifetime_is_still_installed(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    store.install_ca_certificate(v2g.root.certificate.to_pem(), CaCertificateType.V2G)
    csr = request(store)
    clock.advance(100_000)
    assert store.update_leaf(v2g.enrol(csr), V2G).accepted


def test_a_renewed_leaf_is_used_from_its_not_before(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    store.install_ca_certificate(v2g.root.certificate.to_pem(), CaCertificateType.V2G)
    enrol(store, v2g)
    first = store.get_leaf_certificate_info(V2G).info
    later = clock.now() + timedelta(days=10)
    assert store.update_leaf(v2g.enrol(request(store), begin=later), V2G).accepted
    assert store.get_leaf_certificate_info(V2G).info == first
    clock.advance(10 * 86400)
    assert store.get_leaf_certificate_info(V2G).info != first


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, InstallCertificateResult.ACCEPTED),
        ({"organization": "OPERATOR "}, InstallCertificateResult.ACCEPTED),
        ({"common_name": "DECHPE12341"}, InstallCertificateResult.ACCEPTED),
        ({"common_name": "DE*XXX*E9999*9"}, InstallCertificateResult.INVALID_COMMON_NAME),
        ({"organization": "Somebody"}, InstallCertificateResult.INVALID_CERTIFICATE_CHAIN),
        ({"organization": None}, InstallCertificateResult.INVALID_CERTIFICATE_CHAIN),
    ],
)
@pytest.mark.parametrize("is_installed", [False, True], ids=["asked for", "installed for that key"])
def test_a_leaf_bears_the_names_that_were_asked_for_at_first_and_ever_after(
    store: EvseSecurity,
    v2g: Pki,
    changes: dict[str, str | None],
    expected: InstallCertificateResult,
    *,
    is_installed: bool,
) -> None:
    csr = request(store)
    if is_installed:
        assert store.update_leaf(v2g.enrol(csr), V2G).accepted
    before = store.get_leaf_certificate_info(V2G).info
    outcome = store.update_leaf(v2g.enrol(csr, begin=FROM + timedelta(days=1), **changes), V2G)
    assert outcome.result is expected, outcome.reason
    if expected is not InstallCertificateResult.ACCEPTED:
        assert store.get_leaf_certificate_info(V2G).info == before, "the leaf in use stays the one it was"


@pytest.mark.parametrize("files", [("A", "B"), ("B", "A")], ids=["older name first", "newer name first"])
def test_of_several_leaves_of_a_key_the_newest_tells_the_name_of_the_next(
    store: EvseSecurity, v2g: Pki, files: tuple[str, str]
) -> None:
    """A leaf of another name was put there by hand; what the files are called says nothing."""
    key = generate_private_key(KeySpec.P256)
    names = ("DE*CHP*E1", "DE*CHP*E2")
    for year, (file, common) in enumerate(zip(files, names, strict=True)):
        held = leaf(v2g, common, key=key, begin=FROM + timedelta(days=365 * year))
        place(store, v2g, held, name=file)
    results = [
        store.update_leaf(
            v2g.stack(leaf(v2g, common, key=key, begin=FROM + timedelta(days=500)).certificate), V2G
        ).result
        for common in names
    ]
    assert results == [InstallCertificateResult.INVALID_COMMON_NAME, InstallCertificateResult.ACCEPTED]


def test_the_use_is_known_from_the_open_request_when_the_message_names_none(store: EvseSecurity, v2g: Pki) -> None:
    assert store.update_leaf(v2g.enrol(request(store)), None).accepted


@pytest.mark.parametrize("encoding", ["hex", "crlf", "literal", "prose"])
def test_chains_are_read_as_stations_get_them(store: EvseSecurity, v2g: Pki, encoding: str) -> None:
    leaf = issue(v2g.issuing, request(store))
    pem = v2g.stack(leaf)
    texts = {
        "hex": "".join(one.der.hex() for one in (leaf, v2g.issuing.certificate, v2g.sub1.certificate)),
        "crlf": pem.replace("\n", "\r\n"),
        "literal": pem.replace("\n", "\\n"),
        "prose": pem.replace("-----BEGIN", "subject=whoever\n-----BEGIN"),
    }
    assert store.update_leaf(texts[encoding], V2G).accepted


def test_sub_cas_may_come_in_any_order_behind_the_leaf(store: EvseSecurity, v2g: Pki) -> None:
    leaf = issue(v2g.issuing, request(store))
    everything = stack(leaf, v2g.root.certificate, v2g.sub1.certificate, v2g.issuing.certificate)
    assert store.update_leaf(everything, V2G).accepted
    info = store.get_leaf_certificate_info(V2G).info
    assert info is not None
    assert info.certificate is not None
    assert Path(info.certificate).read_text() == v2g.stack(leaf)


PAST = {"begin": FROM, "end": datetime(2026, 5, 1, tzinfo=UTC)}
Delivery = Callable[[str, Pki], str]
REFUSALS: dict[str, tuple[Delivery, InstallCertificateResult]] = {
    "nothing": (lambda _, __: "", InstallCertificateResult.INVALID_FORMAT),
    "prose": (lambda _, __: "no certificate at all", InstallCertificateResult.INVALID_FORMAT),
    "broken base64": (lambda csr, v2g: v2g.enrol(csr).replace("M", "!", 1), InstallCertificateResult.INVALID_FORMAT),
    "too long": (lambda csr, v2g: v2g.enrol(csr) * 60, InstallCertificateResult.INVALID_FORMAT),
    "another key": (
        lambda _, v2g: v2g.stack(forge(EVSE, v2g.issuing, begin=FROM).certificate),
        InstallCertificateResult.WRITE_ERROR,
    ),
    "another root": (lambda csr, _: v2g_pki().enrol(csr), InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED),
    "sub-CAs missing": (
        lambda csr, v2g: issue(v2g.issuing, csr).to_pem(),
        InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED,
    ),
    "leaf last": (
        lambda csr, v2g: stack(v2g.sub1.certificate, v2g.issuing.certificate, issue(v2g.issuing, csr)),
        InstallCertificateResult.INVALID_CERTIFICATE_CHAIN,
    ),
    "no leaf": (
        lambda _, v2g: stack(v2g.issuing.certificate, v2g.sub1.certificate),
        InstallCertificateResult.INVALID_CERTIFICATE_CHAIN,
    ),
    "expired": (lambda csr, v2g: v2g.enrol(csr, **PAST), InstallCertificateResult.EXPIRED),
    "another name": (
        lambda csr, v2g: v2g.enrol(csr, common_name="DE*CHP*E9999*9"),
        InstallCertificateResult.INVALID_COMMON_NAME,
    ),
    "no EVSEID": (
        lambda csr, v2g: v2g.enrol(csr, common_name="station 7"),
        InstallCertificateResult.INVALID_COMMON_NAME,
    ),
    "another domain component": (
        lambda csr, v2g: v2g.enrol(csr, domain="MO"),
        InstallCertificateResult.INVALID_CERTIFICATE_CHAIN,
    ),
    "usage not critical": (
        lambda csr, v2g: v2g.enrol(csr, usage_critical=False),
        InstallCertificateResult.INVALID_CERTIFICATE_CHAIN,
    ),
    "usage of a key for encryption": (
        lambda csr, v2g: v2g.enrol(csr, usage={"key_encipherment": True}),
        InstallCertificateResult.INVALID_CERTIFICATE_CHAIN,
    ),
}
"""Deliveries that don't fit, each with its answer."""


@pytest.mark.parametrize("case", REFUSALS)
def test_what_does_not_fit_is_refused_with_a_reason_and_the_store_unchanged(
    store: EvseSecurity, v2g: Pki, tmp_path: Path, case: str
) -> None:
    enrol(store, v2g, common="DE*CHP*E1234*2")
    csr = request(store)
    deliver, expected = REFUSALS[case]
    text = deliver(csr, v2g)
    with assert_store_unchanged(tmp_path):
        outcome = store.update_leaf(text, V2G)
    assert (outcome.result, bool(outcome.reason)) == (expected, True), outcome
    assert store.update_leaf(v2g.enrol(csr), V2G).accepted, "the request stays open for the right certificate"


@pytest.mark.parametrize("kind", [LeafCertificateType.MO, LeafCertificateType.MF])
def test_leaves_of_cars_and_manufacturers_are_not_kept(
    store: EvseSecurity, v2g: Pki, tmp_path: Path, kind: LeafCertificateType
) -> None:
    chain = v2g.enrol(request(store))
    with assert_store_unchanged(tmp_path):
        assert store.update_leaf_certificate(chain, kind) is InstallCertificateResult.WRITE_ERROR
        status = store.generate_certificate_signing_request(kind, "DE", "O", "CN").status
    assert status is GetCertificateSignRequestStatus.INVALID_REQUESTED_TYPE


@pytest.mark.parametrize(
    ("country", "organization", "common"),
    [("Germany", "O", EVSE), ("de", "O", EVSE), ("DE", "O", "x" * 65), ("DE", "", EVSE), ("DE", "O", "")],
)
def test_a_name_that_can_not_be_written_whole_is_refused(
    store: EvseSecurity, tmp_path: Path, country: str, organization: str, common: str
) -> None:
    with assert_store_unchanged(tmp_path):
        result = store.generate_certificate_signing_request(V2G, country, organization, common)
    assert result.status is GetCertificateSignRequestStatus.GENERATION_ERROR
    assert result.reason
    assert result.csr is None


def test_a_name_that_no_certificate_could_be_installed_for_is_refused_at_once_where_profiles_are_enforced(
    tmp_path: Path,
) -> None:
    store = open_store(tmp_path)
    with assert_store_unchanged(tmp_path):
        result = store.generate_certificate_signing_request(V2G, "DE", "O", "hello")
    assert result.status is GetCertificateSignRequestStatus.GENERATION_ERROR
    assert "neither an EVSEID nor a SECCID" in (result.reason or "")
    assert request(store, "DECHP" + "0" * 34)
    lenient = open_store(tmp_path, v2g_profile=ProfilePolicy.OFF)
    assert request(lenient, "hello")
    assert store.generate_certificate_signing_request(LeafCertificateType.CSMS, "DE", "O", "hello").csr


def test_hardware_keys_are_refused_while_there_is_no_provider(store: EvseSecurity, tmp_path: Path) -> None:
    with assert_store_unchanged(tmp_path):
        result = store.generate_certificate_signing_request(V2G, "DE", "O", EVSE, use_tpm=True)
    assert result.status is GetCertificateSignRequestStatus.KEY_GEN_ERROR


def test_a_client_leaf_goes_to_its_own_directories(tmp_path: Path, v2g: Pki) -> None:
    csms = csms_pki()
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), (CaCertificateType.CSMS, csms))
    enrol(store, csms, LeafCertificateType.CSMS, "CS-001")
    assert {Path(name).parent.name for name in leaf_files(tmp_path) if "LEAF" in name} == {"csms"}
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND
    chain = v2g.enrol(request(store))
    with assert_store_unchanged(tmp_path):
        result = store.update_leaf_certificate(chain, LeafCertificateType.CSMS)
    assert result is InstallCertificateResult.NO_ROOT_CERTIFICATE_INSTALLED


def test_a_password_encrypts_the_key_and_is_never_shown(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), private_key_password="hunter2")
    enrol(store, v2g)
    result = store.get_leaf_certificate_info(V2G)
    assert result.info is not None
    assert result.info.password == "hunter2"
    assert "hunter2" not in repr(result)
    assert "hunter2" not in repr(store.layout)
    data = Path(result.info.key).read_bytes()
    assert b"ENCRYPTED" in data
    load_pem_private_key(data, b"hunter2")
    other = open_store(tmp_path, private_key_password="another")
    answer = other.get_leaf_certificate_info(V2G)
    assert answer.status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND


def test_a_password_may_leave_generated_keys_unencrypted(tmp_path: Path, v2g: Pki) -> None:
    settings = {"private_key_password": "hunter2", "encrypt_generated_keys": False}
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), **settings)
    enrol(store, v2g)
    info = store.get_leaf_certificate_info(V2G).info
    assert info is not None
    assert b"ENCRYPTED" not in Path(info.key).read_bytes()


def test_a_full_store_takes_no_leaf_and_says_so(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), max_certificates=4)
    csr = request(store)
    with assert_store_unchanged(tmp_path):
        outcome = store.update_leaf(v2g.enrol(csr), V2G)
    assert outcome.result is InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED
    roomy = open_store(tmp_path, max_certificates=5)
    assert roomy.update_leaf(v2g.enrol(csr), V2G).accepted


def test_roots_leave_room_for_the_station_s_own_leaf(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.V2G, v2g), max_certificates=400)
    (bundle,) = (tmp_path / "ca/v2g").glob("*.pem")
    bundle.write_text(v2g.root.certificate.to_pem() * 396)
    outcome = store.install_ca(csms_pki().root.certificate.to_pem(), CaCertificateType.CSMS)
    assert outcome.result is InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED
    assert "4 of them kept for the station's own leaves" in (outcome.reason or "")
    assert store.update_leaf(v2g.enrol(request(store)), V2G).accepted


def test_a_key_that_a_certificate_uses_outlives_its_request(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = open_store(tmp_path, clock=clock)
    store.install_ca_certificate(v2g.root.certificate.to_pem(), CaCertificateType.V2G)
    csr = request(store)
    record = next((tmp_path / ".chainpilot/pending").iterdir())
    kept = record.read_bytes()
    assert store.update_leaf(v2g.enrol(csr), V2G).accepted
    record.write_bytes(kept)
    clock.advance(4000)
    assert request(store) != csr
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.ACCEPTED
    assert len([name for name in tree(tmp_path) if name.endswith(".key")]) == 2
