"""Renewing the certificate that we show a PKI, by simplereenroll (RFC 7030 section 4.2.2), and the files it lies in.

Nothing is lost on the way: the new key and its request are on disk before the request is sent, so that the same one can
be sent again; the former files are kept beside the new ones. When to renew is not decided here.
"""

import os
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chainpilot.clock import Clock
from chainpilot.cpms.adapters.est_http import EstHttp
from chainpilot.cpms.adapters.est_transport import EstSetupError
from chainpilot.cpms.config import ClientCertificate, PkiConfig
from chainpilot.cpms.ports import CaPending, CaRefused, CaUndecided, Reason, RetryClass
from chainpilot.errors import OwnError, PeerError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate, load_certificates
from chainpilot.pki.chain import Chain, ChainError, chain_from_bag
from chainpilot.pki.csr import Csr, inspect_csr
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.extensions import EkuOid
from chainpilot.pki.keys import KeySpec, generate_private_key, key_spec_of, signing_hash

__all__ = ["FORMER", "NEXT", "SENT", "OutcomeUnknown", "RenewalFileError", "SuccessorUnfit", "renew_client_certificate"]

NEXT: Final = ".next"
"""Behind the key's name: the new key and its request, while the PKI hasn't answered."""
SENT: Final = ".sent"
"""Behind that: the request was sent, and what came of it is not known."""
FORMER: Final = ".former"
"""Behind both names: what was shown before."""
_CLIENT_PURPOSES: Final = frozenset({EkuOid.CLIENT_AUTH.value, EkuOid.ANY.value})


class RenewalFileError(OwnError):
    """A file can't be read or written. Fields: `path`, `why` a sentence."""

    def __init__(self, path: Path, why: str) -> None:
        self.path = path
        self.why = why
        super().__init__(f"{path}: {why}")


class SuccessorUnfit(PeerError):
    """What the PKI answered is not taken into use. Field: `why` a sentence."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"the new certificate is not used: {why}")


class OutcomeUnknown(OwnError):
    """A request was sent before and may have been issued. Fields: `sent` the mark of that, `request` the file."""

    def __init__(self, sent: Path, request: Path) -> None:
        self.sent = sent
        self.request = request
        super().__init__(
            f"{request} was sent before, and the PKI may have issued a certificate for it; nothing is sent. "
            f"Look there: if it issued none, remove {sent} to send it again; if it did, revoke it there and "
            "remove both to ask with a new key"
        )


@dataclass(frozen=True, slots=True)
class _Request:
    """A new key and what it asks for."""

    csr: Csr
    key_pem: bytes


async def renew_client_certificate(pki: PkiConfig, clock: Clock) -> Certificate | CaPending:
    """Get a successor of the client certificate and put it in its place; or when to call again.

    1. the request has a new key of the same kind, and subject and alternative names of the certificate, unchanged
    2. it is on disk before it is sent, and what an earlier call left there is sent again; but where the PKI may have
       issued for it and is not declared `repost_safe`, a person decides first (est-opcp-ocsp.md section 1)
    3. the answer has the new key and the same names, is no CA's, may be a client's, and ends later than the former
    4. key and certificate are proved to belong together before they take their places

    Raises:
        EstSetupError: the PKI shows no certificate of ours, has no simplereenroll, or its files can't be used.
        RenewalFileError: a file can't be read or written.
        SuccessorUnfit: the answer isn't what was asked for.
        OutcomeUnknown: what an earlier call sent may have been issued; nothing is sent.
        CaRefused, CaUndecided: no answer, or a refusal; what was sent is kept, unless the PKI will never take it.
    """
    if pki.client is None:
        raise EstSetupError(pki.name, "it shows no certificate that could be renewed; name it as client_certificate")
    if not pki.paths.simplereenroll:
        raise EstSetupError(pki.name, "its paths have no simplereenroll")
    current = _shown(pki.client)
    async with EstHttp(pki, clock=clock) as authority:
        request = _request(pki.client, current)  # 1, 2
        sent = _sent_of(pki.client)
        if sent.exists() and not pki.repost_safe:
            raise OutcomeUnknown(sent, _next_of(pki.client))
        _write(sent, b"", mode=0o600)
        try:
            answer = await authority.simplereenroll(request.csr)
        except CaRefused as refusal:
            if refusal.retry is RetryClass.NEVER:
                _remove(_next_of(pki.client))
            if refusal.reason is not Reason.PKI_ANSWER_UNREADABLE:  # that may have been a certificate
                _remove(sent)
            raise
        except CaUndecided as doubt:
            if not doubt.sent:
                _remove(sent)
            raise
        if isinstance(answer, CaPending):
            _remove(sent)
            return answer
        beside = await _authorities(authority, pki.client)
    chain = _chain(request.csr, (*answer.certificates, *beside))
    _judge(chain.leaf, current, clock.now())  # 3
    _take_into_use(pki.client, chain, request.key_pem)  # 4
    return chain.leaf


async def _authorities(authority: EstHttp, client: ClientCertificate) -> tuple[Certificate, ...]:
    """CAs that may stand above the new certificate; it is in hand, so nothing that goes wrong here may lose it."""
    try:
        return await authority.cacerts()
    except (CaRefused, CaUndecided):
        pass
    try:
        return load_certificates(_read(client.file))
    except (EncodingError, CertificateError):
        return ()


def _next_of(client: ClientCertificate) -> Path:
    return client.key.with_name(client.key.name + NEXT)


def _sent_of(client: ClientCertificate) -> Path:
    return _next_of(client).with_name(_next_of(client).name + SENT)


def _shown(client: ClientCertificate) -> Certificate:
    try:
        first = x509.load_pem_x509_certificate(_read(client.file))
        return load_certificate(first.public_bytes(Encoding.DER))
    except (ValueError, CertificateError) as error:
        raise RenewalFileError(client.file, "it holds no readable certificate") from error


def _request(client: ClientCertificate, current: Certificate) -> _Request:
    path = _next_of(client)
    if path.exists():
        return _kept(path)
    key = generate_private_key(key_spec_of(current.public_key) or KeySpec.P256)
    shown = x509.load_der_x509_certificate(current.der)
    builder = x509.CertificateSigningRequestBuilder(shown.subject)
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        builder = builder.add_extension(names.value, critical=names.critical)
    except x509.ExtensionNotFound:
        pass
    except ValueError as error:
        raise RenewalFileError(client.file, "its alternative names can't be read, so not asked for again") from error
    signed = builder.sign(key, signing_hash(key.public_key()))
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(path, key_pem + signed.public_bytes(Encoding.PEM), mode=0o600)
    return _Request(inspect_csr(signed.public_bytes(Encoding.DER)), key_pem)


def _kept(path: Path) -> _Request:
    text = _read(path)
    try:
        key = load_pem_private_key(text, None)
        csr = x509.load_pem_x509_csr(text[text.index(b"-----BEGIN CERTIFICATE REQUEST") :])
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _Request(inspect_csr(csr.public_bytes(Encoding.DER)), key_pem)
    except (ValueError, TypeError) as error:
        raise RenewalFileError(path, "it holds no key with its request; remove it to begin anew") from error


def _chain(csr: Csr, bag: tuple[Certificate, ...]) -> Chain:
    try:
        return chain_from_bag(csr.spki_hash, bag)
    except ChainError as error:
        raise SuccessorUnfit(error.why) from error


def _judge(leaf: Certificate, current: Certificate, at: datetime) -> None:
    purposes = leaf.extensions.extended_key_usage
    objections = {
        "its subject is another": leaf.subject_name != current.subject_name,
        "its alternative names are others": _alternative_names(leaf) != _alternative_names(current),
        "it is a CA's": leaf.is_ca,
        "it may not be used by a client": purposes is not None and not purposes & _CLIENT_PURPOSES,
        "it is not valid now": not leaf.valid_at(at),
        "it ends no later than the former": leaf.not_after <= current.not_after,
    }
    why = next((why for why, holds in objections.items() if holds), None)
    if why is not None:
        raise SuccessorUnfit(why)


def _alternative_names(certificate: Certificate) -> frozenset[x509.GeneralName] | None:
    try:
        extensions = x509.load_der_x509_certificate(certificate.der).extensions
        return frozenset(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return None
    except ValueError as error:
        raise SuccessorUnfit("its extensions can't be read") from error


def _take_into_use(client: ClientCertificate, chain: Chain, key_pem: bytes) -> None:
    """Between the two replacements a start is refused in words; both former files are beside."""
    fresh = {
        client.key: (key_pem, 0o600),
        client.file: (chain.to_pem().encode(), 0o644),
    }
    for path, (content, mode) in fresh.items():
        _write(path.with_name(path.name + FORMER), _read(path), mode=mode)
        _write(path.with_name(path.name + ".new"), content, mode=mode)
    key, file = (path.with_name(path.name + ".new") for path in fresh)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(file, key)
    except ssl.SSLError as error:
        raise SuccessorUnfit(f"OpenSSL doesn't take it with its key ({error.reason})") from error
    try:
        for path in fresh:
            path.with_name(path.name + ".new").replace(path)
    except OSError as error:
        raise RenewalFileError(client.file, f"it can't be replaced: {error.strerror}") from error
    _remove(_next_of(client))
    _remove(_sent_of(client))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RenewalFileError(path, f"it can't be read: {error.strerror}") from error


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """On disk when it returns; a key is never readable by others, not even for a moment."""
    try:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RenewalFileError(path, f"it can't be written: {error.strerror}") from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RenewalFileError(path, f"it can't be removed: {error.strerror}") from error
