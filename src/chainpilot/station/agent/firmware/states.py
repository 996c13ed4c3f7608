"""The states of a signed firmware update, in OCPP's words, and which follows which (use case L01, its state diagram).

    Idle -> DownloadScheduled -> Downloading -> Downloaded -> SignatureVerified -> InstallScheduled -> Installing
         -> InstallRebooting -> Installed

Scheduled states are left out where nothing has to be waited for. Pure; what happens in a state is `firmware`'s.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from chainpilot.errors import OwnError
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.wire.security import FirmwareStatus

__all__ = [
    "AFTER_RESTART",
    "ENDS",
    "EVENTS",
    "FAILURES",
    "FOLLOWING",
    "UNSTOPPABLE",
    "ImpossibleFirmwareStep",
    "check_step",
]

_S = FirmwareStatus

FOLLOWING: Final[Mapping[FirmwareStatus, frozenset[FirmwareStatus]]] = MappingProxyType(
    {
        _S.IDLE: frozenset({_S.DOWNLOAD_SCHEDULED, _S.DOWNLOADING}),
        _S.DOWNLOAD_SCHEDULED: frozenset({_S.DOWNLOADING}),
        _S.DOWNLOADING: frozenset({_S.DOWNLOADED, _S.DOWNLOAD_FAILED}),
        _S.DOWNLOADED: frozenset({_S.SIGNATURE_VERIFIED, _S.INVALID_SIGNATURE, _S.INSTALLATION_FAILED}),
        _S.SIGNATURE_VERIFIED: frozenset(
            {_S.INSTALL_SCHEDULED, _S.INSTALLING, _S.INVALID_SIGNATURE, _S.INSTALLATION_FAILED}
        ),
        _S.INSTALL_SCHEDULED: frozenset({_S.INSTALLING, _S.INVALID_SIGNATURE, _S.INSTALLATION_FAILED}),
        _S.INSTALLING: frozenset({_S.INSTALLED, _S.INSTALL_REBOOTING, _S.INSTALLATION_FAILED}),
        _S.INSTALL_REBOOTING: frozenset({_S.INSTALLED}),
        _S.INSTALLED: frozenset(),
        _S.DOWNLOAD_FAILED: frozenset(),
        _S.INVALID_SIGNATURE: frozenset(),
        _S.INSTALLATION_FAILED: frozenset(),
    }
)
"""What may follow a state. Idle is an order whose first state hasn't come yet; it is told to nobody.

DownloadPaused and InstallVerificationFailed are not used: nothing here has a reason to pause, and an installer that
finds its own fault with an image refuses it.
"""
ENDS: Final = frozenset(state for state, following in FOLLOWING.items() if not following)
"""After these the update is over."""
FAILURES: Final = ENDS - {_S.INSTALLED}
"""After these the station runs what it ran before."""
UNSTOPPABLE: Final = frozenset({_S.INSTALLING, _S.INSTALL_REBOOTING})
"""In these a new order can't cancel the update any more (L01.FR.27)."""
AFTER_RESTART: Final[Mapping[FirmwareStatus, FirmwareStatus]] = MappingProxyType(
    {_S.INSTALLING: _S.INSTALLATION_FAILED, _S.INSTALL_REBOOTING: _S.INSTALLED}
)
"""What a state becomes when the agent starts again; any other is gone on with, a download from its first byte.

An installation that was interrupted counts as failed, since nobody here knows whether it took place: the CSMS may order
it again, and what runs is told by BootNotification. One that had said it would reboot is done.
"""
EVENTS: Final[Mapping[FirmwareStatus, SecurityEventType]] = MappingProxyType(
    {
        _S.INVALID_SIGNATURE: SecurityEventType.INVALID_FIRMWARE_SIGNATURE,
        _S.INSTALLED: SecurityEventType.FIRMWARE_UPDATED,
    }
)
"""What entering a state tells besides (2.0.1: L01.FR.03, FR.31)."""


class ImpossibleFirmwareStep(OwnError):
    """An update was about to enter a state that doesn't follow its own; `state` is None where there is no update."""

    def __init__(self, state: FirmwareStatus | None, wanted: FirmwareStatus) -> None:
        super().__init__(f"{wanted.value} does not follow {'no update' if state is None else state.value}")
        self.state = state
        self.wanted = wanted


def check_step(state: FirmwareStatus | None, wanted: FirmwareStatus) -> None:
    """Raises ImpossibleFirmwareStep unless `wanted` may follow `state`."""
    if state is None or wanted not in FOLLOWING.get(state, frozenset()):
        raise ImpossibleFirmwareStep(state, wanted)
