"""Private keys that are not where and as they should be."""

import os
import shutil
from datetime import UTC, datetime, timedelta
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


def key_file(bench: Bench, name: str, data: bytes) -> Path:
    """A key file of mode 0600."""
    path = put(bench.leaves / name, data)
    path.chmod(0o600)
    return path


def orphan(bench: Bench, *, age: int = 7200) -> Path:
    """A key file that nothing uses, so many seconds after it came there."""
    path = key_file(bench, "lost.key", new_key())
    about = path.stat()
    bench.clock.set(datetime.fromtimestamp(max(about.st_ctime, about.st_mtime), UTC) + timedelta(seconds=age))
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


def worked_on_as_root(bench: Bench) -> None:
    """The store is somebody's, and a key was brought by root, who alone can give files away."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    key = bench.place().key
    for path in (bench.leaves, *bench.leaves.rglob("*")):
        os.chown(path, 0 if path == key else NOBODY, -1)


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
    "KeyOwnerForeign": Planted(plant=worked_on_as_root, told=lambda _: ("the user 0", f"directory to {NOBODY}")),
    "KeylessLeaf": Planted(plant=lambda bench: bench.place(EVSE).key.unlink(), told=lambda _: (EVSE,)),
    "KeyOrphan": Planted(
        plant=orphan,
        told=lambda bench: (bench.leaves / "lost.key", f"{bench.clock.now() - timedelta(hours=2):%Y-%m-%d %H:%M} UTC"),
    ),
    "TokenStrayKeys": Planted(plant=stray, by_hand=destroyed, told=lambda _: ("1 key", "lost")),
}
