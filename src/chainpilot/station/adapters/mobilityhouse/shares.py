"""Whose a call of the CSMS is, where the agent shares a connection with a station's own software. Pure.

A call that is of one piece is the station's where its class has a handler for it. What carries several things
(triggers, DataTransfer, logs, settings) is judged by what is in it: the agent's part is the agent's also where the
station has a handler, and everything else is the station's. Dividing one call between both is `settings_parts`'.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.errors import OwnError
from chainpilot.station.adapters.mobilityhouse import settings_parts
from chainpilot.station.agent.settings.keys import TABLE
from chainpilot.wire.pnc.codec import DATA_TRANSFER, DecodedRequest, decode_request
from chainpilot.wire.pnc.messages import TriggerMessageRequest
from chainpilot.wire.pnc.tables import VENDOR_IDS
from chainpilot.wire.pnc.words import MessageTrigger
from chainpilot.wire.security import LogType
from chainpilot.wire.version import OcppVersion

__all__ = ["ACTIONS", "SETTINGS", "Claim", "Shares", "SharesError", "claim"]

_ALIKE: Final = frozenset(
    {
        "CertificateSigned",
        "DataTransfer",
        "DeleteCertificate",
        "GetInstalledCertificateIds",
        "GetLog",
        "InstallCertificate",
        "Reset",
    }
)
_KNOWN: Final[Mapping[OcppVersion, frozenset[str]]] = {
    OcppVersion.V16: _ALIKE
    | {"ChangeConfiguration", "ExtendedTriggerMessage", "GetConfiguration", "SignedUpdateFirmware"},
    OcppVersion.V201: _ALIKE
    | {"GetVariables", "SetNetworkProfile", "SetVariables", "TriggerMessage", "UpdateFirmware"},
}
"""What the agent can answer. 1.6's UpdateFirmware has no signature, and its TriggerMessage asks for nothing of ours."""
ACTIONS: Final = frozenset().union(*_KNOWN.values()) - {"Reset", "SetNetworkProfile"}
"""What the agent answers unless it is told otherwise: all it can, but for starting again and where the CSMS is."""
SETTINGS: Final = frozenset(
    {
        "additional_root_certificate_check",
        "cert_signing_repeat_times",
        "cert_signing_wait_minimum",
        "central_contract_validation_allowed",
        "certificate_signed_max_chain_size",
        "certificate_store_max_length",
        "contract_certificate_installation_enabled",
        "contract_validation_offline",
        "country",
        "installed_certificates",
        "organisation",
        "pnc_enabled",
        "secc_id",
        "v2g_certificate_installation_enabled",
    }
)
"""The settings that a CSMS finds with the agent unless it is told otherwise: those of certificates and ISO 15118. What
the connection rests on (password, profile, networks, intervals) is the station's, which dials."""
_SIGNING: Final = frozenset({MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE, MessageTrigger.SIGN_V2G_CERTIFICATE})
_LENT: Final = frozenset(
    {
        MessageTrigger.FIRMWARE_STATUS_NOTIFICATION,
        MessageTrigger.LOG_STATUS_NOTIFICATION,
        MessageTrigger.SIGN_COMBINED_CERTIFICATE,
    }
)
"""Triggers that the agent answers where the station has no handler. The others it could only refuse, or would follow
with a message that the station knows better."""
_VENDORS: Final = frozenset(vendor.lower() for vendor in VENDOR_IDS)


class SharesError(OwnError):
    """The agent can't take that over; `why` says it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What of the CSMS's calls goes to the agent; the rest goes to the station's own software as it came.

    Raises:
        SharesError: the agent knows no such action or setting.
    """

    actions: frozenset[str] = ACTIONS
    """That the agent answers, or its part of."""
    over_own: frozenset[str] = frozenset()
    """Those of them that it answers as if the station's class had no handler for them."""
    settings: frozenset[str] = SETTINGS
    """Rows of `agent.keys.TABLE` by name, most of them attributes of `agent.settings.Settings`."""

    def __post_init__(self) -> None:
        known = frozenset().union(*_KNOWN.values())
        if stray := sorted((self.actions | self.over_own) - known):
            raise SharesError(f"the agent answers no {', '.join(stray)}; it knows {', '.join(sorted(known))}")
        if stray := sorted(self.settings - {setting.name for setting in TABLE}):
            raise SharesError(f"the agent has no setting {', '.join(stray)}")


class Claim(Enum):
    """How much of a call is the agent's."""

    NOTHING = "nothing"
    ALL = "all"
    SETTINGS = "settings"
    """It is about settings: `settings_parts` divides it."""


def claim(version: OcppVersion, action: str, payload: object, shares: Shares, *, is_handled: bool) -> Claim:
    """How much of that call is the agent's; `is_handled`: the station's class has a handler for the action."""
    if action not in shares.actions or action not in _KNOWN.get(version, ()):
        return Claim.NOTHING
    is_handled = is_handled and action not in shares.over_own
    if action in settings_parts.ACTIONS:
        return _claim_settings(version, action, payload, shares, is_handled=is_handled)
    is_ours = _OURS.get(action)
    if is_ours is None:
        return Claim.NOTHING if is_handled else Claim.ALL
    return Claim.ALL if is_ours(version, action, payload, is_handled) else Claim.NOTHING


def _claim_settings(version: OcppVersion, action: str, payload: object, shares: Shares, *, is_handled: bool) -> Claim:
    if not is_handled:
        return Claim.SETTINGS
    divided = settings_parts.divide(version, action, payload, shares.settings)
    return Claim.SETTINGS if divided is not None and divided.ours is not None else Claim.NOTHING


def _is_signing_trigger(version: OcppVersion, action: str, payload: object, is_handled: bool) -> bool:  # noqa: FBT001 - one shape for all
    decoded = decode_request(action, payload, version)
    if not isinstance(decoded, DecodedRequest) or not isinstance(decoded.request, TriggerMessageRequest):
        return False
    wanted = decoded.request.requested_message
    return wanted in _SIGNING or (wanted in _LENT and not is_handled)


def _is_our_vendor(version: OcppVersion, action: str, payload: object, is_handled: bool) -> bool:  # noqa: FBT001 - one shape for all
    """2.0.1 has messages of its own for what 1.6 carries so. A vendor that nobody knows is told so by the agent."""
    del action
    vendor = payload.get("vendorId") if isinstance(payload, dict) else None
    is_ours = version is OcppVersion.V16 and isinstance(vendor, str) and vendor.lower() in _VENDORS
    return is_ours or not is_handled


def _is_our_log(version: OcppVersion, action: str, payload: object, is_handled: bool) -> bool:  # noqa: FBT001 - one shape for all
    del version, action
    kind = payload.get("logType") if isinstance(payload, dict) else None
    return kind == LogType.SECURITY_LOG.value or not is_handled


_OURS: Final[Mapping[str, Callable[[OcppVersion, str, object, bool], bool]]] = {
    "ExtendedTriggerMessage": _is_signing_trigger,
    "TriggerMessage": _is_signing_trigger,
    DATA_TRANSFER: _is_our_vendor,
    "GetLog": _is_our_log,
}
"""Calls whose content decides."""
