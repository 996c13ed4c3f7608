"""The server's own certificates: one for each kind of key, the suites of OCPP, and a change that nobody notices."""

import asyncio
import gc
import json
import re
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from websockets.asyncio.client import ClientConnection

from backoffice import KEY, OPERATOR, BackOffice, open_back_office, write_server_files
from chainpilot.cpms.adapters.gateway import ListenerSetupError
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.config import ClientCertificate, PkiConfig, ServerCertificate
from chainpilot.cpms.model import StationRecord
from chainpilot.cpms.passwords import hash_password
from chainpilot.pki.certificate import load_certificate, load_certificates
from chainpilot.pki.identity import StationId
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.wire.est.paths import RFC7030
from forge import NOON, Forged, forge
from programs import program
from sims import csms_ladder, private_key_pem

__all__: list[str] = []

pytestmark = pytest.mark.anyio

BOTH = ("ecdsa", "rsa")
E = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
R = ("AES128-GCM-SHA256", "AES256-GCM-SHA384")
NEIGHBOUR = StationId("CS-0002")


async def s_client(office: BackOffice, *arguments: str, profile: int = 2) -> subprocess.CompletedProcess[str]:
    """What openssl says when it connects with TLS 1.2, unless told otherwise."""
    root = office.folder / "root.pem"
    root.write_text(office.csms.root.certificate.to_pem())
    command = [program("openssl"), "s_client", "-connect", f"127.0.0.1:{office.port(profile)}", *arguments]
    command += ["-CAfile", str(root), "-verify_return_error"]
    return await asyncio.to_thread(
        subprocess.run, command, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False, text=True
    )


def shown_in(told: subprocess.CompletedProcess[str]) -> str:
    """The fingerprint of the certificate that openssl was shown."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    return load_certificates(begin + told.stdout.partition(begin)[2].partition(end)[0] + end + "\n")[0].fingerprint


def assert_refused(told: subprocess.CompletedProcess[str]) -> None:
    """It was the server that ended the handshake: openssl had said its hello. The event loop drops the alert."""
    assert told.returncode != 0
    assert "Cipher is (NONE)" in told.stdout
    assert re.search(r"SSL handshake has read 0 bytes and written [1-9]", told.stdout)


def file_of(office: BackOffice, kind: str) -> str:
    """The fingerprint of the certificate that lies in the file."""
    return load_certificates((office.folder / f"{kind}.pem").read_text())[0].fingerprint


@pytest.mark.parametrize(("suite", "kind"), [*((suite, "ecdsa") for suite in E), *((suite, "rsa") for suite in R)])
async def test_every_suite_that_ocpp_demands_of_a_csms_is_served_with_its_kind_of_certificate(
    tmp_path: Path, suite: str, kind: str
) -> None:
    async with open_back_office(tmp_path, kinds=BOTH) as office:
        told = await s_client(office, "-tls1_2", "-cipher", suite)
        assert told.returncode == 0
        assert f"New, TLSv1.2, Cipher is {suite}" in told.stdout
        assert "Verify return code: 0 (ok)" in told.stdout
        assert shown_in(told) == file_of(office, kind)


@pytest.mark.parametrize("suite", R)
async def test_the_suites_without_forward_secrecy_can_be_withdrawn(tmp_path: Path, suite: str) -> None:
    async with open_back_office(tmp_path, kinds=BOTH, static_rsa=False) as office:
        told = await s_client(office, "-tls1_2", "-cipher", suite)
        assert_refused(told)
        told = await s_client(office, "-tls1_2", "-cipher", f"ECDHE-RSA-{suite}")
        assert shown_in(told) == file_of(office, "rsa")


@pytest.mark.parametrize(
    "arguments",
    [
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "AES128-SHA"),
        ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384"),
        ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"),
    ],
)
async def test_older_tls_and_unsound_suites_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    async with open_back_office(tmp_path, kinds=BOTH) as office:
        assert_refused(await s_client(office, *arguments))


@pytest.mark.parametrize(
    ("arguments", "suite", "kind"),
    [
        (("-tls1_2",), "ECDHE-ECDSA-AES256-GCM-SHA384", "ecdsa"),
        (("-tls1_2", "-cipher", f"{R[1]}:ECDHE-RSA-AES128-GCM-SHA256"), "ECDHE-RSA-AES128-GCM-SHA256", "rsa"),
        (("-tls1_3",), "TLS_AES_256_GCM_SHA384", "ecdsa"),
        (("-tls1_3", "-sigalgs", "RSA-PSS+SHA256"), "TLS_AES_256_GCM_SHA384", "rsa"),
    ],
)
async def test_a_station_gets_the_best_suite_that_it_has_and_the_certificate_that_goes_with_it(
    tmp_path: Path, arguments: tuple[str, ...], suite: str, kind: str
) -> None:
    async with open_back_office(tmp_path, kinds=BOTH) as office:
        told = await s_client(office, *arguments)
        assert f"Cipher is {suite}" in told.stdout
        assert shown_in(told) == file_of(office, kind)


@pytest.mark.parametrize("suite", [E[0], R[0]])
@pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.RSA2048])
async def test_client_certificates_of_both_kinds_get_in_with_both_families_of_suites(
    tmp_path: Path, suite: str, spec: KeySpec
) -> None:
    async with open_back_office(tmp_path, kinds=BOTH) as office:
        context = office.context(office.client(key=generate_private_key(spec)))
        context.set_ciphers(suite)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        async with office.dial(profile=3, password=None, context=context) as socket:
            assert tls_of(socket).cipher() == (suite, "TLSv1.2", 256 if "256-GCM" in suite else 128)
            await beats(socket)


def tls_of(socket: ClientConnection) -> ssl.SSLObject:
    """The station's end of the TLS."""
    tls = socket.transport.get_extra_info("ssl_object")
    assert isinstance(tls, ssl.SSLObject)
    return tls


def shown_to(socket: ClientConnection) -> str:
    """The fingerprint of the certificate that the station was shown."""
    der = tls_of(socket).getpeercert(binary_form=True)
    assert der is not None
    return load_certificate(der).fingerprint


async def beats(socket: ClientConnection) -> None:
    """The connection is alive: a Heartbeat is answered."""
    await socket.send(json.dumps([2, "1", "Heartbeat", {}]))
    assert json.loads(await socket.recv())[0] == 3


def dial_next_door(office: BackOffice, profile: int) -> Any:
    """Connect as the neighbour, whose coming ends no other's connection."""
    path = f"/ocpp/{NEIGHBOUR}"
    return office.dial(user=NEIGHBOUR, path=path, profile=profile, client=office.client(NEIGHBOUR))


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("profile", [2, 3])
async def test_a_reload_shows_the_new_certificate_to_who_comes_and_ends_no_connection(
    tmp_path: Path, profile: int, kind: str
) -> None:
    async with open_back_office(tmp_path, kinds=[kind]) as office:
        record = StationRecord(NEIGHBOUR, hash_password(KEY, generated=True), organisation=OPERATOR)
        await office.cpms.add_station(record)
        before = file_of(office, kind)
        async with office.dial(profile=profile, client=office.client()) as older:
            _, renewed = write_server_files(tmp_path, office.csms, kind)
            assert await office.cpms.reload() == ()
            async with dial_next_door(office, profile) as newer:
                assert (shown_to(older), shown_to(newer)) == (before, renewed.certificate.fingerprint)
                await beats(older)
                await beats(newer)
                await beats(older)


def _lose(folder: Path, _renewed: Forged) -> None:
    (folder / "rsa.key").unlink()


def _spoil(folder: Path, _renewed: Forged) -> None:
    (folder / "rsa.pem").write_text("nothing here")


def _garble(folder: Path, _renewed: Forged) -> None:
    (folder / "rsa.key").write_text("nothing here")


def _mismatch(folder: Path, _renewed: Forged) -> None:
    (folder / "rsa.key").write_bytes(private_key_pem(generate_private_key(KeySpec.RSA2048)))


def _lend_the_other_s_key(folder: Path, renewed: Forged) -> None:
    (folder / "rsa.key").write_bytes(private_key_pem(renewed.key))


def _double(folder: Path, renewed: Forged) -> None:
    (folder / "rsa.pem").write_text(renewed.certificate.to_pem())
    (folder / "rsa.key").write_bytes(private_key_pem(renewed.key))


def _lock(folder: Path, _renewed: Forged) -> None:
    key = generate_private_key(KeySpec.RSA2048)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (folder / "rsa.key").write_bytes(locked)


MISHAPS = pytest.mark.parametrize(
    ("mishap", "why"),
    [
        (_lose, "No such file"),
        (_spoil, "rsa.pem holds no readable certificate"),
        (_garble, "rsa.key, or the chain in "),
        (_mismatch, "rsa.key is not that of the certificate in "),
        (_lend_the_other_s_key, "rsa.key is not that of the certificate in "),
        (_double, "two certificates are to be one for ECDSA and one for RSA; these are for ECDSA and ECDSA"),
        (_lock, "rsa.key is encrypted"),
    ],
)
Mishap = Callable[[Path, Forged], None]


@MISHAPS
async def test_a_pair_that_can_not_be_used_leaves_both_old_ones_in_use_and_tells_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mishap: Mishap, why: str
) -> None:
    async with open_back_office(tmp_path, kinds=BOTH) as office:
        before = {suite: shown_in(await s_client(office, "-tls1_2", "-cipher", suite)) for suite in (E[0], R[0])}
        _, renewed = write_server_files(tmp_path, office.csms, "ecdsa")
        mishap(tmp_path, renewed)
        caplog.clear()
        failed = await office.cpms.reload()
        assert [error.name for error in failed] == ["profile-2", "profile-3"]
        assert all(why in error.why for error in failed)
        told = [json.loads(record.message) for record in caplog.records if record.levelname == "ERROR"]
        assert [(one["event"], one["listener"]) for one in told] == [
            ("server_certificate_kept", "profile-2"),
            ("server_certificate_kept", "profile-3"),
        ]
        assert why in told[0]["detail"]
        after = {suite: shown_in(await s_client(office, "-tls1_2", "-cipher", suite)) for suite in (E[0], R[0])}
        assert after == before


@MISHAPS
async def test_a_pair_that_can_not_be_used_stops_the_start(tmp_path: Path, mishap: Mishap, why: str) -> None:
    async with open_back_office(tmp_path, kinds=BOTH) as office:
        _, renewed = write_server_files(tmp_path, office.csms, "ecdsa")
        mishap(tmp_path, renewed)
    with pytest.raises(ListenerSetupError) as refused:
        async with Cpms(office.cpms.config):
            pass
    assert why in refused.value.why


async def test_a_listener_whose_files_are_broken_does_not_keep_another_from_changing(tmp_path: Path) -> None:
    async with open_back_office(tmp_path, kinds=["rsa"]) as office:
        pass
    write_server_files(tmp_path, office.csms, "ecdsa")
    other = (ServerCertificate(tmp_path / "ecdsa.pem", tmp_path / "ecdsa.key"),)
    broken, good = office.cpms.config.listeners
    config = replace(office.cpms.config, listeners=(broken, replace(good, certificates=other)))
    async with Cpms(config, clock=office.clock, authorities=office.authorities) as cpms:
        office.cpms = cpms
        (tmp_path / "rsa.key").unlink()
        _, renewed = write_server_files(tmp_path, office.csms, "ecdsa")
        assert [error.name for error in await cpms.reload()] == ["profile-2"]
        async with office.dial(profile=3, client=office.client()) as socket:
            assert shown_to(socket) == renewed.certificate.fingerprint


async def test_a_certificate_and_its_key_may_share_a_file(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        files, renewed = write_server_files(tmp_path, office.csms)
        files.file.write_bytes(files.key.read_bytes() + files.file.read_bytes())
        files.key.write_bytes(files.file.read_bytes())
        assert await office.cpms.reload() == ()
        async with office.dial() as socket:
            assert shown_to(socket) == renewed.certificate.fingerprint


def _in_memory() -> int:
    """How many files with a listener's certificates and keys this process holds."""
    gc.collect()
    open_files = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    return sum("chainpilot-listener" in str(file) for file in open_files)


async def test_former_certificates_and_their_keys_do_not_stay_in_memory(tmp_path: Path) -> None:
    async with open_back_office(tmp_path, kinds=BOTH) as office:
        before = _in_memory()
        for _ in range(3):
            assert await office.cpms.reload() == ()
        assert _in_memory() == before
        (tmp_path / "rsa.key").unlink()
        assert len(await office.cpms.reload()) == 2
        assert _in_memory() == before


async def test_outside_its_context_a_back_office_reloads_nothing(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        pass
    with pytest.raises(RuntimeError, match="not running"):
        await office.cpms.reload()


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the log said of the ends of certificates since it was asked last."""
    said = [json.loads(record.message) for record in caplog.records if record.levelname == "WARNING"]
    caplog.clear()
    return [one["detail"] for one in said if one["event"] == "server_certificate_ends"]


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        (NOON + timedelta(days=14, seconds=1), None),
        (NOON + timedelta(days=14), "it ends at 2026-06-15 12:00 UTC, in less than 14 days"),
        (NOON + timedelta(seconds=1), "it ends at 2026-06-01 12:00 UTC, in less than 14 days"),
        (NOON, "it ended at 2026-06-01 12:00 UTC; stations refuse it"),
        (NOON - timedelta(days=1), "it ended at 2026-05-31 12:00 UTC; stations refuse it"),
    ],
)
async def test_a_certificate_near_its_end_is_warned_of_at_the_start_and_at_a_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, ends: datetime, why: str | None
) -> None:
    expected = [] if why is None else [why]
    async with open_back_office(tmp_path, profiles=[2], ends=ends) as office:
        assert warned(caplog) == expected
        assert await office.cpms.reload() == ()
        assert warned(caplog) == expected
        write_server_files(tmp_path, office.csms)
        assert await office.cpms.reload() == ()
        assert warned(caplog) == []
        write_server_files(tmp_path, csms_ladder(), end=ends)
        assert await office.cpms.reload() == ()
        assert warned(caplog) == expected


async def test_a_certificate_of_the_future_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_back_office(tmp_path, profiles=[2]) as office:
        office.clock.set(NOON - timedelta(days=300))
        assert await office.cpms.reload() == ()
        assert warned(caplog) == ["it is not valid before 2026-01-01 00:00 UTC"]


async def test_what_is_shown_to_a_pki_is_read_again_too_and_kept_where_it_is_broken(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        config = office.cpms.config
    root = forge("Client Root", ca=True)
    files = ClientCertificate(tmp_path / "client.pem", tmp_path / "client.key")
    shown = forge("us", root)
    files.file.write_text(shown.certificate.to_pem())
    files.key.write_bytes(private_key_pem(shown.key))
    pki = PkiConfig("own", "https://127.0.0.1:1", RFC7030.fill(label=""), client=files)
    async with Cpms(replace(config, pkis={"own": pki})) as cpms:
        assert await cpms.reload() == ()
        files.key.write_text("broken")
        (failed,) = await cpms.reload()
        assert failed.name == "own"
        assert "client.key" in failed.why
