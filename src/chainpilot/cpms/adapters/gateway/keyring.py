"""The back office's own certificates: read from their files, proved to fit their keys, kept in memory only.

Whether a station trusts them is not judged here; only their end is watched.
"""

import os
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Self
from weakref import finalize

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from chainpilot.cpms.config import ListenerConfig, ServerCertificate
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate

__all__ = ["ENDS_SOON", "Keyring", "ListenerSetupError"]

ENDS_SOON: Final = timedelta(days=14)
"""So long before its end a server certificate is warned of: time for an order by hand at a public CA."""


_NOT_THE_KEY: Final = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
"""What OpenSSL says of a key that belongs to another certificate."""


class ListenerSetupError(OwnError):
    """A listener can't be started, or its certificates not be changed. Fields: `name` of the listener, `why`."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"listener {name} can't be set up: {why}")


class Keyring:
    """A listener's certificates with their keys: one, or one for ECDSA and one for RSA, which OpenSSL chooses from."""

    def __init__(self) -> None:
        self._files: list[tuple[str, str]] = []
        self._leaves: list[Certificate] = []
        self._closers: list[finalize[[int], Keyring]] = []

    @classmethod
    def read(cls, listener: ListenerConfig) -> Self:
        """Read the listener's files.

        1. there is one at least; certificate and key can be read, and belong together
        2. two certificates have keys of different kinds, one ECDSA and one RSA: OpenSSL keeps one of a kind

        Raises ListenerSetupError.
        """
        if not listener.certificates:  # 1
            raise ListenerSetupError(listener.name, "TLS needs a certificate and its key")
        keyring = cls()
        try:
            for pair in listener.certificates:
                keyring._add(pair)  # 1
            keyring._judge_kinds()  # 2
        except (OSError, ValueError) as error:
            keyring._forget()
            raise ListenerSetupError(listener.name, str(error)) from error
        return keyring

    @property
    def leaves(self) -> tuple[Certificate, ...]:
        """The server's own certificates, in the order of the configuration."""
        return tuple(self._leaves)

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let the context show them. Raises OSError."""
        for certificate, key in self._files:
            context.load_cert_chain(certificate, key)

    def warnings(self, at: datetime) -> Iterator[tuple[Certificate, str]]:
        """The certificates that stations refuse at this moment, or will before `ENDS_SOON` is over, and why."""
        for leaf in self._leaves:
            if at < leaf.not_before:
                yield leaf, f"it is not valid before {leaf.not_before:%Y-%m-%d %H:%M} UTC"
            elif at >= leaf.not_after:
                yield leaf, f"it ended at {leaf.not_after:%Y-%m-%d %H:%M} UTC; stations refuse it"
            elif at >= leaf.not_after - ENDS_SOON:
                yield leaf, f"it ends at {leaf.not_after:%Y-%m-%d %H:%M} UTC, in less than {ENDS_SOON.days} days"

    def _add(self, pair: ServerCertificate) -> None:
        """Tried in a context of its own: in a shared one, OpenSSL may take the key for that of another certificate.

        Raises ValueError, OSError.
        """
        text = pair.file.read_bytes()
        leaf = _leaf_of(text, pair.file)
        files = self._copy(text), self._copy(pair.key.read_bytes())
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*files, partial(_no_password, pair.key))
        except ssl.SSLError as error:
            if error.reason in _NOT_THE_KEY:
                raise ValueError(f"the key in {pair.key} is not that of the certificate in {pair.file}") from error
            raise ValueError(f"{pair.key}, or the chain in {pair.file}, can't be used: {error}") from error
        self._leaves.append(leaf)
        self._files.append(files)

    def _judge_kinds(self) -> None:
        """Raises ValueError."""
        kinds = [_kind(leaf) for leaf in self._leaves]
        if len(kinds) > 1 and sorted(kinds) != ["ECDSA", "RSA"]:
            why = f"two certificates are to be one for ECDSA and one for RSA; these are for {' and '.join(kinds)}"
            raise ValueError(why)

    def _forget(self) -> None:
        """Let go of the keys now: whoever keeps the error keeps this object, too."""
        for close in self._closers:
            close()

    def _copy(self, content: bytes) -> str:
        """A file in memory, which is all that OpenSSL reads from: what was proved is what is shown."""
        descriptor = os.memfd_create("chainpilot-listener", os.MFD_CLOEXEC)
        self._closers.append(finalize(self, os.close, descriptor))
        with open(descriptor, "wb", closefd=False) as copy:
            copy.write(content)
        return f"/proc/self/fd/{descriptor}"


def _no_password(file: Path) -> str:
    """Asked for where a key is encrypted; OpenSSL would ask at the terminal, and a server wait there for ever."""
    raise ValueError(f"{file} is encrypted; a server's key is read without a password")


def _leaf_of(text: bytes, file: Path) -> Certificate:
    """The first certificate, whatever else is in the file. Raises ValueError."""
    try:
        return load_certificate(x509.load_pem_x509_certificates(text)[0].public_bytes(Encoding.DER))
    except (ValueError, CertificateError) as error:
        raise ValueError(f"{file} holds no readable certificate: {error}") from error


def _kind(leaf: Certificate) -> str:
    if isinstance(leaf.public_key, rsa.RSAPublicKey):
        return "RSA"
    return "ECDSA" if isinstance(leaf.public_key, ec.EllipticCurvePublicKey) else "another kind of key"
