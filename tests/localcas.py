"""The operator's own CA in a test: founded, written to files, opened on records."""

import base64
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from chainpilot.cpms.adapters.ca_keys import FileKey
from chainpilot.cpms.adapters.ca_material import read_ca, write_list, write_new
from chainpilot.cpms.adapters.sql import SqlIssuingRecords, SqlLedger
from chainpilot.cpms.config import KeyOnToken
from chainpilot.cpms.issuing import CaPlan, FoundedCa, Founding, LocalCa, found_ca
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr, build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key
from clocks import SetClock
from forge import NOON

__all__ = ["LIST", "csr_of", "founded", "local_ca", "openssl", "openssl_verdicts", "write_ca"]

LIST = "ca.crl"


def founded(at: datetime = NOON, spec: KeySpec = KeySpec.P256, **asked: int) -> FoundedCa:
    """A root and an issuing CA."""
    keys = [FileKey(generate_private_key(spec)) for _ in range(2)]
    return found_ca(Founding("Operator", "DE", **asked), keys[0], keys[1], at)


def write_ca(folder: Path, ca: FoundedCa) -> tuple[Path, Path]:
    """Its stack and key."""
    stack, key = folder / "issuing.pem", folder / "issuing.key"
    stack.write_text(ca.issuing.to_pem() + ca.root.to_pem())
    assert isinstance(ca.issuing_key, FileKey)
    write_new(key, ca.issuing_key.to_pem(), mode=0o600)
    return stack, key


def csr_of(common_name: str = "CS-0001", key: PrivateKey | None = None) -> Csr:
    """A station's request for a client certificate."""
    subject = DistinguishedName("DE", "Operator", common_name)
    return inspect_csr(build_csr(key or generate_private_key(KeySpec.P256), subject))


def openssl(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it."""
    return subprocess.run(["openssl", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


def openssl_verdicts(folder: Path, ca: FoundedCa, *certificates: Certificate) -> list[subprocess.CompletedProcess[str]]:
    """What it says at noon to each as a TLS client's, with the list in `folder`; the files are 0.pem, 1.pem..."""
    (folder / "root.pem").write_text(ca.root.to_pem())
    (folder / "sub.pem").write_text(ca.issuing.to_pem())
    body = base64.encodebytes((folder / LIST).read_bytes()).decode()
    (folder / "list.pem").write_text(f"-----BEGIN X509 CRL-----\n{body}-----END X509 CRL-----\n")
    common = ("verify", "-x509_strict", "-attime", str(int(NOON.timestamp())), "-purpose", "sslclient")
    trusted = ("-CAfile", "root.pem", "-untrusted", "sub.pem", "-CRLfile", "list.pem", "-crl_check")
    verdicts = []
    for number, certificate in enumerate(certificates):
        (folder / f"{number}.pem").write_text(certificate.to_pem())
        verdicts.append(openssl(*common, *trusted, f"{number}.pem", cwd=folder))
    return verdicts


@asynccontextmanager
async def local_ca(
    folder: Path,
    ca: FoundedCa,
    *,
    plan: CaPlan | None = None,
    at: datetime = NOON,
    publish: Callable[[bytes], None] | None = None,
    key: KeyOnToken | None = None,
) -> AsyncIterator[tuple[LocalCa, SetClock]]:
    """The CA at work on the records in `folder`, its list in a file."""
    if key is None and not (folder / "issuing.key").exists():
        write_ca(folder, ca)
    material = read_ca("own", folder / "issuing.pem", key or folder / "issuing.key", signs_lists=True)
    ledger = await SqlLedger.open(folder / "cpms.sqlite")
    clock = SetClock(at)
    opened = LocalCa(
        plan or CaPlan("own"),
        material.chain,
        material.key,
        records=SqlIssuingRecords(ledger),
        clock=clock,
        publish=publish or (lambda der: write_list(folder / LIST, der)),
    )
    try:
        yield opened, clock
    finally:
        opened.close()
        await ledger.close()
