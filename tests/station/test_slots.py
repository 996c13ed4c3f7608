"""Several leaves side by side: per EVSE, per edition of ISO 15118, and which of them is in use (section 3, row 16)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, csms_pki, v2g_pki
from chainpilot.pki.keys import KeySpec, generate_private_key, key_spec_of
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import Parity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    EncodingFormat,
    GetCertificateInfoStatus,
    LeafCertificateType,
)
from clocks import SetClock
from forge import Forged, forge
from stock import chains, info, leaf, listed, place, put, serial
from stores import EVSE, enrol, open_store, store_with

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
DAY = timedelta(days=1)
SECOND = "DE*CHP*E1234*2"
SECCID = "DECHP" + "0" * 34
"""Edition -20 takes a SECCID alone."""


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


def in_use(store: EvseSecurity, common_name: str | None = None) -> str:
    """Serial number of the leaf in use."""
    told = info(store, common_name=common_name)
    assert told.certificate_single is not None
    return serial(Path(told.certificate_single))


def test_two_evses_have_a_request_and_a_leaf_each(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    stacks = {common: enrol(store, v2g, common=common) for common in (EVSE, SECOND)}
    assert listed(store, CertificateType.V2G_CERTIFICATE_CHAIN)[::3] == [
        data.certificate_hash_data.serial_number for data in chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)
    ]
    assert len(chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)) == 2
    for common, stack in stacks.items():
        assert in_use(store, common_name=common) == serial(stack)
    assert store.get_leaf_certificate_info(V2G, common_name="DE*CHP*E9*9").status is GetCertificateInfoStatus.NOT_FOUND


def test_the_configured_name_is_answered_for_where_nobody_says_one(tmp_path: Path, v2g: Pki) -> None:
    for common in (EVSE, SECOND):
        store = store_with(tmp_path / common[-1], (DOMAIN, v2g), secc_common_name=common)
        stacks = {one: enrol(store, v2g, common=one) for one in (EVSE, SECOND)}
        assert in_use(store) == serial(stacks[common])
        other = SECOND if common == EVSE else EVSE
        assert in_use(store, common_name=other) == serial(stacks[other])
        assert {in_use(store, common_name="")} <= {serial(one) for one in stacks.values()}, "any"
        assert [
            serial(Path(one.certificate_single or "")) for one in store.get_all_valid_certificates_info(V2G).info
        ] == [serial(stacks[common])]


def test_a_configured_name_that_has_no_leaf_yet_finds_none(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), secc_common_name="DE*CHP*E9*9")
    enrol(store, v2g)
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND
    assert store.get_leaf_expiry_days_count(V2G) == 0


def test_the_configured_name_says_nothing_about_client_leaves(tmp_path: Path) -> None:
    csms = csms_pki()
    store = store_with(tmp_path, (CaCertificateType.CSMS, csms), secc_common_name=EVSE)
    enrol(store, csms, LeafCertificateType.CSMS, "CS-001")
    assert info(store, LeafCertificateType.CSMS).certificate_count == 3


@pytest.mark.parametrize("spelling", ["DECHPE12341", "de*chp*E1234*1", "dechpE12341"])
def test_the_spellings_of_one_evseid_are_one_slot(tmp_path: Path, v2g: Pki, spelling: str) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), secc_common_name=spelling)
    one = leaf(v2g)
    place(store, v2g, one)
    place(store, v2g, leaf(v2g, SECOND, begin=FROM + DAY), name="SECC_LEAF_2")
    assert in_use(store) == serial(one)
    assert in_use(store, common_name=spelling) == serial(one)


def test_leaves_of_both_editions_live_side_by_side(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), keys_by_name={SECCID: KeySpec.P521})
    for common, key in ((SECCID, None), (SECCID, KeySpec.P256), (SECCID, KeySpec.ED448)):
        made = store.generate_certificate_signing_request(V2G, "DE", "Operator", common, key=key)
        assert made.csr is not None, made.reason
    specs = {key_spec_of(pending.csr.public_key) for pending in store.open_requests()}
    assert specs == {KeySpec.P256, KeySpec.ED448}, "a request for Ed448 took the place of the one for P-521"


def pki_of(spec: KeySpec) -> Pki:
    """A V2G PKI whose keys are all of that kind, so that it signs as its edition wants."""
    keys = [generate_private_key(spec) for _ in range(3)]
    above = forge("V2G Root", ca=True, key=keys[0], begin=FROM, end=UNTIL)
    sub1 = forge("CPO Sub1", above, ca=True, key=keys[1], begin=FROM, end=UNTIL)
    return Pki(above, sub1, forge("CPO Sub2", sub1, ca=True, key=keys[2], begin=FROM, end=UNTIL))


def test_an_enrolment_for_one_edition_leaves_the_leaf_of_the_other_alone(tmp_path: Path, v2g: Pki) -> None:
    newer = pki_of(KeySpec.ED448)
    store = store_with(tmp_path, (DOMAIN, v2g), (DOMAIN, newer))
    stacks = []
    for pki, key in ((v2g, KeySpec.P256), (newer, KeySpec.ED448)):
        csr = store.generate_certificate_signing_request(V2G, "DE", "Operator", SECCID, key=key).csr
        assert csr is not None
        stacks.append(pki.enrol(csr))
        assert store.update_leaf(stacks[-1], V2G).accepted
    told = [entry.certificate_hash_data.serial_number for entry in chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)]
    assert set(told) == {serial(one) for one in stacks}
    roots = {one.certificate_root for one in store.get_all_valid_certificates_info(V2G).info}
    assert roots == {pki.root.certificate.to_pem() for pki in (v2g, newer)}, "the newest valid leaf per root"


@pytest.mark.parametrize("name", [EVSE, "DECHPE12341", "dechpE12341"])
def test_a_kind_of_key_by_name_is_that_of_every_spelling_of_the_name(tmp_path: Path, name: str) -> None:
    store = open_store(tmp_path, keys_by_name={EVSE: KeySpec.P384}, secc_key=KeySpec.P256)
    assert store.layout.key_spec(V2G, name) is KeySpec.P384
    assert store.layout.key_spec(V2G, SECOND) is KeySpec.P256
    store = open_store(tmp_path, keys_by_name={name: KeySpec.P384})
    assert store.layout.key_spec(V2G, EVSE) is KeySpec.P384


class TestInUse:
    """Which of several leaves of one name is in use: latest notBefore among the valid (OCPP A02.FR.09)."""

    def put(self, store: EvseSecurity, v2g: Pki, name: str, begin: datetime, end: datetime) -> Forged:
        one = leaf(v2g, begin=begin, end=end)
        place(store, v2g, one, name=name)
        return one

    @pytest.mark.parametrize("by_end", [False, True], ids=["as OCPP says", "parity"])
    @pytest.mark.parametrize("names", ["AB", "BA"])
    def test_the_latest_begin_counts_and_not_the_latest_end(
        self, tmp_path: Path, v2g: Pki, clock: SetClock, names: str, *, by_end: bool
    ) -> None:
        parity = Parity(newest_by_not_after=by_end)
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock, parity=parity)
        old = self.put(store, v2g, names[0], FROM, clock.now() + 1000 * DAY)
        new = self.put(store, v2g, names[1], FROM + DAY, clock.now() + 10 * DAY)
        assert in_use(store) == serial(old if by_end else new)
        assert store.get_leaf_expiry_days_count(V2G) == (1000 if by_end else 10)
        told = [entry.certificate_hash_data.serial_number for entry in chains(store)][1:]
        assert told == [serial(one) for one in ((old, new) if by_end else (new, old))]

    def test_of_two_that_began_together_the_one_that_ends_later(
        self, tmp_path: Path, v2g: Pki, clock: SetClock
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        self.put(store, v2g, "A", FROM, clock.now() + 10 * DAY)
        later = self.put(store, v2g, "B", FROM, clock.now() + 20 * DAY)
        self.put(store, v2g, "C", FROM, clock.now() + 15 * DAY)
        assert in_use(store) == serial(later)

    def test_a_future_leaf_is_in_use_from_its_first_second(self, tmp_path: Path, v2g: Pki, clock: SetClock) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        now = self.put(store, v2g, "A", FROM, UNTIL)
        begin = clock.now() + DAY
        future = self.put(store, v2g, "B", begin, UNTIL)
        for moment, expected in ((begin - timedelta(seconds=1), now), (begin, future)):
            clock.set(moment)
            assert in_use(store) == serial(expected), moment
        assert len(chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)) == 2

    def test_a_leaf_is_in_use_to_its_last_second_then_the_one_before_it(
        self, tmp_path: Path, v2g: Pki, clock: SetClock
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        long = self.put(store, v2g, "A", FROM, UNTIL)
        end = clock.now() + DAY
        short = self.put(store, v2g, "B", FROM + DAY, end)
        for moment, expected in ((end, short), (end + timedelta(seconds=1), long)):
            clock.set(moment)
            assert in_use(store) == serial(expected), moment

    def test_a_newer_leaf_without_its_key_is_passed_over(self, tmp_path: Path, v2g: Pki, clock: SetClock) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        old = self.put(store, v2g, "A", FROM, UNTIL)
        self.put(store, v2g, "B", FROM + DAY, UNTIL)
        (tmp_path / "client/cso/B.key").unlink()
        assert in_use(store) == serial(old)

    @pytest.mark.parametrize(
        ("begin", "end"),
        [(FROM, datetime(2026, 1, 1, tzinfo=UTC)), (datetime(2030, 1, 1, tzinfo=UTC), UNTIL)],
        ids=["ended", "of the future"],
    )
    def test_with_none_valid_now_it_says_so(
        self, tmp_path: Path, v2g: Pki, clock: SetClock, begin: datetime, end: datetime
    ) -> None:
        store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
        self.put(store, v2g, "A", begin, end)
        assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND_VALID
        assert store.get_all_valid_certificates_info(V2G).status is GetCertificateInfoStatus.NOT_FOUND_VALID
        assert store.get_leaf_expiry_days_count(V2G) == 0
        assert not chains(store, CertificateType.V2G_CERTIFICATE_CHAIN)


def test_days_are_whole_and_truncated(tmp_path: Path, v2g: Pki, clock: SetClock) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), clock=clock)
    place(store, v2g, leaf(v2g, end=clock.now() + 2 * DAY))
    for seconds, days in ((0, 2), (1, 1), (86_398, 1), (1, 1), (1, 0), (86_399, 0), (1, 0)):
        clock.advance(seconds)
        assert store.get_leaf_expiry_days_count(V2G) == days, seconds


def test_the_newest_valid_leaf_of_every_root_comes_with_its_root(tmp_path: Path, v2g: Pki, clock: SetClock) -> None:
    """station-store.md section 1, get_all_valid_certificates_info."""
    other = v2g_pki()
    store = store_with(tmp_path, (DOMAIN, v2g), (DOMAIN, other), clock=clock)
    newest = {}
    for number, pki in enumerate((v2g, other)):
        for age in (2, 1):
            newest[number] = leaf(pki, begin=FROM + (9 - age + number) * DAY)
            place(store, pki, newest[number], name=f"LEAF_{number}_{age}")
    result = store.get_all_valid_certificates_info(V2G, EncodingFormat.PEM)
    assert result.status is GetCertificateInfoStatus.ACCEPTED
    told = {serial(Path(one.certificate_single or "")): one.certificate_root for one in result.info}
    assert told == {
        serial(newest[0]): v2g.root.certificate.to_pem(),
        serial(newest[1]): other.root.certificate.to_pem(),
    }


def test_a_leaf_whose_root_is_not_installed_stands_for_itself(tmp_path: Path, v2g: Pki) -> None:
    store = open_store(tmp_path)
    for name in ("A", "B"):
        place(store, v2g, leaf(v2g), name=name)
    assert [one.certificate_root for one in store.get_all_valid_certificates_info(V2G).info] == [None, None]


@pytest.mark.parametrize("form", EncodingFormat)
def test_a_leaf_in_one_encoding_is_not_told_in_the_other(tmp_path: Path, v2g: Pki, form: EncodingFormat) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    assert store.install_ca(v2g.sub1.certificate.to_pem(), DOMAIN).accepted
    assert store.install_ca(v2g.issuing.certificate.to_pem(), DOMAIN).accepted
    one = leaf(v2g)
    placed = place(store, v2g, one)
    der = put(tmp_path / "client/cso/SECC_LEAF_DER.der", one.certificate.der)
    told = info(store, encoding=form)
    if form is EncodingFormat.PEM:
        assert (told.certificate, told.certificate_single) == (str(placed.chain), str(placed.single))
        assert told.certificate_count == 3
    else:
        assert (told.certificate, told.certificate_single, told.certificate_count) == (None, str(der), 1)
    der.unlink()
    status = store.get_leaf_certificate_info(V2G, EncodingFormat.DER).status
    assert status is GetCertificateInfoStatus.NOT_FOUND
