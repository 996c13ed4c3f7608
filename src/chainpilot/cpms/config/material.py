"""What a configuration names outside itself: files of certificates, and secrets in files or in the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chainpilot.cpms.config.settings import ConfigError
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError
from chainpilot.pki.trust import TrustAnchors

__all__ = ["Material", "admit", "read_text"]

_MAX_SECRET: Final = 4096
"""Characters of a secret; a longer one is not a password."""


@dataclass(frozen=True, slots=True)
class Material:
    """Where relative paths start, and the environment."""

    folder: Path
    environ: Mapping[str, str] = field(repr=False)

    def secret(self, key: str, file: Path | None, variable: str, *, most: int = _MAX_SECRET) -> str:
        """A secret from the environment or else from its file, empty where neither is given.

        Args:
            key: that names the file, for complaints.
            file: the value of that key.
            variable: in the environment; it wins.
            most: characters.

        Raises ConfigError.
        """
        given = self.environ.get(variable, "")
        if given or file is None:
            return given
        text = read_text(self.folder / file, key).strip("\r\n")
        if not text or len(text) > most:
            raise ConfigError(key, f"the file holds {len(text)} characters; a secret has 1 to {most}")
        return text


def admit(key: str, files: list[Path], folder: Path, *, allow_test_pki: bool) -> TrustAnchors:
    """The anchors in these files. Raises ConfigError.

    An anchor that is refused stops the start: an operator who lists it believes that it counts.
    """
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
    """The file's text. Raises ConfigError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(key, f"{path} can't be read: {error}") from error
