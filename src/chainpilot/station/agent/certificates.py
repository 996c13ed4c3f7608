"""What the CSMS does with the store over OCPP: CertificateSigned, InstallCertificate, DeleteCertificate, GetIds.

The store decides; here its results become OCPP's words, and what only a station with a connection knows is added: which
root the connection rests on (`roots`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.enrolment.signing import LEAF_TYPES_OF
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.ports import Report
from chainpilot.station.agent.roots import RootsInUse
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    DeleteCertificateResult,
    InstallCertificateResult,
    InstallOutcome,
)
from chainpilot.station.service import EvseSecurity
from chainpilot.station.watch import CertificateReceived, InventoryAsked, StationWatch
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    CertificateSignedRequest,
    CertificateSignedResponse,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
)
from chainpilot.wire.pnc.words import (
    CertificateUse,
    DeleteCertificateStatus,
    GenericStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
)

__all__ = ["CertificateDesk"]

_STORE_TYPES: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: CertificateType.V2G_ROOT_CERTIFICATE,
    CertificateUse.MO_ROOT_CERTIFICATE: CertificateType.MO_ROOT_CERTIFICATE,
    CertificateUse.CSMS_ROOT_CERTIFICATE: CertificateType.CSMS_ROOT_CERTIFICATE,
    CertificateUse.MANUFACTURER_ROOT_CERTIFICATE: CertificateType.MF_ROOT_CERTIFICATE,
    CertificateUse.V2G_CERTIFICATE_CHAIN: CertificateType.V2G_CERTIFICATE_CHAIN,
}
_WIRE_USES: Final = {kind: use for use, kind in _STORE_TYPES.items()}
_SUB_CA_TIERS: Final = {CertificateUse.CSO_SUB_CA1: 1, CertificateUse.CSO_SUB_CA2: 2}
"""OCPP 2.0's uses for the V2G intermediates (pnc-messages.md section 3 row 16); asked for by name only."""
_DOMAINS: Final = {
    CertificateUse.V2G_ROOT_CERTIFICATE: CaCertificateType.V2G,
    CertificateUse.MO_ROOT_CERTIFICATE: CaCertificateType.MO,
    CertificateUse.CSMS_ROOT_CERTIFICATE: CaCertificateType.CSMS,
    CertificateUse.MANUFACTURER_ROOT_CERTIFICATE: CaCertificateType.MF,
    CertificateUse.CSO_SUB_CA1: CaCertificateType.V2G,
    CertificateUse.CSO_SUB_CA2: CaCertificateType.V2G,
}
"""Where each use is kept; there is no bundle for vehicle makers' roots (OCPP 2.1)."""

_log = logging.getLogger(__name__)


class CertificateDesk:
    """Answers the CSMS's calls about certificates from the store."""

    def __init__(
        self,
        security: EvseSecurity,
        settings: Callable[[], Settings],
        roots: RootsInUse,
        report: Report,
        watch: StationWatch,
        *,
        why_untimed: Callable[[], str | None],
        asks_again_at: Callable[[LeafUse | None], Awaitable[datetime | None]],
    ) -> None:
        """Answer nothing yet.

        Args:
            security: the store.
            settings: the present ones.
            roots: what the connection rests on.
            report: told of what bears on security.
            watch: told of what the CSMS did.
            why_untimed: why the clock can't be trusted now; None: it can. Nothing is installed without it.
            asks_again_at: when a certificate for a use is asked for next by itself.
        """
        self._security = security
        self._settings = settings
        self._roots = roots
        self._report = report
        self._watch = watch
        self._why_untimed = why_untimed
        self._asks_again_at = asks_again_at
        self._changing = asyncio.Lock()
        """One change at a time: what a check of the roots saw must hold when the change is made."""

    async def take_leaf(self, signed: CertificateSignedRequest, dialect: Dialect) -> CertificateSignedResponse:
        """Verify and install a leaf with its chain; the old one stays until the new one is in force and worked."""
        use = _use_of(signed, dialect)
        if (why := self._why_untimed()) is not None:
            _log.warning("a certificate is not installed, since its validity can't be judged: %s", why)
            return CertificateSignedResponse(GenericStatus.REJECTED, "ClockNotTrusted")
        chain, limit = signed.certificate_chain, self._settings().certificate_signed_max_chain_size
        if len(chain) > limit:
            result = InstallCertificateResult.INVALID_FORMAT
            outcome = InstallOutcome(result, f"{len(chain)} characters; at most {limit} are taken")
        else:
            kind = LEAF_TYPES_OF[use] if use else None
            outcome = await asyncio.to_thread(self._security.update_leaf, chain, kind)
        again = None if outcome.accepted else await self._asks_again_at(use)
        self._watch(CertificateReceived(use, outcome.result, outcome.reason, again))
        if outcome.accepted:
            return CertificateSignedResponse(GenericStatus.ACCEPTED)
        if not outcome.is_disk_fault:  # the certificate may be good, and is taken when it comes again
            await self._report(
                SecurityEventType.INVALID_CHARGING_STATION_CERTIFICATE, f"{outcome.result.value}: {outcome.reason}"
            )
        return CertificateSignedResponse(GenericStatus.REJECTED, outcome.result.value)

    async def install(self, asked: InstallCertificateRequest) -> InstallCertificateResponse:
        """Trust a root, or keep a V2G sub-CA (OCPP M05)."""
        domain = _DOMAINS.get(asked.certificate_type)
        if domain is None:
            return InstallCertificateResponse(InstallCertificateStatus.REJECTED, "NoSuchStore")
        if (why := self._why_untimed()) is not None:
            _log.warning("a root is not installed, since its validity can't be judged: %s", why)
            return InstallCertificateResponse(InstallCertificateStatus.FAILED, "ClockNotTrusted")
        async with self._changing:
            outcome = await asyncio.to_thread(self._security.install_ca, asked.certificate, domain)
        if outcome.accepted:
            await self._report(
                SecurityEventType.RECONFIGURATION_OF_SECURITY_PARAMETERS, f"{asked.certificate_type.value} installed"
            )
            return InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)
        is_ours = outcome.result is InstallCertificateResult.WRITE_ERROR
        status = InstallCertificateStatus.FAILED if is_ours else InstallCertificateStatus.REJECTED
        return InstallCertificateResponse(status, outcome.result.value)

    async def delete(self, asked: DeleteCertificateRequest) -> DeleteCertificateResponse:
        """Remove a CA or an SECC leaf (OCPP M04); what the connection rests on stays."""
        status = DeleteCertificateStatus
        async with self._changing:
            if (why := await self._roots.objection_to_deleting(asked.certificate_hash_data)) is not None:
                _log.warning("a certificate is not deleted: %s", why)
                return DeleteCertificateResponse(status.FAILED, "InUse")
            outcome = await asyncio.to_thread(self._security.delete, asked.certificate_hash_data)
        if outcome.result is DeleteCertificateResult.ACCEPTED:
            await self._report(
                SecurityEventType.RECONFIGURATION_OF_SECURITY_PARAMETERS,
                f"certificate deleted, serial number {asked.certificate_hash_data.serial_number[:40]}",
            )
            return DeleteCertificateResponse(status.ACCEPTED)
        return DeleteCertificateResponse(status(outcome.result.value))

    async def list_installed(self, asked: GetInstalledCertificateIdsRequest) -> GetInstalledCertificateIdsResponse:
        """What is installed of those types, all of them if none is named (OCPP M03)."""
        uses = asked.certificate_types or tuple(_STORE_TYPES)
        chains = await asyncio.to_thread(self._installed, uses)
        self._watch(InventoryAsked(len(chains)))
        status = GetInstalledCertificateStatus.ACCEPTED if chains else GetInstalledCertificateStatus.NOT_FOUND
        return GetInstalledCertificateIdsResponse(status, chains)

    def _installed(self, uses: tuple[CertificateUse, ...]) -> tuple[CertificateHashDataChain, ...]:
        kinds = [_STORE_TYPES[use] for use in uses if use in _STORE_TYPES]
        listed = self._security.get_installed_certificates(kinds).certificate_hash_data_chain
        sub_cas = (
            CertificateHashDataChain(use, data)
            for use, tier in _SUB_CA_TIERS.items()
            if use in uses
            for data in self._security.get_installed_sub_cas(tier)
        )
        return (
            *(
                CertificateHashDataChain(
                    _WIRE_USES[chain.certificate_type], chain.certificate_hash_data, chain.child_certificate_hash_data
                )
                for chain in listed
            ),
            *sub_cas,
        )


def _use_of(signed: CertificateSignedRequest, dialect: Dialect) -> LeafUse | None:
    """What the message says; the whitepaper's own speaks of the client certificate alone.

    Elsewhere a use left out is told by the request whose key it is: 2.0.1's default, the client certificate, is what
    most peers mean who leave it out, and not all.
    """
    return LeafUse.CSMS if dialect is Dialect.S else signed.certificate_type
