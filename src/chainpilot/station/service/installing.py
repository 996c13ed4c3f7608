"""The commands that put certificates in and take them out, and the way to a new leaf."""

import logging
from collections.abc import Callable
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.keys import KeySpec
from chainpilot.station import enrolment, removal, succession, trust
from chainpilot.station.enrolment import Names
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    DeleteCertificateResult,
    DeleteOutcome,
    GetCertificateSignRequestResult,
    GetCertificateSignRequestStatus,
    InstallCertificateResult,
    InstallOutcome,
    LeafCertificateType,
)
from chainpilot.station.service.access import Access, read_member, read_named, read_text
from chainpilot.station.store import PendingCsr, requests
from chainpilot.station.vault import Change

__all__ = ["Installing"]

_ACCEPTED: Final = GetCertificateSignRequestStatus.ACCEPTED

_log = logging.getLogger(__name__)


class Installing(Access):
    """install, delete, update, and signing requests. What a command refuses is logged with its reason."""

    def install_ca_certificate(
        self, certificate: str, certificate_type: CaCertificateType | str
    ) -> InstallCertificateResult:
        """Add a trust anchor, or a sub-CA of one, to a domain."""
        return self.install_ca(certificate, certificate_type).result

    def install_ca(self, certificate: str, certificate_type: CaCertificateType | str) -> InstallOutcome:
        """install_ca_certificate with its reason."""
        kind = read_member(CaCertificateType, certificate_type)
        if kind is None:
            return _told("install_ca_certificate", _unknown_type(certificate_type))
        return self._install(
            "install_ca_certificate",
            lambda change: trust.install_ca(change, self._layout, read_text(certificate), kind, self._clock.now()),
        )

    def update_leaf_certificate(
        self, certificate_chain: str, certificate_type: LeafCertificateType | str
    ) -> InstallCertificateResult:
        """Install a leaf whose key is in the store; a PEM stack has the leaf first."""
        kind = read_member(LeafCertificateType, certificate_type)
        if kind is None:
            return _told("update_leaf_certificate", _unknown_type(certificate_type)).result
        return self.update_leaf(certificate_chain, kind).result

    def update_leaf(self, certificate_chain: str, certificate_type: LeafCertificateType | str | None) -> InstallOutcome:
        """update_leaf_certificate with its reason; without a type the leaf's key tells it."""
        kind = read_member(LeafCertificateType, certificate_type)
        if kind is None and certificate_type is not None:
            return _told("update_leaf_certificate", _unknown_type(certificate_type))
        return self._install(
            "update_leaf_certificate",
            lambda change: enrolment.complete(
                change, self._layout, read_text(certificate_chain), kind, self._clock.now()
            ),
        )

    def delete_certificate(self, certificate_hash_data: CertificateHashData) -> DeleteCertificateResult:
        """Remove a CA with its descendants, or an SECC leaf with its files and key."""
        return self.delete(certificate_hash_data).result

    def delete(self, certificate_hash_data: CertificateHashData) -> DeleteOutcome:
        """delete_certificate with its reason."""
        wanted = read_named(certificate_hash_data)
        if wanted is None:
            outcome = DeleteOutcome(DeleteCertificateResult.FAILED, "not hash data of a known algorithm")
        else:
            outcome = self._change(
                "delete_certificate",
                lambda change: removal.delete(change, self._layout, wanted),
                lambda why: DeleteOutcome(DeleteCertificateResult.FAILED, why),
                accepts=lambda answer: answer.result is DeleteCertificateResult.ACCEPTED,
            )
        if outcome.result is not DeleteCertificateResult.ACCEPTED:
            _log.warning("delete_certificate: %s, %r", outcome.result.value, outcome.reason)
        self._publish(outcome.updates)
        return outcome

    def csms_root_worked(self, anchor: Certificate) -> tuple[Certificate, ...]:
        """The CSMS has accepted the station over a connection verified up to `anchor`; answers the roots that went.

        With `additional_root_certificate_check` the roots that the newest CSMS root took over from go, once it is the
        one (OCPP M05.FR.13); whatever is told of another, nothing changes. What fails is logged, answers none, and is
        made up for at the next connection.
        """
        if not self._layout.config.additional_root_certificate_check:
            return ()
        command = "csms_root_worked"
        gone = self._look(command, lambda look: succession.fall_backs(look, self._layout, anchor), lambda _: ())
        if gone:
            gone = self._change(command, lambda change: succession.drop(change, self._layout, anchor), lambda _: ())
        if gone:
            operation = CertificateStoreUpdateOperation.DELETED
            self._publish((CertificateStoreUpdate(operation, ca_certificate_type=CaCertificateType.CSMS),))
        return gone

    def _install(self, command: str, flow: Callable[[Change], InstallOutcome]) -> InstallOutcome:
        outcome = self._change(
            command,
            flow,
            lambda why: InstallOutcome(InstallCertificateResult.WRITE_ERROR, why, is_disk_fault=True),
            accepts=lambda answer: answer.accepted,
        )
        if outcome.update is not None:
            self._publish((outcome.update,))
        return _told(command, outcome)

    def generate_certificate_signing_request(
        self,
        certificate_type: LeafCertificateType | str,
        country: str,
        organization: str,
        common: str,
        use_tpm: bool = False,  # noqa: FBT001, FBT002 - the interface's own argument
        *,
        key: KeySpec | None = None,
    ) -> GetCertificateSignRequestResult:
        """A new key and its request, or the request that is already open for that slot.

        `use_tpm` means the configured hardware provider; where there is none, it answers KeyGenError. `key` is the kind
        of key where it isn't to be the configured one.
        """
        kind = read_member(LeafCertificateType, certificate_type)
        if kind is None:
            status, why = GetCertificateSignRequestStatus.GENERATION_ERROR, f"{certificate_type!r:.60} is no leaf type"
            return GetCertificateSignRequestResult(status, reason=why)
        result = self._change(
            "generate_certificate_signing_request",
            lambda change: enrolment.begin(
                change,
                self._layout,
                kind,
                Names(read_text(country), read_text(organization), read_text(common)),
                self._clock.now(),
                key=key,
                in_hardware=use_tpm,
            ),
            lambda why: GetCertificateSignRequestResult(GetCertificateSignRequestStatus.GENERATION_ERROR, reason=why),
            accepts=lambda answer: answer.status is _ACCEPTED,
        )
        if result.status is not _ACCEPTED:
            _log.warning("generate_certificate_signing_request: %s, %r", result.status.value, result.reason)
        return result

    def open_requests(self) -> tuple[PendingCsr, ...]:
        """Signing requests whose certificate is still waited for, oldest first; none when the store can't be read.

        However old: the CA behind a CSMS may take days, and the same request is to be sent again meanwhile.
        """
        return self._look("open_requests", lambda look: requests.open_requests(look, self._layout), lambda _: ())

    def requests_waiting(self) -> tuple[PendingCsr, ...]:
        """`open_requests` for whoever must not take a store that can't be read for one without any.

        Raises:
            VaultError: the records can't be read.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            return requests.open_requests(look, self._layout)

    def mark_request(self, pending: PendingCsr, *, with_csms: bool) -> bool:
        """Note whether a CSMS has this request: handed over and not refused, it serves past its lifetime too.

        Answers whether its certificate is still waited for; True as well where that can't be read.
        """
        return self._change(
            "mark_request",
            lambda change: requests.mark(change, self._layout, pending.word, with_csms=with_csms),
            lambda _: True,
        )

    def give_up_request(self, pending: PendingCsr) -> None:
        """Send this request no more; its key stays for a while, and its certificate is still taken when it comes.

        What makes a new request for the same slot does so by itself.
        """
        self._change(
            "give_up_request",
            lambda change: requests.give_up(change, self._layout, pending.word, self._clock.now()),
            lambda _: None,
        )


def _unknown_type(value: object) -> InstallOutcome:
    return InstallOutcome(InstallCertificateResult.WRITE_ERROR, f"{value!r:.60} is no certificate type")


def _told(command: str, outcome: InstallOutcome) -> InstallOutcome:
    if not outcome.accepted:
        _log.warning("%s: %s, %r", command, outcome.result.value, outcome.reason)
    return outcome
