"""Trust as it changes: proposed by anybody, decided by a person or an anchor's signature, written down, then in force.

One change at a time; each is on disk before the pool has it, and the pool is exchanged whole. Where certificates come
from and how operators are asked is not handled here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from chainpilot.clock import Clock
from chainpilot.cpms.model import (
    Fingerprint,
    ImpossibleTrustDecision,
    TrustChange,
    TrustDecision,
    TrustRecord,
    TrustSource,
    TrustState,
    parse_fingerprint,
)
from chainpilot.cpms.ports import LedgerConflict, TrustEntry, TrustRecords
from chainpilot.cpms.trust.judging import anchor_that_signed, objection_to
from chainpilot.cpms.trust.pool import TrustPool
from chainpilot.cpms.trust.terms import Proposals, TrustPolicy, TrustRefused, why_no_anchor
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import TrustAnchors, TrustDomain
from chainpilot.pki.verify import Rules

__all__ = ["MAX_PROPOSALS", "TrustDesk"]

MAX_PROPOSALS: Final = 200
"""Certificates of one source that may wait for a decision: whoever makes up new roots all day fills no disk."""
_MAX_WORDS: Final = 500
"""Characters kept of what somebody gives as name or reason."""

_T = TypeVar("_T")
_Key = tuple[Fingerprint, TrustDomain]


@dataclass(frozen=True, slots=True)
class _Change:
    """Records as they shall be, with what is told of each."""

    added: tuple[TrustRecord, ...] = ()
    changed: tuple[TrustRecord, ...] = ()
    told: tuple[TrustChange, ...] = ()


class TrustDesk:
    """The one place in a process where trust changes; implements the ports `Issuers`, `Learner` and `RootStanding`.

    Args:
        records: where it is written.
        configured: the anchors that the configuration's files list, per domain.
        clock: says when something was decided.
        policy: the operator's rules.
        domains_of: the domains that each PKI issues for, by the PKI's name.
        tell: told each change once it is on disk.
        rules: the revocation lists that a cross certificate is judged by.
    """

    def __init__(
        self,
        records: TrustRecords,
        configured: Mapping[TrustDomain, TrustAnchors],
        *,
        clock: Clock,
        policy: TrustPolicy | None = None,
        domains_of: Mapping[str, frozenset[TrustDomain]] | None = None,
        tell: Callable[[TrustChange], None] = lambda _: None,
        rules: Callable[[], Rules] = Rules,
    ) -> None:
        self._store = records
        self._configured = {domain: frozenset(anchors) for domain, anchors in configured.items()}
        self._in_files = configured
        self._clock = clock
        self._policy = policy or TrustPolicy()
        self._domains_of = domains_of or {}
        self._tell = tell
        self._rules = rules
        self._records: dict[_Key, TrustRecord] = {}
        self._began = clock.now()
        self._last_change: int | None = None
        self._pool = self._build()
        self._turn = asyncio.Lock()
        self._running: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        """Read the records; until then only the configuration counts. Raises LedgerFailed."""
        await self._alone(self._approve_successors)

    async def refresh(self) -> None:
        """Take over what another process has decided since (`chainpilot cpms trust`). Raises LedgerFailed."""
        await self._alone(_nothing)

    async def close(self) -> None:
        """Wait for changes that are being written."""
        await asyncio.gather(*self._running, return_exceptions=True)

    @property
    def pool(self) -> TrustPool:
        """What counts now; take it once for one judgement."""
        return self._pool

    def issuer_of(self, subject: CertificateHashData) -> Certificate | None:
        """See `ports.Issuers`."""
        return self._pool.issuer_of(subject)

    def known(self) -> tuple[Certificate, ...]:
        """See `ports.Issuers`."""
        return self._pool.known()

    def objection_to_root(self, certificate: Certificate, domain: TrustDomain) -> str | None:
        """See `ports.RootStanding`."""
        record = self._find(Fingerprint(certificate.fingerprint), domain)
        return why_no_anchor(record) if record is not None else None

    def objection_to_issuer(self, certificate: Certificate, domain: TrustDomain) -> str | None:
        """See `ports.RootStanding`."""
        record = self._records.get((Fingerprint(certificate.fingerprint), domain))
        return why_no_anchor(record) if record is not None and record.state is not TrustState.PROPOSED else None

    def records(self, state: TrustState | None = None) -> tuple[TrustRecord, ...]:
        """Everything known, the configuration's anchors first; of one state or of all."""
        listed = [self._from_file(one, domain) for domain, anchors in self._in_files.items() for one in anchors]
        keys = {(record.fingerprint, record.domain) for record in self._records.values()}
        unwritten = [record for record in listed if (record.fingerprint, record.domain) not in keys]
        everything = (*unwritten, *(self._effective(record) for record in self._records.values()))
        return tuple(record for record in everything if state is None or record.state is state)

    async def history(self, fingerprint: str | None = None) -> tuple[TrustChange, ...]:
        """What was decided, oldest first; of one certificate or of all. Raises FingerprintError, LedgerFailed."""
        return await self._store.history(parse_fingerprint(fingerprint) if fingerprint is not None else None)

    async def propose(
        self, certificates: Iterable[Certificate], domain: TrustDomain, source: TrustSource, seen_from: str
    ) -> Proposals:
        """Keep what is new of these for a decision; none becomes an anchor by being proposed. Raises LedgerFailed."""
        offered = tuple(dict.fromkeys(certificates))
        return await self._alone(lambda: self._propose(offered, domain, source, seen_from[:_MAX_WORDS]))

    async def learn(self, pki: str, certificates: tuple[Certificate, ...]) -> None:
        """Propose what a PKI's cacerts showed, in each domain that it issues for. See `ports.Learner`."""
        for domain in sorted(self._domains_of.get(pki, frozenset()), key=lambda one: one.value):
            if any((Fingerprint(one.fingerprint), domain) not in self._records for one in certificates):
                await self.propose(certificates, domain, TrustSource.CACERTS, f"cacerts of [pki.{pki}]")

    async def approve(
        self, fingerprint: str, domain: TrustDomain | None = None, *, by: str, why: str = ""
    ) -> TrustRecord:
        """Make it an anchor, in force when this returns.

        Args:
            fingerprint: the whole SHA-256 of the certificate.
            domain: needed when it is known in several.
            by: who decides.
            why: for the history.

        Raises:
            FingerprintError: it is not a whole fingerprint.
            TrustRefused: the certificate is unknown, has ended, is too weak or an anchor already.
            LedgerFailed: nothing changed.
        """
        return await self._decide(fingerprint, domain, TrustDecision.APPROVE, by, why)

    async def reject(
        self, fingerprint: str, domain: TrustDomain | None = None, *, by: str, why: str = ""
    ) -> TrustRecord:
        """Decide against a proposal for good. Arguments and errors as `approve`."""
        return await self._decide(fingerprint, domain, TrustDecision.REJECT, by, why)

    async def withdraw(
        self, fingerprint: str, domain: TrustDomain | None = None, *, by: str, why: str = ""
    ) -> TrustRecord:
        """End an anchor, one of the configuration too. Arguments and errors as `approve`."""
        return await self._decide(fingerprint, domain, TrustDecision.WITHDRAW, by, why)

    async def report(self, fingerprint: Fingerprint, notice: str, by: str, *, revoked: bool) -> tuple[TrustRecord, ...]:
        """Take note that a source doesn't offer a certificate any more.

        A proposal is taken back. An anchor stays one, with the notice, unless it was revoked and the policy obeys that.
        Raises LedgerFailed.
        """
        return await self._alone(lambda: self._report(fingerprint, notice[:_MAX_WORDS], by, revoked=revoked))

    async def _alone(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Run to its end whoever gives up waiting, or the records would say what the pool doesn't."""

        async def in_turn() -> _T:
            async with self._turn:
                await self._catch_up()
                try:
                    return await work()
                except LedgerConflict:  # another process decided in between: look again, decide again
                    await self._catch_up()
                    return await work()

        task = asyncio.create_task(in_turn())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _catch_up(self) -> None:
        """Read the records again if somebody has written there since; the first time is the start."""
        newest = await self._store.last_change()  # before the records, or what comes between would never be read
        if newest == self._last_change:
            return
        former, is_start = self._records, self._last_change is None
        written = await self._store.records()
        self._records = {(record.fingerprint, record.domain): record for record in written}
        self._pool = self._build()
        self._last_change = newest
        for key, record in self._records.items():
            before = former[key].state if key in former else None
            if before is not record.state and not is_start:
                self._tell(_told(record, before, TrustSource.OPERATOR))

    async def _propose(
        self, offered: tuple[Certificate, ...], domain: TrustDomain, source: TrustSource, seen_from: str
    ) -> Proposals:
        at = self._clock.now()
        waiting = sum(
            record.state is TrustState.PROPOSED and record.seen_from == seen_from for record in self._records.values()
        )
        added: list[TrustRecord] = []
        known: list[TrustRecord] = []
        refused: list[tuple[Certificate, str]] = []
        for certificate in offered:
            found = self._find(Fingerprint(certificate.fingerprint), domain)
            why = objection_to(certificate, at, allow_test_pki=self._policy.allow_test_pki)
            if found is not None:
                known.append(found)
            elif why is not None:
                refused.append((certificate, why))
            elif waiting + len(added) >= MAX_PROPOSALS:
                refused.append((certificate, f"{MAX_PROPOSALS} proposals of {seen_from} wait for a decision already"))
            else:
                added.append(
                    TrustRecord(
                        certificate, domain, TrustState.PROPOSED, source, seen_from, at, at, changed_by=source.value
                    )
                )
        told = tuple(_told(record, None, source) for record in added)
        if added:
            await self._write(_Change(added=tuple(added), told=told))
            await self._approve_successors()
        new = tuple(self._records[record.fingerprint, record.domain] for record in added)
        return Proposals(new, tuple(known), tuple(refused))

    async def _decide(
        self, given: str, domain: TrustDomain | None, decision: TrustDecision, by: str, why: str
    ) -> TrustRecord:
        fingerprint = parse_fingerprint(given)
        if not by.strip():
            raise TrustRefused(fingerprint, "say who decides: the history names somebody for every change")
        return await self._alone(
            lambda: self._decide_alone(fingerprint, domain, decision, by[:_MAX_WORDS], why[:_MAX_WORDS])
        )

    async def _decide_alone(
        self, fingerprint: Fingerprint, domain: TrustDomain | None, decision: TrustDecision, by: str, why: str
    ) -> TrustRecord:
        record = self._only(fingerprint, domain)
        if decision is TrustDecision.APPROVE:
            objection = objection_to(record.certificate, self._clock.now(), allow_test_pki=self._policy.allow_test_pki)
            if objection is not None:
                raise TrustRefused(fingerprint, f"{record.certificate.subject} can't be an anchor: {objection}")
        try:
            decided = record.after(decision, self._clock.now(), by, why)
        except ImpossibleTrustDecision as error:
            raise TrustRefused(fingerprint, f"{record.certificate.subject}: {error}") from error
        await self._write(self._changing(record, decided, TrustSource.OPERATOR))
        if decision is TrustDecision.APPROVE:
            await self._approve_successors()
        return decided

    async def _report(
        self, fingerprint: Fingerprint, notice: str, by: str, *, revoked: bool
    ) -> tuple[TrustRecord, ...]:
        reported: list[TrustRecord] = []
        for domain in TrustDomain:
            record = self._find(fingerprint, domain)
            if record is None or record.notice == notice:
                continue
            obeyed = revoked and self._policy.withdraw_reported
            if record.state is TrustState.PROPOSED or (record.state is TrustState.APPROVED and obeyed):
                decided = record.after(TrustDecision.WITHDRAW, self._clock.now(), by, notice)
                await self._write(self._changing(record, replace(decided, notice=notice), TrustSource.WEBHOOK))
            else:
                await self._write(self._noting(record, notice, by))
            reported.append(self._records[fingerprint, domain])
        return tuple(reported)

    async def _approve_successors(self) -> None:
        """Roots whose name and key an anchor signed become anchors, and theirs after them, if the policy says so."""
        if not self._policy.approve_cross_signed:
            return
        while (found := self._successor()) is not None:
            root, anchor = found
            why = f"{anchor.subject} ({anchor.fingerprint}), an anchor, signed its name and key"
            decided = root.after(TrustDecision.APPROVE, self._clock.now(), TrustSource.SIGNATURE.value, why)
            await self._write(self._changing(root, decided, TrustSource.SIGNATURE))

    def _successor(self) -> tuple[TrustRecord, Certificate] | None:
        at = self._clock.now()
        waiting = [record for record in self._records.values() if record.state is TrustState.PROPOSED]
        for record in waiting:
            root = record.certificate
            if self._effective(record).state is not TrustState.PROPOSED or not root.is_self_signed:
                continue
            if objection_to(root, at, allow_test_pki=self._policy.allow_test_pki) is not None:
                continue
            seen = (other.certificate for other in waiting if other.domain is record.domain)
            anchors = self._pool.anchors_of(record.domain)
            if (anchor := anchor_that_signed(root, seen, anchors, self._rules(), at)) is not None:
                return record, anchor
        return None

    def _noting(self, record: TrustRecord, notice: str, by: str) -> _Change:
        """An anchor of the configuration is not written as approved: it shall end with its line in the file."""
        stored = self._records.get((record.fingerprint, record.domain))
        kept = replace(stored or replace(record, state=TrustState.PROPOSED), notice=notice, version=record.version + 1)
        change = self._changing(record, kept, TrustSource.WEBHOOK)
        told = replace(change.told[0], after=record.state, at=self._clock.now(), by=by, why=notice)
        return replace(change, told=(told,))

    def _changing(self, before: TrustRecord, after: TrustRecord, source: TrustSource) -> _Change:
        told = _told(after, before.state, source)
        if (before.fingerprint, before.domain) in self._records:
            return _Change(changed=(after,), told=(told,))
        return _Change(added=(replace(after, version=0),), told=(told,))

    async def _write(self, change: _Change) -> None:
        await self._store.write(TrustEntry(change.added, change.changed, change.told))
        self._records |= {(one.fingerprint, one.domain): one for one in (*change.added, *change.changed)}
        self._pool = self._build()
        for told in change.told:
            self._tell(told)

    def _build(self) -> TrustPool:
        records = self._records.values()
        return TrustPool.build(self._in_files, records, allow_test_pki=self._policy.allow_test_pki)

    def _find(self, fingerprint: Fingerprint, domain: TrustDomain) -> TrustRecord | None:
        record = self._records.get((fingerprint, domain))
        if record is not None:
            return self._effective(record)
        in_file = next((one for one in self._in_files.get(domain, ()) if one.fingerprint == fingerprint), None)
        return self._from_file(in_file, domain) if in_file is not None else None

    def _only(self, fingerprint: Fingerprint, domain: TrustDomain | None) -> TrustRecord:
        """Raises TrustRefused."""
        domains = tuple(TrustDomain) if domain is None else (domain,)
        found = [record for one in domains if (record := self._find(fingerprint, one)) is not None]
        if not found:
            where = f" for {domain.value}" if domain is not None else ""
            raise TrustRefused(
                fingerprint, f"no certificate with that fingerprint is known{where}; import it first", is_unknown=True
            )
        if len(found) > 1:
            words = ", ".join(record.domain.value for record in found)
            raise TrustRefused(fingerprint, f"it is known for {words}: say for which one")
        return found[0]

    def _effective(self, record: TrustRecord) -> TrustRecord:
        """An anchor of the configuration is one although it was proposed before; a decision against it wins."""
        in_file = record.certificate in self._configured.get(record.domain, frozenset())
        if not in_file or record.state is not TrustState.PROPOSED:
            return record
        return replace(record, state=TrustState.APPROVED, changed_by=TrustSource.CONFIGURATION.value)

    def _from_file(self, certificate: Certificate, domain: TrustDomain) -> TrustRecord:
        source, began = TrustSource.CONFIGURATION, self._began
        words = f"a file of trust.{domain.name.lower()}"
        return TrustRecord(certificate, domain, TrustState.APPROVED, source, words, began, began, source.value)


async def _nothing() -> None:
    """All that is wanted was done before."""


def _told(record: TrustRecord, before: TrustState | None, source: TrustSource) -> TrustChange:
    return TrustChange(
        fingerprint=record.fingerprint,
        domain=record.domain,
        before=before,
        after=record.state,
        source=source,
        at=record.changed_at,
        by=record.changed_by,
        # Where it came from explains a proposal. It is no reason of a person who gave none.
        why=record.why or (record.seen_from if source is not TrustSource.OPERATOR else ""),
    )
