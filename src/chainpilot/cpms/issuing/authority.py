"""A CA of the operator's own for stations' client certificates: the port `CertificateAuthority` without a network.

Every certificate is on record before it leaves, the same request gets the same one, and the revocation list is written
anew halfway to its nextUpdate. Where the key is, and files, are not handled here.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.issuing.drafting import DraftRefused, SignatureBroken, sign_client_leaf, sign_list
from chainpilot.cpms.ports import (
    CaPending,
    CaRefused,
    CaUndecided,
    Issuance,
    IssuedBag,
    IssuingRecords,
    KeyUnavailable,
    LedgerFailed,
    Reason,
    RetryClass,
    Revocation,
    SigningKey,
)
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import Crl, CrlError, RevocationReason
from chainpilot.pki.csr import Csr
from chainpilot.pki.hashdata import normal_hex

__all__ = ["BACKDATED", "CaPlan", "ListUnpublished", "LocalCa", "RevocationRefused"]

BACKDATED: Final = timedelta(hours=1)
"""notBefore lies so far in the past: stations' clocks run behind."""
_LEAST_LIFE: Final = timedelta(days=1)
"""A CA that ends sooner issues nothing: the certificate would be gone before it could be renewed."""
_KEPT_BEYOND: Final = timedelta(days=1)
"""How much longer than one list's life an ended certificate stays on the list (RFC 5280 section 3.3)."""
_AFTER_A_FAULT: Final = timedelta(minutes=5)
_NOT_FOR_LEAVES: Final = frozenset({RevocationReason.REMOVE_FROM_CRL, RevocationReason.CERTIFICATE_HOLD})
"""Reasons that would say that a certificate comes back: a station gets a new one instead."""


class RevocationRefused(OwnError):
    """A certificate can't be revoked. Fields: `serial`, `why` a sentence."""

    def __init__(self, serial: str, why: str) -> None:
        self.serial = serial
        self.why = why
        super().__init__(f"serial number {serial}: {why}")


class ListUnpublished(OwnError):
    """The revocation list could not be signed or written; it is tried again by itself. Fields: `ca`, `why`."""

    def __init__(self, ca: str, why: str) -> None:
        self.ca = ca
        self.why = why
        super().__init__(f"the revocation list of {ca} can't be written: {why}; what is revoked is on record")


@dataclass(frozen=True, slots=True)
class CaPlan:
    """How a CA issues."""

    name: str
    days: int = 365
    crl_days: int = 7
    crl_url: str = ""


class LocalCa:
    """One CA.

    Args:
        plan: its name and lifetimes.
        chain: its own certificate, then those above it.
        key: its private key.
        records: where everything it signs is written down.
        clock: tells the time.
        publish: writes the list for others, run in a thread; None: no list is written. It raises OSError.
        tell: told of each list that was written or could not be, as a sentence.
    """

    repost_safe = True

    def __init__(
        self,
        plan: CaPlan,
        chain: Sequence[Certificate],
        key: SigningKey,
        *,
        records: IssuingRecords,
        clock: Clock,
        publish: Callable[[bytes], None] | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.plan = plan
        self.chain = tuple(chain)
        self._key = key
        self._records = records
        self._clock = clock
        self._publish = publish
        self._tell = tell
        self._turn = asyncio.Lock()

    @property
    def certificate(self) -> Certificate:
        """The issuing CA's own."""
        return self.chain[0]

    async def cacerts(self) -> tuple[Certificate, ...]:
        """Its certificate and those above it."""
        return self.chain

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """The certificate for this request, the same one for the same request.

        1. what was issued for it before, unless that was revoked
        2. the CA is valid, and for some time yet
        3. the request asks for no CA
        4. drafted and linted by a throw-away key, then signed (house style 9)
        5. on record before it leaves

        Raises CaRefused, CaUndecided.
        """
        digest = hashlib.sha256(csr.der).hexdigest()
        try:
            known = await self._records.issued_for(self.certificate.spki_hash, digest)  # 1
            if known is None:
                fresh = await asyncio.to_thread(self._issue, csr, digest, self._clock.now())  # 2, 3, 4
                known = await self._records.keep(fresh)  # 5
        except LedgerFailed as error:
            raise CaUndecided(
                f"[ca.{self.plan.name}] can't write down what it issues: {error.why}", sent=True
            ) from error
        except KeyUnavailable as error:
            raise CaUndecided(f"[ca.{self.plan.name}] can't sign now: {error.why}", sent=False) from error
        if known.revocation is not None:
            detail = f"the certificate for this request was revoked {known.revocation.at.isoformat()}"
            raise CaRefused(Reason.PKI_REFUSED, detail, RetryClass.NEVER)
        return IssuedBag((known.certificate,))

    async def issued(self) -> tuple[Issuance, ...]:
        """What it issued, newest first; the last thousands. Raises LedgerFailed."""
        return await self._records.issued(self.certificate.spki_hash)

    async def revocation_of(self, certificate: Certificate) -> Revocation | None:
        """That it was revoked; None where it wasn't, or is another CA's. Raises LedgerFailed."""
        if certificate.issuer_key != self.certificate.subject_key or not certificate.was_signed_by(self.certificate):
            return None
        known = await self._records.issuance(self.certificate.spki_hash, f"{certificate.serial_number:x}")
        return known.revocation if known is not None else None

    async def revoke(self, serial: str, reason: RevocationReason, *, by: str) -> Issuance:
        """Revoke a certificate and write the list anew.

        Args:
            serial: its serial number, hex.
            reason: for the list.
            by: who decides.

        Raises:
            RevocationRefused: it is unknown or revoked already, or the reason is none for a leaf.
            ListUnpublished: it is revoked, and the list could not be written yet.
            LedgerFailed: nothing changed.
        """
        number = normal_hex(serial.replace(":", ""))
        known = await self._records.issuance(self.certificate.spki_hash, number)
        if known is None:
            raise RevocationRefused(number, f"{self.plan.name} issued no certificate with it")
        if reason in _NOT_FOR_LEAVES:
            raise RevocationRefused(number, f"{reason.value} is no reason here: a revoked certificate stays revoked")
        if not by.strip():
            raise RevocationRefused(number, "say who decides")
        revocation = Revocation(self._clock.now(), reason, by)
        if not await self._records.revoke(self.certificate.spki_hash, number, revocation):
            raise RevocationRefused(number, "it is revoked already")
        await self.publish()
        return replace(known, revocation=revocation)

    async def publish(self) -> Crl | None:
        """Sign the list and write it where others find it; None where none is written.

        Raises ListUnpublished, LedgerFailed.
        """
        if self._publish is None:
            return None
        async with self._turn:  # lists leave in the order of their numbers
            ca_key, at = self.certificate.spki_hash, self._clock.now()
            life = timedelta(days=self.plan.crl_days)
            # the number first: of two processes' lists, the one with the greater knows all that the other does
            number = await self._records.next_list_number(ca_key)
            revoked = await self._records.revoked(ca_key, at - life - _KEPT_BEYOND)
            try:
                crl = await asyncio.to_thread(self._write, revoked, number, at, at + life)
            except (OSError, SignatureBroken, CrlError, KeyUnavailable) as error:
                raise ListUnpublished(self.plan.name, str(error)) from error
        self._tell(f"list {number} with {len(crl.revoked)} revoked is in force until {crl.next_update.isoformat()}")
        return crl

    async def run(self) -> None:
        """Keep the list current until cancelled: one at once, then one halfway to the former's nextUpdate."""
        while self._publish is not None:
            try:
                await self.publish()
                wait = timedelta(days=self.plan.crl_days) / 2
            except (ListUnpublished, LedgerFailed) as error:
                self._tell(str(error))
                wait = _AFTER_A_FAULT
            await self._clock.sleep_until(self._clock.monotonic() + wait.total_seconds())

    def close(self) -> None:
        """Let go of its key; it may wait for a token."""
        self._key.close()

    def _issue(self, csr: Csr, digest: str, at: datetime) -> Issuance:
        """Raises CaRefused, KeyUnavailable."""
        end = min(one.not_after for one in self.chain)
        if not self.certificate.not_before <= at <= end - _LEAST_LIFE:  # 2
            detail = f"the CA {self.certificate.subject} can't issue now: it is in force until {end.isoformat()}"
            raise CaRefused(Reason.PKI_UNAVAILABLE, detail, RetryClass.AFTER_A_CHANGE)
        if csr.extensions.is_ca:  # 3
            raise CaRefused(Reason.PKI_REFUSED, "the request asks to be a CA", RetryClass.NEVER)
        try:
            certificate = sign_client_leaf(  # 4
                csr,
                self.certificate,
                self._key,
                begin=max(at - BACKDATED, self.certificate.not_before),
                end=min(at + timedelta(days=self.plan.days), end),
                crl_url=self.plan.crl_url,
            )
        except DraftRefused as refused:
            raise CaRefused(Reason.PKI_REFUSED, str(refused), RetryClass.NEVER) from refused
        except SignatureBroken as broken:
            raise CaRefused(Reason.PKI_UNAVAILABLE, str(broken), RetryClass.AFTER_A_CHANGE) from broken
        return Issuance(self.certificate.spki_hash, certificate, digest, at)

    def _write(self, revoked: tuple[Issuance, ...], number: int, begin: datetime, end: datetime) -> Crl:
        crl = sign_list(self.certificate, self._key, revoked, number=number, begin=begin, end=end)
        if self._publish is not None:
            self._publish(crl.der)
        return crl
