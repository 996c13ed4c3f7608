"""Our own client certificate renewed at a PKI over real mutual TLS: a new key, the same names, nothing lost."""

import asyncio
import json
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs import FROM, UNTIL, key_pem
from chainpilot.cli.cpms.renewing import renew_login
from chainpilot.cli.exits import Exit
from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.est_renewal import (
    FORMER,
    NEXT,
    OutcomeUnknown,
    RenewalFileError,
    SuccessorUnfit,
    renew_client_certificate,
)
from chainpilot.cpms.adapters.est_transport import EstSetupError
from chainpilot.cpms.config import ClientCertificate, PkiConfig
from chainpilot.cpms.ports import CaPending, CaRefused, CaUndecided
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.csr import Csr, inspect_csr
from chainpilot.pki.keys import KeySpec, generate_private_key, spki_hash
from chainpilot.pki.pkcs7 import write_certs_only
from chainpilot.pki.trust import TrustAnchors
from chainpilot.wire.est.bodies import decode_body, encode_body
from chainpilot.wire.est.paths import OPCP, RFC7030
from forge import Forged, forge
from rawserver import Played, http_answer, make_identity, raw_server

TYPE = {"Content-Type": "application/pkcs7-mime"}
ROOT = forge("Client Root", ca=True, begin=FROM, end=UNTIL)
ISSUING = forge("Client Sub", ROOT, ca=True, path_length=0, begin=FROM, end=UNTIL)
NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Operator"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Charging"),
        x509.NameAttribute(NameOID.COMMON_NAME, "cpms"),
    ]
)
SAN = (x509.SubjectAlternativeName([x509.DNSName("cpms.example")]), False)
CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
SOON = SYSTEM.now() + timedelta(days=20)

Answer = Callable[[Csr], bytes]


def successor(csr: Csr, **changes: Any) -> Certificate:
    whole = {
        "subject": NAME,
        "extensions": (SAN,),
        "eku": CLIENT,
        "public_key": csr.public_key,
        "begin": FROM,
        "end": UNTIL,
    }
    return forge("cpms", ISSUING, **{**whole, **changes}).certificate


def issued(*certificates: Certificate) -> bytes:
    return http_answer(200, TYPE, encode_body(write_certs_only(certificates)))


def good(csr: Csr) -> bytes:
    return issued(successor(csr))


@dataclass
class Desk:
    """A PKI that wants client certificates, and answers re-enrolments as it is told."""

    answers: list[Answer] = field(default_factory=lambda: [good])
    cacerts: bytes = field(default_factory=lambda: issued(ISSUING.certificate, ROOT.certificate))
    requests: list[Csr] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    """Fingerprints of the certificates that came with re-enrolments."""

    async def play(self, played: Played) -> None:
        head, _, body = (await played.read_request()).partition(b"\r\n\r\n")
        if b"/simplereenroll " not in head:
            await played.say(self.cacerts)
            return
        csr = inspect_csr(decode_body(body, limit=10_000))
        self.requests.append(csr)
        der = played.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.shown.append(load_certificates(ssl.DER_cert_to_PEM_cert(der))[0].fingerprint)
        await played.say(self.answers.pop(0)(csr))


@dataclass
class Scene:
    pki: PkiConfig
    files: ClientCertificate
    desk: Desk
    former: Forged

    def leaf(self) -> Certificate:
        """What lies in its place."""
        return load_certificates(self.files.file.read_text())[0]


@asynccontextmanager
async def scene(folder: Path, desk: Desk, **changes: Any) -> AsyncIterator[Scene]:
    files = ClientCertificate(folder / "us.pem", folder / "us.key")
    key = changes.pop("key", None)
    former = forge("cpms", ISSUING, subject=NAME, extensions=(SAN,), eku=CLIENT, key=key, begin=FROM, end=SOON)
    files.file.write_text(former.certificate.to_pem() + ISSUING.certificate.to_pem())
    files.key.write_bytes(key_pem(former.key))
    identity = make_identity(folder / "server", "127.0.0.1")
    identity.context.load_verify_locations(cadata=ROOT.certificate.to_pem())
    identity.context.verify_mode = ssl.CERT_REQUIRED
    identity.context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    anchors = TrustAnchors.admit(load_certificates(identity.anchors.read_text()), allow_test_pki=True)
    async with raw_server(desk.play, identity.context) as server:
        pki = PkiConfig("own", server.url, RFC7030.fill(label=""), client=files, tls_anchors=anchors, timeout=3.0)
        yield Scene(pki, files, desk, former)


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.glob("us*")}


async def test_a_successor_has_a_new_key_the_same_names_and_its_chain(tmp_path: Path) -> None:
    async with scene(tmp_path, Desk()) as on:
        renewed = await renew_client_certificate(on.pki, SYSTEM)
    (csr,) = on.desk.requests
    assert on.desk.shown == [on.former.certificate.fingerprint]
    assert csr.subject_name == on.former.certificate.subject_name
    asked = x509.load_der_x509_csr(csr.der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert asked.value == SAN[0]
    assert csr.spki_hash != on.former.certificate.spki_hash
    assert renewed == on.leaf()
    key: Any = load_pem_private_key(on.files.key.read_bytes(), None)
    assert spki_hash(key.public_key()) == on.leaf().spki_hash == csr.spki_hash
    assert load_certificates(on.files.file.read_text())[1:] == (ISSUING.certificate,)
    assert stat.S_IMODE(on.files.key.stat().st_mode) == 0o600


async def test_the_former_files_stay_beside_and_nothing_else_is_left(tmp_path: Path) -> None:
    async with scene(tmp_path, Desk()) as on:
        before = {path.name: path.read_bytes() for path in (on.files.file, on.files.key)}
        await renew_client_certificate(on.pki, SYSTEM)
    left = {path.name for path in tmp_path.glob("us*")}
    assert left == {"us.pem", "us.key", f"us.pem{FORMER}", f"us.key{FORMER}"}
    assert {name: (tmp_path / f"{name}{FORMER}").read_bytes() for name in before} == before
    assert stat.S_IMODE((tmp_path / f"us.key{FORMER}").stat().st_mode) == 0o600


@pytest.mark.parametrize("spec", [KeySpec.P384, KeySpec.RSA2048])
async def test_the_new_key_is_of_the_kind_of_the_former(spec: KeySpec, tmp_path: Path) -> None:
    async with scene(tmp_path, Desk(), key=generate_private_key(spec)) as on:
        await renew_client_certificate(on.pki, SYSTEM)
    (csr,) = on.desk.requests
    former: Any = on.former.key
    assert type(csr.public_key) is type(former.public_key())
    assert csr.public_key.key_size == former.key_size  # type: ignore[union-attr] # - those two kinds have one


def pending(_: Csr) -> bytes:
    return http_answer(202, {"Retry-After": "60"})


def lost(_: Csr) -> bytes:
    return b""


async def test_202_keeps_the_request_which_is_sent_again_as_it_is(tmp_path: Path) -> None:
    async with scene(tmp_path, Desk([pending, good])) as on:
        assert isinstance(await renew_client_certificate(on.pki, SYSTEM), CaPending)
        assert on.leaf() == on.former.certificate
        assert stat.S_IMODE((tmp_path / f"us.key{NEXT}").stat().st_mode) == 0o600
        await renew_client_certificate(on.pki, SYSTEM)
    first, second = on.desk.requests
    assert first.der == second.der


async def test_an_answer_that_is_lost_keeps_the_request_too(tmp_path: Path) -> None:
    async with scene(tmp_path, Desk([lost, good])) as on:
        safe = replace(on.pki, repost_safe=True)
        with pytest.raises(CaUndecided):
            await renew_client_certificate(safe, SYSTEM)
        await renew_client_certificate(safe, SYSTEM)
    first, second = on.desk.requests
    assert first.der == second.der


@pytest.mark.parametrize("answer", [lost, lambda csr: issued(successor(csr, ca=True))], ids=["lost", "unfit"])
async def test_what_may_have_been_issued_is_asked_for_again_only_when_somebody_says_so(
    answer: Answer, tmp_path: Path
) -> None:
    async with scene(tmp_path, Desk([answer, good])) as on:
        with pytest.raises((CaUndecided, SuccessorUnfit)):
            await renew_client_certificate(on.pki, SYSTEM)
        with pytest.raises(OutcomeUnknown) as unknown:
            await renew_client_certificate(on.pki, SYSTEM)
        assert len(on.desk.requests) == 1
        unknown.value.sent.unlink()
        await renew_client_certificate(on.pki, SYSTEM)
    first, second = on.desk.requests
    assert first.der == second.der


async def test_a_request_that_will_never_be_taken_is_forgotten(tmp_path: Path) -> None:
    async with scene(tmp_path, Desk([lambda _: http_answer(400, {}, b"no"), good])) as on:
        before = state_of(tmp_path)
        with pytest.raises(CaRefused):
            await renew_client_certificate(on.pki, SYSTEM)
        assert state_of(tmp_path) == before


async def test_cacerts_that_fail_cost_no_certificate(tmp_path: Path) -> None:
    async with scene(tmp_path, Desk(cacerts=http_answer(500, {}))) as on:
        await renew_client_certificate(on.pki, SYSTEM)
        assert load_certificates(on.files.file.read_text())[1:] == (ISSUING.certificate,)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda csr: issued(successor(csr, subject=x509.Name(list(NAME)[1:]))), "subject"),
        (lambda csr: issued(successor(csr, extensions=())), "alternative names"),
        (lambda csr: issued(successor(csr, ca=True)), "a CA's"),
        (lambda csr: issued(successor(csr, eku=(ExtendedKeyUsageOID.SERVER_AUTH,))), "client"),
        (lambda csr: issued(successor(csr, begin=UNTIL - timedelta(days=1))), "not valid now"),
        (lambda csr: issued(successor(csr, end=SOON - timedelta(days=1))), "no later"),
        (lambda csr: issued(successor(csr, public_key=None)), "for the key of the request"),
    ],
)
async def test_an_answer_that_was_not_asked_for_is_not_taken_into_use(answer: Answer, why: str, tmp_path: Path) -> None:
    async with scene(tmp_path, Desk([answer])) as on:
        before = [path.read_bytes() for path in (on.files.file, on.files.key)]
        with pytest.raises(SuccessorUnfit, match=why):
            await renew_client_certificate(on.pki, SYSTEM)
        assert [path.read_bytes() for path in (on.files.file, on.files.key)] == before


async def test_a_kept_request_that_can_not_be_read_is_told_and_nothing_sent(tmp_path: Path) -> None:
    async with scene(tmp_path, Desk()) as on:
        (tmp_path / f"us.key{NEXT}").write_text("hello")
        with pytest.raises(RenewalFileError, match="remove it to begin anew"):
            await renew_client_certificate(on.pki, SYSTEM)
    assert on.desk.requests == []


@pytest.mark.parametrize(("changes", "why"), [({"client": None}, "client_certificate"), ({"paths": OPCP}, "paths")])
async def test_where_nothing_can_be_renewed_that_is_told(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    filled = {name: value.fill(ca="cpo", iso="x", algorithm="y") for name, value in changes.items() if value}
    async with scene(tmp_path, Desk()) as on:
        pki = PkiConfig("own", on.pki.url, **{"paths": on.pki.paths, "client": on.files, **changes, **filled})
        with pytest.raises(EstSetupError, match=why):
            await renew_client_certificate(pki, SYSTEM)
    assert not (tmp_path / f"us.key{NEXT}").exists()


def test_at_the_shell_a_pki_that_is_not_there_or_shows_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "cpms.toml"
    listener = '[[listener]]\nname = "a"\nprofile = 2\ncertificate = "x"\nkey = "x"\n'
    config.write_text(f'{listener}[database]\nfile = "x"\n[pki.own]\nurl = "https://127.0.0.1:1"\n')
    assert renew_login(config, "nobody", as_json=False) is Exit.NOT_FOUND
    assert renew_login(config, "own", as_json=False) is Exit.USAGE
    assert "client_certificate" in capsys.readouterr().err


async def test_at_the_shell_it_says_until_when_and_what_is_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with scene(tmp_path, Desk([pending, good])) as on:
        config = tmp_path / "cpms.toml"
        config.write_text(
            f"""
            [database]
            file = "x"
            [trust]
            allow_test_pki = true
            [[listener]]
            name = "a"
            profile = 2
            certificate = "x"
            key = "x"
            [pki.own]
            url = "{on.pki.url}"
            tls_ca = "server/web_root.pem"
            client_certificate = "us.pem"
            client_key = "us.key"
            """
        )
        assert await asyncio.to_thread(renew_login, config, "own", as_json=True) is Exit.WAITED_TOO_LONG
        assert json.loads(capsys.readouterr().out)["renewed"] is False
        assert await asyncio.to_thread(renew_login, config, "own", as_json=False) is Exit.DONE
        said = capsys.readouterr().out
    assert f"own: renewed until {UNTIL:%Y-%m-%d}" in said
    assert "send SIGHUP" in said
