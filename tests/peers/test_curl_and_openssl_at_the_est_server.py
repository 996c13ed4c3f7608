"""curl and openssl alone, as a stranger would use them, at the test PKI's EST server and OCSP responder."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chainpilot.pki.crl import RevocationReason
from chainpilot.testpki.app import EST_USER, TestPki
from programs import program


class Shell:
    """Runs programs in the directory of a running test PKI."""

    def __init__(self, pki: TestPki, folder: Path) -> None:
        self.pki = pki
        self.folder = folder
        self.login = folder / "login"
        self.login.write_text(f'user = "{EST_USER}:{pki.password}"\n')

    async def run(self, name: str, *arguments: str | Path) -> str:
        """What the program prints, both ways; its failure fails the test."""
        ended = await self.ended(name, *arguments)
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    async def ended(self, name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The program's end, whatever its exit code."""
        return await asyncio.to_thread(
            subprocess.run,
            [program(name), *map(str, arguments)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    async def curl(self, path: str, target: str, *arguments: str) -> str:
        """Fetch a path of the EST server into a file, logged in; answers curl's `--write-out` line."""
        anchors = self.pki.directory / "web_root.pem"
        told = ("--silent", "--show-error", "--write-out", "%{http_code} %{content_type}")
        url = f"{self.pki.est_url}/.well-known/est/{path}"
        return await self.run("curl", *told, "--cacert", anchors, "-K", self.login, "-o", target, *arguments, url)

    async def unpack(self, source: str, target: str) -> str:
        """The certificates of an EST body, by openssl's base64 and pkcs7 alone."""
        await self.run("openssl", "base64", "-d", "-in", source, "-out", f"{source}.der")
        return await self.run(
            "openssl", "pkcs7", "-inform", "DER", "-in", f"{source}.der", "-print_certs", "-out", target
        )

    async def enroll(
        self, label: str, subject: str, stem: str, *, operation: str = "simpleenroll", shown: str = ""
    ) -> str:
        """Make a key and a request, post it, unpack the leaf into `<stem>.pem`; answers curl's line.

        `shown` is the stem of a client certificate to show in the TLS handshake.
        """
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{stem}.key")
        await self.run("openssl", "req", "-new", *new_key, "-subj", subject, "-outform", "DER", "-out", f"{stem}.csr")
        await self.run("openssl", "base64", "-in", f"{stem}.csr", "-out", f"{stem}.b64")
        post = ("-H", "Content-Type: application/pkcs10", "--data-binary", f"@{stem}.b64")
        certificate = ("--cert", f"{shown}.pem", "--key", f"{shown}.key") if shown else ()
        line = await self.curl(f"{label}/{operation}", f"{stem}.p7", *certificate, *post)
        if line.startswith("200"):
            await self.unpack(f"{stem}.p7", f"{stem}.pem")
        return line


def plain(text: str) -> str:
    """Names as OpenSSL 3.2 and later print them, whichever version did."""
    return text.replace(" = ", "=")


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A running test PKI and an empty folder beside it."""
    folder = tmp_path / "stranger"
    folder.mkdir()
    async with TestPki(tmp_path / "pki") as pki:
        yield Shell(pki, folder)


async def test_curl_and_openssl_fetch_the_ca_certificates(shell: Shell) -> None:
    line = await shell.curl("cpo/cacerts", "cacerts.p7")
    await shell.unpack("cacerts.p7", "cacerts.pem")
    found = plain((shell.folder / "cacerts.pem").read_text())
    assert line == "200 application/pkcs7-mime"
    assert found.count("BEGIN CERTIFICATE") == 3
    for name in ("TEST V2G Root CA", "TEST CPO Sub1 CA", "TEST CPO Sub2 CA"):
        assert f"subject=C=DE, O=chainpilot TEST PKI, CN={name}" in found


async def test_curl_and_openssl_enroll_and_openssl_verifies_the_leaf(shell: Shell) -> None:
    directory = shell.pki.directory
    assert await shell.enroll("cpo", "/C=DE/O=Operator/CN=DE*ICE*E123/DC=CPO", "evse") == (
        "200 application/pkcs7-mime; smime-type=certs-only"
    )
    subs = shell.folder / "subs.pem"
    subs.write_text((directory / "cpo_sub1.pem").read_text() + (directory / "cpo_sub2.pem").read_text())
    verified = await shell.run(
        "openssl", "verify", "-x509_strict", "-CAfile", directory / "v2g_root.pem", "-untrusted", subs, "evse.pem"
    )
    assert verified.strip() == "evse.pem: OK"
    of_leaf = await shell.run("openssl", "x509", "-in", "evse.pem", "-noout", "-pubkey")
    of_key = await shell.run("openssl", "pkey", "-in", "evse.key", "-pubout")
    assert of_leaf == of_key


async def test_openssl_shows_the_leaf_s_profile(shell: Shell) -> None:
    await shell.enroll("cpo", "/C=DE/O=Operator/CN=DE*ICE*E123/DC=CPO", "evse")
    text = await shell.run("openssl", "x509", "-in", "evse.pem", "-noout", "-text")
    lines = [line.strip() for line in plain(text).splitlines()]
    assert "Subject: C=DE, O=Operator, CN=DE*ICE*E123, DC=CPO" in lines
    assert "Signature Algorithm: ecdsa-with-SHA256" in lines
    assert "NIST CURVE: P-256" in lines
    assert lines[lines.index("X509v3 Basic Constraints: critical") + 1] == "CA:FALSE"
    assert lines[lines.index("X509v3 Key Usage: critical") + 1] == "Digital Signature, Key Agreement"
    assert f"OCSP - URI:{shell.pki.ocsp_url}" in lines
    assert "X509v3 Subject Alternative Name:" not in lines


async def test_openssl_verifies_a_station_s_client_certificate(shell: Shell) -> None:
    directory = shell.pki.directory
    await shell.enroll("csms", "/O=Operator/CN=station-1", "client")
    arguments = ("-purpose", "sslclient", "-CAfile", directory / "csms_root.pem")
    verified = await shell.run(
        "openssl", "verify", *arguments, "-untrusted", directory / "csms_issuing.pem", "client.pem"
    )
    assert verified.strip() == "client.pem: OK"


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
async def test_openssl_ocsp_finds_leaf_and_sub_ca_good(shell: Shell, digest: str) -> None:
    directory = shell.pki.directory
    await shell.enroll("cpo", "/C=DE/O=Operator/CN=DE*ICE*E123/DC=CPO", "evse")
    subs = shell.folder / "subs.pem"
    subs.write_text((directory / "cpo_sub1.pem").read_text() + (directory / "cpo_sub2.pem").read_text())
    trust = ("-CAfile", directory / "v2g_root.pem", "-verify_other", subs, "-url", shell.pki.ocsp_url)
    leaf = ("-issuer", directory / "cpo_sub2.pem", digest, "-cert", "evse.pem")
    told = await shell.run("openssl", "ocsp", *leaf, *trust)
    assert "Response verify OK" in told
    assert "evse.pem: good" in told
    sub2 = ("-issuer", directory / "cpo_sub1.pem", digest, "-cert", directory / "cpo_sub2.pem")
    told = await shell.run("openssl", "ocsp", *sub2, *trust)
    assert "Response verify OK" in told
    assert "cpo_sub2.pem: good" in told


async def test_openssl_ocsp_asks_about_several_certificates_at_once(shell: Shell) -> None:
    directory = shell.pki.directory
    for number in (1, 2):
        await shell.enroll("cpo", f"/C=DE/O=Operator/CN=DE*ICE*E12{number}/DC=CPO", f"evse{number}")
    serial = (await shell.run("openssl", "x509", "-in", "evse2.pem", "-noout", "-serial")).strip().partition("=")[2]
    shell.pki.revoke(serial, RevocationReason.KEY_COMPROMISE)
    subs = shell.folder / "subs.pem"
    subs.write_text((directory / "cpo_sub1.pem").read_text() + (directory / "cpo_sub2.pem").read_text())
    asked = ("-issuer", directory / "cpo_sub2.pem", "-cert", "evse1.pem", "-cert", "evse2.pem")
    trust = ("-CAfile", directory / "v2g_root.pem", "-verify_other", subs, "-url", shell.pki.ocsp_url, "-nonce")
    told = await shell.run("openssl", "ocsp", *asked, *trust)
    assert "Response verify OK" in told
    assert "evse1.pem: good" in told
    assert "evse2.pem: revoked" in told
    assert "Reason: keyCompromise" in told


async def test_curl_fetches_the_revocation_list_and_openssl_refuses_what_it_names(shell: Shell) -> None:
    directory = shell.pki.directory
    await shell.enroll("csms", "/O=Operator/CN=station-1", "client")
    shell.pki.revoke("station-1")
    fetch = ("--silent", "--show-error", "--fail", "-o", "list.der")
    await shell.run("curl", *fetch, f"{shell.pki.ocsp_url}/crl/csms_issuing.crl")
    await shell.run("openssl", "crl", "-inform", "DER", "-in", "list.der", "-out", "list.pem")
    trust = ("-CAfile", directory / "csms_root.pem", "-untrusted", directory / "csms_issuing.pem")
    ended = await shell.ended("openssl", "verify", *trust, "-crl_check", "-CRLfile", "list.pem", "client.pem")
    assert "certificate revoked" in ended.stdout


async def test_curl_enrolls_and_renews_with_a_client_certificate_alone(shell: Shell) -> None:
    await shell.enroll("csms", "/O=Operator/CN=station-1", "client")
    shell.login.write_text("")
    assert (await shell.enroll("cpo", "/C=DE/O=Operator/CN=DE*ICE*E123/DC=CPO", "evse", shown="client"))[:3] == "200"
    renew = ("csms", "/O=Operator/CN=station-1", "renewed")
    assert (await shell.enroll(*renew, operation="simplereenroll", shown="client"))[:3] == "200"
    assert (await shell.enroll(*renew, operation="simplereenroll", shown="evse"))[:3] == "403"
    told = plain(await shell.run("openssl", "x509", "-in", "renewed.pem", "-noout", "-subject"))
    assert "CN=station-1" in told


async def test_curl_logs_in_with_the_token(shell: Shell) -> None:
    token = shell.pki.token_file.read_text().strip()
    shell.login.write_text(f'header = "Authorization: Bearer {token}"\n')
    assert (await shell.curl("cpo/cacerts", "cacerts.p7"))[:3] == "200"


async def test_openssl_reads_the_csr_attributes(shell: Shell) -> None:
    assert await shell.curl("cpo/csrattrs", "attributes") == "200 application/csrattrs"
    await shell.run("openssl", "base64", "-d", "-in", "attributes", "-out", "attributes.der")
    told = await shell.run("openssl", "asn1parse", "-inform", "DER", "-in", "attributes.der")
    assert [line.rsplit(":", 1)[1] for line in told.splitlines() if "OBJECT" in line] == [
        "id-ecPublicKey",
        "prime256v1",
        "ecdsa-with-SHA256",
    ]


async def test_curl_without_a_login_is_refused(shell: Shell) -> None:
    shell.login.write_text("")
    assert (await shell.curl("cpo/cacerts", "nothing")).startswith("401 ")


async def test_curl_is_told_why_a_request_is_refused(shell: Shell) -> None:
    line = await shell.enroll("cpo", "/C=DE/O=Operator/CN=my charger/DC=CPO", "wrong")
    assert line == "400 text/plain; charset=utf-8"
    assert "neither an EVSEID nor a SECCID" in (shell.folder / "wrong.p7").read_text()


async def test_curl_that_does_not_know_the_web_root_says_nothing(shell: Shell) -> None:
    other = shell.pki.directory / "v2g_root.pem"
    url = f"{shell.pki.est_url}/.well-known/est/cpo/cacerts"
    ended = await shell.ended("curl", "--silent", "--show-error", "--cacert", other, "-K", shell.login, url)
    assert ended.returncode == 60
