"""The operator's own CA: on record before it leaves, once for a request, revoked for good, and openssl agrees."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from chainpilot.cpms.adapters.ca_keys import FileKey
from chainpilot.cpms.adapters.ca_material import CaSetupError, read_ca, write_list
from chainpilot.cpms.adapters.sql import SqlIssuingRecords, SqlLedger
from chainpilot.cpms.issuing import (
    CaPlan,
    DraftRefused,
    ListUnpublished,
    LocalCa,
    RevocationRefused,
    SignatureBroken,
    sign_client_leaf,
    sign_list,
)
from chainpilot.cpms.model import Reason, RetryClass
from chainpilot.cpms.ports import CaRefused, CaUndecided, IssuedBag
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.crl import RevocationReason, Revoked, load_crl, revocation
from chainpilot.pki.csr import Csr, inspect_csr
from chainpilot.pki.encoding import PemLabel, recognise
from chainpilot.pki.keys import KeySpec, SpkiHash, generate_private_key
from chainpilot.pki.profiles import CSMS_CLIENT_LEAF, examine
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain, verify
from forge import NOON, forge
from localcas import LIST, csr_of, founded, local_ca, openssl, openssl_verdicts, write_ca
from sims import odd_csr_text

__all__: list[str] = []

pytestmark = pytest.mark.anyio

CA = founded()


async def issue(ca: LocalCa, csr: Csr) -> Certificate:
    """The certificate for it."""
    bag = await ca.simpleenroll(csr)
    assert isinstance(bag, IssuedBag)
    (certificate,) = bag.certificates
    return certificate


@pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.P384, KeySpec.ED25519, KeySpec.RSA2048])
async def test_openssl_verifies_what_it_issues_and_what_it_revokes(tmp_path: Path, spec: KeySpec) -> None:
    founded_now = founded(spec=spec)
    plan = CaPlan("own", crl_url="http://lists.example/own.crl")
    async with local_ca(tmp_path, founded_now, plan=plan) as (ca, _):
        good, bad = await issue(ca, csr_of("CS-0001")), await issue(ca, csr_of("CS-0002"))
        await ca.revoke(f"{bad.serial_number:X}", RevocationReason.KEY_COMPROMISE, by="Ada")
    verdicts = openssl_verdicts(tmp_path, founded_now, good, bad)
    assert verdicts[0].returncode == 0, verdicts[0].stderr
    assert "certificate revoked" in verdicts[1].stderr
    shown = openssl("x509", "-in", "0.pem", "-noout", "-text", cwd=tmp_path).stdout
    for words in ("CA:FALSE", "Digital Signature", "TLS Web Client Authentication", "http://lists.example/own.crl"):
        assert words in shown
    listed = openssl("crl", "-inform", "DER", "-in", LIST, "-noout", "-text", cwd=tmp_path).stdout
    assert "Key Compromise" in listed


async def test_what_it_issues_fits_its_profile_and_leads_to_its_root(tmp_path: Path) -> None:
    async with local_ca(tmp_path, CA) as (ca, _):
        csr = csr_of()
        leaf = await issue(ca, csr)
        assert examine(leaf, CSMS_CLIENT_LEAF) == ()
        assert leaf.spki_hash == csr.spki_hash
        assert leaf.subject_name == csr.subject_name
        assert leaf.not_after == NOON + timedelta(days=365)
        assert leaf.not_before == CA.issuing.not_before
        anchors = TrustAnchors.admit([CA.root])
        assert isinstance(verify(Chain(leaf, (CA.issuing,)), anchors, NOON), VerifiedChain)
        assert await ca.cacerts() == (CA.issuing, CA.root)


async def test_serial_numbers_are_positive_random_and_of_twenty_octets_at_most(tmp_path: Path) -> None:
    key = generate_private_key(KeySpec.P256)
    csr = csr_of(key=key)
    serials = {
        int(sign_client_leaf(csr, CA.issuing, CA.issuing_key, begin=NOON, end=NOON + timedelta(days=1)).serial_number)
        for _ in range(50)
    }
    assert len(serials) == 50
    assert all(0 < serial < 1 << 159 for serial in serials)
    assert min(serials) > 1 << 64


async def test_the_same_request_gets_the_same_certificate_also_after_a_restart(tmp_path: Path) -> None:
    csr = csr_of()
    async with local_ca(tmp_path, CA) as (ca, _):
        first = await issue(ca, csr)
        at_once = await asyncio.gather(*(issue(ca, csr) for _ in range(5)))
        assert set(at_once) == {first}
    async with local_ca(tmp_path, CA, at=NOON + timedelta(days=9)) as (ca, _):
        assert await issue(ca, csr) == first
        assert [one.certificate for one in await ca.issued()] == [first]


async def test_many_at_the_same_time_for_one_request_get_one_certificate(tmp_path: Path) -> None:
    csr = csr_of()
    async with local_ca(tmp_path, CA) as (ca, _):
        assert len(set(await asyncio.gather(*(issue(ca, csr) for _ in range(8))))) == 1
        assert len(await ca.issued()) == 1


async def test_another_request_gets_another_certificate(tmp_path: Path) -> None:
    async with local_ca(tmp_path, CA) as (ca, _):
        await issue(ca, csr_of())
        await issue(ca, csr_of())
        assert len(await ca.issued()) == 2


async def test_what_it_issues_ends_with_the_ca_at_the_latest(tmp_path: Path) -> None:
    short = founded(issuing_years=1)
    async with local_ca(tmp_path, short, plan=CaPlan("own", days=3650)) as (ca, clock):
        clock.advance(timedelta(days=300).total_seconds())
        assert (await issue(ca, csr_of())).not_after == short.issuing.not_after


async def test_a_ca_that_ends_within_a_day_issues_nothing(tmp_path: Path) -> None:
    short = founded(issuing_years=1)
    async with local_ca(tmp_path, short, at=short.issuing.not_after - timedelta(hours=23)) as (ca, _):
        with pytest.raises(CaRefused, match="can't issue now") as refused:
            await issue(ca, csr_of())
        assert (refused.value.reason, refused.value.retry) == (Reason.PKI_UNAVAILABLE, RetryClass.AFTER_A_CHANGE)
        assert await ca.issued() == ()


def odd_csr(*extensions: x509.ExtensionType, organization: str | None = "Operator") -> Csr:
    """A request with wishes."""
    pairs = [(x509.NameOID.COMMON_NAME, "CS-0001")]
    if organization is not None:
        pairs.append((x509.NameOID.ORGANIZATION_NAME, organization))
    text = odd_csr_text(generate_private_key(KeySpec.P256), pairs, extensions)
    return inspect_csr(recognise(text, PemLabel.CERTIFICATE_REQUEST).blocks[0])


@pytest.mark.parametrize(
    ("csr", "why"),
    [
        (odd_csr(x509.BasicConstraints(ca=True, path_length=None)), "asks to be a CA"),
        (odd_csr(organization=None), "organization"),
    ],
)
async def test_what_would_break_the_profile_is_refused_and_never_signed(tmp_path: Path, csr: Csr, why: str) -> None:
    async with local_ca(tmp_path, CA) as (ca, _):
        with pytest.raises(CaRefused, match=why) as refused:
            await ca.simpleenroll(csr)
        assert refused.value.retry is RetryClass.NEVER
        assert await ca.issued() == ()


async def test_no_wish_of_a_request_is_copied(tmp_path: Path) -> None:
    wish = x509.SubjectAlternativeName([x509.DNSName("csms.example")])
    async with local_ca(tmp_path, CA) as (ca, _):
        leaf = await issue(ca, odd_csr(wish))
        assert not leaf.extensions.has_alternative_names


class CountingKey(FileKey):
    """A key that counts what it signs."""

    signed = 0

    def sign(self, data: bytes) -> bytes:
        """Count."""
        self.signed += 1
        return super().sign(data)


def test_the_real_key_signs_nothing_that_breaks_its_profile() -> None:
    key = CountingKey(generate_private_key(KeySpec.P256))
    with pytest.raises(DraftRefused, match="organization"):
        sign_client_leaf(odd_csr(organization=None), CA.issuing, key, begin=NOON, end=NOON + timedelta(days=1))
    assert key.signed == 0


def test_a_key_that_is_not_the_certificate_s_signs_nothing_that_leaves() -> None:
    other = FileKey(generate_private_key(KeySpec.P256))
    with pytest.raises(SignatureBroken):
        sign_client_leaf(csr_of(), CA.issuing, other, begin=NOON, end=NOON + timedelta(days=1))


async def test_a_revoked_certificate_is_on_the_list_at_once_and_given_out_no_more(tmp_path: Path) -> None:
    csr = csr_of()
    async with local_ca(tmp_path, CA) as (ca, _):
        leaf = await issue(ca, csr)
        serial = f"{leaf.serial_number:x}"
        revoked = await ca.revoke(serial, RevocationReason.SUPERSEDED, by="Ada")
        assert revoked.revocation is not None
        crl = load_crl((tmp_path / LIST).read_bytes())
        assert revocation([crl], leaf, CA.issuing, NOON) == Revoked(NOON, RevocationReason.SUPERSEDED)
        assert crl.next_update == NOON + timedelta(days=7)
        with pytest.raises(CaRefused, match="was revoked"):
            await ca.simpleenroll(csr)
        with pytest.raises(RevocationRefused, match="already"):
            await ca.revoke(serial, RevocationReason.SUPERSEDED, by="Ada")
    async with local_ca(tmp_path, CA) as (ca, _):
        again = await ca.publish()
        assert again is not None
        assert (set(again.revoked), again.number) == ({leaf.serial_number}, 2)


class InterruptedRecords(SqlIssuingRecords):
    """Another process revokes and writes its list when this one is about to take a list's number."""

    def __init__(self, ledger: SqlLedger, other: Callable[[], Awaitable[object]]) -> None:
        super().__init__(ledger)
        self._other = other

    async def next_list_number(self, ca_key: SpkiHash) -> int:
        """As ever, after the other."""
        await self._other()
        return await super().next_list_number(ca_key)


async def test_what_another_process_revokes_meanwhile_stays_on_the_list(tmp_path: Path) -> None:
    async with local_ca(tmp_path, CA) as (ca, clock):
        leaf = await issue(ca, csr_of())
        other = LocalCa(ca.plan, ca.chain, ca._key, records=ca._records, clock=clock, publish=ca._publish)
        serial = f"{leaf.serial_number:x}"
        assert isinstance(ca._records, SqlIssuingRecords)
        ca._records = InterruptedRecords(
            ca._records._ledger, lambda: other.revoke(serial, RevocationReason.SUPERSEDED, by="Ada")
        )
        await ca.publish()
        assert set(load_crl((tmp_path / LIST).read_bytes()).revoked) == {leaf.serial_number}


@pytest.mark.parametrize(("there", "ago", "stays"), [(2, 0, True), (2, 3600, False), (1, 0, False)])
def test_a_list_takes_no_later_one_s_place_unless_its_numbers_began_anew(
    tmp_path: Path, there: int, ago: int, stays: bool
) -> None:
    def numbered(number: int, begin: datetime) -> bytes:
        return sign_list(CA.issuing, CA.issuing_key, (), number=number, begin=begin, end=NOON + timedelta(days=7)).der

    path = tmp_path / LIST
    write_list(path, numbered(there, NOON - timedelta(seconds=ago)))
    write_list(path, numbered(1, NOON))
    assert (load_crl(path.read_bytes()).number == 2) is stays


@pytest.mark.parametrize(
    ("serial", "reason", "by", "why"),
    [
        ("abcdef", RevocationReason.UNSPECIFIED, "Ada", "issued no certificate"),
        (None, RevocationReason.CERTIFICATE_HOLD, "Ada", "stays revoked"),
        (None, RevocationReason.UNSPECIFIED, "", "who decides"),
    ],
)
async def test_what_can_not_be_revoked_is_said(
    tmp_path: Path, serial: str | None, reason: RevocationReason, by: str, why: str
) -> None:
    async with local_ca(tmp_path, CA) as (ca, _):
        leaf = await issue(ca, csr_of())
        with pytest.raises(RevocationRefused, match=why):
            await ca.revoke(serial or f"{leaf.serial_number:x}", reason, by=by)


async def test_an_ended_certificate_leaves_the_list_one_list_s_life_later(tmp_path: Path) -> None:
    async with local_ca(tmp_path, CA, plan=CaPlan("own", days=1)) as (ca, clock):
        leaf = await issue(ca, csr_of())
        await ca.revoke(f"{leaf.serial_number:x}", RevocationReason.UNSPECIFIED, by="Ada")
        for days, listed in ((8, 1), (2, 0)):
            clock.advance(timedelta(days=days).total_seconds())
            crl = await ca.publish()
            assert crl is not None
            assert len(crl.revoked) == listed


async def test_the_list_is_written_at_the_start_and_anew_halfway_to_its_end(tmp_path: Path) -> None:
    async with local_ca(tmp_path, CA) as (ca, clock):
        half = timedelta(days=3.5).total_seconds()
        running = asyncio.create_task(ca.run())
        await clock.until_somebody_sleeps(until=half)
        first = load_crl((tmp_path / LIST).read_bytes())
        clock.advance(half)
        await clock.until_somebody_sleeps(until=half)
        second = load_crl((tmp_path / LIST).read_bytes())
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (first.number, second.number) == (1, 2)
        assert second.next_update - first.next_update == timedelta(seconds=half)
        assert stat.S_IMODE((tmp_path / LIST).stat().st_mode) == 0o644
        assert not list(tmp_path.glob(".*.new"))


async def test_a_list_that_can_not_be_written_does_not_undo_the_revocation_and_is_tried_again(tmp_path: Path) -> None:
    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    async with local_ca(tmp_path, CA, publish=full) as (ca, clock):
        leaf = await issue(ca, csr_of())
        with pytest.raises(ListUnpublished, match="No space left"):
            await ca.revoke(f"{leaf.serial_number:x}", RevocationReason.UNSPECIFIED, by="Ada")
        assert (await ca.issued())[0].revocation is not None
        running = asyncio.create_task(ca.run())
        await clock.until_somebody_sleeps(until=300)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_can_not_be_written_down_is_not_handed_out(tmp_path: Path) -> None:
    full = "CREATE TRIGGER full BEFORE INSERT ON issued_certificates BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    async with local_ca(tmp_path, CA) as (ca, _):
        assert isinstance(ca._records, SqlIssuingRecords)
        await ca._records._ledger.write(lambda connection: connection.exec_driver_sql(full))
        with pytest.raises(CaUndecided, match="disk full") as doubt:
            await ca.simpleenroll(csr_of())
        assert doubt.value.sent


ISSUING = """
import asyncio, os, signal, sys
from pathlib import Path
from localcas import local_ca
from chainpilot.pki.csr import inspect_csr
async def issue() -> None:
    folder = Path(sys.argv[1])
    async with local_ca(folder, None) as (ca, _):
        (leaf,) = (await ca.simpleenroll(inspect_csr((folder / "csr.der").read_bytes()))).certificates
        (folder / "leaf.der").write_bytes(leaf.der)
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(issue())
"""


async def test_a_certificate_that_left_is_on_record_after_a_signal_9(tmp_path: Path) -> None:
    write_ca(tmp_path, CA)
    csr = csr_of()
    (tmp_path / "csr.der").write_bytes(csr.der)
    paths = f"{os.environ.get('PYTHONPATH', '')}:{Path(__file__).parents[1]}"
    dead = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ISSUING, str(tmp_path), env={**os.environ, "PYTHONPATH": paths}
    )
    assert await dead.wait() == -signal.SIGKILL
    async with local_ca(tmp_path, CA) as (ca, _):
        assert (await issue(ca, csr)).der == (tmp_path / "leaf.der").read_bytes()


def complaint(folder: Path) -> str:
    """Why the CA's files are refused."""
    with pytest.raises(CaSetupError) as refused:
        read_ca("own", folder / "issuing.pem", folder / "issuing.key", signs_lists=True)
    return refused.value.why


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    _, key = write_ca(tmp_path, CA)
    key.chmod(mode)
    assert "others than its owner can read it" in complaint(tmp_path)


def test_files_that_do_not_make_a_ca_are_refused(tmp_path: Path) -> None:
    stack, key = write_ca(tmp_path, CA)
    leaf = forge("Leaf")
    odd = forge("Odd", ca=True, usage={"key_cert_sign": True})
    test = forge("Test", ca=True, test=True)
    whole = stack.read_text()
    for text, secret, why in (
        ("", CA.issuing_key, "no readable certificates"),
        (leaf.certificate.to_pem(), CA.issuing_key, "is not that of the first"),
        (leaf.certificate.to_pem(), FileKey(leaf.key), "may not issue"),
        (odd.certificate.to_pem(), FileKey(odd.key), "may not sign revocation lists"),
        (CA.issuing.to_pem(), CA.issuing_key, "which is no root"),
        (CA.issuing.to_pem() + odd.certificate.to_pem(), CA.issuing_key, "is not signed by"),
        (test.certificate.to_pem(), FileKey(test.key), "test PKI"),
    ):
        assert isinstance(secret, FileKey)
        stack.write_text(text)
        key.write_bytes(secret.to_pem())
        assert why in complaint(tmp_path)
    stack.write_text(whole)
    for content, why in ((b"", "no readable private key"), (b"x" * 70_000, "more than")):
        key.write_bytes(content)
        assert why in complaint(tmp_path)
    key.unlink()
    assert "can't be read" in complaint(tmp_path)


def test_a_founded_root_signs_one_level_of_cas_and_they_sign_leaves_only() -> None:
    assert (CA.root.extensions.path_length, CA.issuing.extensions.path_length) == (1, 0)
    assert CA.root.is_self_signed
    assert CA.issuing.was_signed_by(CA.root)
    assert str(CA.root.subject) != str(CA.issuing.subject)
