"""get_verify_file and get_verify_location, read by openssl: it trusts what the store trusts, no more and no less."""

import re
from pathlib import Path

import pytest

from certs import FROM, UNTIL, Pki, root, stack, v2g_pki
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType, DeleteCertificateResult, LeafCertificateType
from clocks import SetClock
from forge import Forged, forge
from stock import bundle_file, leaf, named, openssl, openssl_takes, put
from stores import open_store, store_with, tree

V2G = CaCertificateType.V2G
LEAF = LeafCertificateType.V2G
HASH_LINK = re.compile(r"[0-9a-f]{8}\.[0-9]+")


@pytest.fixture(scope="module")
def v2g() -> Pki:
    return v2g_pki()


def directory_store(tmp_path: Path, *roots: Certificate) -> EvseSecurity:
    """A store whose V2G bundle is a directory with one file for each root."""
    store = open_store(tmp_path, v2g_ca_bundle="ca/v2g")
    for number, one in enumerate(roots):
        put(tmp_path / f"ca/v2g/root{number}.pem", one.to_pem())
    return store


def verifies(where: str, chain: str, scratch: Path) -> bool:
    """Whether openssl, which trusts that file or directory and nothing else, takes the chain."""
    first, *others = load_certificates(chain)
    sent, between = put(scratch / "sent.pem", first.to_pem()), put(scratch / "between.pem", stack(*others))
    trusted = ["-CAfile", where, "-no-CApath"] if Path(where).is_file() else ["-CApath", where, "-no-CAfile"]
    untrusted = ["-untrusted", str(between)] if others else []
    return openssl_takes("verify", *trusted, "-no-CAstore", *untrusted, sent)


def links(directory: Path) -> dict[str, str]:
    return {path.name: str(path.readlink()) for path in directory.iterdir() if path.is_symlink()}


def assert_openssl_agrees(store: EvseSecurity, scratch: Path, chain: str, *, trusted: bool) -> None:
    """Store, openssl with the file, openssl with the location: all three take the chain, or none does."""
    assert (store.verify_certificate(chain, [LEAF]).value == "Valid") is trusted
    for where in (store.get_verify_file(V2G), store.get_verify_location(V2G)):
        assert (where != "" and verifies(where, chain, scratch)) is trusted, where


@pytest.mark.parametrize("is_directory", [False, True], ids=["file", "directory"])
def test_openssl_trusts_the_roots_of_the_bundle_and_no_other(tmp_path: Path, v2g: Pki, *, is_directory: bool) -> None:
    settings = {"v2g_ca_bundle": "ca/v2g"} if is_directory else {}
    store = store_with(tmp_path / "certs", (V2G, v2g), **settings)
    other = v2g_pki()
    assert_openssl_agrees(store, tmp_path, v2g.stack(leaf(v2g).certificate), trusted=True)
    assert_openssl_agrees(store, tmp_path, other.stack(leaf(other).certificate), trusted=False)
    assert store.install_ca(other.root.certificate.to_pem(), V2G).accepted
    assert_openssl_agrees(store, tmp_path, other.stack(leaf(other).certificate), trusted=True)
    gone = named(v2g.root.certificate, v2g.root.certificate)
    assert store.delete_certificate(gone) is DeleteCertificateResult.ACCEPTED
    assert_openssl_agrees(store, tmp_path, v2g.stack(leaf(v2g).certificate), trusted=False)
    assert_openssl_agrees(store, tmp_path, other.stack(leaf(other).certificate), trusted=True)


def test_the_location_of_a_bundle_file_is_the_file_and_of_a_directory_the_directory(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path / "one", (V2G, v2g))
    assert store.get_verify_location(V2G) == store.get_verify_file(V2G) == str(tmp_path / "one/ca/v2g/V2G_ROOT_CA.pem")
    store = store_with(tmp_path / "two", (V2G, v2g), v2g_ca_bundle="ca/v2g")
    assert store.get_verify_location(V2G) == str(tmp_path / "two/ca/v2g")
    assert Path(store.get_verify_file(V2G)).is_file()


def test_the_links_are_those_of_openssl_rehash(tmp_path: Path, v2g: Pki) -> None:
    namesakes = [root("Same Name").certificate for _ in range(3)]
    store = directory_store(tmp_path / "certs", v2g.root.certificate, *namesakes)
    directory = Path(store.get_verify_location(V2G))
    ours = links(directory)
    assert len(ours) == 4
    for name in ours:
        (directory / name).unlink()
    openssl("rehash", directory)
    assert set(links(directory)) == set(ours)
    assert sorted(links(directory).values()) == sorted(ours.values())
    before = tree(tmp_path)
    assert store.get_verify_location(V2G) == str(directory)
    assert tree(tmp_path) == before, "what openssl made is right too"
    for one in namesakes:
        assert verifies(str(directory), one.to_pem(), tmp_path)


def test_links_follow_every_change_of_ours(tmp_path: Path, v2g: Pki) -> None:
    first, second = root("Same Name").certificate, root("Same Name").certificate
    store = directory_store(tmp_path, first, v2g.root.certificate)
    directory = Path(store.get_verify_location(V2G))
    assert store.install_ca(second.to_pem(), V2G).accepted
    assert verifies(str(directory), second.to_pem(), tmp_path / "scratch"), "before anybody asks for the location again"
    assert store.delete_certificate(named(first, first)) is DeleteCertificateResult.ACCEPTED
    assert verifies(str(directory), second.to_pem(), tmp_path / "scratch"), (
        "the numbers have no gap, else openssl stops"
    )
    assert not verifies(str(directory), first.to_pem(), tmp_path / "scratch")
    assert all((directory / name).exists() for name in links(directory))


def test_links_follow_every_change_behind_our_back(tmp_path: Path, v2g: Pki) -> None:
    second = root("Second").certificate
    store = directory_store(tmp_path, v2g.root.certificate)
    directory = Path(store.get_verify_location(V2G))
    put(directory / "added.crt", second.to_pem())
    assert verifies(store.get_verify_location(V2G), second.to_pem(), tmp_path / "scratch")
    (directory / "root0.pem").unlink()
    assert not verifies(store.get_verify_location(V2G), v2g.root.certificate.to_pem(), tmp_path / "scratch")
    assert all((directory / name).exists() for name in links(directory))
    (directory / "added.crt").unlink()
    assert store.get_verify_location(V2G) == ""
    put(directory / "again.pem", v2g.root.certificate.to_pem())
    assert verifies(store.get_verify_location(V2G), v2g.root.certificate.to_pem(), tmp_path / "scratch")


def test_nothing_is_left_in_a_directory_of_others_but_links(tmp_path: Path, v2g: Pki) -> None:
    store = directory_store(tmp_path, v2g.root.certificate)
    before = {path.name for path in (tmp_path / "ca/v2g").iterdir()}
    store.get_verify_location(V2G)
    store.get_verify_file(V2G)
    added = {path.name for path in (tmp_path / "ca/v2g").iterdir()} - before
    assert [HASH_LINK.fullmatch(name) is not None for name in added] == [True]


def strangers(v2g: Pki) -> dict[str, tuple[str, Forged]]:
    """What may lie in a bundle and isn't trusted: its text, and the CA that a program must not trust for it."""
    test_root = root("Test Root", test=True)
    stray = v2g_pki()
    return {
        "a root of a test PKI": (test_root.certificate.to_pem(), test_root),
        "a sub-CA of nobody here": (stray.sub1.certificate.to_pem(), stray.sub1),
    }


@pytest.mark.parametrize("what", ["a root of a test PKI", "a sub-CA of nobody here"])
@pytest.mark.parametrize("is_directory", [False, True], ids=["file", "directory"])
def test_what_the_store_does_not_trust_openssl_does_not_either(
    tmp_path: Path, v2g: Pki, what: str, *, is_directory: bool
) -> None:
    text, stranger = strangers(v2g)[what]
    if is_directory:
        store = directory_store(tmp_path / "certs", v2g.root.certificate)
        put(tmp_path / "certs/ca/v2g/stranger.pem", text)
    else:
        store = open_store(tmp_path / "certs")
        put(bundle_file(store, V2G), v2g.root.certificate.to_pem() + text)
    below = forge("DE*ICE*E9", stranger, begin=FROM, end=UNTIL).certificate
    assert_openssl_agrees(store, tmp_path, below.to_pem(), trusted=False)
    assert_openssl_agrees(store, tmp_path, v2g.stack(leaf(v2g).certificate), trusted=True)
    state = tmp_path / "certs/.chainpilot/verify"
    assert Path(store.get_verify_file(V2G)) == state / "V2G.pem"
    assert Path(store.get_verify_location(V2G)) == (state / "V2G" if is_directory else state / "V2G.pem")


def test_sub_cas_kept_in_the_bundle_complete_chains_for_openssl_too(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path / "certs", (V2G, v2g))
    for sub_ca in (v2g.sub1, v2g.issuing):
        assert store.install_ca(sub_ca.certificate.to_pem(), V2G).accepted
    assert_openssl_agrees(store, tmp_path, leaf(v2g).certificate.to_pem(), trusted=True)


def test_the_copy_of_a_directory_s_anchors_holds_what_lies_there_now(tmp_path: Path, v2g: Pki) -> None:
    store = directory_store(tmp_path, v2g.root.certificate)
    second = root("Second").certificate
    for held in ([v2g.root.certificate, second], [second], [second, v2g.root.certificate]):
        for path in (tmp_path / "ca/v2g").glob("*.pem"):
            path.unlink()
        for number, one in enumerate(held):
            put(tmp_path / f"ca/v2g/{number}.pem", one.to_pem())
        assert list(load_certificates(Path(store.get_verify_file(V2G)).read_bytes())) == held


@pytest.mark.parametrize("is_directory", [False, True], ids=["file", "directory"])
def test_without_a_valid_anchor_there_is_no_path(tmp_path: Path, *, is_directory: bool) -> None:
    clock = SetClock()
    name = "ca/v2g" if is_directory else "ca/v2g/V2G_ROOT_CA.pem"
    store = open_store(tmp_path, clock=clock, v2g_ca_bundle=name)
    assert (store.get_verify_file(V2G), store.get_verify_location(V2G)) == ("", "")
    ended = root("Ended", end=clock.now()).certificate
    put(tmp_path / ("ca/v2g/ended.pem" if is_directory else "ca/v2g/V2G_ROOT_CA.pem"), ended.to_pem())
    assert store.get_verify_file(V2G) != "", "its last second counts"
    clock.advance(1)
    assert (store.get_verify_file(V2G), store.get_verify_location(V2G)) == ("", "")


def test_asking_again_writes_nothing(tmp_path: Path, v2g: Pki) -> None:
    store = directory_store(tmp_path, v2g.root.certificate)
    store.get_verify_file(V2G)
    store.get_verify_location(V2G)
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if path.name not in ("lock", "turnstile")}
    store.get_verify_file(V2G)
    store.get_verify_location(V2G)
    after = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*") if path.name not in ("lock", "turnstile")}
    assert after == before


def test_der_files_in_a_directory_are_served_as_pem(tmp_path: Path, v2g: Pki) -> None:
    store = open_store(tmp_path / "certs", v2g_ca_bundle="ca/v2g")
    put(tmp_path / "certs/ca/v2g/root.der", v2g.root.certificate.der)
    assert_openssl_agrees(store, tmp_path, v2g.stack(leaf(v2g).certificate), trusted=True)


def test_somebody_s_own_file_under_the_name_of_a_link_stays(tmp_path: Path, v2g: Pki) -> None:
    store = directory_store(tmp_path / "certs", v2g.root.certificate)
    (name,) = links(Path(store.get_verify_location(V2G)))
    link = tmp_path / "certs/ca/v2g" / name
    link.unlink()
    link.write_text(v2g.root.certificate.to_pem())
    assert_openssl_agrees(store, tmp_path, v2g.stack(leaf(v2g).certificate), trusted=True)
    assert link.is_file()
    assert not link.is_symlink()


def test_two_domains_that_share_a_bundle_share_its_path(tmp_path: Path, v2g: Pki) -> None:
    store = store_with(tmp_path, (V2G, v2g), mo_ca_bundle="ca/v2g/V2G_ROOT_CA.pem")
    assert store.get_verify_file(CaCertificateType.MO) == store.get_verify_file(V2G)
    assert store.get_verify_location(CaCertificateType.MO) == store.get_verify_location(V2G)
    assert store.get_verify_file(CaCertificateType.CSMS) == ""
