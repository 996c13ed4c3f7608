"""Private keys: what is told once, what is told as something else, what is in order, and that nothing of a key is."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from chainpilot.pki.keys import KeySpec
from chainpilot.station.checkup import ByHand, Problem, Shell
from chainpilot.station.checkup.encryption import is_encrypted
from station.checkup.bench import CSMS, NOBODY, Bench, Given, Planted, benches
from station.checkup.cases.authorities import mo_root
from station.checkup.cases.keys import PASSWORD, encrypted, new_key, orphan, tokens
from stock import put


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def only(bench: Bench) -> Problem:
    (problem,) = bench.examine().problems
    return problem


def test_a_leaf_whose_key_may_be_one_that_can_not_be_opened_is_not_told_as_well(bench: Bench) -> None:
    placed = bench.place()
    placed.key.write_bytes(placed.key.read_bytes()[:80])
    assert bench.codes == ["KeyUnreadable"]


@pytest.mark.parametrize(
    ("mode", "settings", "codes"),
    [
        (0o600, {}, []),
        (0o400, {}, []),
        (0o640, {}, ["KeyModeTooWide"]),
        (0o604, {}, ["KeyModeTooWide"]),
        (0o640, {"key_mode": 0o640}, []),
        (0o660, {"key_mode": 0o640}, ["KeyModeTooWide"]),
        (0o644, {"key_mode": 0o640}, ["KeyModeTooWide"]),
    ],
)
def test_a_group_may_read_keys_where_that_is_configured(
    bench: Bench, mode: int, settings: dict[str, int], codes: list[str]
) -> None:
    bench.settings |= settings
    bench.place().key.chmod(mode)
    assert bench.codes == codes


@pytest.mark.parametrize(("age", "codes"), [(3599, []), (3600, ["KeyOrphan"])])
def test_a_key_without_use_is_told_after_the_lifetime_of_a_request(bench: Bench, age: int, codes: list[str]) -> None:
    """The reference keeps its open requests in memory: their keys look like this one."""
    orphan(bench, age=age)
    assert bench.codes == codes


def test_a_key_that_came_from_the_future_is_young(bench: Bench) -> None:
    orphan(bench, age=-7200)
    assert bench.codes == []


def test_a_key_may_belong_to_a_certificate_that_can_not_be_read(bench: Bench) -> None:
    orphan(bench)
    put(bench.leaves / "junk.pem", b"junk")
    assert bench.codes == ["CertificateUnreadable"]


def test_a_key_that_both_domains_use_is_copied_to_where_it_is_missing(bench: Bench) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    bench.place("CS-0002", pki=bench.csms, kind=CSMS, key=key)
    bench.place(key=key).key.unlink()
    problem = only(bench)
    assert problem.code == "KeyMisplaced"
    assert [step.line[:6] for step in problem.steps if isinstance(step, Shell)] == ["cp -p "]
    bench.follow(problem, Planted(lambda _: None))
    assert bench.codes == []


def test_a_key_in_a_directory_that_is_not_there_yet_gets_it(bench: Bench) -> None:
    bench.settings["secc_leaf_key_directory"] = "keys"
    assert bench.codes == []
    (key,) = bench.leaves.glob("*.key")
    key.rename(bench.leaves / "by_another_name.key")
    problem = only(bench)
    assert problem.code == "KeyMisplaced"
    assert [step.line.split()[0] for step in problem.steps if isinstance(step, Shell)] == ["mkdir", "mv"]
    bench.follow(problem, Planted(lambda _: None))
    assert bench.codes == []
    assert (bench.directory / "keys").stat().st_mode & 0o777 == 0o700


def test_one_key_with_another_password_is_encrypted_anew(bench: Bench) -> None:
    first = encrypted(bench).key
    second = bench.place()
    scheme = BestAvailableEncryption(b"another")
    second.key.write_bytes(second.leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, scheme))
    bench.settings["private_key_password"] = PASSWORD
    problem = only(bench)
    assert (problem.code, problem.path) == ("KeyPasswordWrong", second.key)
    before = first.read_bytes()
    passwords: dict[str, Given] = {"OLD.txt": lambda _: "another\n", "NEW.txt": lambda _: f"{PASSWORD}\n"}
    bench.follow(problem, Planted(lambda _: None, given=passwords))
    assert "KeyPasswordWrong" not in bench.codes
    assert first.read_bytes() == before
    assert second.key.stat().st_mode & 0o777 == 0o600


def test_keys_in_a_directory_of_root_s_may_be_anybody_s(bench: Bench) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(bench.place().key, NOBODY, -1)
    assert bench.codes == []


def test_a_key_in_the_file_of_its_leaf_is_put_into_one_of_its_own(bench: Bench) -> None:
    placed = bench.place()
    placed.single.write_bytes(placed.single.read_bytes() + placed.key.read_bytes())
    placed.key.unlink()
    problem = only(bench)
    assert problem.code == "KeyAmongCertificates"
    bench.follow(problem, Planted(lambda _: None))
    assert bench.codes == []
    assert placed.single.read_text() == placed.leaf.certificate.to_pem()
    assert placed.single.with_suffix(".key").stat().st_mode & 0o777 == 0o600


def test_a_key_in_a_certificate_file_goes_aside_where_one_is_in_its_place_already(bench: Bench) -> None:
    placed = bench.place()
    other = new_key()
    placed.single.write_bytes(placed.single.read_bytes() + other)
    before = placed.key.read_bytes()
    bench.follow(only(bench), Planted(lambda _: None))
    assert bench.codes == []
    assert placed.key.read_bytes() == before
    (aside,) = (bench.state / "aside").iterdir()
    assert aside.read_bytes() == other


@pytest.mark.parametrize("is_directory", [True, False])
def test_a_leaf_s_key_among_cas_is_moved_to_its_place(bench: Bench, is_directory: bool) -> None:
    if is_directory:
        bench.settings["mo_ca_bundle"] = "ca/mo"
        put(bench.directory / "ca/mo/root.pem", mo_root().to_pem())
    key = bench.place().key
    key.rename(bench.directory / ("ca/mo" if is_directory else "ca/v2g") / key.name)
    problems = {one.code: one for one in bench.examine().problems}
    assert set(problems) == {"KeyMisplaced", "KeyAmongCertificates"}
    bench.follow(problems["KeyMisplaced"], Planted(lambda _: None))
    assert bench.codes == []
    assert key.exists()


def test_the_key_of_a_ca_beside_its_bundle_is_told(bench: Bench) -> None:
    path = put(bench.directory / "ca/v2g/V2G_ROOT_CA.key", new_key())
    problem = only(bench)
    assert (problem.code, problem.path) == ("KeyAmongCertificates", path)
    bench.follow(problem, Planted(lambda _: None))
    assert bench.codes == []


def test_several_keys_in_one_file_all_go(bench: Bench) -> None:
    bundle = bench.directory / "ca/v2g/V2G_ROOT_CA.pem"
    root = bundle.read_bytes()
    bundle.write_bytes(new_key() + root + new_key())
    bench.follow(only(bench), Planted(lambda _: None))
    assert bundle.read_bytes() == root
    (aside,) = (bench.state / "aside").iterdir()
    assert aside.read_bytes().count(b"BEGIN PRIVATE KEY") == 2
    assert aside.stat().st_mode & 0o777 == 0o600


def test_keys_on_a_token_that_is_gone_are_told_with_the_token(bench: Bench) -> None:
    soft = tokens(bench)
    bench.settings["hardware_keys"] = (soft.keys(),)
    made = bench.open().generate_certificate_signing_request(CSMS, "DE", "Chargers Ltd", "CS-0003", use_tpm=True)
    assert made.csr is not None
    assert bench.open().update_leaf(bench.csms.enrol(made.csr), CSMS).accepted
    assert bench.codes == []
    soft.remove("station")
    soft.reset()
    assert bench.codes == ["TokenUnreachable"]


def test_a_key_that_its_token_no_longer_holds_is_told_as_unreadable(bench: Bench) -> None:
    keys = tokens(bench).keys()
    bench.settings["hardware_keys"] = (keys,)
    made = keys.make(KeySpec.P256, "SECC_LEAF_gone")
    path = put(bench.leaves / "SECC_LEAF_gone.tkey", made.file)
    path.chmod(0o600)
    keys.destroy(made.file)
    problem = only(bench)
    assert problem.code == "KeyUnreadable"
    assert "doesn't hold the key" in problem.seen


def test_a_key_that_a_file_names_is_no_stray(bench: Bench) -> None:
    keys = tokens(bench).keys()
    bench.settings["hardware_keys"] = (keys,)
    path = put(bench.leaves / "SECC_LEAF_named.tkey", keys.make(KeySpec.P256, "SECC_LEAF_named").file)
    path.chmod(0o600)
    assert bench.codes == []
    keys.make(KeySpec.P256, "SECC_LEAF_lost")
    (step,) = only(bench).steps
    assert isinstance(step, ByHand)
    assert "SECC_LEAF_lost" in step.what
    assert "SECC_LEAF_named" not in step.what


def test_nothing_of_a_key_or_a_password_is_told(bench: Bench) -> None:
    bench.settings["private_key_password"] = PASSWORD + "-another"
    secrets = [encrypted(bench).key.read_bytes(), orphan(bench).read_bytes(), new_key(), new_key()]
    put(bench.directory / "ca/v2g/V2G_ROOT_CA.key", secrets[2])
    bundle = bench.directory / "ca/v2g/V2G_ROOT_CA.pem"
    bundle.write_bytes(secrets[3] + bundle.read_bytes())
    problems = bench.examine().problems
    assert {"KeyPasswordWrong", "KeyOrphan", "KeyAmongCertificates"} <= {one.code for one in problems}
    told = json.dumps([asdict(one) for one in problems], default=str)
    assert PASSWORD not in told
    for secret in secrets:
        for line in secret.decode().splitlines():
            body = line if not line.startswith("-") else ""
            assert not any(body[start : start + 12] in told for start in range(max(len(body) - 12, 0)))


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("structure", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)], ids=["ec", "rsa"]
)
def test_encryption_is_told_from_the_form(
    form: Encoding, structure: PrivateFormat, key: ec.EllipticCurvePrivateKey
) -> None:
    assert not is_encrypted(key.private_bytes(form, structure, NoEncryption()))
    if form is Encoding.PEM or structure is PrivateFormat.PKCS8:
        assert is_encrypted(key.private_bytes(form, structure, BestAvailableEncryption(b"secret")))


@pytest.mark.parametrize("data", [b"", b"junk", b"\x30", b"-----BEGIN PRIVATE KEY-----\n", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_key_is_not_encrypted(data: bytes) -> None:
    assert not is_encrypted(data)
