"""Stores in states that nobody wishes for: half mounted, half restored, half readable; nothing of them is lost."""

import base64
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from certs import FROM, UNTIL, Pki, issue, key_pem, root, stack, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificate, load_certificates
from chainpilot.pki.hashdata import hash_data
from chainpilot.pki.keys import KeySpec
from chainpilot.station import EvseSecurity
from chainpilot.station.layout import StoreConfigError
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    DeleteCertificateResult,
    GetCertificateInfoStatus,
    InstallCertificateResult,
    LeafCertificateType,
)
from chainpilot.station.vault import OsFiles
from clocks import SetClock
from forge import Forged, forge
from ocsp_answers import answer, cert_id, single
from programs import program
from stores import EVSE, enrol, open_store, store_with, tree

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G
LATER = SetClock(datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def keys(directory: Path) -> set[str]:
    return {path.name for path in directory.rglob("*.key")}


def leaf_of(chain: str) -> Certificate:
    return load_certificates(chain)[0]


def a_request(store: EvseSecurity, common: str = EVSE) -> str:
    csr = store.generate_certificate_signing_request(V2G, "DE", "Chargers Ltd", common).csr
    assert csr is not None
    return csr


# Keys


@pytest.mark.parametrize("damage", ["another version", "cut short", "no listing"])
def test_the_key_of_a_request_whose_record_can_not_be_read_stays(tmp_path: Path, damage: str) -> None:
    a_request(open_store(tmp_path))
    pending = tmp_path / ".chainpilot/pending"
    (record,) = pending.iterdir()
    if damage == "another version":
        record.write_bytes(record.read_bytes().replace(b'"version":1', b'"version":2'))
    elif damage == "cut short":
        record.write_bytes(record.read_bytes()[:50])
    else:
        record.unlink()
        pending.rmdir()
        pending.symlink_to("pending")
    before = keys(tmp_path)
    open_store(tmp_path, clock=LATER).run_housekeeping()
    assert keys(tmp_path) == before


@pytest.mark.parametrize("how", ["not mounted", "in capitals"])
def test_keys_stay_while_the_certificates_are_out_of_sight(tmp_path: Path, v2g: Pki, how: str) -> None:
    """Row 4: in another directory than the keys, on a partition of its own, or copied by a system of other habits."""
    places = {"secc_leaf_key_directory": "keys/cso", "secc_leaf_cert_directory": "mount/cso"}
    store = store_with(tmp_path, (DOMAIN, v2g), **places)
    chain = enrol(store, v2g)
    next((tmp_path / ".chainpilot/pending").glob("*"), tmp_path / "none").unlink(missing_ok=True)
    before = keys(tmp_path)
    if how == "not mounted":
        (tmp_path / "mount").rename(tmp_path / "away")
    else:
        for path in (tmp_path / "mount/cso").glob("*.pem"):
            path.rename(path.with_suffix(".PEM"))
    open_store(tmp_path, clock=LATER, **places).run_housekeeping()
    assert keys(tmp_path) == before
    if how == "not mounted":
        (tmp_path / "away").rename(tmp_path / "mount")
    info = store.get_leaf_certificate_info(V2G).info
    assert info is not None
    assert load_certificates(Path(info.certificate or "").read_text()) == load_certificates(chain)


def test_a_key_restored_before_its_certificate_stays_though_it_bears_old_times(tmp_path: Path) -> None:
    directory = tmp_path / "client/cso"
    directory.mkdir(parents=True)
    key = directory / "SECC_LEAF_restored.key"
    key.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    os.utime(key, (0, 0))
    arrived = datetime.fromtimestamp(key.stat().st_ctime, UTC)
    open_store(tmp_path, clock=SetClock(arrived + timedelta(minutes=59))).run_housekeeping()
    assert key.exists()
    open_store(tmp_path, clock=SetClock(arrived + timedelta(minutes=61))).run_housekeeping()
    assert not key.exists(), "an hour later nobody has come for it"


@pytest.mark.parametrize("damage", ["emptied", "a link to nowhere"])
def test_the_key_of_a_leaf_whose_files_a_power_cut_emptied_stays(tmp_path: Path, v2g: Pki, damage: str) -> None:
    """The certificate can be had again, the key can't."""
    store = store_with(tmp_path, (DOMAIN, v2g))
    enrol(store, v2g)
    for path in tuple((tmp_path / "client/cso").glob("*.pem")):
        path.unlink()
        path.write_bytes(b"") if damage == "emptied" else path.symlink_to("nowhere.pem")
    before = keys(tmp_path)
    open_store(tmp_path, clock=LATER).run_housekeeping()
    assert keys(tmp_path) == before
    assert any("holds no certificate" in finding.why for finding in store.findings())


def test_a_clock_that_jumps_ahead_takes_no_evse_its_leaf(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), kept_leaves=2)
    names = [f"DE*CHP*E{number}" for number in range(6)]
    for name in names:
        enrol(store, v2g, common=name)
    open_store(tmp_path, clock=SetClock(UNTIL + timedelta(days=1)), kept_leaves=2).run_housekeeping()
    statuses = {store.get_leaf_certificate_info(V2G, common_name=name).status for name in names}
    assert statuses == {GetCertificateInfoStatus.ACCEPTED}


def test_a_deleted_leaf_leaves_the_key_while_another_certificate_can_not_be_read(tmp_path: Path, v2g: Pki) -> None:
    """Row 13: the renewed leaf of the same key is just being written in place."""
    store = store_with(tmp_path, (DOMAIN, v2g))
    old = leaf_of(enrol(store, v2g))
    renewed = forge(EVSE, v2g.issuing, public_key=old.public_key, begin=FROM, end=UNTIL, organization="Chargers Ltd")
    other = tmp_path / "client/cso/renewed.pem"
    text = v2g.stack(renewed.certificate)
    other.write_text(text[:300])
    assert store.delete_certificate(hash_data(old, v2g.issuing.certificate)) is DeleteCertificateResult.ACCEPTED
    other.write_text(text)
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.ACCEPTED


class FullAfterJournal(OsFiles):
    """The disk takes nothing more once the journal lies there."""

    def __init__(self) -> None:
        self.is_full = False

    def rename(self, source: Path, target: Path) -> None:
        self._check()
        super().rename(source, target)
        self.is_full = target.name == "journal"

    def unlink(self, path: Path) -> None:
        self._check()
        super().unlink(path)

    def sync_directory(self, path: Path) -> None:
        self._check()
        super().sync_directory(path)

    def _check(self) -> None:
        if self.is_full:
            raise OSError(30, "Read-only file system")


def test_a_hardware_key_is_not_destroyed_while_a_journal_may_bring_its_file(tmp_path: Path) -> None:
    from tokens import soft_tokens  # noqa: PLC0415 - it skips the test where there is no token

    with soft_tokens(tmp_path / "tokens") as tokens:
        tokens.add("station")
        token = tokens.keys()
        broken = open_store(tmp_path / "certs", files=FullAfterJournal(), hardware_keys=(token,))
        assert broken.generate_certificate_signing_request(V2G, "DE", "O", EVSE, use_tpm=True).csr is None
        store = open_store(tmp_path / "certs", hardware_keys=(token,))
        (pending,) = store.open_requests()
        again = store.generate_certificate_signing_request(V2G, "DE", "O", EVSE, use_tpm=True)
        assert again.csr == pending.pem, "completed from the journal, with its key"


def test_a_key_is_a_leaf_s_own_however_the_certificate_writes_it(tmp_path: Path, v2g: Pki) -> None:
    """Section 3: public keys are compared, not their encodings; openssl certifies a compressed point."""
    key = ec.generate_private_key(ec.SECP256R1())
    der = compressed(tmp_path, v2g, key)
    leaf = load_certificate(der)
    assert len(leaf.spki_der) < 70, "compressed"
    store = store_with(tmp_path / "certs", (DOMAIN, v2g))
    directory = tmp_path / "certs/client/cso"
    directory.mkdir(parents=True)
    (directory / "any.key").write_bytes(key_pem(key))
    outcome = store.update_leaf(v2g.stack(leaf), V2G)
    assert outcome.accepted, outcome.reason
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.ACCEPTED


def compressed(tmp_path: Path, v2g: Pki, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A leaf whose key stands there as a compressed point."""
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    spki = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    assert load_der_public_key(spki) == key.public_key()
    template = forge(EVSE, v2g.issuing, key=key, begin=FROM, end=UNTIL).certificate
    content = x509.load_der_x509_certificate(template.der).tbs_certificate_bytes.replace(template.spki_der, spki)
    body = content[4:]
    tbs = b"\x30\x82" + len(body).to_bytes(2, "big") + body
    signer = v2g.issuing.key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - used here alone

    signature = b"\x00" + signer.sign(tbs, ec.ECDSA(hashes.SHA256()))
    rest = bytes.fromhex("300a06082a8648ce3d040302") + b"\x03" + bytes([len(signature)]) + signature
    return b"\x30\x82" + len(tbs + rest).to_bytes(2, "big") + tbs + rest


# Places


@pytest.mark.parametrize(
    "places",
    [
        {"secc_leaf_cert_directory": "client/csms"},
        {"v2g_ca_bundle": "client/cso"},
        {"csms_ca_bundle": "client/csms"},
    ],
)
def test_certificates_of_two_uses_in_one_directory_are_refused(tmp_path: Path, places: dict[str, Any]) -> None:
    with pytest.raises(StoreConfigError, match="too"):
        open_store(tmp_path, **places)


def test_a_bundle_that_is_a_link_to_nowhere_makes_nothing_there(tmp_path: Path, v2g: Pki) -> None:
    bundle = tmp_path / "certs/ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.symlink_to(tmp_path / "unmounted/roots.pem")
    outcome = open_store(tmp_path / "certs").install_ca(v2g.root.certificate.to_pem(), DOMAIN)
    assert outcome.result is InstallCertificateResult.WRITE_ERROR
    assert "leads nowhere" in (outcome.reason or "")
    assert not (tmp_path / "unmounted").exists()


@pytest.mark.parametrize(
    "setting",
    [
        {"crl_policy": "require"},
        {"allow_test_pki": "no"},
        {"v2g_profile": "enforce"},
        {"csms_key": "P-521"},
        {"keys_by_name": {EVSE: "P-521"}},
        {"group": "users"},
        {"parity": {"times": True}},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_a_word_in_the_place_of_a_setting_s_member_is_refused(tmp_path: Path, setting: dict[str, Any]) -> None:
    """It would be none of the members, and so switch a check off in silence."""
    with pytest.raises(StoreConfigError, match=next(iter(setting))):
        open_store(tmp_path, **setting)


def test_a_request_that_no_certificate_of_its_edition_could_answer_is_refused_at_once(tmp_path: Path) -> None:
    store = open_store(tmp_path, keys_by_name={EVSE: KeySpec.P521})
    refused = store.generate_certificate_signing_request(V2G, "DE", "Chargers Ltd", EVSE)
    assert refused.csr is None
    assert "SECCID" in (refused.reason or "")
    name = "DECHP" + "0" * 33 + "1"
    assert store.generate_certificate_signing_request(V2G, "DE", "Chargers Ltd", name, key=KeySpec.P521).csr


def test_what_can_not_be_listed_is_not_told_as_none(tmp_path: Path, v2g: Pki, caplog: pytest.LogCaptureFixture) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    pending = tmp_path / ".chainpilot/pending"
    pending.symlink_to("pending")
    assert store.open_requests() == ()
    assert "can't be listed" in caplog.text


def test_a_bundle_that_becomes_a_file_or_a_directory_is_seen_at_the_next_call(tmp_path: Path, v2g: Pki) -> None:
    bundle, aside = tmp_path / "ca/v2g/roots", tmp_path / "aside"
    bundle.mkdir(parents=True)
    aside.write_text(root("Another Root").certificate.to_pem())
    store = store_with(tmp_path, (DOMAIN, v2g), v2g_ca_bundle="ca/v2g/roots")
    chain = enrol(store, v2g)
    spare = tmp_path / "spare"

    def told() -> tuple[CertificateValidationResult, bool]:
        info = store.get_leaf_certificate_info(V2G).info
        assert info is not None
        return store.verify_certificate(chain, [V2G]), info.certificate_root is not None

    for _ in range(2):
        assert told() == (CertificateValidationResult.VALID, True)
        bundle.rename(spare)
        aside.rename(bundle)
        assert told() == (CertificateValidationResult.ISSUER_NOT_FOUND, False)
        bundle.rename(aside)
        spare.rename(bundle)


def test_a_bundle_file_needs_no_suffix(tmp_path: Path, v2g: Pki) -> None:
    (tmp_path / "ca").mkdir()
    (tmp_path / "ca/v2g_roots").write_text(v2g.root.certificate.to_pem())
    store = open_store(tmp_path, v2g_ca_bundle="ca/v2g_roots")
    assert tuple(store.trust_anchors(DOMAIN)) == (v2g.root.certificate,)
    assert store.install_ca(root("Second").certificate.to_pem(), DOMAIN).accepted
    assert len(load_certificates((tmp_path / "ca/v2g_roots").read_text())) == 2


def test_two_spellings_of_one_bundle_directory_lose_a_root_once(tmp_path: Path, v2g: Pki) -> None:
    (tmp_path / "ca/v2g").mkdir(parents=True)
    (tmp_path / "ca/mo").symlink_to("v2g")
    store = open_store(tmp_path, v2g_ca_bundle="ca/v2g", mo_ca_bundle="ca/mo")
    assert store.install_ca(v2g.root.certificate.to_pem(), DOMAIN).accepted
    named = hash_data(v2g.root.certificate, v2g.root.certificate)
    assert store.delete_certificate(named) is DeleteCertificateResult.ACCEPTED
    assert not store.is_ca_certificate_installed(CaCertificateType.MO)


def test_a_file_name_of_any_bytes_is_changed_like_any_other(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    leaf = leaf_of(enrol(store, v2g))
    for path in tuple((tmp_path / "client/cso").glob("*.pem")):
        path.rename(os.fsdecode(os.fsencode(path.parent) + b"/stra\xdfe-" + os.fsencode(path.name)))
    assert store.get_leaf_certificate_info(V2G).status is GetCertificateInfoStatus.ACCEPTED
    assert store.delete_certificate(hash_data(leaf, v2g.issuing.certificate)) is DeleteCertificateResult.ACCEPTED
    assert list((tmp_path / "client/cso").iterdir()) == []


@pytest.mark.parametrize("name", ["a directory", ""])
def test_a_refused_signature_check_leaves_no_file_open(tmp_path: Path, v2g: Pki, name: str) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        assert not store.verify_file_signature(str(tmp_path / name), v2g.root.certificate.to_pem(), "AAAA")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_key_beside_a_certificate_outlives_another_chain_for_it(tmp_path: Path, v2g: Pki) -> None:
    """The one file of a leaf holds its key too: nothing is written over it."""
    store = store_with(tmp_path, (DOMAIN, v2g))
    leaf = forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL)
    directory = tmp_path / "client/cso"
    directory.mkdir(parents=True)
    both = directory / "server.pem"
    both.write_text(stack(leaf.certificate, v2g.issuing.certificate) + key_pem(leaf.key).decode())
    (directory / "server.key").write_bytes(key_pem(leaf.key))
    before = both.read_bytes()
    assert store.update_leaf(v2g.stack(leaf.certificate), V2G).accepted
    assert both.read_bytes() == before
    info = store.get_leaf_certificate_info(V2G).info
    assert info is not None
    assert info.certificate_count == 3


def test_a_key_of_the_leaf_s_own_name_goes_first_as_soon_as_it_is_there(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    enrol(store, v2g)
    directory = tmp_path / "client/cso"
    (own,) = directory.glob("*.key")
    other = own.rename(directory / "AAA.key")

    def told() -> str:
        info = store.get_leaf_certificate_info(V2G).info
        assert info is not None
        return info.key

    for _ in range(2):
        assert told() == str(other)
        own.write_bytes(other.read_bytes())
        assert told() == str(own)
        own.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
        assert told() == str(other), "another key under the leaf's name is not its key"
        own.unlink()


def test_a_directory_in_the_place_of_a_key_is_told_of(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    enrol(store, v2g)
    (own,) = (tmp_path / "client/cso").glob("*.key")
    own.unlink()
    own.mkdir()
    answer = store.get_leaf_certificate_info(V2G)
    assert answer.status is GetCertificateInfoStatus.PRIVATE_KEY_NOT_FOUND
    assert answer.reason == f"{own.name} is not a regular file"


def test_a_key_is_found_by_its_name_where_the_directory_may_be_searched_but_not_listed(
    tmp_path: Path, v2g: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "client/keys")
    enrol(store_with(tmp_path, (DOMAIN, v2g), secc_leaf_key_directory="client/keys"), v2g)
    scandir = os.scandir

    def refusing(path: Path) -> Any:
        if str(path) == place:
            raise PermissionError(13, "Permission denied", place)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    answer = open_store(tmp_path, secc_leaf_key_directory="client/keys").get_leaf_certificate_info(V2G)
    assert answer.info is not None
    assert Path(answer.info.key).parent == tmp_path / "client/keys"


# Answers


def test_a_chain_is_told_as_it_is_sent_though_the_bundle_holds_renewed_sub_cas(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    chain = load_certificates(enrol(store, v2g))
    for old, issuer in ((v2g.sub1, v2g.root), (v2g.issuing, v2g.sub1)):
        name = old.certificate.subject.common_name or ""
        renewed = forge(name, issuer, ca=True, key=old.key, begin=FROM, end=UNTIL)
        assert store.install_ca(renewed.certificate.to_pem(), DOMAIN).accepted
    info = store.get_leaf_certificate_info(V2G, "PEM", include_ocsp=True).info
    assert info is not None
    assert info.ocsp is not None
    serials = [f"{one.serial_number:x}" for one in chain]
    assert [entry.hash.serial_number for entry in info.ocsp] == serials
    listed = store.get_installed_certificates([CertificateType.V2G_CERTIFICATE_CHAIN]).certificate_hash_data_chain
    assert [listed[0].certificate_hash_data, *listed[0].child_certificate_hash_data] == [one.hash for one in info.ocsp]


def test_of_two_answers_the_later_counts_wherever_it_lies(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    leaf = leaf_of(enrol(store, v2g))
    named = hash_data(leaf, v2g.issuing.certificate)
    now = SetClock().now()

    def told(hours: int, *, revoked: bool = False) -> str:
        since = now - timedelta(hours=hours)
        about = single(
            cert_id(leaf, v2g.issuing.certificate),
            since=since,
            until=now + timedelta(days=7),
            revoked=since if revoked else None,
        )
        return base64.b64encode(answer(v2g.issuing, about, produced=since)).decode()

    assert store.cache_ocsp(named, told(1, revoked=True)).accepted
    directory = tmp_path / "client/cso/ocsp"
    (pair,) = directory.glob("*.hash")
    (directory / "0_ocsp.hash").write_bytes(pair.read_bytes())
    (directory / "0_ocsp.der").write_bytes(base64.b64decode(told(5)))
    info = store.get_leaf_certificate_info(V2G, "PEM", include_ocsp=True).info
    assert info is not None
    assert info.ocsp is not None
    assert info.ocsp[0].ocsp_path == str(pair.with_suffix(".der"))
    assert store.cache_ocsp(named, told(3)).reason == "a later answer is there already"


def test_the_new_form_of_a_root_signed_by_its_old_one_is_kept(tmp_path: Path) -> None:
    """Rows 8 and 17: a rollover of one name."""
    old, new = root("V2G Root"), root("V2G Root")
    link = forge("V2G Root", Forged(old.certificate, old.key), ca=True, key=new.key, begin=FROM, end=UNTIL)
    store = open_store(tmp_path)
    refused = store.install_ca(link.certificate.to_pem(), DOMAIN)
    assert refused.result is InstallCertificateResult.INVALID_SIGNATURE, "nobody here signed it"
    assert store.install_ca(old.certificate.to_pem(), DOMAIN).accepted
    assert store.install_ca(link.certificate.to_pem(), DOMAIN).accepted
    leaf = forge(EVSE, new, begin=FROM, end=UNTIL).certificate
    assert store.verify_certificate(leaf.to_pem(), [V2G]) is CertificateValidationResult.VALID


def test_a_bundle_that_can_not_be_read_is_told_from_one_without_the_issuer(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    csr = a_request(store)
    chain = v2g.enrol(csr)
    bundle = tmp_path / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.rename(bundle.with_suffix(".kept"))
    bundle.symlink_to(bundle)
    before = tree(tmp_path)
    assert store.verify_certificate(chain, [V2G]) is CertificateValidationResult.UNKNOWN
    assert store.update_leaf_certificate(chain, V2G) is InstallCertificateResult.WRITE_ERROR
    assert tree(tmp_path) == before
    bundle.unlink()
    assert store.verify_certificate(chain, [V2G]) is CertificateValidationResult.ISSUER_NOT_FOUND


def test_a_leaf_that_a_root_signed_has_a_chain_file_and_its_own(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g))
    assert store.update_leaf(issue(v2g.root, a_request(store)).to_pem(), V2G).accepted
    info = store.get_leaf_certificate_info(V2G).info
    assert info is not None
    assert info.certificate_count == 1
    assert "CHAIN" in (info.certificate or "")
    assert "CHAIN" not in (info.certificate_single or "CHAIN")


def test_without_an_anchor_the_issuer_is_missing_whatever_the_order(tmp_path: Path, v2g: Pki) -> None:
    leaf = forge(EVSE, v2g.issuing, begin=FROM, end=UNTIL).certificate
    reversed_stack = stack(v2g.issuing.certificate, leaf)
    store = open_store(tmp_path)
    assert store.verify_certificate(reversed_stack, [V2G]) is CertificateValidationResult.ISSUER_NOT_FOUND
    assert store.verify_certificate(reversed_stack, []) is CertificateValidationResult.ISSUER_NOT_FOUND
    trusting = store_with(tmp_path, (DOMAIN, v2g))
    assert trusting.verify_certificate(reversed_stack, [V2G]) is CertificateValidationResult.INVALID_CHAIN


def test_a_size_that_grew_in_place_counts_at_once(tmp_path: Path, v2g: Pki) -> None:
    """Row 10."""
    store = store_with(tmp_path, (DOMAIN, v2g), max_bytes=100_000)
    big = tmp_path / "client/cso/ocsp/any_ocsp.der"
    big.parent.mkdir(parents=True)
    big.write_bytes(b"x")
    assert a_request(store)
    big.write_bytes(b"x" * 100_000)
    refused = store.generate_certificate_signing_request(V2G, "DE", "Chargers Ltd", "DE*CHP*E2")
    assert refused.csr is None
    assert "bytes" in (refused.reason or "")


def test_what_is_left_beside_a_linked_bundle_is_swept(tmp_path: Path, v2g: Pki) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere/roots.pem"
    real.write_text(v2g.root.certificate.to_pem())
    bundle = tmp_path / "certs/ca/v2g/V2G_ROOT_CA.pem"
    bundle.parent.mkdir(parents=True)
    bundle.symlink_to(real)
    leftover = tmp_path / "elsewhere/.chainpilot-0123456789abcdef"
    leftover.write_bytes(b"half")
    assert open_store(tmp_path / "certs").install_ca(root("Second").certificate.to_pem(), DOMAIN).accepted
    assert not leftover.exists()
    assert len(load_certificates(real.read_text())) == 2


def test_openssl_finds_the_anchors_of_a_directory_that_a_reader_may_not_change(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (DOMAIN, v2g), v2g_ca_bundle="ca/v2g")
    location = store.get_verify_location(DOMAIN)
    (tmp_path / ".chainpilot/lock").unlink()
    (tmp_path / ".chainpilot/turnstile").unlink()
    held = tree(tmp_path)
    assert store.get_verify_location(DOMAIN) == location == str(tmp_path / "ca/v2g")
    assert not (tmp_path / ".chainpilot/lock").exists(), "nothing was to be written, so nothing was locked for writing"
    assert tree(tmp_path) == held
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(forge(EVSE, v2g.root, begin=FROM, end=UNTIL).certificate.to_pem())
    words = [program("openssl"), "verify", "-CApath", location, str(leaf)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0
