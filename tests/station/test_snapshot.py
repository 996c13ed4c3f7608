"""The store at one moment, as files, keys, OCSP answers and requests make it."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, csms_pki, issue, key_pem, stack, v2g_pki
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.keys import KeySpec
from chainpilot.pki.ocsp import Good, Indeterminate, OcspDefect, Revoked
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.snapshot import HeldLeaf, KeyPlace, OcspStanding, Snapshot
from clocks import SetClock
from forge import forge
from ocsp_answers import answer, cert_id, single
from stores import EVSE, enrol, open_store, store_with
from tokens import soft_tokens

V2G, CSMS = CaCertificateType.V2G, CaCertificateType.CSMS
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def store(tmp_path: Path, v2g: Pki) -> EvseSecurity:
    """Roots of V2G and CSMS, sub-CAs of V2G, one SECC leaf."""
    store = store_with(tmp_path, (V2G, v2g), (CSMS, csms_pki()))
    for one in (v2g.sub1, v2g.issuing):
        assert store.install_ca(one.certificate.to_pem(), V2G).accepted
    enrol(store, v2g)
    return store


def only_leaf(snapshot: Snapshot) -> HeldLeaf:
    (slot,) = snapshot.slots
    (leaf,) = slot.leaves
    return leaf


def test_an_empty_store_has_four_empty_domains(tmp_path: Path) -> None:
    snapshot = open_store(tmp_path / "nowhere").snapshot(detailed=True)
    assert [bundle.kind for bundle in snapshot.bundles] == list(CaCertificateType)
    assert [bundle.certificates for bundle in snapshot.bundles] == [(), (), (), ()]
    assert (snapshot.slots, snapshot.requests, snapshot.due, snapshot.findings) == ((), (), (), ())
    assert snapshot.surplus.is_empty
    assert snapshot.at == NOW


def test_a_bundle_holds_its_roots_with_what_is_below(store: EvseSecurity, v2g: Pki) -> None:
    bundle = store.snapshot().bundles[0]
    assert bundle.kind is V2G
    assert bundle.path == store.layout.bundles[V2G]
    (root,) = bundle.roots
    assert (root.root, root.objection) == (v2g.root.certificate, None)
    assert [(one.certificate, one.issuer) for one in root.below] == [
        (v2g.sub1.certificate, v2g.root.certificate),
        (v2g.issuing.certificate, v2g.sub1.certificate),
    ]
    assert bundle.orphans == ()
    assert bundle.certificates == (v2g.root.certificate, v2g.sub1.certificate, v2g.issuing.certificate)


def test_a_root_that_does_not_count_says_why(tmp_path: Path) -> None:
    pki = v2g_pki(test=True)
    store_with(tmp_path, (V2G, pki), allow_test_pki=True)
    (refused,) = open_store(tmp_path).snapshot().bundles[0].roots
    (taken,) = open_store(tmp_path, allow_test_pki=True).snapshot().bundles[0].roots
    assert refused.objection == "it belongs to a test PKI; only allow_test_pki admits it"
    assert taken.objection is None


def test_sub_cas_without_a_root_are_orphans(tmp_path: Path, v2g: Pki) -> None:
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text(stack(v2g.sub1.certificate, v2g.issuing.certificate))
    held = open_store(tmp_path).snapshot().bundles[0]
    assert held.roots == ()
    assert [(one.certificate, one.issuer) for one in held.orphans] == [
        (v2g.sub1.certificate, None),
        (v2g.issuing.certificate, v2g.sub1.certificate),
    ]


def test_a_leaf_has_its_way_up_its_key_and_its_file(store: EvseSecurity, v2g: Pki) -> None:
    leaf = only_leaf(store.snapshot())
    assert leaf.leaf.issuer == v2g.issuing.certificate
    assert [one.certificate for one in leaf.chain] == [v2g.issuing.certificate, v2g.sub1.certificate]
    assert [one.issuer for one in leaf.chain] == [v2g.sub1.certificate, v2g.root.certificate]
    assert leaf.root == v2g.root.certificate
    assert leaf.is_in_use
    assert leaf.path.name.startswith("CPO_CERT_SECC_LEAF_CHAIN_")
    assert leaf.key is not None
    assert leaf.key.suffix == ".key"


def test_a_way_that_breaks_off_ends_at_a_sub_ca_without_issuer(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    enrol(store, v2g)
    (tmp_path / "ca/v2g/V2G_ROOT_CA.pem").unlink()
    leaf = only_leaf(store.snapshot())
    assert [(one.certificate, one.issuer) for one in leaf.chain] == [
        (v2g.issuing.certificate, v2g.sub1.certificate),
        (v2g.sub1.certificate, None),
    ]
    assert leaf.root is None


def test_a_leaf_whose_issuer_is_nowhere_stands_alone(tmp_path: Path, v2g: Pki) -> None:
    (tmp_path / "client/cso").mkdir(parents=True)
    lonely = forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL)
    (tmp_path / "client/cso/a.pem").write_text(lonely.certificate.to_pem())
    leaf = only_leaf(open_store(tmp_path).snapshot(detailed=True))
    assert (leaf.leaf.issuer, leaf.chain, leaf.root) == (None, (), None)
    assert (leaf.key, leaf.key_place, leaf.is_in_use) == (None, None, False)
    assert leaf.leaf.ocsp == OcspStanding(has_responder=False)


def test_the_newest_valid_leaf_with_a_key_is_in_use_in_each_slot(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    enrol(store, v2g)
    enrol(store, v2g, common="DE*CHP*E5678*1")
    directory = tmp_path / "client/cso"
    newer = forge(EVSE, v2g.issuing, begin=FROM + timedelta(days=1), end=UNTIL)
    (directory / "newer.pem").write_text(v2g.stack(newer.certificate))
    future = forge(EVSE, v2g.issuing, begin=NOW + timedelta(days=1), end=UNTIL)
    (directory / "future.pem").write_text(v2g.stack(future.certificate))
    (directory / "future.key").write_bytes(key_pem(future.key))
    slots = store.snapshot().slots
    assert sorted(len(slot.leaves) for slot in slots) == [1, 3]
    assert [
        (leaf.is_in_use, leaf.key is not None) for slot in slots for leaf in slot.leaves if len(slot.leaves) == 3
    ] == [
        (False, True),
        (False, False),
        (True, True),
    ]
    assert [leaf.is_in_use for slot in slots for leaf in slot.leaves if len(slot.leaves) == 1] == [True]


def test_details_are_left_out_unless_asked_for(store: EvseSecurity, tmp_path: Path) -> None:
    (tmp_path / "client/cso/broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    plain, detailed = store.snapshot(), store.snapshot(detailed=True)
    assert plain.findings == ()
    assert len(detailed.findings) == 1
    assert only_leaf(plain).key_place is None
    assert only_leaf(detailed).key_place is KeyPlace.FILE
    assert only_leaf(plain).leaf.ocsp is None
    assert only_leaf(detailed).leaf.ocsp == OcspStanding(has_responder=False)


def test_an_ocsp_standing_is_what_the_kept_answer_says_now(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock(NOW)
    store = store_with(tmp_path, (V2G, v2g), clock=clock, default_ocsp_url="http://ocsp.example")
    enrol(store, v2g)
    leaf = only_leaf(store.snapshot()).leaf
    issuer = v2g.issuing
    until = NOW + timedelta(days=7)
    named = cert_id(leaf.certificate, issuer.certificate, "sha256")
    since = NOW - timedelta(hours=1)
    keep(store, answer(issuer, single(named, since=since, until=until), produced=since))
    standing = only_leaf(store.snapshot(detailed=True)).leaf.ocsp
    assert standing is not None
    assert standing.has_responder
    assert isinstance(standing.verdict, Good)
    assert standing.verdict.until == until
    clock.set(until + timedelta(seconds=1))
    stale = only_leaf(store.snapshot(detailed=True)).leaf.ocsp
    assert stale is not None
    assert isinstance(stale.verdict, Indeterminate)
    assert stale.verdict.why is OcspDefect.STALE


def test_the_latest_of_several_answers_counts(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock(NOW)
    store = store_with(tmp_path, (V2G, v2g), clock=clock)
    enrol(store, v2g)
    leaf, issuer = only_leaf(store.snapshot()).leaf, v2g.issuing
    named = cert_id(leaf.certificate, issuer.certificate, "sha256")
    early, late = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    keep(store, answer(issuer, single(named, since=early, until=NOW + timedelta(days=1)), produced=early))
    pair = next((tmp_path / "client/cso/ocsp").glob("*.der"))
    elsewhere = tmp_path / "ca/v2g/ocsp"
    elsewhere.mkdir()
    revoked = single(named, revoked=late, since=late, until=NOW + timedelta(days=1))
    (elsewhere / pair.name).write_bytes(answer(issuer, revoked, produced=late))
    (elsewhere / pair.with_suffix(".hash").name).write_bytes(pair.with_suffix(".hash").read_bytes())
    standing = only_leaf(store.snapshot(detailed=True)).leaf.ocsp
    assert standing is not None
    assert isinstance(standing.verdict, Revoked)
    assert standing.verdict.revoked_at == late


def keep(store: EvseSecurity, der: bytes) -> None:
    """Take an answer about the only leaf into the store."""
    held = only_leaf(store.snapshot()).leaf
    assert held.issuer is not None
    outcome = store.cache_ocsp(hash_data(held.certificate, held.issuer), base64.b64encode(der).decode())
    assert outcome.accepted, outcome.reason


def test_a_key_in_hardware_is_told_from_one_in_a_file(tmp_path: Path, v2g: Pki) -> None:
    with soft_tokens(tmp_path / "hsm") as tokens:
        store = store_with(tmp_path / "certs", (V2G, v2g), hardware_keys=(tokens.keys(),))
        made = store.generate_certificate_signing_request(
            LeafCertificateType.V2G, "DE", "Chargers Ltd", EVSE, use_tpm=True, key=KeySpec.P256
        )
        assert made.csr is not None, made.reason
        assert store.update_leaf(v2g.stack(issue(v2g.issuing, made.csr)), LeafCertificateType.V2G).accepted
        leaf = only_leaf(store.snapshot(detailed=True))
        assert leaf.key_place is KeyPlace.HARDWARE
        assert leaf.is_in_use


def test_open_requests_and_leaves_due_are_part_of_it(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g), clock=SetClock(NOW))
    made = store.generate_certificate_signing_request(LeafCertificateType.V2G, "DE", "Chargers Ltd", EVSE)
    assert made.csr is not None
    assert [one.pem for one in store.snapshot().requests] == [made.csr]
    end = NOW + timedelta(days=30, seconds=-1)
    assert store.update_leaf(v2g.enrol(made.csr, end=end), LeafCertificateType.V2G).accepted
    snapshot = store.snapshot()
    assert snapshot.requests == ()
    assert [(one.common_name, one.not_after) for one in snapshot.due] == [(EVSE, end)]


def test_every_certificate_is_told_with_its_issuer(store: EvseSecurity, v2g: Pki) -> None:
    held = {one.certificate: one.issuer for one in store.snapshot().certificates()}
    leaf = only_leaf(store.snapshot()).leaf.certificate
    assert held[v2g.root.certificate] == v2g.root.certificate
    assert held[v2g.sub1.certificate] == v2g.root.certificate
    assert held[leaf] == v2g.issuing.certificate
    assert len(held) == 5


def test_what_housekeeping_would_remove_is_told(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g))
    enrol(store, v2g)
    assert store.snapshot(detailed=True).surplus.is_empty
    orphan = tmp_path / "client/cso/ocsp"
    orphan.mkdir()
    (orphan / "x_ocsp.der").write_bytes(b"x")
    assert store.snapshot().surplus.is_empty
    assert store.snapshot(detailed=True).surplus.answers == (orphan / "x_ocsp.der",)
