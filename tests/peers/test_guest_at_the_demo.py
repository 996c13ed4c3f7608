"""PyPI's `ocpp` joins the staying demo as docs/howto/rehearse.md tells: against the real CPMS and the real test PKI."""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import CertificateHashData, hash_data
from programs import program

pytestmark = pytest.mark.anyio

PROGRAM = Path(sys.executable).with_name("chainpilot")
GUEST = "BER-0002"
SUBJECTS = {
    "V2GCertificate": "/C=DE/O=Demo Operator/CN=DE*CHP*E0002*1/DC=CPO",
    "ChargingStationCertificate": f"/C=DE/O=Demo Operator/CN={GUEST}/DC=CPO",
}


@asynccontextmanager
async def staying_demo(folder: Path) -> AsyncIterator[dict[str, Any]]:
    """`chainpilot demo --stay`, ended by Ctrl-C."""
    command = [str(PROGRAM), "demo", "--stay", "--json", "--dir", str(folder)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            text = await process.stdout.readuntil(b"\n}\n")
        whole: dict[str, Any] = json.loads(text)
        yield whole
    finally:
        process.send_signal(signal.SIGINT)
        await process.communicate()


class Guest(ChargePoint):  # type: ignore[misc]  # - ocpp ships no types
    """A station that stores what it is sent and lists it as the page says."""

    def __init__(self, connection: ClientConnection, roots: tuple[Certificate, ...]) -> None:
        super().__init__(GUEST, connection)
        self.roots = roots
        self.stored: asyncio.Queue[tuple[Certificate, ...]] = asyncio.Queue()
        self.listed = asyncio.Event()
        self._chain: tuple[Certificate, ...] = ()

    @on("DataTransfer")  # type: ignore[untyped-decorator]  # - ocpp ships no types
    def on_data_transfer(self, vendor_id: str, message_id: str, data: str) -> call_result.DataTransfer:
        assert vendor_id == "iso15118"
        if message_id == "CertificateSigned":
            self._chain = load_certificates(json.loads(data)["cert"])
            self.stored.put_nowait(self._chain)
            return call_result.DataTransfer(status="Accepted", data='{"status": "Accepted"}')
        assert (message_id, json.loads(data)) == (
            "GetInstalledCertificateIds",
            {"typeOfCertificate": "V2GCertificateChain"},
        )
        self.listed.set()
        issuers = (*self._chain[1:], *self.roots)
        found = [hash_data(one, next(issuer for issuer in issuers if one.was_signed_by(issuer))) for one in self._chain]
        answer = {"status": "Accepted", "certificateHashData": [_as_json(entry) for entry in found]}
        return call_result.DataTransfer(status="Accepted", data=json.dumps(answer))

    async def sign(self, csr: str, use: str) -> str:
        """Ask for a certificate; the inner status."""
        data = json.dumps({"csr": csr, "typeOfCertificate": use})
        request = call.DataTransfer(vendor_id="iso15118", message_id="SignCertificate", data=data)
        answer = await self.call(request)
        status: str = json.loads(answer.data)["status"]
        return status


def _as_json(entry: CertificateHashData) -> dict[str, str]:
    return {
        "hashAlgorithm": entry.hash_algorithm.value,
        "issuerNameHash": entry.issuer_name_hash,
        "issuerKeyHash": entry.issuer_key_hash,
        "serialNumber": entry.serial_number,
    }


@asynccontextmanager
async def guest(url: str, context: ssl.SSLContext, pki: Path, password: str | None) -> AsyncIterator[Guest]:
    """The guest, connected and booted."""
    headers = {"Authorization": "Basic " + b64encode(f"{GUEST}:{password}".encode()).decode()} if password else {}
    dialling = connect(
        f"{url}/{GUEST}",
        ssl=context,
        additional_headers=headers,
        subprotocols=[Subprotocol("ocpp1.6")],
        compression=None,
    )
    async with dialling as connection:
        roots = load_certificates((pki / "v2g_root.pem").read_text() + (pki / "csms_root.pem").read_text())
        one = Guest(connection, roots)
        running = asyncio.create_task(one.start())
        try:
            boot = await one.call(call.BootNotification(charge_point_vendor="V", charge_point_model="M"))
            assert boot.status == "Accepted"
            yield one
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def new_request(folder: Path, use: str, subject: str | None = None) -> str:
    """The page's openssl command."""
    command = ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", f"{use}.key", "-out", f"{use}.csr", "-subj", subject or SUBJECTS[use]]
    subprocess.run([*command, *files], cwd=folder, check=True, capture_output=True)
    return (folder / f"{use}.csr").read_text()


async def test_a_guest_gets_both_certificates_and_comes_back_with_mutual_tls(tmp_path: Path) -> None:
    program("openssl")
    async with staying_demo(tmp_path / "rehearsal") as demo:
        pki = Path(demo["files"]["pki"])
        password = Path(demo["files"]["guest-password"]).read_text()
        trust = ssl.create_default_context(cafile=str(pki / "csms_root.pem"))
        async with asyncio.timeout(60), guest(demo["addresses"]["ocpp-profile-2"], trust, pki, password) as station:
            assert await station.sign(new_request(tmp_path, "V2GCertificate"), "V2GCertificate") == "Accepted"
            chain = await station.stored.get()
            await station.listed.wait()
            use = "ChargingStationCertificate"
            assert await station.sign(new_request(tmp_path, use), use) == "Accepted"
            client = await station.stored.get()
        assert_openssl_accepts(tmp_path, chain, pki / "v2g_root.pem")
        assert_openssl_accepts(tmp_path, client, pki / "csms_root.pem")
        (tmp_path / "client.pem").write_text("".join(one.to_pem() for one in client))
        trust.load_cert_chain(tmp_path / "client.pem", tmp_path / f"{use}.key")
        async with asyncio.timeout(60), guest(demo["addresses"]["ocpp-profile-3"], trust, pki, None) as station:
            assert (await station.call(call.Heartbeat())).current_time


async def test_a_guest_with_another_s_name_is_rejected_and_gets_nothing(tmp_path: Path) -> None:
    program("openssl")
    async with staying_demo(tmp_path / "rehearsal") as demo:
        pki = Path(demo["files"]["pki"])
        password = Path(demo["files"]["guest-password"]).read_text()
        trust = ssl.create_default_context(cafile=str(pki / "csms_root.pem"))
        request = new_request(tmp_path, "V2GCertificate", "/C=DE/O=Demo Operator/CN=DE*CHP*E0001*1/DC=CPO")
        async with asyncio.timeout(60), guest(demo["addresses"]["ocpp-profile-2"], trust, pki, password) as station:
            assert await station.sign(request, "V2GCertificate") == "Rejected"
            assert station.stored.empty()
        issued = [json.loads(line) for line in (pki / "issued.jsonl").read_text().splitlines()]
        assert len([one for one in issued if one.get("label") == "cpo"]) == 1, "only the demo's own station has one"


def assert_openssl_accepts(folder: Path, chain: tuple[Certificate, ...], root: Path) -> None:
    """openssl alone verifies leaf, then sub-CAs, up to the root."""
    (folder / "leaf.pem").write_text(chain[0].to_pem())
    (folder / "subs.pem").write_text("".join(one.to_pem() for one in chain[1:]))
    command = ["openssl", "verify", "-CAfile", str(root), "-untrusted", "subs.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout == "leaf.pem: OK\n"
