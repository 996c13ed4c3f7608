"""Being there: BootNotification until the CSMS accepts the station, then heartbeats (OCPP B01 to B03, G02).

What a CSMS answers is read tolerantly: nothing it may say keeps a station from asking again. Only silence ends a
connection: MAX_SILENT messages in a row that nobody answers, while nothing else comes from the CSMS either.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from chainpilot.clock import Clock
from chainpilot.errors import ChainpilotError, UndecidedError
from chainpilot.link.faults import CallRefused, LinkClosed
from chainpilot.station.agent.ports import Line
from chainpilot.station.agent.settings.values import MAX_HEARTBEAT, Settings
from chainpilot.station.agent.waiting import sleep_or
from chainpilot.station.watch import Booted, StationWatch
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import Message, write_message
from chainpilot.wire.version import OcppVersion

__all__ = ["DEFAULT_INTERVAL", "MAX_INTERVAL", "MAX_SILENT", "Identity", "Presence", "Unanswered"]

DEFAULT_INTERVAL: Final = 300
"""Seconds between heartbeats, and before another boot, where the CSMS names none that makes sense."""
MAX_INTERVAL: Final = MAX_HEARTBEAT
"""Seconds: what a CSMS asks for in a boot's answer is done (use case B01), a longer time counts as this one."""
MAX_SILENT: Final = 3
"""Heartbeats, or boots, in a row without an answer and without any other frame: then the CSMS is gone."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """What a BootNotification says of the station."""

    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None


class Unanswered(UndecidedError):
    """The CSMS says nothing any more: the peer may be gone without a word, and the connection is to be made anew."""

    def __init__(self, action: str) -> None:
        super().__init__(f"the CSMS left {MAX_SILENT} {action} messages in a row unanswered, and said nothing else")


class Presence:
    """Boots and keeps in touch, over one connection after the other."""

    def __init__(
        self,
        identity: Identity,
        settings: Callable[[], Settings],
        *,
        clock: Clock,
        watch: StationWatch,
        heard: Callable[[datetime], None],
    ) -> None:
        """Say nothing yet.

        Args:
            identity: for BootNotification.
            settings: the present ones.
            clock: for the intervals.
            watch: told of every boot.
            heard: given the CSMS's time whenever it tells it, timezone-aware UTC.
        """
        self._identity = identity
        self._settings = settings
        self._clock = clock
        self._watch = watch
        self._heard = heard
        self._hurry = asyncio.Event()
        self._silent = 0
        """Messages since the last sign of life."""
        self.is_accepted = False
        """Whether the CSMS has accepted the station over the present connection."""
        self.reason = ocpp201.BootReason.POWER_UP
        """Why the next boot comes; a boot that was accepted leaves it at Unknown, since then only the line broke."""

    async def boot(self, line: Line) -> int:
        """Boot until accepted; answers the seconds between heartbeats. Raises LinkClosed or Unanswered."""
        self.is_accepted = False
        self.hear()
        while True:
            self._hurry.clear()
            word, interval = await self._boot_once(line)
            self._demand_life("BootNotification")
            if word == "Accepted":
                self.is_accepted = True
                return interval
            await sleep_or(self._clock, interval, self._hurry)

    async def boot_again(self, line: Line) -> None:
        """Boot now: the CSMS asked for it (F06). Raises LinkClosed."""
        if self.is_accepted:
            await self._boot_once(line, reason=ocpp201.BootReason.TRIGGERED)
        else:
            self._hurry.set()

    async def heartbeat(self, line: Line) -> None:
        """Say once that the station is there. Raises LinkClosed."""
        self._hear_time(await self._ask(line, ocpp16.Heartbeat()))  # 2.0.1 has the same one

    async def attend(self, line: Line, interval: int) -> None:
        """Heartbeats until the connection ends; raises LinkClosed then, or Unanswered."""
        while True:
            seconds = min(self._settings().heartbeat_interval or interval, MAX_INTERVAL)
            await self._clock.sleep_until(self._clock.monotonic() + seconds)
            await self.heartbeat(line)
            self._demand_life("Heartbeat")

    def hear(self) -> None:
        """Something came from the CSMS, whatever it was: it lives."""
        self._silent = 0

    def overhear_boot(self, answer: object) -> bool:
        """Take the answer to a BootNotification that the station's own software sent; whether it was Accepted."""
        word = self._heard_boot(answer if isinstance(answer, dict) else {})
        self.is_accepted = word == "Accepted"
        return self.is_accepted

    def overhear_heartbeat(self, answer: object) -> None:
        """Take the answer to a Heartbeat that the station's own software sent."""
        if isinstance(answer, dict):
            self._hear_time(answer)

    async def _boot_once(self, line: Line, *, reason: ocpp201.BootReason | None = None) -> tuple[str, int]:
        answer = await self._ask(line, self._boot_message(line.version, reason or self.reason))
        return self._heard_boot(answer), _interval(answer.get("interval"))

    def _heard_boot(self, answer: Mapping[str, Any]) -> str:
        self._hear_time(answer)
        word = _boot_word(answer)
        if word == "Accepted":
            self.reason = ocpp201.BootReason.UNKNOWN
        self._watch(Booted(accepted=word == "Accepted", status=word))
        return word

    def _boot_message(self, version: OcppVersion, reason: ocpp201.BootReason) -> Message:
        one = self._identity
        if version is OcppVersion.V16:
            return ocpp16.BootNotification(
                charge_point_vendor=one.vendor[:20],
                charge_point_model=one.model[:20],
                charge_point_serial_number=_cut(one.serial_number, 25),
                firmware_version=_cut(one.firmware_version, 50),
            )
        station = ocpp201.ChargingStation(
            model=one.model[:20],
            vendor_name=one.vendor[:50],
            serial_number=_cut(one.serial_number, 25),
            firmware_version=_cut(one.firmware_version, 50),
        )
        return ocpp201.BootNotification(station, reason)

    def _hear_time(self, answer: Mapping[str, Any]) -> None:
        try:
            told = msgspec.convert(answer.get("currentTime"), datetime)
        except msgspec.ValidationError:
            return
        self._heard(told if told.tzinfo is not None else told.replace(tzinfo=UTC))

    async def _ask(self, line: Line, message: Message) -> dict[str, Any]:
        """The answer's payload; empty when the CSMS refused or didn't answer. Raises LinkClosed."""
        self._silent += 1
        try:
            answer = await line.call(type(message).__name__, write_message(message))
        except LinkClosed:
            raise
        except ChainpilotError as error:
            _log.warning("%s", error)
            if isinstance(error, CallRefused):
                self.hear()
            return {}
        self.hear()
        return answer if isinstance(answer, dict) else {}

    def _demand_life(self, action: str) -> None:
        if self._silent >= MAX_SILENT:
            raise Unanswered(action)


def _boot_word(answer: Mapping[str, Any]) -> str:
    if not answer:
        return "no answer"
    return next(
        (word for word in ("Accepted", "Pending", "Rejected") if answer.get("status") == word), "not understood"
    )


def _interval(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return min(value, MAX_INTERVAL)
    return DEFAULT_INTERVAL


def _cut(text: str | None, limit: int) -> str | None:
    return text[:limit] if text else None
