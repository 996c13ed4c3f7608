"""What can be done to a test PKI beside asking its servers: issue, revoke, roll over, end. NEVER for production.

It works on the folder alone, so that it serves a running PKI and one that is stopped; servers are `app`'s.
"""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography import x509

from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.csr import inspect_csr
from chainpilot.pki.encoding import PemLabel, recognise
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import PrivateKey
from chainpilot.testpki.authorities import Authorities, open_authorities
from chainpilot.testpki.cabinet import Cabinet, Ports, key_pem, telling, write_file, write_leaf
from chainpilot.testpki.declaration import HierarchyError, packaged, parse_hierarchy
from chainpilot.testpki.hierarchy import ORGANIZATION, EstLabel, Hierarchy
from chainpilot.testpki.issuer import Issuer
from chainpilot.testpki.material import Material
from chainpilot.testpki.register import IssuedRecord, Register
from chainpilot.testpki.revocations import Revocation, Revocations, revocation_list
from chainpilot.testpki.twists import Twist

__all__ = [
    "NEVER_STARTED",
    "SUPERSEDED",
    "Issued",
    "NoSuchLabel",
    "NotIssued",
    "NotRevocable",
    "Office",
    "Standing",
    "hierarchy_for",
]

NEVER_STARTED: Final = "http://127.0.0.1:9"
"""The OCSP address of certificates that are issued before the responder ever ran."""
SUPERSEDED: Final = "superseded"
"""The register's label for a CA's certificate in whose place is one that has ended."""
_REGISTER: Final = "issued.jsonl"
_REVOKED: Final = "revoked.jsonl"
_LISTS: Final = "crl"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class NoSuchLabel(OwnError):
    """The hierarchy has no label of that name."""

    def __init__(self, label: str, known: Sequence[str]) -> None:
        super().__init__(f"this hierarchy has no label {label!r}; it has {', '.join(known)}")
        self.label = label


class NotIssued(OwnError):
    """Nothing that was issued, and no CA, is meant by a word."""

    def __init__(self, target: str) -> None:
        super().__init__(
            f"{target!r} is neither a CA of this hierarchy nor the serial number (hexadecimal) or common name of "
            "anything it has issued"
        )
        self.target = target


class NotRevocable(OwnError):
    """A root: nobody could say that it was revoked."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a root; nobody revokes one: take it out of where it is trusted")
        self.name = name


@dataclass(frozen=True, slots=True)
class Issued:
    """A leaf with the CAs above it."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    """Leaf first, the root last."""
    key: PrivateKey | None
    """None when a signing request brought its own."""

    @property
    def stack(self) -> str:
        """The PEM stack that stations and vehicles take: leaf first, no root."""
        return "".join(certificate.to_pem() for certificate in self.chain if not certificate.is_self_signed)

    @property
    def file_name(self) -> str:
        """A stem for its files: the common name as far as it is safe, and a part of the serial number."""
        name = _UNSAFE.sub("_", self.certificate.subject.common_name or "leaf").strip(".") or "leaf"
        return f"{name}-{self.certificate.serial_number & 0xFFFFFFFF:08x}"

    def write(self, directory: Path) -> tuple[Path, Path | None]:
        """Write `<name>.pem`, the stack, and `<name>.key` (mode 0600) if there is a key. Raises CabinetError."""
        key = key_pem(self.key) if self.key is not None else None
        return write_leaf(directory, self.file_name, self.stack.encode(), key)


@dataclass(frozen=True, slots=True)
class Standing:
    """One CA as it stands."""

    name: str
    subject: str
    serial_number: int
    ends: datetime
    generation: int
    revoked: datetime | None


class Office:
    """A test PKI's folder: `with Office(directory, at) as office` opens it. One at a time.

    Args:
        directory: where everything lies.
        at: now (UTC), for what is made on first use.
        hierarchy: what is declared; None takes that of the folder, else the packaged default.
        seed: as `TestPki`'s.
    """

    def __init__(
        self, directory: Path, at: datetime, *, hierarchy: Hierarchy | None = None, seed: bytes | None = None
    ) -> None:
        self.cabinet = Cabinet(directory)
        self._at = at
        self._asked = hierarchy
        self.material = Material(seed)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Take the folder and open what is in it, with the addresses that certificates named last.

        Raises:
            FolderInUseError, CabinetError, HierarchyError.
        """
        with ExitStack() as stack:
            stack.enter_context(self.cabinet.lock())
            self.open(self.cabinet.ports().ocsp_url or NEVER_STARTED)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def open(self, ocsp_url: str) -> None:
        """Open everything for whoever has the folder's lock; certificates name that OCSP address from now on."""
        directory = self.cabinet.directory
        hierarchy = hierarchy_for(self.cabinet, self._asked)
        self.register = Register(directory / _REGISTER)
        self.revocations = Revocations(directory / _REVOKED)
        self.authorities: Authorities = open_authorities(
            self.cabinet, self.material, ocsp_url=ocsp_url, at=self._at, hierarchy=hierarchy
        )

    def label(self, name: str) -> EstLabel:
        """What a label of the hierarchy issues. Raises NoSuchLabel."""
        labels = self.authorities.hierarchy.labels
        if name not in labels:
            raise NoSuchLabel(name, tuple(labels))
        return labels[name]

    def issue(
        self,
        label: str,
        *,
        at: datetime,
        common_name: str = "",
        csr: str | bytes | None = None,
        organization: str = ORGANIZATION,
        country: str | None = "DE",
        lifetime: timedelta | None = None,
    ) -> Issued:
        """A leaf as `label` issues them, for a signing request or for a new key.

        Args:
            label: a label of the hierarchy.
            at: now (UTC).
            common_name: of the subject, when there is no request.
            csr: PEM or DER.
            organization: of the subject, when there is no request.
            country: the same.
            lifetime: from now on; the label's own when None, and one that isn't positive makes a leaf that has ended.

        Raises:
            NoSuchLabel: there is no such label.
            EncodingError, CsrError, IdentityError: the request or the name is no good.
            IssueError: the result would not fit its profile.
        """
        target = self.label(label)
        key: PrivateKey | None = None
        if csr is not None:
            request = inspect_csr(csr if isinstance(csr, bytes) and csr[:1] == b"\x30" else _only_request(csr))
            subject, public_key = x509.load_der_x509_csr(request.der).subject, request.public_key
        else:
            count = len(self.register)
            key = self.material.key(f"{label} {common_name} {count}", target.keys[0])
            name = DistinguishedName(country, organization, common_name, target.plan.use.domain_component)
            subject, public_key = name.to_name(), key.public_key()
        issuer = self.authorities[target.authority]
        has_ended = lifetime is not None and lifetime <= timedelta(0)
        plan = target.plan if lifetime is None or has_ended else target.plan.lasting(lifetime)
        certificate = issuer.issue_leaf(
            subject,
            public_key,
            plan,
            at,
            context=f"by hand {len(self.register)}".encode(),
            twists=(Twist.ENDED,) if has_ended else (),
        )
        self.register.add(IssuedRecord(label, "", certificate))
        return Issued(certificate, (certificate, *(above.certificate for above in issuer.path)), key)

    def revoke(
        self, target: str | Certificate, *, at: datetime, reason: RevocationReason = RevocationReason.UNSPECIFIED
    ) -> tuple[Certificate, ...]:
        """Revoke what is meant, from `at` on: OCSP says so at once, and the issuer's list is written anew.

        Args:
            target: a certificate, a CA's name, a serial number in hexadecimal or a common name, whose newest is meant.
            at: now (UTC).
            reason: the first one counts when it is revoked again.

        Raises:
            NotIssued: nothing is meant by it.
            NotRevocable: it is a root.
        """
        meant = (target,) if isinstance(target, Certificate) else self._meant(target)
        for certificate in meant:
            issuer = self.authorities.issuer_of(certificate)
            if issuer is None:
                raise NotIssued(f"{certificate.serial_number:x}")
            if certificate.is_self_signed:
                raise NotRevocable(certificate.subject.common_name or "it")
            if self.revocations.find(issuer.certificate, certificate.serial_number) is None:
                key = issuer.certificate.spki_hash
                self.revocations.add(Revocation(key, certificate.serial_number, at, reason))
            self._write_list(issuer, at)
        return meant

    def roll_over(self, name: str, *, at: datetime) -> Certificate:
        """Give a CA another key; see `Authorities.roll_over`."""
        return self.authorities.roll_over(name, at).certificate

    def expire(self, target: str, *, at: datetime) -> Certificate:
        """What is meant with the same key and subject, but ended: a CA from now on, or a leaf issued anew.

        The leaf that is out there stays what it is, since nobody can change it.

        Raises:
            NotIssued: nothing is meant by it.
        """
        if target in self.authorities:
            before = self.authorities[target].certificate
            ended = self.authorities.expire(target, at).certificate
            self.register.add(IssuedRecord(SUPERSEDED, "", before))  # it is still out there, and its status known
            return ended
        leaf = self._meant(target)[-1]
        record = next(record for record in self.register.records if record.certificate == leaf)
        issuer = self.authorities.issuer_of(leaf)
        labelled = self.authorities.hierarchy.labels.get(record.label)
        if issuer is None or labelled is None:
            raise NotIssued(target)
        subject = x509.load_der_x509_certificate(leaf.der).subject
        context = f"ended {at.isoformat()}".encode()
        ended = issuer.issue_leaf(subject, leaf.public_key, labelled.plan, at, context=context, twists=(Twist.ENDED,))
        self.register.add(IssuedRecord(record.label, record.csr_fingerprint, ended))
        return ended

    def revoked_at(self, certificate: Certificate) -> datetime | None:
        """When a certificate of ours was revoked; None when it wasn't."""
        issuer = self.authorities.issuer_of(certificate)
        found = self.revocations.find(issuer.certificate, certificate.serial_number) if issuer is not None else None
        return found.at if found is not None else None

    def revocation_list(self, file_name: str, at: datetime) -> bytes | None:
        """The list in DER that has that file name, as of `at`; None when there is none."""
        named = (issuer for issuer in self.authorities.everyone() if f"{issuer.file_name}.crl" == file_name)
        issuer = next(named, None)
        return self._list(issuer, at) if issuer is not None else None

    def standing(self) -> tuple[Standing, ...]:
        """Every CA as it stands."""
        return tuple(
            Standing(
                name,
                issuer.certificate.subject.common_name or "",
                issuer.certificate.serial_number,
                issuer.certificate.not_after,
                issuer.generation,
                self.revoked_at(issuer.certificate),
            )
            for name, issuer in self.authorities.items()
        )

    def remember(self, ports: Ports) -> None:
        """Keep where the servers listen."""
        self.cabinet.put_ports(ports)

    def _meant(self, target: str) -> tuple[Certificate, ...]:
        if target in self.authorities:
            return (self.authorities[target].certificate,)
        try:
            numbered = self.register.with_serial(int(target.replace(":", ""), 16))
        except ValueError:
            numbered = ()
        named = self.register.for_name(target)
        found = numbered or ((named,) if named is not None else ())
        if not found:
            raise NotIssued(target)
        return tuple(record.certificate for record in found)

    def _write_list(self, issuer: Issuer, at: datetime) -> None:
        folder = self.cabinet.directory / _LISTS
        with telling(folder):
            folder.mkdir(mode=0o755, exist_ok=True)
        write_file(folder / f"{issuer.file_name}.crl", self._list(issuer, at), mode=0o644)

    def _list(self, issuer: Issuer, at: datetime) -> bytes:
        return revocation_list(issuer, self.revocations, at, deterministic=self.material.is_deterministic)


def hierarchy_for(cabinet: Cabinet, asked: Hierarchy | None) -> Hierarchy:
    """The hierarchy of a folder: what is kept there, or else what is asked for or packaged, which is kept from now on.

    Raises:
        HierarchyError: what is kept there can't be used, or it is another than what is asked for.
    """
    kept = cabinet.hierarchy()
    if kept is None:
        hierarchy = asked or packaged()
        cabinet.put_hierarchy(hierarchy.text)
        return hierarchy
    if asked is not None and asked.text != kept:
        raise HierarchyError("", f"{cabinet.directory} holds another one; start in a new folder")
    return parse_hierarchy(kept)


def _only_request(text: str | bytes) -> bytes:
    blocks = recognise(text, PemLabel.CERTIFICATE_REQUEST).blocks
    return blocks[0]
