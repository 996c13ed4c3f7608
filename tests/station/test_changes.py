"""Two snapshots compared: everything that came, went, opened, closed or is newly due, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs import FROM, UNTIL
from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key
from chainpilot.pki.profiles import IsoEdition
from chainpilot.station.changes import (
    CertificateChanged,
    Closing,
    Difference,
    RequestClosed,
    RequestOpened,
    differences,
)
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    LeafCertificateType,
    LeafExpiring,
)
from chainpilot.station.snapshot import HeldBundle, HeldCertificate, HeldLeaf, HeldRoot, HeldSlot, Snapshot
from chainpilot.station.store import PendingCsr, Slot
from forge import Forged, forge

AT = datetime(2026, 6, 1, tzinfo=UTC)
EMPTY = Snapshot(AT)
INSTALLED, DELETED = CertificateStoreUpdateOperation.INSTALLED, CertificateStoreUpdateOperation.DELETED
V2G, CSMS = LeafCertificateType.V2G, LeafCertificateType.CSMS
KEYS = [generate_private_key(KeySpec.P256) for _ in range(3)]
ROOTS = [forge(f"Root {number}", ca=True) for number in range(3)]
SUB = forge("Sub", ROOTS[0], ca=True)
LEAVES = [forge(f"DE*CHP*E{number}", SUB, key=KEYS[number], begin=FROM, end=UNTIL) for number in range(2)]
NAME = "DE*CHP*E0"


def slot(name: str = NAME) -> Slot:
    return Slot(V2G, name, IsoEdition.ISO_2)


def bundle(kind: CaCertificateType, *roots: Forged, below: tuple[Forged, ...] = ()) -> HeldBundle:
    children = tuple(HeldCertificate(one.certificate, ROOTS[0].certificate) for one in below)
    held = tuple(HeldRoot(one.certificate, None, children if place == 0 else ()) for place, one in enumerate(roots))
    return HeldBundle(kind, Path("/bundle"), held)


def leaf(forged: Forged, path: str = "a.pem") -> HeldLeaf:
    return HeldLeaf(HeldCertificate(forged.certificate, SUB.certificate), Path(path))


def with_leaves(*leaves: HeldLeaf) -> Snapshot:
    return replace(EMPTY, slots=(HeldSlot(slot(), leaves),))


def request(word: str, key: PrivateKey, name: str = NAME) -> PendingCsr:
    csr = inspect_csr(build_csr(key, DistinguishedName("DE", "Operator", name, "CPO")))
    return PendingCsr(word, V2G, csr, AT)


def ca(operation: CertificateStoreUpdateOperation, kind: CaCertificateType, forged: Forged) -> CertificateChanged:
    return CertificateChanged(CertificateStoreUpdate(operation, ca_certificate_type=kind), forged.certificate)


def of_leaf(operation: CertificateStoreUpdateOperation, forged: Forged) -> CertificateChanged:
    return CertificateChanged(CertificateStoreUpdate(operation, leaf_certificate_type=V2G), forged.certificate)


def test_the_same_snapshot_has_no_difference() -> None:
    whole = replace(
        with_leaves(leaf(LEAVES[0])),
        bundles=(bundle(CaCertificateType.V2G, *ROOTS, below=(SUB,)),),
        requests=(request("a", KEYS[2]),),
        due=(LeafExpiring(V2G, NAME, IsoEdition.ISO_2, UNTIL),),
    )
    assert differences(whole, whole) == ()
    assert differences(whole, replace(whole, at=AT + timedelta(days=1))) == ()


def test_an_installed_ca_is_told_with_its_domain() -> None:
    after = replace(EMPTY, bundles=(bundle(CaCertificateType.MO, ROOTS[1]),))
    assert differences(EMPTY, after) == (ca(INSTALLED, CaCertificateType.MO, ROOTS[1]),)


def test_a_deleted_root_is_told_with_what_was_below_it() -> None:
    before = replace(EMPTY, bundles=(bundle(CaCertificateType.V2G, *ROOTS[:2], below=(SUB,)),))
    after = replace(EMPTY, bundles=(bundle(CaCertificateType.V2G, ROOTS[1]),))
    assert differences(before, after) == (
        ca(DELETED, CaCertificateType.V2G, ROOTS[0]),
        ca(DELETED, CaCertificateType.V2G, SUB),
    )


def test_an_orphan_counts_as_any_other_ca() -> None:
    orphans = HeldBundle(CaCertificateType.V2G, Path("/b"), (), (HeldCertificate(SUB.certificate),))
    assert differences(EMPTY, replace(EMPTY, bundles=(orphans,))) == (ca(INSTALLED, CaCertificateType.V2G, SUB),)
    below = replace(EMPTY, bundles=(bundle(CaCertificateType.V2G, ROOTS[0], below=(SUB,)),))
    assert differences(replace(EMPTY, bundles=(orphans,)), below) == (ca(INSTALLED, CaCertificateType.V2G, ROOTS[0]),)


def test_a_ca_in_two_domains_is_told_for_each() -> None:
    both = (bundle(CaCertificateType.V2G, ROOTS[0]), bundle(CaCertificateType.MO, ROOTS[0]))
    one = replace(EMPTY, bundles=both[:1])
    assert differences(one, replace(EMPTY, bundles=both)) == (ca(INSTALLED, CaCertificateType.MO, ROOTS[0]),)


def test_a_renewed_leaf_comes_after_the_one_that_went() -> None:
    assert differences(with_leaves(leaf(LEAVES[0])), with_leaves(leaf(LEAVES[1]))) == (
        of_leaf(DELETED, LEAVES[0]),
        of_leaf(INSTALLED, LEAVES[1]),
    )


def test_a_leaf_that_only_changes_its_file_or_its_use_is_no_difference() -> None:
    moved = replace(leaf(LEAVES[0], "b.pem"), is_in_use=True, key=Path("b.key"))
    assert differences(with_leaves(leaf(LEAVES[0])), with_leaves(moved)) == ()


def test_a_sub_ca_that_comes_with_a_leaf_is_no_installed_ca() -> None:
    chained = replace(leaf(LEAVES[0]), chain=(HeldCertificate(SUB.certificate, ROOTS[0].certificate),))
    assert differences(EMPTY, with_leaves(chained)) == (of_leaf(INSTALLED, LEAVES[0]),)


def test_a_new_request_is_opened() -> None:
    made = request("a", KEYS[0])
    assert differences(EMPTY, replace(EMPTY, requests=(made,))) == (RequestOpened(made),)


def test_a_request_that_a_csms_took_is_the_same_request() -> None:
    made = request("a", KEYS[0])
    taken = replace(made, with_csms=True)
    assert differences(replace(EMPTY, requests=(made,)), replace(EMPTY, requests=(taken,))) == ()


@pytest.mark.parametrize(
    ("after", "closing"),
    [
        (EMPTY, Closing.REMOVED),
        (with_leaves(leaf(LEAVES[0])), Closing.ANSWERED),
        (with_leaves(leaf(LEAVES[1])), Closing.REMOVED),
        (replace(EMPTY, requests=(request("b", KEYS[1]),)), Closing.SUPERSEDED),
        (replace(EMPTY, requests=(request("b", KEYS[1], "DE*CHP*E9"),)), Closing.REMOVED),
        (replace(with_leaves(leaf(LEAVES[0])), requests=(request("b", KEYS[1]),)), Closing.ANSWERED),
    ],
)
def test_a_closed_request_says_why(after: Snapshot, closing: Closing) -> None:
    made = request("a", KEYS[0])
    found = differences(replace(EMPTY, requests=(made,)), after)
    assert [one for one in found if isinstance(one, RequestClosed)] == [RequestClosed(made, closing)]


def test_a_leaf_that_is_newly_due_is_told_once() -> None:
    due = LeafExpiring(V2G, NAME, IsoEdition.ISO_2, AT + timedelta(days=3))
    later = replace(due, not_after=AT + timedelta(days=5))
    assert differences(EMPTY, replace(EMPTY, due=(due,))) == (due,)
    assert differences(replace(EMPTY, due=(due,)), replace(EMPTY, due=(due,))) == ()
    assert differences(replace(EMPTY, due=(due,)), EMPTY) == ()
    assert differences(replace(EMPTY, due=(due,)), replace(EMPTY, due=(later,))) == (later,)


SNAPSHOTS = st.builds(
    lambda roots, leaves: replace(
        EMPTY,
        bundles=(bundle(CaCertificateType.V2G, *roots),),
        slots=(HeldSlot(slot(), tuple(leaf(one) for one in leaves)),),
    ),
    st.lists(st.sampled_from(ROOTS), unique_by=lambda one: one.certificate),
    st.lists(st.sampled_from(LEAVES), unique_by=lambda one: one.certificate),
)


@given(before=SNAPSHOTS, after=SNAPSHOTS)
def test_the_differences_lead_from_one_snapshot_to_the_other(before: Snapshot, after: Snapshot) -> None:
    held = _named(before)
    for one in differences(before, after):
        assert isinstance(one, CertificateChanged)
        kind = one.update.ca_certificate_type or one.update.leaf_certificate_type
        if one.update.operation is INSTALLED:
            assert (kind, one.certificate) not in held
            held.add((kind, one.certificate))
        else:
            held.remove((kind, one.certificate))
    assert held == _named(after)


@given(before=SNAPSHOTS, after=SNAPSHOTS)
def test_the_way_back_is_the_same_with_the_words_exchanged(before: Snapshot, after: Snapshot) -> None:
    assert {_turned(one) for one in differences(before, after)} == set(differences(after, before))


def _named(snapshot: Snapshot) -> set[tuple[object, object]]:
    found: set[tuple[object, object]] = {(one.kind, held) for one in snapshot.bundles for held in one.certificates}
    return found | {(V2G, held.leaf.certificate) for one in snapshot.slots for held in one.leaves}


def _turned(one: Difference) -> Difference:
    assert isinstance(one, CertificateChanged)
    other = DELETED if one.update.operation is INSTALLED else INSTALLED
    return replace(one, update=replace(one.update, operation=other))
