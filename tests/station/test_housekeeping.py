"""Housekeeping removes what nobody needs, and never a key in use (station-store.md section 2 and row 4)."""

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import FROM, Pki, csms_pki, issue, key_pem, root, stack, v2g_pki
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station import EvseSecurity
from chainpilot.station.housekeeping import Surplus
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    LeafCertificateType,
    LeafExpiring,
)
from chainpilot.station.providers import FileKeys
from clocks import SetClock
from forge import NOON, Forged
from ocsp_answers import answer, cert_id, single
from stock import info, leaf, listed, named, place, put, rewrite, serial
from stores import EVSE, assert_store_unchanged, enrol, open_store, store_with

V2G = LeafCertificateType.V2G
CSMS = LeafCertificateType.CSMS
DOMAIN = CaCertificateType.V2G
LIFETIME = 3600
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def orphan(path: Path, clock: SetClock, *, age: float = LIFETIME, data: bytes | None = None) -> Path:
    """A key that nobody uses, which came there so many seconds before the clock's time."""
    put(path, key_pem(generate_private_key(KeySpec.P256)) if data is None else data)
    return aged(path, clock, age)


def aged(path: Path, clock: SetClock, age: float = LIFETIME) -> Path:
    """When a file came there nobody can set: it is the clock that moves."""
    clock.set(datetime.fromtimestamp(path.stat().st_ctime, UTC) + timedelta(seconds=age))
    return path


class TestKeys:
    @pytest.mark.parametrize(("age", "stays"), [(LIFETIME - 1, True), (LIFETIME, False), (LIFETIME + 1, False)])
    @pytest.mark.parametrize("name", ["client/cso/SECC_LEAF_1.key", "client/csms/CSMS_LEAF_1.key"])
    def test_a_key_of_a_request_that_nobody_remembers_goes_after_the_lifetime(
        self, tmp_path: Path, name: str, age: float, *, stays: bool
    ) -> None:
        clock = SetClock()
        store = open_store(tmp_path, clock=clock)
        key = orphan(tmp_path / name, clock, age=age)
        found = store.run_housekeeping()
        assert key.exists() is stays
        assert found == (Surplus() if stays else Surplus(keys=(key,)))

    def test_the_lifetime_is_configurable(self, tmp_path: Path) -> None:
        clock = SetClock()
        key = orphan(tmp_path / "client/cso/SECC_LEAF_1.key", clock, age=60)
        open_store(tmp_path, clock=clock, csr_lifetime_seconds=61).run_housekeeping()
        assert key.exists()
        open_store(tmp_path, clock=clock, csr_lifetime_seconds=60).run_housekeeping()
        assert not key.exists()

    def test_a_key_from_the_future_shows_a_clock_set_back_and_stays(self, tmp_path: Path) -> None:
        clock = SetClock()
        key = orphan(tmp_path / "client/cso/SECC_LEAF_1.key", clock, age=-86_400)
        open_store(tmp_path, clock=clock).run_housekeeping()
        assert key.exists()

    @pytest.mark.parametrize("name", ["SECC_LEAF.key", "server.key", "MY_SECC_LEAF_1.key", "secc_leaf_1.key"])
    def test_a_key_that_people_put_there_stays(self, tmp_path: Path, name: str) -> None:
        clock = SetClock()
        key = orphan(tmp_path / "client/cso" / name, clock)
        open_store(tmp_path, clock=clock).run_housekeeping()
        assert key.exists()

    def test_a_key_that_can_not_be_opened_stays(self, tmp_path: Path) -> None:
        clock = SetClock()
        locked = FileKeys("another password").make(KeySpec.P256, "").file
        places = tmp_path / "client/cso"
        kept = [
            orphan(places / f"SECC_LEAF_{number}.key", clock, data=data)
            for number, data in enumerate((locked, b"", b"garbage", locked[:100]))
        ]
        open_store(tmp_path, clock=clock, private_key_password="right").run_housekeeping()
        assert all(path.exists() for path in kept)

    @pytest.mark.parametrize("places", ["together", "apart"])
    @pytest.mark.parametrize("kind", [V2G, CSMS])
    def test_a_key_of_an_installed_certificate_stays_however_old(
        self, tmp_path: Path, v2g: Pki, places: str, kind: LeafCertificateType
    ) -> None:
        """Row 4: also where key and certificate directories differ."""
        clock = SetClock()
        use = "secc" if kind is V2G else "csms"
        settings = {f"{use}_leaf_key_directory": "keys"} if places == "apart" else {}
        store = store_with(tmp_path, (CaCertificateType(kind.value), v2g), clock=clock, **settings)
        name = f"{use.upper()}_LEAF_1"
        placed = place(store, v2g, leaf(v2g), name=name, kind=kind)
        aged(placed.key, clock, 10**8)
        for path in (placed.chain, placed.single):
            store.run_housekeeping()
            assert placed.key.exists()
            path.unlink()
        store.run_housekeeping()
        assert not placed.key.exists(), "nothing uses it any more"

    @pytest.mark.parametrize(
        "text",
        [
            lambda v2g, one: stack(v2g.sub1.certificate, v2g.issuing.certificate, one),
            lambda v2g, one: stack(v2g.root.certificate, one),
            lambda v2g, one: stack(leaf(v2g, "DE*CHP*E1234*2").certificate, one),
        ],
        ids=["the leaf last", "behind a root", "behind another leaf"],
    )
    def test_a_key_stays_wherever_in_a_file_its_certificate_stands(
        self, tmp_path: Path, v2g: Pki, text: Callable[[Pki, object], str]
    ) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        one = leaf(v2g)
        key = orphan(tmp_path / "client/cso/SECC_LEAF_1.key", clock, data=key_pem(one.key))
        put(tmp_path / "client/cso/by_hand.pem", text(v2g, one.certificate))
        store.run_housekeeping()
        assert key.exists()

    def test_a_key_stays_while_a_certificate_of_any_domain_uses_it(self, tmp_path: Path, v2g: Pki) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        one = leaf(v2g)
        key = orphan(tmp_path / "client/cso/SECC_LEAF_1.key", clock, data=key_pem(one.key))
        put(tmp_path / "client/csms/client.pem", one.certificate.to_pem())
        store.run_housekeeping()
        assert key.exists()

    @pytest.mark.parametrize("bad", ["client/cso/bad.pem", "client/csms/bad.crt", "ca/v2g/V2G_ROOT_CA.pem"])
    def test_while_a_certificate_file_can_not_be_read_every_key_leaf_and_answer_stays(
        self, tmp_path: Path, v2g: Pki, bad: str
    ) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, kept_leaves=1)
        orphan(tmp_path / "client/cso/SECC_LEAF_1.key", clock)
        put(tmp_path / "client/cso/ocsp/1_ocsp.der", b"of nobody")
        for number in range(3):
            ended = leaf(v2g, end=clock.now() - DAY * (number + 1))
            place(store, v2g, ended, name=f"SECC_LEAF_E{number}")
        held = (tmp_path / bad).read_bytes() if (tmp_path / bad).exists() else b""
        put(tmp_path / bad, held + b"-----BEGIN CERTIFICATE-----\nAAAA")
        with assert_store_unchanged(tmp_path):
            assert store.run_housekeeping().is_empty
        rewrite(tmp_path / bad, held) if held else (tmp_path / bad).unlink()
        found = store.run_housekeeping()
        assert [len(one) for one in (found.leaves, found.keys, found.answers)] == [2, 1, 1]

    def test_the_key_of_an_open_request_stays_forever(self, tmp_path: Path, v2g: Pki) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr
        assert csr is not None
        (key,) = (tmp_path / "client/cso").glob("*.key")
        aged(key, clock, 10**8)
        clock.advance(10**8)
        with assert_store_unchanged(tmp_path):
            store.run_housekeeping()
        assert store.update_leaf(v2g.stack(issue(v2g.issuing, csr)), V2G).accepted


class TestLeaves:
    def ended(self, store: EvseSecurity, v2g: Pki, count: int, now: datetime) -> list[Forged]:
        """So many ended leaves, the newest first."""
        made = [leaf(v2g, begin=FROM - DAY * number, end=now - DAY) for number in range(count)]
        for number, one in enumerate(made):
            place(store, v2g, one, name=f"SECC_LEAF_{number:02}")
        return made

    @pytest.mark.parametrize(("count", "left"), [(9, 9), (10, 10), (11, 10), (13, 10)])
    def test_the_ten_newest_leaves_stay_though_they_have_ended(
        self, tmp_path: Path, v2g: Pki, count: int, left: int
    ) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        self.ended(store, v2g, count, clock.now())
        seen: list[CertificateStoreUpdate] = []
        store.subscribe(seen.append)
        store.run_housekeeping()
        names = sorted(path.stem for path in (tmp_path / "client/cso").glob("*.key"))
        assert names == [f"SECC_LEAF_{number:02}" for number in range(left)]
        assert len(list((tmp_path / "client/cso").iterdir())) == 3 * left
        operation = CertificateStoreUpdateOperation.DELETED
        assert seen == [CertificateStoreUpdate(operation, leaf_certificate_type=V2G)] * (count - left)
        assert store.run_housekeeping().is_empty

    def test_how_many_stay_is_configurable(self, tmp_path: Path, v2g: Pki) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, kept_leaves=2)
        self.ended(store, v2g, 4, clock.now())
        store.run_housekeeping()
        assert len(list((tmp_path / "client/cso").glob("*.key"))) == 2

    def test_a_leaf_that_is_valid_or_begins_later_never_goes(self, tmp_path: Path, v2g: Pki) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, kept_leaves=1)
        moments = [(FROM, clock.now()), (FROM, clock.now() + DAY), (clock.now() + DAY, clock.now() + 2 * DAY)]
        for number, (begin, end) in enumerate(moments):
            place(store, v2g, leaf(v2g, begin=begin, end=end), name=f"SECC_LEAF_{number}")
        with assert_store_unchanged(tmp_path):
            store.run_housekeeping()
        clock.advance(1)
        assert len(store.run_housekeeping().leaves) == 1, "the last second of the first is over"

    def test_each_domain_keeps_its_own(self, tmp_path: Path, v2g: Pki) -> None:
        clock, csms = SetClock(), csms_pki()
        store = store_with(tmp_path, (DOMAIN, v2g), (CaCertificateType.CSMS, csms), clock=clock, kept_leaves=1)
        for kind, pki in ((V2G, v2g), (CSMS, csms)):
            for number in range(2):
                ended = leaf(pki, begin=FROM - DAY * number, end=clock.now() - DAY)
                place(store, pki, ended, name=f"LEAF_{number}", kind=kind)
        store.run_housekeeping()
        assert len(list((tmp_path / "client").rglob("*.key"))) == 2

    def test_a_key_that_a_kept_leaf_shares_with_one_that_goes_stays(self, tmp_path: Path, v2g: Pki) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, kept_leaves=1)
        current = leaf(v2g, begin=FROM + DAY)
        old = Forged(leaf(v2g, key=current.key, end=clock.now() - DAY).certificate, current.key)
        place(store, v2g, old, name="SECC_LEAF_OLD")
        (place(store, v2g, current, name="SECC_LEAF_NEW")).key.unlink()
        assert len(store.run_housekeeping().leaves) == 1
        assert Path(info(store).key).stem == "SECC_LEAF_OLD"


class TestAnswers:
    def test_the_answer_goes_with_its_certificate_and_halves_go_at_once(self, tmp_path: Path, v2g: Pki) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), clock=SetClock(NOON))
        one = leaf(v2g)
        placed = place(store, v2g, one)
        der = b64encode(answer(v2g.issuing, single(cert_id(one.certificate, v2g.issuing.certificate)))).decode()
        assert store.cache_ocsp(named(one.certificate, v2g.issuing.certificate), der).accepted
        halves = [put(tmp_path / f"client/cso/ocsp/{name}", b"half") for name in ("1_ocsp.der", "2_ocsp.hash")]
        other = put(tmp_path / "client/cso/ocsp/notes.txt", "kept by hand")
        found = store.run_housekeeping()
        assert set(found.answers) == set(halves)
        assert len(list(other.parent.iterdir())) == 3
        placed.chain.unlink()
        placed.single.unlink()
        store.run_housekeeping()
        assert list(other.parent.iterdir()) == [other]

    def test_an_answer_that_is_over_stays_with_its_certificate(self, tmp_path: Path, v2g: Pki) -> None:
        """It is replaced where it lies; nobody is handed it."""
        clock = SetClock(NOON)
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        one = leaf(v2g)
        place(store, v2g, one)
        der = b64encode(answer(v2g.issuing, single(cert_id(one.certificate, v2g.issuing.certificate)))).decode()
        assert store.cache_ocsp(named(one.certificate, v2g.issuing.certificate), der).accepted
        clock.set(datetime(2030, 1, 1, tzinfo=UTC))
        assert store.run_housekeeping().is_empty


class TestExpiry:
    @pytest.mark.parametrize("days", [29, 30, 31])
    def test_a_leaf_is_told_of_a_month_before_its_end_once(self, tmp_path: Path, v2g: Pki, days: int) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        seen: list[LeafExpiring] = []
        store.subscribe_expiring(seen.append)
        end = clock.now() + timedelta(days=days)
        place(store, v2g, leaf(v2g, end=end))
        for _ in range(2):
            store.run_housekeeping()
        assert [(one.common_name, one.not_after) for one in seen] == ([(EVSE, end)] if days < 30 else [])

    def test_its_successor_is_told_of_anew_and_the_leaf_no_more(self, tmp_path: Path, v2g: Pki) -> None:
        clock = SetClock()
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        seen: list[LeafExpiring] = []
        store.subscribe_expiring(seen.append)
        for number, days in enumerate((10, 20)):
            place(store, v2g, leaf(v2g, end=clock.now() + timedelta(days=days)), name=f"SECC_LEAF_{number}")
            store.run_housekeeping()
        assert [(one.not_after - clock.now()).days for one in seen] == [10, 20]

    def test_every_slot_is_told_of(self, tmp_path: Path, v2g: Pki) -> None:
        clock, csms = SetClock(), csms_pki()
        store = store_with(tmp_path, (DOMAIN, v2g), (CaCertificateType.CSMS, csms), clock=clock)
        end = clock.now() + DAY
        place(store, v2g, leaf(v2g, end=end), name="A")
        place(store, v2g, leaf(v2g, "DE*CHP*E1234*2", end=end), name="B")
        place(store, v2g, leaf(v2g, end=end, key=generate_private_key(KeySpec.P521)), name="C")
        place(store, csms, leaf(csms, "CS-001", end=end), name="D", kind=CSMS)
        keyless = place(store, v2g, leaf(v2g, "DE*CHP*E1234*3", end=end), name="E")
        keyless.key.unlink()
        due = store.leaves_due(end + timedelta(seconds=1))
        assert sorted((one.certificate_type.value, one.common_name, str(one.edition)) for one in due) == [
            ("CSMS", "CS-001", "None"),
            ("V2G", EVSE, "IsoEdition.ISO_2"),
            ("V2G", EVSE, "IsoEdition.ISO_20"),
            ("V2G", "DE*CHP*E1234*2", "IsoEdition.ISO_2"),
        ]
        assert store.leaves_due(end) == (), "before that moment"
        assert {one.not_before for one in due} == {FROM}


def test_a_subscriber_finds_the_house_tidy_and_unlocked(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, kept_leaves=1, lock_timeout_seconds=0.1)
    for number in range(2):
        ended = leaf(v2g, begin=FROM - DAY * number, end=clock.now() - DAY)
        place(store, v2g, ended, name=f"SECC_LEAF_{number}")
    seen: list[bool] = []

    def told(update: CertificateStoreUpdate) -> None:
        if update.operation is CertificateStoreUpdateOperation.DELETED:
            seen.append(store.run_housekeeping().is_empty)
            seen.append(store.install_ca(root("Second").certificate.to_pem(), DOMAIN).accepted)

    store.subscribe(told)
    store.run_housekeeping()
    assert seen == [True, True]


def test_anchors_and_leaves_in_use_outlive_any_number_of_housekeepings(tmp_path: Path, v2g: Pki) -> None:
    clock = SetClock()
    store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
    chain = enrol(store, v2g)
    clock.advance(10**6)
    for path in (tmp_path / "client/cso").iterdir():
        aged(path, clock, 10**7)
    with assert_store_unchanged(tmp_path):
        for _ in range(3):
            store.run_housekeeping()
    assert listed(store)[:2] == [serial(v2g.root), serial(chain)]
