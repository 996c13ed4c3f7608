"""The evse_security commands, one method each (seed 000, station-store.md section 1).

Synchronous and thread-safe: an event loop calls it by `to_thread`. Here time is read, locks are taken, failures of the
disk become the command's own word, and updates are published; what is decided stands in the flows. delete_certificate
and the OCSP commands are not here yet.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Final

from chainpilot.clock import SYSTEM, Clock
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import VerifiedChain
from chainpilot.station import enrolment, inventory, trust
from chainpilot.station.enrolment import Names
from chainpilot.station.events import StoreUpdates, Subscriber
from chainpilot.station.judgement import StackRefusal, anchors_of, judge, read_stack
from chainpilot.station.layout import Layout, StoreConfig
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    CertificateValidationResult,
    EncodingFormat,
    Finding,
    GetCertificateInfoResult,
    GetCertificateInfoStatus,
    GetCertificateSignRequestResult,
    GetCertificateSignRequestStatus,
    GetInstalledCertificatesResult,
    GetInstalledCertificatesStatus,
    InstallCertificateResult,
    InstallOutcome,
    LeafCertificateType,
    ValidationOutcome,
)
from chainpilot.station.store import PendingCsr, read_bundle, requests
from chainpilot.station.vault import OS_FILES, Change, FileOperations, Modes, Vault, VaultBusy, VaultError

__all__ = ["EvseSecurity"]

_log = logging.getLogger(__name__)

_VALIDATED_BY: Final = {kind: CaCertificateType(kind.value) for kind in LeafCertificateType}
"""A leaf's domain has the name of its anchors' domain."""


class EvseSecurity:
    """A station's certificate and key store.

    Any number of threads and processes may use one directory at once. What a command refuses is logged with its
    reason; `install_ca`, `update_leaf` and `validate` answer the reason too.
    """

    def __init__(self, config: StoreConfig, *, clock: Clock = SYSTEM, files: FileOperations = OS_FILES) -> None:
        """Open a store; nothing is read or written yet.

        Args:
            config: the paths and limits.
            clock: asked once for each command that judges times; its monotonic time bounds the waits for others.
            files: the single file operations; tests stop a change after any of them.

        Raises:
            StoreConfigError: the configuration makes no store.
        """
        self._layout = Layout.of(config)
        self._clock = clock
        self._updates = StoreUpdates()
        self._vault = Vault(
            self._layout.root,
            self._layout.state,
            swept=self._layout.written_directories,
            modes=Modes(key=config.key_mode, certificate=config.certificate_mode, group=config.group),
            lock_timeout=config.lock_timeout_seconds,
            max_file_bytes=config.max_file_bytes,
            files=files,
            clock=clock,
        )

    @property
    def layout(self) -> Layout:
        """Where its files lie."""
        return self._layout

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Tell `subscriber` of every certificate_store_update made through this object; answers what ends that.

        It is called in the thread that made the change, after the files are final and with no lock held.
        """
        return self._updates.subscribe(subscriber)

    # Installing

    def install_ca_certificate(self, certificate: str, certificate_type: CaCertificateType) -> InstallCertificateResult:
        """Add a trust anchor, or a sub-CA of one, to a domain."""
        return self.install_ca(certificate, certificate_type).result

    def install_ca(self, certificate: str, certificate_type: CaCertificateType) -> InstallOutcome:
        """install_ca_certificate with its reason."""

        def flow(change: Change) -> InstallOutcome:
            at = self._clock.now()
            return trust.install_ca(change, self._layout, certificate, certificate_type, at)

        return self._install("install_ca_certificate", flow)

    def update_leaf_certificate(
        self, certificate_chain: str, certificate_type: LeafCertificateType
    ) -> InstallCertificateResult:
        """Install a leaf whose key is in the store; a PEM stack has the leaf first."""
        return self.update_leaf(certificate_chain, certificate_type).result

    def update_leaf(self, certificate_chain: str, certificate_type: LeafCertificateType | None) -> InstallOutcome:
        """update_leaf_certificate with its reason; without a type the leaf's key tells it."""

        def flow(change: Change) -> InstallOutcome:
            at = self._clock.now()
            return enrolment.complete(change, self._layout, certificate_chain, certificate_type, at)

        return self._install("update_leaf_certificate", flow)

    def _install(self, command: str, flow: Callable[[Change], InstallOutcome]) -> InstallOutcome:
        try:
            with self._vault.change() as change:
                outcome = flow(change)
                if outcome.accepted:
                    change.commit()
        except (VaultError, VaultBusy) as error:
            outcome = InstallOutcome(InstallCertificateResult.WRITE_ERROR, str(error))
        if not outcome.accepted:
            _log.warning("%s: %s, %r", command, outcome.result.value, outcome.reason)
        if outcome.update is not None:
            self._updates.publish(outcome.update)
        return outcome

    # Signing requests

    def generate_certificate_signing_request(
        self,
        certificate_type: LeafCertificateType,
        country: str,
        organization: str,
        common: str,
        use_tpm: bool = False,  # noqa: FBT001, FBT002 - the interface's own argument
    ) -> GetCertificateSignRequestResult:
        """A new key and its request, or the request that is already open for that use and common name.

        `use_tpm` means the configured hardware provider; there is none, so it answers KeyGenError.
        """
        if use_tpm:
            why = "no hardware provider is configured"
            return GetCertificateSignRequestResult(GetCertificateSignRequestStatus.KEY_GEN_ERROR, reason=why)
        names = Names(country, organization, common)
        try:
            with self._vault.change() as change:
                result = enrolment.begin(change, self._layout, certificate_type, names, self._clock.now())
                if result.status is GetCertificateSignRequestStatus.ACCEPTED:
                    change.commit()
        except (VaultError, VaultBusy) as error:
            status = GetCertificateSignRequestStatus.GENERATION_ERROR
            result = GetCertificateSignRequestResult(status, reason=str(error))
        if result.status is not GetCertificateSignRequestStatus.ACCEPTED:
            _log.warning("generate_certificate_signing_request: %s, %r", result.status.value, result.reason)
        return result

    def open_requests(self) -> tuple[PendingCsr, ...]:
        """Signing requests whose certificate is still waited for, oldest first; none when the store can't be read.

        However old: the CA behind a CSMS may take days, and the same request is to be sent again meanwhile.
        """
        try:
            with self._vault.look() as look:
                return requests.open_requests(look, self._layout)
        except (VaultError, VaultBusy) as error:
            _log.warning("open_requests: %s", error)
            return ()

    def mark_request(self, pending: PendingCsr, *, with_csms: bool) -> None:
        """Note whether a CSMS has this request: handed over and not refused, it serves past its lifetime too."""

        def flow(change: Change) -> None:
            requests.mark(change, self._layout, pending.word, with_csms=with_csms)

        self._tend("mark_request", flow)

    def run_housekeeping(self) -> None:
        """Remove superseded and answered signing requests past their lifetime, and keys that only those needed.

        Never a key that a certificate uses, and never an open request. There is no thread of its own: whoever runs the
        store calls it, at start and after new requests say. What fails is logged and left to the next time.
        """
        try:
            with self._vault.look() as look:
                is_tidy = not requests.collectable(look, self._layout, self._clock.now())
        except (VaultError, VaultBusy) as error:
            _log.warning("run_housekeeping: %s", error)
            return
        if not is_tidy:
            self._tend("run_housekeeping", lambda change: requests.collect(change, self._layout, self._clock.now()))

    def _tend(self, command: str, flow: Callable[[Change], None]) -> None:
        try:
            with self._vault.change() as change:
                flow(change)
                change.commit()
        except (VaultError, VaultBusy) as error:
            _log.warning("%s: %s", command, error)

    # Judging

    def verify_certificate(
        self, certificate_chain: str, certificate_types: Iterable[LeafCertificateType]
    ) -> CertificateValidationResult:
        """Judge a chain against the union of the anchors of those domains."""
        return self.validate(certificate_chain, certificate_types).result

    def validate(self, certificate_chain: str, certificate_types: Iterable[LeafCertificateType]) -> ValidationOutcome:
        """verify_certificate with its reason."""
        chain = read_stack(certificate_chain)
        if isinstance(chain, StackRefusal):
            return chain.outcome
        domains = dict.fromkeys(_VALIDATED_BY[kind] for kind in certificate_types)
        try:
            with self._vault.look() as look:
                bundles = tuple(read_bundle(look, self._layout, domain) for domain in domains)
        except (VaultError, VaultBusy) as error:
            return ValidationOutcome(CertificateValidationResult.UNKNOWN, str(error))
        verdict = judge(chain, bundles, self._clock.now(), allow_test_pki=self._layout.config.allow_test_pki)
        if isinstance(verdict, VerifiedChain):
            return ValidationOutcome(CertificateValidationResult.VALID)
        return verdict

    def trust_anchors(self, certificate_type: CaCertificateType) -> TrustAnchors:
        """The anchors of a domain, with those that don't count and why.

        Raises:
            VaultError: the bundle can't be read.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            bundle = read_bundle(look, self._layout, certificate_type)
        return anchors_of((bundle,), allow_test_pki=self._layout.config.allow_test_pki)

    # Telling

    def get_installed_certificates(
        self, certificate_types: Iterable[CertificateType]
    ) -> GetInstalledCertificatesResult:
        """Hash data of what is installed, in the order of the types."""
        try:
            with self._vault.look() as look:
                return inventory.installed_certificates(look, self._layout, certificate_types, self._clock.now())
        except (VaultError, VaultBusy) as error:
            _log.warning("get_installed_certificates: %s", error)
            return GetInstalledCertificatesResult(GetInstalledCertificatesStatus.NOT_FOUND)

    def get_installed_sub_cas(self, tier: int) -> tuple[CertificateHashData, ...]:
        """Hash data of the V2G sub-CAs, kept in the bundle or installed with a leaf.

        Tier 1 is signed by a root, tier 2 further below: OCPP 2.0's CSOSubCA1 and CSOSubCA2.
        """
        try:
            with self._vault.look() as look:
                return inventory.installed_sub_cas(look, self._layout, tier, self._clock.now())
        except (VaultError, VaultBusy) as error:
            _log.warning("get_installed_sub_cas: %s", error)
            return ()

    def get_leaf_certificate_info(
        self,
        certificate_type: LeafCertificateType,
        encoding: EncodingFormat = EncodingFormat.PEM,
        include_ocsp: bool = False,  # noqa: FBT001, FBT002 - the interface's own argument
    ) -> GetCertificateInfoResult:
        """Paths of the leaf in use and of its key; the store writes PEM, so a leaf in DER is never found."""
        if encoding is EncodingFormat.DER and certificate_type in self._layout.leaves:
            return GetCertificateInfoResult(GetCertificateInfoStatus.NOT_FOUND, reason="the store keeps PEM files")
        try:
            with self._vault.look() as look:
                return inventory.leaf_info(
                    look, self._layout, certificate_type, self._clock.now(), include_ocsp=include_ocsp
                )
        except (VaultError, VaultBusy) as error:
            return GetCertificateInfoResult(GetCertificateInfoStatus.NOT_FOUND, reason=str(error))

    def is_ca_certificate_installed(self, certificate_type: CaCertificateType) -> bool:
        """Whether a domain has an anchor that counts and is valid now."""
        try:
            with self._vault.look() as look:
                bundle = read_bundle(look, self._layout, certificate_type)
        except (VaultError, VaultBusy):
            return False
        return inventory.has_valid_ca(bundle, self._layout, self._clock.now())

    def get_verify_file(self, certificate_type: CaCertificateType) -> str:
        """Path of a PEM file with the domain's anchors; "" when no anchor counts and is valid.

        A bundle file in which everything counts is answered itself. Of one that is a directory, or holds what a program
        that reads the file would trust and the store doesn't, a copy of the anchors is kept in the state directory and
        brought up to date at every call; siblings under another user reach it by the configured group.
        """
        try:
            with self._vault.look() as look:
                bundle = read_bundle(look, self._layout, certificate_type)
                if not inventory.has_valid_ca(bundle, self._layout, self._clock.now()):
                    return ""
                if inventory.is_fit_for_others(bundle, self._layout):
                    return str(bundle.path)
            return self._write_verify_file(certificate_type)
        except (VaultError, VaultBusy) as error:
            _log.warning("get_verify_file: %s", error)
            return ""

    def _write_verify_file(self, certificate_type: CaCertificateType) -> str:
        path = self._layout.verify_file(certificate_type)
        with self._vault.change() as change:
            bundle = read_bundle(change, self._layout, certificate_type)
            text = inventory.verification_bundle(bundle, self._layout).encode("ascii")
            if change.read(path) != text:
                change.put(path, text)
                change.commit()
        return str(path)

    def findings(self) -> tuple[Finding, ...]:
        """What in the store is passed over, and why: broken files, leaves without a key, anchors that don't count.

        Raises:
            VaultError: the store can't be read at all.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            return inventory.findings(look, self._layout)
