"""The commands that judge certificates and tell what the store holds."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.pki.trust import TrustAnchors
from chainpilot.station import (
    contract_standing,
    file_signature,
    inventory,
    judgement,
    ocsp_cache,
    ocsp_requests,
    succession,
    verification_files,
)
from chainpilot.station.contract_standing import ContractStanding
from chainpilot.station.model import (
    CaCertificateType,
    CertificateInfo,
    CertificateType,
    CertificateValidationResult,
    EncodingFormat,
    Finding,
    GetCertificateFullInfoResult,
    GetCertificateInfoResult,
    GetCertificateInfoStatus,
    GetInstalledCertificatesResult,
    GetInstalledCertificatesStatus,
    LeafCertificateType,
    LeafExpiring,
    OcspKept,
    OCSPRequestDataList,
    ValidationOutcome,
)
from chainpilot.station.service.access import Access, members, read_member, read_text
from chainpilot.station.store import read_bundle
from chainpilot.station.vault import Change, VaultBusy, VaultError, VaultReadError

if TYPE_CHECKING:
    from chainpilot.station.checkup import Examination, Premises, Problem
    from chainpilot.station.snapshot import Snapshot

__all__ = ["Telling"]


class Telling(Access):
    """Everything that only reads; get_verify_file and get_verify_location may bring a copy up to date.

    What only people ask for is imported when they do: a third of the time that a station's command takes to start.
    """

    def verify_certificate(
        self, certificate_chain: str, certificate_types: Iterable[LeafCertificateType | str]
    ) -> CertificateValidationResult:
        """Judge a chain against the union of the anchors of those domains."""
        return self.validate(certificate_chain, certificate_types).result

    def validate(
        self, certificate_chain: str, certificate_types: Iterable[LeafCertificateType | str]
    ) -> ValidationOutcome:
        """verify_certificate with its reason."""
        kinds = members(LeafCertificateType, certificate_types)
        if kinds is None:
            return ValidationOutcome(CertificateValidationResult.UNKNOWN, "not a list of leaf types")
        return self._look(
            "verify_certificate",
            lambda look: judgement.validate(look, self._layout, read_text(certificate_chain), kinds, self._clock.now()),
            lambda why: ValidationOutcome(CertificateValidationResult.UNKNOWN, why),
        )

    def trust_anchors(self, certificate_type: CaCertificateType) -> TrustAnchors:
        """The anchors of a domain, with those that don't count and why.

        Raises:
            VaultError: the bundle can't be read.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            bundle = read_bundle(look, self._layout, certificate_type)
            return judgement.anchors_of(look, (bundle,), allow_test_pki=self._layout.config.allow_test_pki)

    def csms_roots(self) -> tuple[Certificate, ...]:
        """The anchors of the CSMS, the newest first, to be tried one after another (OCPP M05.FR.14).

        Each is an anchor by itself: a path ends there, signed by another root or not. What it is told of a connection
        that was accepted is `csms_root_worked`'s.

        Raises:
            VaultError: the bundle can't be read.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            return succession.csms_roots(look, self._layout)

    def csms_roots_named(self, certificate_hash_data: CertificateHashData) -> tuple[Certificate, ...]:
        """The anchors of the CSMS that would be deleted by that hash data.

        Raises:
            VaultError: the bundle can't be read.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            return succession.csms_roots_named(look, self._layout, certificate_hash_data)

    def get_installed_certificates(
        self, certificate_types: Iterable[CertificateType | str]
    ) -> GetInstalledCertificatesResult:
        """Hash data of what is installed, in the order of the types."""
        kinds = members(CertificateType, certificate_types)
        nothing = GetInstalledCertificatesResult(GetInstalledCertificatesStatus.NOT_FOUND)
        if kinds is None:
            return nothing
        return self._look(
            "get_installed_certificates",
            lambda look: inventory.installed_certificates(look, self._layout, kinds, self._clock.now()),
            lambda _: nothing,
        )

    def get_installed_sub_cas(self, tier: int) -> tuple[CertificateHashData, ...]:
        """Hash data of the V2G sub-CAs, kept in the bundle or installed with a leaf.

        Tier 1 is signed by a root, tier 2 further below: OCPP 2.0's CSOSubCA1 and CSOSubCA2.
        """
        return self._look(
            "get_installed_sub_cas",
            lambda look: inventory.installed_sub_cas(look, self._layout, tier, self._clock.now()),
            lambda _: (),
        )

    def get_leaf_certificate_info(
        self,
        certificate_type: LeafCertificateType | str,
        encoding: EncodingFormat | str = EncodingFormat.PEM,
        include_ocsp: bool = False,  # noqa: FBT001, FBT002 - the interface's own argument
        *,
        common_name: str | None = None,
    ) -> GetCertificateInfoResult:
        """Paths of the leaf in use and of its key.

        `common_name` asks for the leaf of one EVSE where it isn't the configured one; "" is any.
        """
        kind, form = read_member(LeafCertificateType, certificate_type), read_member(EncodingFormat, encoding)
        if kind is None or form is None:
            return GetCertificateInfoResult(GetCertificateInfoStatus.REJECTED, reason="an unknown type or encoding")
        return self._look(
            "get_leaf_certificate_info",
            lambda look: inventory.leaf_info(
                look,
                self._layout,
                kind,
                self._clock.now(),
                encoding=form,
                include_ocsp=include_ocsp,
                common_name=common_name,
            ),
            lambda why: GetCertificateInfoResult(GetCertificateInfoStatus.NOT_FOUND, reason=why),
        )

    def get_all_valid_certificates_info(
        self,
        certificate_type: LeafCertificateType | str,
        encoding: EncodingFormat | str = EncodingFormat.PEM,
        include_ocsp: bool = False,  # noqa: FBT001, FBT002 - the interface's own argument
    ) -> GetCertificateFullInfoResult:
        """Paths of the newest valid leaf per root, each with its root's PEM."""
        kind, form = read_member(LeafCertificateType, certificate_type), read_member(EncodingFormat, encoding)
        if kind is None or form is None:
            return GetCertificateFullInfoResult(GetCertificateInfoStatus.REJECTED, (), "an unknown type or encoding")
        return self._look(
            "get_all_valid_certificates_info",
            lambda look: inventory.all_valid_infos(
                look, self._layout, kind, self._clock.now(), encoding=form, include_ocsp=include_ocsp
            ),
            lambda why: GetCertificateFullInfoResult(GetCertificateInfoStatus.NOT_FOUND, (), why),
        )

    def usable_leaves(self, certificate_type: LeafCertificateType) -> tuple[CertificateInfo, ...]:
        """The leaf in use, then the other valid ones that have a key, the newest first.

        A client certificate that the CSMS doesn't take has its predecessor to fall back to.
        """
        return self._look(
            "usable_leaves",
            lambda look: inventory.usable_infos(look, self._layout, certificate_type, self._clock.now()),
            lambda _: (),
        )

    def has_leaf(self, certificate_type: LeafCertificateType) -> bool:
        """Whether a leaf of that domain has its key and hasn't ended, be it one that begins later.

        Raises:
            VaultError: the store can't be read; that is not the same as none.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            return inventory.has_leaf(look, self._layout, certificate_type, self._clock.now())

    def get_leaf_expiry_days_count(self, certificate_type: LeafCertificateType | str) -> int:
        """Whole days until the leaf in use ends; 0 when there is none."""
        kind = read_member(LeafCertificateType, certificate_type)
        if kind is None:
            return 0
        return self._look(
            "get_leaf_expiry_days_count",
            lambda look: inventory.expiry_days(look, self._layout, kind, self._clock.now()),
            lambda _: 0,
        )

    def leaves_due(self, before: datetime) -> tuple[LeafExpiring, ...]:
        """The leaf slots whose latest leaf ends before that moment (timezone-aware), the earliest first."""
        return self._look("leaves_due", lambda look: inventory.leaves_due(look, self._layout, before), lambda _: ())

    def get_v2g_ocsp_request_data(self) -> OCSPRequestDataList:
        """Every SECC leaf and its sub-CAs, with the responder to ask about each."""
        return self._look(
            "get_v2g_ocsp_request_data",
            lambda look: ocsp_requests.v2g_request_data(look, self._layout, self._clock.now()),
            lambda why: OCSPRequestDataList((), (why,)),
        )

    def get_mo_ocsp_request_data(self, certificate_chain: str) -> OCSPRequestDataList:
        """A contract leaf and its sub-CAs, when the chain leads to a V2G or MO anchor."""
        return self._look(
            "get_mo_ocsp_request_data",
            lambda look: ocsp_requests.mo_request_data(
                look, self._layout, read_text(certificate_chain), self._clock.now()
            ),
            lambda why: OCSPRequestDataList((), (why,)),
        )

    def contract_standing(self, certificate_chain: str) -> ContractStanding:
        """A contract's chain judged against the anchors of MO and V2G, and what a CSMS is to be asked of it."""
        return self._look(
            "contract_standing",
            lambda look: contract_standing.standing_of(
                look, self._layout, read_text(certificate_chain), self._clock.now()
            ),
            lambda why: ContractStanding(ValidationOutcome(CertificateValidationResult.UNKNOWN, why)),
        )

    def ocsp_standing(self) -> tuple[OcspKept, ...]:
        """The kept answers that hold about what get_v2g_ocsp_request_data asks for; what is missing there has none."""
        return self._look(
            "ocsp_standing",
            lambda look: ocsp_cache.standing(look, self._layout, self._clock.now()),
            lambda _: (),
        )

    def is_ca_certificate_installed(self, certificate_type: CaCertificateType | str) -> bool:
        """Whether a domain has an anchor that counts and is valid now."""
        kind = read_member(CaCertificateType, certificate_type)
        if kind is None:
            return False
        return self._look(
            "is_ca_certificate_installed",
            lambda look: inventory.has_valid_ca(look, self._layout, kind, self._clock.now()),
            lambda _: False,
        )

    def get_verify_file(self, certificate_type: CaCertificateType | str) -> str:
        """Path of a PEM file with the domain's anchors; "" when no anchor counts and is valid.

        A bundle file in which everything counts is answered itself. Of one that is a directory, or holds what a program
        that reads the file would trust and the store doesn't, a copy of the anchors is kept in the state directory and
        brought up to date at every call; siblings under another user reach it by the configured group.
        """
        return self._verify_path("get_verify_file", certificate_type, verification_files.verify_file)

    def get_verify_location(self, certificate_type: CaCertificateType | str) -> str:
        """Path of a bundle file, or of a directory with OpenSSL's hash links; "" when no anchor counts and is valid.

        Links are made in a bundle's own directory where everything in it counts, else in a copy (see get_verify_file).
        """
        return self._verify_path("get_verify_location", certificate_type, verification_files.verify_location)

    def _verify_path(
        self, command: str, certificate_type: CaCertificateType | str, plan: verification_files.Plan
    ) -> str:
        kind = read_member(CaCertificateType, certificate_type)
        if kind is None:
            return ""
        found = self._look(command, lambda look: plan(look, self._layout, kind, self._clock.now()), lambda _: None)
        if found is not None and not found.is_right:
            found = self._change(command, lambda change: self._written(change, kind, plan), lambda _: None)
        return str(found.path) if found is not None else ""

    def _written(
        self, change: Change, kind: CaCertificateType, plan: verification_files.Plan
    ) -> verification_files.VerifyPath | None:
        """Planned anew: what was looked at before the lock was taken may have changed."""
        found = plan(change, self._layout, kind, self._clock.now())
        if found is not None:
            found.stage(change)
        return found

    def verify_file_signature(self, file_path: str, signing_certificate: str, signature: str) -> bool:
        """Whether a base64 signature over the file (SHA-256; RSA of either padding, or ECDSA) is the certificate's.

        Whether the signer may sign firmware is verify_certificate's to say, in the domain MF.
        """
        return file_signature.holds(read_text(file_path), read_text(signing_certificate), read_text(signature))

    def findings(self) -> tuple[Finding, ...]:
        """What in the store is passed over, and why: broken files, leaves without a key, anchors that don't count.

        Raises:
            VaultError: the store can't be read at all.
            VaultBusy: a change took too long.
        """
        with self._vault.look() as look:
            return inventory.findings(look, self._layout)

    def snapshot(self, *, detailed: bool = False) -> "Snapshot":
        """Everything the store holds at one moment; `detailed` adds OCSP standing, key places, findings and surplus.

        Raises:
            VaultError: the store can't be read at all.
            VaultBusy: a change took too long.
        """
        from chainpilot.station.snapshot import take  # noqa: PLC0415 - see the class

        with self._vault.look() as look:
            return take(look, self._layout, self._clock.now(), detailed=detailed)

    def checkup(self) -> "tuple[Problem, ...]":
        """Every problem of the store, the worst first: what was seen, why it matters, what to do."""
        return self.examination().problems

    def examination(self, premises: "Premises | None" = None) -> "Examination":
        """The problems of `checkup` with how much was looked at; a store that can't be read at all is a problem too.

        `premises` tells of owners, mounts and room on the disk; None are this machine's.
        """
        from chainpilot.station import checkup  # noqa: PLC0415 - see the class

        try:
            with self._vault.look() as look:
                return checkup.examine(look, self._layout, self._clock.now(), premises or checkup.OS_PREMISES)
        except VaultBusy as error:
            return checkup.Examination((checkup.of_busy(self._layout, error),))
        except VaultReadError as error:
            return checkup.Examination((checkup.of_unlocked(self._layout, error),))
        except VaultError as error:
            return checkup.Examination((checkup.of_stuck(self._layout, error),))
