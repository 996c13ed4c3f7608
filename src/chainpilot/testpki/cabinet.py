"""The folder a test PKI lives in: certificates in the open, keys and the password for their owner only.

NEVER for production: the keys are not encrypted. What the files mean is not handled here.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.keys import PrivateKey

__all__ = [
    "HIERARCHY_FILE",
    "MARK",
    "PASSWORD_FILE",
    "TOKEN_FILE",
    "Cabinet",
    "CabinetError",
    "FolderInUseError",
    "ForeignFolderError",
    "Ports",
    "key_pem",
    "telling",
    "write_file",
    "write_leaf",
]

MARK: Final = "testpki.lock"
"""The file that tells a test PKI's folder from others; whoever runs the PKI holds a lock on it."""
_MARK_SAYS: Final = b"The files of a chainpilot TEST PKI. NEVER for production.\n"
_OWNER_ONLY: Final = 0o600
_PUBLIC: Final = 0o644
_PORTS: Final = "ports.json"
_ENDED: Final = "ended"
HIERARCHY_FILE: Final = "hierarchy.toml"
"""It may lie in the folder before the first start."""
PASSWORD_FILE: Final = "est_password"  # noqa: S105 - a file's name
TOKEN_FILE: Final = "est_token"  # noqa: S105 - a file's name
_PUT_BACK: Final = "put back what it held, or start in a new folder"
_KEY_KINDS: Final = (
    ec.EllipticCurvePrivateKey,
    rsa.RSAPrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
)
_Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class CabinetError(OwnError):
    """A file or the folder of the test PKI can't be used: `path`, `why`, and in `cure` what to do about it."""

    def __init__(self, path: Path, why: str, cure: str = _PUT_BACK) -> None:
        super().__init__(f"{path}: {why}; {cure}")
        self.path = path
        self.why = why
        self.cure = cure


class ForeignFolderError(CabinetError):
    """The folder holds files, and they are no test PKI's."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "the folder holds other files than a test PKI's", "name an empty or a new one")


class FolderInUseError(CabinetError):
    """Another test PKI runs on the folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "a test PKI is running in this folder", "stop it, or name another folder")


class Ports(msgspec.Struct, frozen=True):
    """Where the servers listened last; certificates name the responder's, so it is taken again when free."""

    est: _Port = 0
    ocsp: _Port = 0
    est_url: str = ""
    ocsp_url: str = ""
    """What certificates name, also those that are issued while nothing runs."""


class Cabinet:
    """Reads and writes the files under `directory`.

    A folder that isn't there is made with mode 0700. One that is there keeps its mode: it must be empty or a test
    PKI's. What is private lies in files of mode 0600, the keys in a folder of mode 0700.

    Raises:
        ForeignFolderError: the folder belongs to something else.
        CabinetError: it can't be made, read or written; so do all methods for their files.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._keys = directory / "keys"
        with telling(directory, "name another folder"):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = os.listdir(directory)  # noqa: PTH208 - names alone
            if set(found) - {HIERARCHY_FILE} and MARK not in found:
                raise ForeignFolderError(directory)
            self._mark()
            self._keys.mkdir(mode=0o700, exist_ok=True)

    def lock(self) -> BinaryIO:
        """Take the folder for this process until what is returned is closed. Raises FolderInUseError."""
        path = self.directory / MARK
        with telling(path):
            file = path.open("rb")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.close()
                raise FolderInUseError(self.directory) from error
            except OSError:
                file.close()
                raise
        return file

    def certificate_file(self, name: str) -> Path:
        """Where the certificate of that name stands, in PEM."""
        return self.directory / f"{name}.pem"

    def key_file(self, name: str) -> Path:
        """Where the private key of that name stands, in PEM."""
        return self._keys / f"{name}.key"

    def certificate(self, name: str) -> Certificate | None:
        """The certificate of that name; None when there is none yet."""
        path = self.certificate_file(name)
        text = _content(path)
        try:
            return load_certificates(text)[0] if text is not None else None
        except (EncodingError, CertificateError) as error:
            raise CabinetError(path, f"it holds no readable certificate ({error})") from error

    def put_certificate(self, name: str, certificate: Certificate) -> None:
        """Write a certificate."""
        write_file(self.certificate_file(name), certificate.to_pem().encode(), mode=_PUBLIC)

    def key(self, name: str) -> PrivateKey | None:
        """The private key of that name; None when there is none yet."""
        path = self.key_file(name)
        text = _content(path)
        if text is None:
            return None
        try:
            key = load_pem_private_key(text, None)
        except (ValueError, TypeError) as error:
            raise CabinetError(path, "it holds no readable private key") from error
        if not isinstance(key, _KEY_KINDS):
            raise CabinetError(path, "its key is of a kind that no CA here has")
        return key

    def put_key(self, name: str, key: PrivateKey) -> None:
        """Write a private key, for its owner only."""
        write_file(self.key_file(name), key_pem(key))

    def promote_key(self, name: str, to: str) -> None:
        """Put a key in the place of another."""
        with telling(self.key_file(name)):
            self.key_file(name).replace(self.key_file(to))

    def drop_key(self, name: str) -> None:
        """Delete a key."""
        with telling(self.key_file(name)):
            self.key_file(name).unlink(missing_ok=True)

    def ended(self) -> frozenset[str]:
        """The CAs that were made to end, so that their certificates are no mistake."""
        text = _content(self.directory / _ENDED)
        return frozenset((text or b"").decode("ascii", "replace").split())

    def put_ended(self, name: str) -> None:
        """Remember that a CA was made to end."""
        names = sorted(self.ended() | {name})
        write_file(self.directory / _ENDED, "".join(f"{each}\n" for each in names).encode())

    def hierarchy(self) -> str | None:
        """The declaration of the hierarchy; None when there is none yet."""
        path = self.directory / HIERARCHY_FILE
        text = _content(path)
        try:
            return text.decode() if text is not None else None
        except UnicodeDecodeError as error:
            raise CabinetError(path, "it is no UTF-8") from error

    def put_hierarchy(self, text: str) -> None:
        """Keep the declaration of the hierarchy."""
        write_file(self.directory / HIERARCHY_FILE, text.encode(), mode=_PUBLIC)

    def secret(self, name: str) -> str | None:
        """The secret in the file of that name, one line; None when there is none yet."""
        path = self.directory / name
        text = _content(path)
        try:
            return text.decode().strip() if text is not None else None
        except UnicodeDecodeError as error:
            raise CabinetError(path, "it is no text", "delete it, and a new one is made") from error

    def put_secret(self, name: str, secret: str) -> None:
        """Write a secret, for its owner only."""
        write_file(self.directory / name, f"{secret}\n".encode())

    def ports(self) -> Ports:
        """The ports used last; zeros when there were none."""
        path = self.directory / _PORTS
        text = _content(path)
        try:
            return msgspec.json.decode(text, type=Ports) if text is not None else Ports()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CabinetError(path, f"it holds no ports ({error})", "delete it, and free ones are taken") from error

    def put_ports(self, ports: Ports) -> None:
        """Remember the ports in use."""
        write_file(self.directory / _PORTS, msgspec.json.encode(ports))

    def _mark(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        with os.fdopen(os.open(self.directory / MARK, flags, _OWNER_ONLY), "ab") as file:
            if file.tell() == 0:
                file.write(_MARK_SAYS)


def write_file(path: Path, content: bytes, *, mode: int = _OWNER_ONLY) -> None:
    """Put a whole file in place at once, so that a stopped start leaves none half-written. Raises CabinetError."""
    fresh = path.with_name(f".{path.name}.new")
    with telling(path):
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
        fresh.replace(path)


def write_leaf(directory: Path, stem: str, chain: bytes, key: bytes | None) -> tuple[Path, Path | None]:
    """Write `<stem>.pem` and, with mode 0600, `<stem>.key`; the folder is made if need be. Raises CabinetError."""
    with telling(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    chain_file, key_file = directory / f"{stem}.pem", directory / f"{stem}.key"
    write_file(chain_file, chain, mode=_PUBLIC)
    if key is None:
        return chain_file, None
    write_file(key_file, key)
    return chain_file, key_file


def key_pem(key: PrivateKey) -> bytes:
    """A private key as PKCS#8 PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@contextmanager
def telling(path: Path, cure: str = "make it readable and writable for this user") -> Iterator[None]:
    """Let what the operating system objects about `path` out as CabinetError, with what to do about it."""
    try:
        yield
    except OSError as error:
        raise CabinetError(path, error.strerror or str(error), cure) from error


def _content(path: Path) -> bytes | None:
    with telling(path):
        return path.read_bytes() if path.exists() else None
