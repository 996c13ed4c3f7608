"""The directory a test PKI lives in: certificates in the open, keys and the password for their owner only.

NEVER for production: the keys are not encrypted. What the files mean is not handled here.
"""

import os
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate, load_certificates

__all__ = ["Cabinet", "CabinetError", "Ports", "key_pem"]

_OWNER_ONLY: Final = 0o600
_PUBLIC: Final = 0o644
_PORTS: Final = "ports.json"
_PASSWORD: Final = "est_password"  # noqa: S105 - a file's name


class CabinetError(OwnError):
    """A file of the test PKI can't be read or isn't what it should be; `path` and `why` say which and how."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


class Ports(msgspec.Struct, frozen=True):
    """Where the servers listened last; certificates name the responder's, so it is taken again when free."""

    est: int = 0
    ocsp: int = 0


class Cabinet:
    """Reads and writes the files under `directory`, which is made with mode 0700."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._keys = directory / "keys"
        for path in (directory, self._keys):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)

    @property
    def password_file(self) -> Path:
        """Where the EST password stands, one line."""
        return self.directory / _PASSWORD

    def certificate_file(self, name: str) -> Path:
        """Where the certificate of that name stands, in PEM."""
        return self.directory / f"{name}.pem"

    def certificate(self, name: str) -> Certificate | None:
        """The certificate of that name; None when there is none yet. Raises EncodingError, CertificateError."""
        path = self.certificate_file(name)
        return load_certificates(path.read_bytes())[0] if path.exists() else None

    def put_certificate(self, name: str, certificate: Certificate) -> None:
        """Write a certificate."""
        self.write(self.certificate_file(name), certificate.to_pem().encode(), mode=_PUBLIC)

    def key(self, name: str) -> ec.EllipticCurvePrivateKey | None:
        """The private key of that name; None when there is none yet. Raises CabinetError."""
        path = self._keys / f"{name}.key"
        if not path.exists():
            return None
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise CabinetError(path, "it holds no readable private key") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CabinetError(path, "its key is not of an elliptic curve")
        return key

    def put_key(self, name: str, key: ec.EllipticCurvePrivateKey) -> None:
        """Write a private key, for its owner only."""
        self.write(self._keys / f"{name}.key", key_pem(key))

    def password(self) -> str | None:
        """The EST password; None when there is none yet."""
        return self.password_file.read_text("utf-8").strip() if self.password_file.exists() else None

    def put_password(self, password: str) -> None:
        """Write the EST password, for its owner only."""
        self.write(self.password_file, f"{password}\n".encode())

    def ports(self) -> Ports:
        """The ports used last; zeros when unknown, since any free port will do."""
        try:
            return msgspec.json.decode((self.directory / _PORTS).read_bytes(), type=Ports)
        except (FileNotFoundError, msgspec.DecodeError):
            return Ports()

    def put_ports(self, ports: Ports) -> None:
        """Remember the ports in use."""
        self.write(self.directory / _PORTS, msgspec.json.encode(ports))

    @staticmethod
    def write(path: Path, content: bytes, *, mode: int = _OWNER_ONLY) -> None:
        """Put a whole file in place at once, so that a stopped start leaves none half-written."""
        fresh = path.with_name(f".{path.name}.new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        fresh.replace(path)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PKCS#8 PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
