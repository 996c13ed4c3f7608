"""What the configuration's parts read of files: anchors, texts, secrets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chainpilot.cpms.config.settings import ConfigError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.trust import TrustAnchors

__all__ = ["admit", "read_secret", "read_text", "tls_anchors"]

_MAX_SECRET: Final = 4096
"""Characters of a file with a secret; what is longer is none."""


def admit(key: str, files: list[Path], folder: Path, *, allow_test_pki: bool) -> TrustAnchors:
    """An anchor that is refused stops the start: an operator who lists it believes that it counts."""
    found: list[Certificate] = []
    for file in files:
        try:
            found.extend(load_certificates(read_text(folder / file, key)))
        except (EncodingError, CertificateError) as error:
            raise ConfigError(key, f"{file} holds no readable certificates: {error.why}") from error
    anchors = TrustAnchors.admit(found, allow_test_pki=allow_test_pki)
    if anchors.refused:
        certificate, why = anchors.refused[0]
        raise ConfigError(key, f"{certificate.subject} is not admitted: {why}")
    return anchors


def read_text(path: Path, key: str) -> str:
    """The file as UTF-8. Raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(key, f"{path} can't be read: {error}") from error


def read_secret(key: str, file: Path | None, folder: Path, environ: Mapping[str, str], variable: str) -> str:
    """The secret in the environment's `variable`, else in the file; empty if there is neither. Raises ConfigError."""
    secret = environ.get(variable, "")
    if secret or file is None:
        return secret
    secret = read_text(folder / file, key).strip("\r\n")
    if not secret or len(secret) > _MAX_SECRET:
        raise ConfigError(key, f"the file holds {len(secret)} characters; no secret has that many")
    return secret


def tls_anchors(key: str, file: Path | None, folder: Path, *, allow_test_pki: bool) -> TrustAnchors | None:
    """The CAs that a server's certificate must lead to; None: the system's. Raises ConfigError."""
    if file is None:
        return None
    anchors = admit(key, [file], folder, allow_test_pki=allow_test_pki)
    if not len(anchors):
        raise ConfigError(key, f"{file} holds no certificate")
    return anchors
