"""The operator's own CA with its key on a token, SoftHSM as the hardware: it signs, and every way to fail is told."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pkcs11
import pytest

from chainpilot.cpms.adapters.ca_keys import FileKey
from chainpilot.cpms.adapters.ca_material import CaSetupError, read_ca
from chainpilot.cpms.ca_office import open_ca
from chainpilot.cpms.config import KeyOnToken, config_from
from chainpilot.cpms.issuing import FoundedCa, Founding, ListUnpublished, found_ca
from chainpilot.cpms.ports import CaUndecided, IssuedBag
from chainpilot.pkcs11.reference import KeyReference, write_uri
from chainpilot.pki.crl import RevocationReason, load_crl
from chainpilot.pki.keys import KeySpec, generate_private_key
from clocks import SetClock
from forge import NOON
from localcas import LIST, csr_of, founded, local_ca, openssl_verdicts
from tokens import PIN, SoftTokens, soft_tokens

__all__: list[str] = []

LABEL = "chainpilot-issuing"


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[SoftTokens]:
    with soft_tokens(tmp_path / "hsm") as made:
        yield made


@dataclass(frozen=True)
class OnToken:
    """A CA, its stack in a file, and where its key is."""

    ca: FoundedCa
    stack: Path
    key: KeyOnToken


def founded_on(tokens: SoftTokens, folder: Path, spec: KeySpec = KeySpec.P256) -> OnToken:
    """A CA whose key was made on the token `station`."""
    provider = tokens.keys()
    issuing = FileKey(provider.make(spec, "issuing").signer)
    ca = found_ca(Founding("Operator", "DE"), FileKey(generate_private_key(spec)), issuing, NOON)
    provider.close()
    pin, stack = folder / "pin", folder / "issuing.pem"
    pin.write_text(PIN + "\n")
    pin.chmod(0o600)
    stack.write_text(ca.issuing.to_pem() + ca.root.to_pem())
    return OnToken(ca, stack, KeyOnToken(tokens.settings(pin=pin), KeyReference("station", None, LABEL)))


@pytest.mark.anyio
@pytest.mark.parametrize("spec", [KeySpec.P256, KeySpec.P521, KeySpec.ED25519, KeySpec.RSA2048])
async def test_openssl_verifies_what_a_token_signed_and_its_list(
    tokens: SoftTokens, tmp_path: Path, spec: KeySpec
) -> None:
    own = founded_on(tokens, tmp_path, spec)
    async with local_ca(tmp_path, own.ca, key=own.key) as (ca, _):
        leaves = []
        for name in ("CS-0001", "CS-0002"):
            bag = await ca.simpleenroll(csr_of(name))
            assert isinstance(bag, IssuedBag)
            leaves.append(bag.certificates[0])
        await ca.revoke(f"{leaves[1].serial_number:x}", RevocationReason.KEY_COMPROMISE, by="Ada")
    good, revoked = openssl_verdicts(tmp_path, own.ca, *leaves)
    assert good.returncode == 0, good.stderr
    assert "certificate revoked" in revoked.stderr


@pytest.mark.anyio
async def test_a_key_on_a_token_is_configured_by_its_uri_and_logged_out_of_at_the_end(
    tokens: SoftTokens, tmp_path: Path
) -> None:
    own = founded_on(tokens, tmp_path)
    written = {
        "certificate": "issuing.pem",
        "key": write_uri(own.key.reference),
        "pkcs11_module": str(tokens.module),
        "pin_file": "pin",
        "crl_file": LIST,
    }
    listener = {"name": "two", "profile": 2, "certificate": "server.pem", "key": "server.key"}
    document = {"listener": [listener], "database": {"file": "cpms.sqlite"}, "ca": {"own": written}}
    async with open_ca(config_from(document, tmp_path, {}), "own", SetClock(NOON)) as ca:
        bag = await ca.simpleenroll(csr_of())
        assert isinstance(bag, IssuedBag)
        await ca.revoke(f"{bag.certificates[0].serial_number:x}", RevocationReason.SUPERSEDED, by="Ada")
    assert load_crl((tmp_path / LIST).read_bytes()).was_signed_by(own.ca.issuing)
    with pkcs11.lib(str(tokens.module)).get_token(token_label="station").open() as session:
        assert not list(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}))


@pytest.mark.anyio
async def test_while_the_token_is_away_nothing_is_issued_and_afterwards_it_goes_on(
    tokens: SoftTokens, tmp_path: Path
) -> None:
    own = founded_on(tokens, tmp_path)
    csr = csr_of()
    async with local_ca(tmp_path, own.ca, key=own.key) as (ca, _):
        with tokens.away():
            with pytest.raises(CaUndecided, match=r"\[ca.own\] can't sign now: no token labelled station") as undecided:
                await ca.simpleenroll(csr)
            assert not undecided.value.sent
            with pytest.raises(ListUnpublished, match="no token labelled station is there"):
                await ca.publish()
            assert await ca.issued() == ()
        assert isinstance(await ca.simpleenroll(csr), IssuedBag)
        crl = await ca.publish()
        assert crl is not None
        assert crl.was_signed_by(own.ca.issuing)


def wrong_pin(own: OnToken) -> KeyOnToken:
    """The PIN of another token."""
    assert isinstance(own.key.settings.pin, Path)
    own.key.settings.pin.write_text("wrong-secret\n")
    return own.key


def open_pin(own: OnToken) -> KeyOnToken:
    """A PIN that others can read."""
    assert isinstance(own.key.settings.pin, Path)
    own.key.settings.pin.chmod(0o640)
    return own.key


def another_kind(own: OnToken) -> KeyOnToken:
    """A certificate of a P-384 key."""
    ca = founded(spec=KeySpec.P384)
    own.stack.write_text(ca.issuing.to_pem() + ca.root.to_pem())
    return own.key


def with_settings(**changes: object) -> Callable[[OnToken], KeyOnToken]:
    """Other settings of the token."""
    return lambda own: replace(own.key, settings=replace(own.key.settings, **changes))  # type: ignore[arg-type]  # - fields of it


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (wrong_pin, "the token station refuses the configured PIN"),
        (open_pin, "pin has mode 0640: others than its owner can read it"),
        (with_settings(pin=Path("/nowhere/pin")), "/nowhere/pin can't be read: No such file"),
        (with_settings(token="other"), "no token labelled other is there"),
        (with_settings(module=Path("/nowhere/hsm.so")), "the PKCS#11 module /nowhere/hsm.so isn't there"),
        (with_settings(module=Path(__file__)), "is no PKCS#11 library that can be loaded"),
        (lambda own: replace(own.key, reference=KeyReference("station", b"\x01", None)), "doesn't hold the key"),
        (another_kind, "the key in the token station is not that of the first certificate in"),
    ],
    ids=["wrong PIN", "PIN for all", "no PIN file", "no token", "no module", "no library", "no key", "another kind"],
)
def test_a_key_that_can_not_be_had_is_told_at_the_start_without_the_pin(
    tokens: SoftTokens, tmp_path: Path, spoil: Callable[[OnToken], KeyOnToken], why: str
) -> None:
    own = founded_on(tokens, tmp_path)
    place = spoil(own)
    with pytest.raises(CaSetupError) as refused:
        read_ca("own", own.stack, place, signs_lists=True)
    assert why in refused.value.why
    assert "secret" not in str(refused.value)


def test_the_back_office_loads_python_pkcs11_only_for_a_key_on_a_token() -> None:
    program = "import sys, chainpilot.cpms.ca_office; print(*({'pkcs11', 'chainpilot.pkcs11'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["chainpilot.pkcs11"]
