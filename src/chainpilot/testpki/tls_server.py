"""Server certificates for the parts of a test set-up, with their files. NEVER for production."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import PrivateKey
from chainpilot.testpki.cabinet import key_pem, telling, write_file
from chainpilot.testpki.hierarchy import ORGANIZATION, TLS_SERVER
from chainpilot.testpki.issuer import Issuer

__all__ = ["TlsServer", "issue_tls_server"]

_MAX_COMMON_NAME: Final = 64
"""RFC 5280 appendix A.1, ub-common-name; nobody looks there for a host (RFC 9525 section 2)."""


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A server's certificates, leaf first and without the root, and its key."""

    certificates: tuple[Certificate, ...]
    key: PrivateKey

    @property
    def leaf(self) -> Certificate:
        """The server's own certificate."""
        return self.certificates[0]

    def write(self, directory: Path, stem: str) -> tuple[Path, Path]:
        """Write `<stem>.pem` with the certificates and `<stem>.key` (mode 0600); returns both. Raises CabinetError."""
        with telling(directory):
            directory.mkdir(parents=True, exist_ok=True)
        chain_file, key_file = directory / f"{stem}.pem", directory / f"{stem}.key"
        chain = "".join(certificate.to_pem() for certificate in self.certificates)
        write_file(chain_file, chain.encode(), mode=0o644)
        write_file(key_file, key_pem(self.key))
        return chain_file, key_file


def issue_tls_server(issuer: Issuer, names: Sequence[str], key: PrivateKey, at: datetime) -> TlsServer:
    """A certificate for DNS names or IP addresses; the first is also its common name, which has 64 characters at most.

    Raises:
        IssueError: it would not fit the profile of a server.
    """
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, names[0][:_MAX_COMMON_NAME]),
        ]
    )
    context = f"{at.isoformat()} {' '.join(names)}".encode()
    leaf = issuer.issue_leaf(subject, key.public_key(), TLS_SERVER, at, hosts=names, context=context)
    above = (each.certificate for each in issuer.path if not each.certificate.is_self_signed)
    return TlsServer((leaf, *above), key)
