"""Server certificates for the parts of a test set-up, with their files. NEVER for production."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chainpilot.pki.certificate import Certificate
from chainpilot.testpki.cabinet import Cabinet, key_pem
from chainpilot.testpki.hierarchy import ORGANIZATION, TLS_SERVER
from chainpilot.testpki.issuer import Issuer

__all__ = ["TlsServer", "issue_tls_server"]


@dataclass(frozen=True, slots=True)
class TlsServer:
    """A server's certificates, leaf first and without the root, and its key."""

    certificates: tuple[Certificate, ...]
    key: ec.EllipticCurvePrivateKey

    @property
    def leaf(self) -> Certificate:
        """The server's own certificate."""
        return self.certificates[0]

    def write(self, directory: Path, stem: str) -> tuple[Path, Path]:
        """Write `<stem>.pem` with the certificates and `<stem>.key` (mode 0600); returns both paths."""
        directory.mkdir(parents=True, exist_ok=True)
        chain_file, key_file = directory / f"{stem}.pem", directory / f"{stem}.key"
        chain = "".join(certificate.to_pem() for certificate in self.certificates)
        Cabinet.write(chain_file, chain.encode(), mode=0o644)
        Cabinet.write(key_file, key_pem(self.key))
        return chain_file, key_file


def issue_tls_server(issuer: Issuer, names: Sequence[str], key: ec.EllipticCurvePrivateKey, at: datetime) -> TlsServer:
    """A certificate for DNS names or IP addresses, the first of which is also its common name.

    Raises:
        IssueError: it would not fit the profile of a server.
    """
    attributes = ((NameOID.ORGANIZATION_NAME, ORGANIZATION), (NameOID.COMMON_NAME, names[0]))
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    context = f"{at.isoformat()} {' '.join(names)}".encode()
    leaf = issuer.issue_leaf(subject, key.public_key(), TLS_SERVER, at, hosts=names, context=context)
    above = () if issuer.certificate.is_self_signed else (issuer.certificate,)
    return TlsServer((leaf, *above), key)
