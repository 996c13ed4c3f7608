"""A scene for firmware updates in tests: a manufacturer with its root, openssl's signatures, a station that may die."""

import asyncio
import base64
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from agents_firmware import HandTransfers, HeardLine, KeptMemory, KeptReport, PowerCut, StubbornInstaller
from certs import FROM, UNTIL, key_pem, root
from chainpilot.link.faults import LinkClosed
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.station import EvseSecurity
from chainpilot.station.agent.firmware.updates import FirmwareUpdates
from chainpilot.station.agent.ports import FirmwareInstaller, Transfers
from chainpilot.station.model import CaCertificateType
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import write_message
from chainpilot.wire.version import OcppVersion
from clocks import SetClock
from forge import Forged, forge
from stock import openssl, put
from stores import open_store

__all__ = ["IMAGE", "NOON", "Manufacturer", "Station", "order_for"]

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
IMAGE = bytes(range(256)) * 1000


@dataclass
class Manufacturer:
    """Who signs firmware."""

    root: Forged
    signer: Forged
    directory: Path

    @classmethod
    def made(cls, directory: Path, spec: KeySpec = KeySpec.P256, **changes: Any) -> "Manufacturer":
        """A root and the certificate that signs, which is issued by it."""
        top = root("MF Root")
        arguments: dict[str, Any] = {
            "key": generate_private_key(spec),
            "begin": FROM,
            "end": UNTIL,
            "eku": (ExtendedKeyUsageOID.CODE_SIGNING,),
        }
        return cls(top, forge("Firmware Signer", top, **(arguments | changes)), directory)

    def signature(self, image: bytes = IMAGE) -> str:
        """What openssl signs, as base64."""
        key = put(self.directory / "signer.key", key_pem(self.signer.key))
        file = put(self.directory / "signed.bin", image)
        openssl("dgst", "-sha256", "-sign", key, "-out", self.directory / "signed.sig", file)
        return base64.b64encode((self.directory / "signed.sig").read_bytes()).decode()

    def store(self, directory: Path, clock: SetClock, **settings: Any) -> EvseSecurity:
        """A store that trusts the root."""
        store = open_store(directory, clock=clock, **settings)
        store.install_ca_certificate(self.root.certificate.to_pem(), CaCertificateType.MF)
        return store


def order_for(
    version: OcppVersion,
    manufacturer: Manufacturer,
    location: str = "http://h/fw.bin",
    request_id: int = 7,
    **changes: Any,
) -> Any:
    """An order of that version for IMAGE, signed well; `changes` are fields of the request or of its firmware."""
    outer = {key: changes.pop(key) for key in ("retries", "retry_interval") if key in changes}
    firmware: dict[str, Any] = {
        "retrieve_date_time": NOON,
        "signing_certificate": manufacturer.signer.certificate.to_pem(),
        "signature": changes.pop("signature", None) or manufacturer.signature(),
        **changes,
    }
    if version is OcppVersion.V16:
        return ocpp16.SignedUpdateFirmware(request_id, ocpp16.SignedFirmware(location, **firmware), **outer)
    return ocpp201.UpdateFirmware(request_id, ocpp201.Firmware(location, **firmware), **outer)


class Station:
    """Firmware updates at work over what outlasts a restart: the memory, the store, the images, the clock."""

    def __init__(
        self,
        directory: Path,
        manufacturer: Manufacturer,
        *,
        transfers: Transfers | None = None,
        installer: FirmwareInstaller | None = None,
        **settings: Any,
    ) -> None:
        self.clock = SetClock(NOON)
        self.staging = directory / "staging"
        self.memory = KeptMemory()
        self.report = KeptReport()
        self.store = manufacturer.store(directory / "store", self.clock, **settings)
        self.transfers = transfers if transfers is not None else HandTransfers(IMAGE)
        self.installer = installer if installer is not None else StubbornInstaller()
        self.line = HeardLine()
        self.updates: FirmwareUpdates
        self._running: asyncio.Task[None] | None = None
        self._attending: asyncio.Task[None] | None = None

    def start(self, **changes: Any) -> None:
        """Start the agent's process: a new object over what is left."""
        arguments = {"staging": self.staging, "clock": self.clock, "report": self.report, **changes}
        installer = arguments.pop("installer", self.installer)
        self.updates = FirmwareUpdates(self.store, self.memory, self.transfers, installer, **arguments)
        self._running = asyncio.create_task(self.updates.run())

    def connect(self, line: HeardLine | None = None) -> None:
        """Begin to attend the line; another where one is given."""
        self.line = line or self.line
        self._attending = asyncio.create_task(self.updates.attend(self.line))

    async def disconnect(self) -> None:
        """End attending."""
        await self._ended("_attending", LinkClosed, PowerCut)

    async def stop(self) -> None:
        """End the process."""
        await self.disconnect()
        await self._ended("_running", PowerCut)

    async def restart(self, **changes: Any) -> None:
        """End the process and start it again, connected by the same line."""
        await self.stop()
        self.start(**changes)
        self.connect()

    async def died(self) -> None:
        """Return once a PowerCut has ended the work."""
        assert self._running is not None
        async with asyncio.timeout(20):
            with suppress(PowerCut):
                await asyncio.shield(self._running)

    async def _ended(self, name: str, *errors: type[BaseException]) -> None:
        task: asyncio.Task[None] | None = getattr(self, name)
        setattr(self, name, None)
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError, *errors):
                await task

    async def order(self, version: OcppVersion, request: Any, *, answered: bool = True) -> Any:
        """The answer; what follows it is begun unless it never got out."""
        answer, follow_up = await self.updates.order(version, request)
        write_message(answer)
        if follow_up is not None and answered:
            await follow_up()
        return answer

    async def until_noted(self, status: str) -> None:
        """Return once it is written down that this status was told."""
        async with asyncio.timeout(20):
            while (await self.updates.current_status(OcppVersion.V201)).status.value != status:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)

    async def until_tidy(self) -> None:
        """Return once no image lies about; the CSMS may hear of an update's end before."""
        async with asyncio.timeout(20):
            while self.images:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)

    @property
    def images(self) -> list[str]:
        """Names of the images that lie about."""
        return sorted(path.name for path in self.staging.glob("*")) if self.staging.exists() else []
