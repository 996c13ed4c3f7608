"""What docs/howto/cpms-from-python.md tells: its programs run one after the other, and its table is the record's."""

import asyncio
import base64
import contextlib
import dataclasses
import io
import re
import socket
import ssl
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from backoffice import write_server_files
from chainpilot.clock import SYSTEM
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import load_config
from chainpilot.cpms.model import SecurityProfile, StationRecord
from chainpilot.cpms.passwords import hash_password
from chainpilot.pki.encoding import TextEncoding
from chainpilot.pki.identity import parse_station_id
from chainpilot.station.model import CaCertificateType, InstallCertificateResult
from chainpilot.wire.pnc.dialects import Dialect
from chainpilot.wire.pnc.fields import Quirk
from clocks import SetClock
from sims import csms_ladder
from stores import open_store

pytestmark = pytest.mark.anyio

PAGE = (Path(__file__).parents[2] / "docs/howto/cpms-from-python.md").read_text()
STATION = parse_station_id("BER-0001")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def run(code: str, folder: Path) -> str:
    """What a program of the page prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(code.replace("/etc/chainpilot", str(folder)), {})
    return said.getvalue()


@pytest.fixture
def page_folder(tmp_path: Path) -> Path:
    """What the programs find in /etc/chainpilot: the page's own file, on a free port, and its certificate."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (text,) = blocks("toml")
    assert "port = 8443" in text
    (tmp_path / "cpms.toml").write_text(text.replace("8443", str(port)))
    (tmp_path / "tls").mkdir()
    files, _ = write_server_files(tmp_path / "tls", csms_ladder(), end=SYSTEM.now() + timedelta(days=365))
    files.file.rename(tmp_path / "tls/server.pem")
    files.key.rename(tmp_path / "tls/server.key")
    return tmp_path


async def comes_in(folder: Path, password: str) -> StationRecord:
    """Serve, let the station in by its password, and tell its record."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    login = base64.b64encode(f"{STATION}:{password}".encode()).decode()
    async with Cpms(load_config(folder / "cpms.toml", {})) as cpms:
        _, port = cpms.listeners["password"]
        async with connect(
            f"wss://127.0.0.1:{port}/ocpp/{STATION}",
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers={"Authorization": f"Basic {login}"},
            compression=None,
            proxy=None,
            ssl=trust,
        ):
            record = await cpms.ledger.station(STATION)
    assert record is not None
    return record


def test_the_programs_enter_a_station_that_then_comes_in_and_change_it(page_folder: Path) -> None:
    enter, change = blocks("python")
    password, listeners = run(enter, page_folder).split(maxsplit=1)
    assert "'password': ('0.0.0.0', " in listeners
    entered = asyncio.run(comes_in(page_folder, password))
    assert entered.organisation == "Demo Operator"
    assert run(change, page_folder) == ""
    assert asyncio.run(comes_in(page_folder, password)) == dataclasses.replace(entered, organisation="Another Operator")


async def write(folder: Path, record: StationRecord, *, reset_profile: bool = False) -> StationRecord:
    async with Cpms(load_config(folder / "cpms.toml", {})) as cpms:
        await cpms.add_station(record, reset_profile=reset_profile)
        written = await cpms.ledger.station(STATION)
    assert written is not None
    return written


async def test_what_a_record_keeps_when_it_is_written_again(page_folder: Path) -> None:
    first, second, offered = (hash_password(word, generated=True) for word in ("first", "second", "offered"))
    known = StationRecord(
        STATION,
        first,
        SecurityProfile.MUTUAL_TLS,
        dialects=(Dialect.H,),
        csr_encoding=TextEncoding.HEX_DER,
        quirks=frozenset(Quirk),
        next_password_hashes=(offered,),
    )
    assert await write(page_folder, known) == known
    assert await write(page_folder, StationRecord(STATION, known.password_hash)) == known
    other = dataclasses.replace(known, password_hash=second)
    assert await write(page_folder, other) == dataclasses.replace(other, next_password_hashes=())
    silent = dataclasses.replace(other, password_hash="", next_password_hashes=())
    assert await write(page_folder, silent) == silent
    lowered = dataclasses.replace(silent, minimum_profile=SecurityProfile.TLS_BASIC)
    assert await write(page_folder, lowered) == silent
    assert await write(page_folder, lowered, reset_profile=True) == lowered


def test_the_server_certificate_of_a_rehearsal_is_sound_and_a_store_takes_its_ca(tmp_path: Path) -> None:
    [block] = blocks("sh")
    subprocess.run(["sh", "-ec", block], cwd=tmp_path, check=True, capture_output=True)
    tls = tmp_path / "tls"
    judge = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_ip", "127.0.0.1"]
    subprocess.run([*judge, "-CAfile", str(tls / "ca.pem"), str(tls / "server.pem")], check=True, capture_output=True)
    store = open_store(tmp_path / "station", clock=SetClock(SYSTEM.now()))
    told = store.install_ca_certificate((tls / "ca.pem").read_text(), CaCertificateType.CSMS)
    assert told is InstallCertificateResult.ACCEPTED


def test_every_field_of_the_record_is_on_the_page() -> None:
    table = PAGE.split("| field | type |")[1].split("\n\n")[0]
    told = [name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(field.name for field in dataclasses.fields(StationRecord))
