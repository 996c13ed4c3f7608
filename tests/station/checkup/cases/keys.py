"""Private keys that are not where and as they should be."""

import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certs import key_pem
from chainpilot.pki.keys import KeySpec
from station.checkup.bench import NOBODY, SECOND, Bench, Planted
from station.checkup.cases.leaves import ENROLLED, UNANSWERED
from stock import Placed, put
from stores import EVSE
from tokens import SoftTokens, soft_tokens

__all__ = ["CASES"]

PASSWORD = "s3cret of the keys"
LONG_AGO = 1_600_000_000


def key_file(bench: Bench, name: str, data: bytes, *, changed: int | None = None) -> Path:
    """A key file of mode 0600, changed a while ago."""
    path = put(bench.leaves / name, data)
    path.chmod(0o600)
    os.utime(path, (changed, changed) if changed else None)
    return path


def new_key() -> bytes:
    return key_pem(ec.generate_private_key(ec.SECP256R1()))


def without_key(bench: Bench) -> None:
    bench.place().key.unlink()


def in_other_directory(bench: Bench) -> None:
    key = bench.place().key
    shutil.move(key, bench.directory / "client/csms" / key.name)


def encrypted(bench: Bench) -> Placed:
    placed = bench.place()
    scheme = BestAvailableEncryption(PASSWORD.encode())
    placed.key.write_bytes(placed.leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, scheme))
    return placed


def encrypted_otherwise(bench: Bench) -> None:
    encrypted(bench)
    bench.settings["private_key_password"] = "another"


def given_away(bench: Bench) -> None:
    """Only root gives files away."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(bench.place().key, NOBODY, -1)


def in_bundle(bench: Bench) -> None:
    bundle = bench.directory / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.write_bytes(new_key() + bundle.read_bytes())


def tokens(bench: Bench) -> SoftTokens:
    return bench.stack.enter_context(soft_tokens(bench.workshop / "hsm"))


def on_absent_token(bench: Bench) -> None:
    soft = tokens(bench)
    bench.settings["hardware_keys"] = (soft.keys("absent"),)
    bench.tokens = soft


def stray(bench: Bench) -> None:
    keys = tokens(bench).keys()
    keys.make(KeySpec.P256, "SECC_LEAF_lost")
    bench.settings["hardware_keys"] = (keys,)


def destroyed(bench: Bench) -> None:
    (keys,) = bench.settings["hardware_keys"]
    for one in keys.strays(()):
        keys.destroy(one)


CASES = {
    "KeyMissing": Planted(
        plant=without_key, given=ENROLLED, left=UNANSWERED, told=lambda bench: (SECOND, bench.leaves)
    ),
    "KeyMisplaced": Planted(
        plant=in_other_directory, told=lambda bench: (SECOND, bench.leaves, bench.directory / "client/csms")
    ),
    "KeyUnreadable": Planted(
        plant=lambda bench: key_file(bench, "cut.key", new_key()[:100]),
        told=lambda bench: (bench.leaves / "cut.key", "breaks off"),
    ),
    "KeyPasswordMissing": Planted(plant=encrypted, given={"PASSWORD": lambda _: PASSWORD}),
    "KeyPasswordWrong": Planted(plant=encrypted_otherwise, given={"PASSWORD": lambda _: PASSWORD}),
    "KeyModeTooWide": Planted(plant=lambda bench: bench.place().key.chmod(0o644), told=lambda _: ("0644", "0600")),
    "KeyAmongCertificates": Planted(plant=in_bundle, told=lambda _: ("V2G_ROOT_CA.pem",)),
    "KeyWeak": Planted(
        plant=lambda bench: bench.place(key=rsa.generate_private_key(65537, 1024)),
        given=ENROLLED,
        also=("LeafBreaksProfile",),
        left=UNANSWERED,
        told=lambda _: (SECOND, "1024"),
    ),
    "TokenUnreachable": Planted(
        plant=on_absent_token, by_hand=lambda bench: bench.tokens.add("absent"), told=lambda _: ("absent",)
    ),
    "KeyOwnerForeign": Planted(plant=given_away, told=lambda _: (NOBODY,)),
    "KeylessLeaf": Planted(plant=lambda bench: bench.place(EVSE).key.unlink(), told=lambda _: (EVSE,)),
    "KeyOrphan": Planted(
        plant=lambda bench: key_file(bench, "lost.key", new_key(), changed=LONG_AGO),
        told=lambda bench: (bench.leaves / "lost.key", "2020-09-13"),
    ),
    "TokenStrayKeys": Planted(plant=stray, by_hand=destroyed, told=lambda _: ("1 key", "lost")),
}
