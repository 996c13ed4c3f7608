"""A second opinion: openssl on the command line judges what the station's store holds, and asks the OCSP responder."""

import asyncio
import shlex
import shutil
from dataclasses import dataclass

from chainpilot.cli.demo.cast import Cast
from chainpilot.errors import OwnError
from chainpilot.station.model import CaCertificateType, LeafCertificateType

__all__ = ["Check", "LeafMissing", "ask_responder", "run_check", "verify_leaf"]

_SECONDS = 20.0


class LeafMissing(OwnError):
    """The station's store has no such leaf in use; `why` is its reason."""

    def __init__(self, kind: LeafCertificateType, why: str) -> None:
        super().__init__(f"the store has no {kind.value} leaf in use: {why}")
        self.kind = kind
        self.why = why


@dataclass(frozen=True, slots=True)
class Check:
    """A command that anybody can repeat, and what must be in its output."""

    command: tuple[str, ...]
    wanted: str

    @property
    def text(self) -> str:
        """The command as typed in a shell."""
        return shlex.join(self.command)


@dataclass(frozen=True, slots=True)
class _Leaf:
    single: str
    chain: str
    bundle: str


def verify_leaf(cast: Cast, kind: LeafCertificateType) -> Check:
    """`openssl verify` of the leaf in use: the store's bundle as anchors, the chain file as untrusted.

    Raises:
        LeafMissing: there is none.
    """
    leaf = _leaf(cast, kind)
    command = ("openssl", "verify", "-CAfile", leaf.bundle, "-untrusted", leaf.chain, leaf.single)
    return Check(command, f"{leaf.single}: OK")


def ask_responder(cast: Cast) -> Check:
    """`openssl ocsp` for the SECC leaf at the test PKI's responder. Raises LeafMissing."""
    leaf = _leaf(cast, LeafCertificateType.V2G)
    issuer = str(cast.directory / "pki" / "cpo_sub2.pem")
    command = ("openssl", "ocsp", "-url", cast.pki.ocsp_url, "-issuer", issuer, "-cert", leaf.single)
    return Check((*command, "-CAfile", leaf.bundle, "-verify_other", leaf.chain), f"{leaf.single}: good")


async def run_check(check: Check) -> str | None:
    """What openssl said wrong, None when it agrees; a missing openssl is told by the caller beforehand."""
    program = shutil.which(check.command[0])
    if program is None:
        return f"{check.command[0]} is not installed"
    process = await asyncio.create_subprocess_exec(
        program,
        *check.command[1:],
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"no answer within {_SECONDS:g} seconds"
    text = output.decode("utf-8", "replace")
    return None if process.returncode == 0 and check.wanted in text else text.strip()


def _leaf(cast: Cast, kind: LeafCertificateType) -> _Leaf:
    result = cast.station.security.get_leaf_certificate_info(kind)
    if result.info is None or result.info.certificate is None or result.info.certificate_single is None:
        raise LeafMissing(kind, result.reason or result.status.value)
    bundle = cast.station.security.get_verify_file(CaCertificateType(kind.value))
    return _Leaf(result.info.certificate_single, result.info.certificate, bundle)
