"""What the cryptography alone costs, in this process: the floor under every figure of the run."""

import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName
from chainpilot.pki.keys import KeySpec, generate_private_key

__all__ = ["each", "requests", "signature_seconds"]


def each(work: Callable[[], object], seconds: float) -> float:
    """CPU seconds that one call takes, over about that long."""
    count, begun = 0, time.process_time()
    while time.process_time() - begun < seconds:
        for _ in range(10):
            work()
        count += 10
    return (time.process_time() - begun) / count


def signature_seconds(seconds: float) -> tuple[float, float]:
    """CPU seconds of a signature, and of its verification, on P-256 with SHA-256."""
    key, data = ec.generate_private_key(ec.SECP256R1()), bytes(600)
    algorithm = ec.ECDSA(SHA256())
    signature, public = key.sign(data, algorithm), key.public_key()
    sign = each(lambda: key.sign(data, algorithm), seconds)
    return sign, each(lambda: public.verify(signature, data, algorithm), seconds)


def requests(count: int) -> list[bytes]:
    """So many CSRs of one key, no two for the same name; DER."""
    key = generate_private_key(KeySpec.P256)
    names = (DistinguishedName("DE", "Benchmark", f"DE*CHP*E{number:08}", "CPO") for number in range(count))
    made = [build_csr(key, name) for name in names]
    inspect_csr(made[0])
    return made
