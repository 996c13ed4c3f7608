"""OCSP answers: taken only when they fit, stored as DER beside the certificate, handed out only while they hold."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from certs import UNTIL, Pki, v2g_pki
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.pki.ocsp import MAX_AGE, MAX_RESPONSE_BYTES
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType, CertificateOCSP, LeafCertificateType, OcspKept
from clocks import SetClock
from forge import NOON, Forged
from ocsp_answers import NEXT, SINCE, answer, cert_id, delegate, single
from stock import Placed, info, leaf, named, openssl, place, put
from stores import assert_store_unchanged, open_store, store_with

V2G = CaCertificateType.V2G
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


class Shelf:
    """A store at noon with one SECC leaf, and answers about what it holds."""

    def __init__(self, directory: Path, v2g: Pki, **settings: object) -> None:
        self.directory = directory
        self.clock = SetClock(NOON)
        self.v2g = v2g
        self.store: EvseSecurity = store_with(directory, (V2G, v2g), clock=self.clock, **settings)
        self.placed: Placed = place(self.store, v2g, leaf(v2g))
        self.leaf = self.placed.leaf.certificate
        self.ways = [(self.leaf, v2g.issuing), (v2g.issuing.certificate, v2g.sub1), (v2g.sub1.certificate, v2g.root)]

    @property
    def subject(self) -> CertificateHashData:
        return named(self.leaf, self.v2g.issuing.certificate)

    def about(self, certificate: Certificate, issuer: Forged, **changes: object) -> bytes:
        """An answer by the issuer; `changes` are those of `ocsp_answers.single`."""
        return answer(issuer, single(cert_id(certificate, issuer.certificate), **changes))  # type: ignore[arg-type]  # - single checks them

    def about_leaf(self, **changes: object) -> bytes:
        return self.about(self.leaf, self.v2g.issuing, **changes)

    def take(self, der: bytes, subject: CertificateHashData | None = None) -> str | None:
        """Offer an answer; the reason when it is refused."""
        outcome = self.store.cache_ocsp(subject or self.subject, b64encode(der).decode())
        assert outcome.accepted is (outcome.reason is None)
        return outcome.reason

    def told(self) -> tuple[CertificateOCSP, ...]:
        entries = info(self.store, include_ocsp=True).ocsp
        assert entries is not None
        return entries

    def served(self) -> list[bytes | None]:
        """The answer handed out for each certificate of the chain."""
        return [Path(one.ocsp_path).read_bytes() if one.ocsp_path else None for one in self.told()]

    def files(self) -> list[Path]:
        return sorted((self.directory / "client/cso/ocsp").glob("*"))


@pytest.fixture
def shelf(tmp_path: Path, v2g: Pki) -> Shelf:
    return Shelf(tmp_path, v2g)


def test_every_certificate_of_the_chain_has_one_entry_in_file_order(shelf: Shelf) -> None:
    assert [one.hash for one in shelf.told()] == [named(one, issuer.certificate) for one, issuer in shelf.ways]
    assert shelf.served() == [None, None, None]
    assert info(shelf.store).ocsp is None, "not asked for"
    held: list[bytes | None] = [None, None, None]
    for number in (1, 0, 2):
        one, issuer = shelf.ways[number]
        held[number] = shelf.about(one, issuer)
        assert shelf.take(held[number] or b"", named(one, issuer.certificate)) is None
        assert shelf.served() == held


def test_an_answer_lies_as_der_beside_the_certificate_with_its_hash_in_four_lines(shelf: Shelf) -> None:
    """station-store.md section 3: `ocsp/<unique>_ocsp.der` and `.hash`."""
    der = shelf.about_leaf()
    assert shelf.take(der) is None
    data, hashed = shelf.files()
    assert (data.name, hashed.name) == (f"{data.stem}.der", f"{data.stem}.hash")
    assert data.stem.endswith("_ocsp")
    assert data.read_bytes() == der
    one = shelf.subject
    lines = [one.hash_algorithm.value, one.issuer_name_hash, one.issuer_key_hash, one.serial_number]
    assert hashed.read_text() == "".join(f"{line}\n" for line in lines)
    assert "Cert Status: good" in openssl("ocsp", "-respin", data, "-noverify", "-resp_text")


def test_pairs_that_others_wrote_are_served(shelf: Shelf) -> None:
    one = shelf.subject
    lines = [one.hash_algorithm.value, one.issuer_name_hash.upper(), one.issuer_key_hash, f"0{one.serial_number}"]
    der = shelf.about_leaf()
    put(shelf.directory / "client/cso/ocsp/reference_ocsp.der", der)
    put(shelf.directory / "client/cso/ocsp/reference_ocsp.hash", "\n".join(lines))
    assert shelf.served()[0] == der
    assert shelf.take(shelf.about_leaf(revoked=SINCE)) is None
    assert [path.name for path in shelf.files()] == ["reference_ocsp.der", "reference_ocsp.hash"], "no second pair"


@pytest.mark.parametrize("algorithm", HashAlgorithm)
@pytest.mark.parametrize("is_upper", [False, True], ids=["lower", "upper"])
def test_a_certificate_may_be_named_in_any_digest_and_case(
    shelf: Shelf, algorithm: HashAlgorithm, *, is_upper: bool
) -> None:
    one = named(shelf.leaf, shelf.v2g.issuing.certificate, algorithm)
    texts = (one.issuer_name_hash, one.issuer_key_hash, f"00{one.serial_number}")
    subject = CertificateHashData(algorithm, *(text.upper() if is_upper else text for text in texts))
    assert shelf.take(shelf.about_leaf(), subject) is None
    assert shelf.served()[0] is not None
    assert shelf.told()[0].hash == shelf.subject, "what is told is SHA-256"
    assert shelf.files()[1].read_text().startswith(f"{algorithm.value}\n")


def test_the_next_answer_takes_the_place_of_the_last_one_in_whatever_digest_it_is_named(shelf: Shelf) -> None:
    for number, algorithm in enumerate(HashAlgorithm):
        subject = named(shelf.leaf, shelf.v2g.issuing.certificate, algorithm)
        der = shelf.about_leaf(since=SINCE + timedelta(minutes=number))
        assert shelf.take(der, subject) is None
        assert (len(shelf.files()), shelf.served()[0]) == (2, der)


def test_an_older_answer_never_replaces_a_newer_one(shelf: Shelf) -> None:
    revoked = shelf.about_leaf(revoked=SINCE, since=SINCE)
    assert shelf.take(revoked) is None
    assert "later answer" in (shelf.take(shelf.about_leaf(since=SINCE - HOUR)) or "")
    assert shelf.served()[0] == revoked
    again = shelf.about_leaf(since=SINCE)
    assert shelf.take(again) is None, "one of the same moment does"
    assert shelf.served()[0] == again


def test_a_stale_answer_gives_way_to_any_that_holds(shelf: Shelf) -> None:
    assert shelf.take(shelf.about_leaf(since=NOON - HOUR, until=NOON + HOUR)) is None
    shelf.clock.set(NOON + 2 * HOUR)
    older = shelf.about_leaf(since=NOON - 2 * HOUR, until=NEXT)
    assert shelf.take(older) is None
    assert shelf.served()[0] == older


Offer = Callable[[Shelf], bytes]


def stranger(shelf: Shelf) -> Forged:
    return Forged(shelf.v2g.issuing.certificate, leaf(shelf.v2g).key)


REFUSED: dict[str, Offer] = {
    "nothing": lambda _: b"",
    "no DER": lambda _: b"rubbish",
    "the certificate itself": lambda shelf: shelf.leaf.der,
    "bytes behind it": lambda shelf: shelf.about_leaf() + b"\0",
    "one byte less": lambda shelf: shelf.about_leaf()[:-1],
    "too many bytes": lambda _: bytes(MAX_RESPONSE_BYTES + 1),
    "a responder that can't": lambda shelf: answer(shelf.v2g.issuing, status=3),
    "unknown": lambda shelf: shelf.about_leaf(unknown=True),
    "about another certificate": lambda shelf: shelf.about(leaf(shelf.v2g).certificate, shelf.v2g.issuing),
    "about nothing": lambda shelf: answer(shelf.v2g.issuing),
    "signed by another CA": lambda shelf: answer(
        shelf.v2g.sub1, single(cert_id(shelf.leaf, shelf.v2g.issuing.certificate))
    ),
    "signed by nobody": lambda shelf: answer(
        stranger(shelf), single(cert_id(shelf.leaf, shelf.v2g.issuing.certificate))
    ),
    "stale": lambda shelf: shelf.about_leaf(since=NOON - 2 * HOUR, until=NOON - HOUR),
    "of tomorrow": lambda shelf: shelf.about_leaf(since=NOON + 24 * HOUR),
    "without an end and old": lambda shelf: shelf.about_leaf(since=NOON - 25 * HOUR, until=None),
}
"""Answers that don't fit (station-store.md row 11)."""


@pytest.mark.parametrize("what", REFUSED)
def test_an_answer_that_does_not_fit_is_refused_and_changes_nothing(shelf: Shelf, what: str) -> None:
    held = shelf.about_leaf(since=SINCE - 3 * HOUR)
    assert shelf.take(held) is None
    with assert_store_unchanged(shelf.directory):
        assert shelf.take(REFUSED[what](shelf))
    assert shelf.served()[0] == held


def by_delegate(shelf: Shelf) -> bytes:
    responder = delegate(shelf.v2g.issuing)
    about = single(cert_id(shelf.leaf, shelf.v2g.issuing.certificate))
    return answer(responder, about, included=[responder.certificate])


TAKEN: dict[str, Offer] = {
    "good": lambda shelf: shelf.about_leaf(),
    "revoked": lambda shelf: shelf.about_leaf(revoked=SINCE),
    "without an end and fresh": lambda shelf: shelf.about_leaf(since=NOON - HOUR, until=None),
    "signed by a delegate": by_delegate,
    "in another digest": lambda shelf: answer(
        shelf.v2g.issuing, single(cert_id(shelf.leaf, shelf.v2g.issuing.certificate, "sha384"))
    ),
    "among others": lambda shelf: answer(
        shelf.v2g.issuing,
        *(single(cert_id(one, shelf.v2g.issuing.certificate)) for one in (leaf(shelf.v2g).certificate, shelf.leaf)),
    ),
}


@pytest.mark.parametrize("what", TAKEN)
def test_an_answer_that_fits_is_stored_as_it_came(shelf: Shelf, what: str) -> None:
    der = TAKEN[what](shelf)
    assert shelf.take(der) is None
    assert shelf.served()[0] == der


def test_the_plain_command_answers_nothing_whatever_happens(shelf: Shelf) -> None:
    for der in (b"rubbish", shelf.about_leaf()):
        shelf.store.update_ocsp_cache(shelf.subject, b64encode(der).decode())
    assert shelf.served()[0] is not None


def test_an_answer_is_handed_out_to_its_last_second_and_not_after(shelf: Shelf) -> None:
    assert shelf.take(shelf.about_leaf(until=NEXT)) is None
    for moment, is_served in ((NEXT, True), (NEXT + timedelta(seconds=1), False), (NOON, True)):
        shelf.clock.set(moment)
        assert (shelf.served()[0] is not None) is is_served, moment


def test_an_answer_about_nothing_that_is_installed_is_refused(shelf: Shelf, v2g: Pki) -> None:
    other = leaf(v2g).certificate
    der = shelf.about(other, v2g.issuing)
    with assert_store_unchanged(shelf.directory):
        reason = shelf.take(der, named(other, v2g.issuing.certificate))
    assert "no installed certificate" in (reason or "")


def test_an_answer_needs_the_issuer_s_key(tmp_path: Path, v2g: Pki) -> None:
    shelf = Shelf(tmp_path, v2g)
    shelf.placed.chain.unlink()
    assert "its issuer is missing" in (shelf.take(shelf.about_leaf()) or "")


def test_a_leaf_whose_issuer_is_missing_has_no_entries(shelf: Shelf) -> None:
    shelf.placed.chain.unlink()
    assert info(shelf.store, include_ocsp=True).ocsp is None


@pytest.mark.parametrize("bundle", ["ca/v2g/V2G_ROOT_CA.pem", "ca/v2g", "ca/v2g.d"])
def test_an_answer_about_a_sub_ca_of_the_bundle_lies_beside_it_and_serves_leaves_that_come(
    tmp_path: Path, v2g: Pki, bundle: str
) -> None:
    if bundle.endswith(".d"):
        (tmp_path / bundle).mkdir(parents=True)
    store = store_with(tmp_path, (V2G, v2g), clock=SetClock(NOON), v2g_ca_bundle=bundle)
    assert store.install_ca(v2g.sub1.certificate.to_pem(), V2G).accepted
    der = answer(v2g.root, single(cert_id(v2g.sub1.certificate, v2g.root.certificate)))
    subject = named(v2g.sub1.certificate, v2g.root.certificate)
    assert store.cache_ocsp(subject, b64encode(der).decode()).accepted
    beside = tmp_path / bundle if (tmp_path / bundle).is_dir() else (tmp_path / bundle).parent
    assert len(list((beside / "ocsp").glob("*_ocsp.der"))) == 1
    place(store, v2g, leaf(v2g))
    told = info(store, include_ocsp=True).ocsp
    assert told is not None
    assert told[2].ocsp_path is not None
    store.run_housekeeping()
    assert len(list((beside / "ocsp").iterdir())) == 2, "its certificate is installed"
    for path in (*(tmp_path / "client/cso").glob("*"), tmp_path / bundle):
        for file in path.glob("*.pem") if path.is_dir() else [path]:
            file.unlink()
    store.run_housekeeping()
    assert list((beside / "ocsp").iterdir()) == [], "it is not any more"


def test_a_full_store_takes_no_answer(tmp_path: Path, v2g: Pki) -> None:
    shelf = Shelf(tmp_path, v2g)
    size = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    small = open_store(tmp_path, clock=shelf.clock, max_bytes=size + 100)
    with assert_store_unchanged(tmp_path):
        outcome = small.cache_ocsp(shelf.subject, b64encode(shelf.about_leaf()).decode())
    assert not outcome.accepted
    assert "bytes of at most" in (outcome.reason or "")


@pytest.mark.parametrize("what", ["der", "hash"])
def test_half_a_pair_is_passed_over(shelf: Shelf, what: str) -> None:
    assert shelf.take(shelf.about_leaf()) is None
    next(path for path in shelf.files() if path.suffix == f".{what}").unlink()
    assert shelf.served()[0] is None
    assert shelf.take(shelf.about_leaf()) is None
    assert shelf.served()[0] is not None


def test_a_broken_pair_is_passed_over_and_another_one_serves(shelf: Shelf) -> None:
    der = shelf.about_leaf()
    assert shelf.take(der) is None
    data, hashed = shelf.files()
    for name, content in {"a": b"\xff" * 5000, "b": b"", "c": b"SHA256\n\n\n", "d": hashed.read_bytes()}.items():
        put(data.parent / f"{name}_ocsp.hash", content)
        put(data.parent / f"{name}_ocsp.der", b"broken")
    assert shelf.served()[0] == der


def test_a_chain_file_that_holds_its_root_has_an_entry_for_it_too(shelf: Shelf) -> None:
    put(shelf.placed.chain, shelf.placed.chain.read_text() + shelf.v2g.root.certificate.to_pem())
    root = shelf.v2g.root.certificate
    assert [one.hash for one in shelf.told()][3:] == [named(root, root)]


def test_csms_leaves_have_answers_too(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (CaCertificateType.CSMS, v2g), clock=SetClock(NOON))
    kind = LeafCertificateType.CSMS
    placed = place(store, v2g, leaf(v2g, "CS-001"), name="CSMS_LEAF", kind=kind)
    about = answer(v2g.issuing, single(cert_id(placed.leaf.certificate, v2g.issuing.certificate)))
    subject = named(placed.leaf.certificate, v2g.issuing.certificate)
    assert store.cache_ocsp(subject, b64encode(about).decode()).accepted
    told = info(store, kind, include_ocsp=True).ocsp
    assert told is not None
    assert Path(told[0].ocsp_path or "").parent == tmp_path / "client/csms/ocsp"


def test_times_are_judged_at_the_moment_of_the_command(shelf: Shelf) -> None:
    moments: list[tuple[datetime, bool]] = [(NOON + timedelta(days=9), False), (NOON, True)]
    for moment, is_taken in moments:
        shelf.clock.set(moment)
        assert (shelf.take(shelf.about_leaf()) is None) is is_taken


def test_standing_tells_how_long_each_answer_holds_and_what_it_says(shelf: Shelf) -> None:
    assert shelf.store.ocsp_standing() == ()
    assert shelf.take(shelf.about_leaf(revoked=SINCE)) is None
    issuing, sub1 = shelf.ways[1]
    outcome = shelf.store.cache_ocsp(
        named(issuing, sub1.certificate), b64encode(shelf.about(issuing, sub1, until=None)).decode()
    )
    kept = shelf.store.ocsp_standing()
    assert kept == (
        OcspKept(shelf.subject, SINCE, NEXT, SINCE),
        OcspKept(named(issuing, sub1.certificate), SINCE, SINCE + MAX_AGE),
    )
    assert outcome.kept == kept[1]


def test_standing_tells_of_a_future_leaf_too_and_never_of_what_has_ended(shelf: Shelf) -> None:
    future = leaf(shelf.v2g, "DE*CHP*E1234*2", begin=NOON + HOUR)
    place(shelf.store, shelf.v2g, future, name="FUTURE")
    for one in (future.certificate, shelf.leaf):
        subject = named(one, shelf.v2g.issuing.certificate)
        assert shelf.take(shelf.about(one, shelf.v2g.issuing), subject) is None
    assert len(shelf.store.ocsp_standing()) == 2
    shelf.clock.set(NEXT + timedelta(seconds=1))
    assert shelf.store.ocsp_standing() == (), "the answers have ended"
    shelf.clock.set(UNTIL + timedelta(seconds=1))
    assert shelf.store.ocsp_standing() == (), "the leaves have ended"


def test_a_refused_answer_is_not_kept(shelf: Shelf) -> None:
    outcome = shelf.store.cache_ocsp(shelf.subject, b64encode(shelf.about_leaf(unknown=True)).decode())
    assert (outcome.accepted, outcome.kept) == (False, None)
