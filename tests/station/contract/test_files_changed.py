"""Files change behind the store's back: every answer of every reading command is of what lies there now.

Each command has a store of its own, which has answered all of them before; after every change it is asked that one
command first, and has to answer as a store does that is opened just then.
"""

import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any

import pytest

from certs import Pki, key_pem, root, v2g_pki
from chainpilot.station import EvseSecurity
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from clocks import SetClock
from forge import NOON
from ocsp_answers import answer, cert_id, single
from stock import leaf, named, place, put, rewrite, settle
from stores import EVSE, open_store

V2G = LeafCertificateType.V2G
DOMAIN = CaCertificateType.V2G


PKIS = (v2g_pki(), v2g_pki())
LEAVES = (leaf(PKIS[0]), leaf(PKIS[0], "DE*CHP*E1234*2"))
LEAF_OF_OTHER = leaf(PKIS[1])


class World:
    """A directory with everything in it that a store reads, and what each of its files may become."""

    def __init__(self, directory: Path, bundle: str = "ca/v2g/V2G_ROOT_CA.pem") -> None:
        self.directory = directory
        self.settings = {"v2g_ca_bundle": bundle, "default_ocsp_url": "http://ocsp.example"}
        self.v2g, self.other = PKIS
        self.leaf, self.later = LEAVES
        store = self.opened()
        is_directory = bundle == "ca/v2g"
        self.bundle = put(
            directory / ("ca/v2g/root.pem" if is_directory else bundle), self.v2g.root.certificate.to_pem()
        )
        put(
            self.bundle.with_name("sub1.pem") if is_directory else self.bundle,
            self._bundle_text(self.v2g, is_directory),
        )
        self.placed = place(store, self.v2g, self.leaf)
        about = single(cert_id(self.leaf.certificate, self.v2g.issuing.certificate))
        der = b64encode(answer(self.v2g.issuing, about)).decode()
        store.update_ocsp_cache(named(self.leaf.certificate, self.v2g.issuing.certificate), der)
        assert store.generate_certificate_signing_request(V2G, "DE", "Operator", EVSE).csr is not None
        (self.pending,) = (directory / ".chainpilot/pending").iterdir()
        (self.ocsp,) = (directory / "client/cso/ocsp").glob("*.der")
        self.sent = self.v2g.stack(self.later.certificate)
        self.sent_by_other = self.other.stack(LEAF_OF_OTHER.certificate)
        self.files = self._files()

    @staticmethod
    def _bundle_text(pki: Pki, is_directory: bool) -> str:
        sub1 = pki.sub1.certificate.to_pem()
        return sub1 if is_directory else pki.root.certificate.to_pem() + sub1

    def _files(self) -> dict[str, tuple[Path, bytes]]:
        """Each file by what it is, with other content for it."""
        other = self.other.root.certificate.to_pem()
        bundle = other if self.bundle.name == "root.pem" else other + self.other.sub1.certificate.to_pem()
        elsewhere = open_store(self.directory.with_name("elsewhere"), clock=SetClock(NOON))
        elsewhere.generate_certificate_signing_request(V2G, "DE", "Another", "DE*CHP*E1234*3")
        (record,) = elsewhere.layout.pending.iterdir()
        hashed = self.ocsp.with_suffix(".hash")
        return {
            "a bundle": (self.bundle, bundle.encode()),
            "a chain": (self.placed.chain, self.v2g.stack(self.later.certificate).encode()),
            "a leaf": (self.placed.single, self.later.certificate.to_pem().encode()),
            "a key": (self.placed.key, key_pem(self.later.key)),
            "an answer": (self.ocsp, b"\x30" * self.ocsp.stat().st_size),
            "an answer's hash": (hashed, hashed.read_bytes().replace(b"SHA256\n", b"SHA384\n")),
            "a request": (self.pending, record.read_bytes()),
        }

    def opened(self) -> EvseSecurity:
        return open_store(self.directory, clock=SetClock(NOON), **self.settings)


Command = Callable[[World, EvseSecurity], Any]


def verify_file(_: World, store: EvseSecurity) -> Any:
    path = store.get_verify_file(DOMAIN)
    return path, Path(path).read_bytes() if path else b""


def verify_location(_: World, store: EvseSecurity) -> Any:
    path = store.get_verify_location(DOMAIN)
    if not path or Path(path).is_file():
        return path, Path(path).read_bytes() if path else b""
    return path, {link.name: link.read_bytes() for link in Path(path).iterdir() if link.is_symlink()}


COMMANDS: dict[str, Command] = {
    "verify_certificate": lambda world, store: store.verify_certificate(world.sent, [V2G]),
    "verify_certificate of the other": lambda world, store: store.verify_certificate(world.sent_by_other, [V2G]),
    "verify_certificate of a leaf": lambda world, store: store.verify_certificate(
        world.sent.partition("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n", [V2G]
    ),
    "get_installed_certificates": lambda _, store: store.get_installed_certificates(
        ["V2GRootCertificate", "V2GCertificateChain"]
    ),
    "get_installed_certificates of leaves": lambda _, store: store.get_installed_certificates(["V2GCertificateChain"]),
    "get_installed_sub_cas": lambda _, store: (store.get_installed_sub_cas(1), store.get_installed_sub_cas(2)),
    "get_leaf_certificate_info": lambda _, store: store.get_leaf_certificate_info(V2G),
    "get_leaf_certificate_info with OCSP": lambda _, store: store.get_leaf_certificate_info(V2G, include_ocsp=True),
    "get_all_valid_certificates_info": lambda _, store: store.get_all_valid_certificates_info(V2G),
    "get_leaf_expiry_days_count": lambda _, store: store.get_leaf_expiry_days_count(V2G),
    "has_leaf": lambda _, store: store.has_leaf(V2G),
    "usable_leaves": lambda _, store: store.usable_leaves(V2G),
    "leaves_due": lambda world, store: store.leaves_due(world.leaf.certificate.not_after.replace(year=2099)),
    "get_v2g_ocsp_request_data": lambda _, store: store.get_v2g_ocsp_request_data(),
    "get_mo_ocsp_request_data": lambda world, store: store.get_mo_ocsp_request_data(world.sent),
    "ocsp_standing": lambda _, store: store.ocsp_standing(),
    "contract_standing": lambda world, store: store.contract_standing(world.sent),
    "is_ca_certificate_installed": lambda _, store: store.is_ca_certificate_installed(DOMAIN),
    "get_verify_file": verify_file,
    "get_verify_location": verify_location,
    "trust_anchors": lambda _, store: tuple(store.trust_anchors(DOMAIN)),
    "open_requests": lambda _, store: tuple(one.pem for one in store.open_requests()),
    "findings": lambda _, store: store.findings(),
    "snapshot": lambda _, store: store.snapshot(detailed=True),
}

SHOWS: dict[str, set[str]] = {
    "a bundle": {
        "verify_certificate",
        "verify_certificate of the other",
        "get_installed_certificates",
        "get_leaf_certificate_info",
        "get_verify_file",
        "get_verify_location",
        "get_mo_ocsp_request_data",
        "contract_standing",
        "trust_anchors",
    },
    "a chain": {"get_installed_certificates", "get_leaf_certificate_info", "get_v2g_ocsp_request_data"},
    "a leaf": {"get_leaf_certificate_info"},
    "a key": {"get_installed_certificates", "get_leaf_certificate_info", "get_leaf_expiry_days_count"},
    "an answer": {"get_leaf_certificate_info with OCSP", "ocsp_standing"},
    "an answer's hash": {"get_leaf_certificate_info with OCSP", "ocsp_standing"},
    "a request": {"open_requests"},
}
"""Commands whose answer has to change with that file."""

Steps = Iterator[None]


def padded(path: Path, data: bytes) -> tuple[bytes, bytes]:
    """Old and new content made equally long, where spaces behind mean nothing."""
    old = path.read_bytes()
    if path.suffix == ".der":
        return old, data
    size = max(len(old), len(data))
    return old + b"\n" * (size - len(old)), data + b"\n" * (size - len(data))


def edited_in_place(path: Path, data: bytes) -> Steps:
    rewrite(path, data)
    yield


def edited_in_place_at_the_same_size(path: Path, data: bytes) -> Steps:
    yield from _same_size(path, data, keep_times=False)


def edited_in_place_at_the_same_size_and_times_put_back(path: Path, data: bytes) -> Steps:
    yield from _same_size(path, data, keep_times=True)


def _same_size(path: Path, data: bytes, *, keep_times: bool) -> Steps:
    old, new = padded(path, data)
    rewrite(path, old)
    yield
    for content in (new, old, new):
        about = path.stat()
        with path.open("r+b") as file:
            file.write(content)
        if keep_times:
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        assert path.stat().st_size == about.st_size
        yield


def replaced(path: Path, data: bytes) -> Steps:
    put(path.with_name("new"), data).replace(path)
    yield


def replaced_and_times_put_back(path: Path, data: bytes) -> Steps:
    old, new = padded(path, data)
    for content in (old, new, old, new):
        about = path.stat()
        put(path.with_name("new"), content).replace(path)
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        yield


def removed_and_restored(path: Path, data: bytes) -> Steps:
    old = path.read_bytes()
    path.unlink()
    yield
    path.write_bytes(old)
    yield
    path.unlink()
    path.write_bytes(old)
    yield
    path.unlink()
    path.write_bytes(data)
    yield


def directory_renamed_away_and_back(path: Path, data: bytes) -> Steps:
    away = path.parent.with_name("away")
    path.parent.rename(away)
    yield
    away.rename(path.parent)
    yield
    path.parent.rename(away)
    rewrite(away / path.name, data)
    away.rename(path.parent)
    yield


def directory_exchanged(path: Path, data: bytes) -> Steps:
    other = path.parent.with_name("other")
    other.mkdir()
    for one in path.parent.iterdir():
        if one.is_file():
            copyfile(one, other / one.name)
    rewrite(other / path.name, data)
    held = path.parent.rename(path.parent.with_name("held"))
    other.rename(path.parent)
    yield
    rmtree(path.parent)
    held.rename(path.parent)
    yield


def link_retargeted(path: Path, data: bytes) -> Steps:
    shelf = path.parents[1] / "shelf"
    targets = [put(shelf / "old", path.read_bytes()), put(shelf / "new", data)]
    path.unlink()
    path.symlink_to(targets[0])
    yield
    for target in (targets[1], targets[0], targets[1]):
        path.unlink()
        path.symlink_to(target)
        yield
    path.unlink()
    path.symlink_to(shelf / "nothing")
    yield


def link_target_edited(path: Path, data: bytes) -> Steps:
    old, new = padded(path, data)
    target = put(path.parents[1] / "shelf/target", old)
    path.unlink()
    path.symlink_to(target)
    yield
    for content in (new, old, new):
        rewrite(target, content)
        yield


def directory_behind_a_retargeted_link(path: Path, data: bytes) -> Steps:
    one, other = path.parent.with_name("one"), path.parent.with_name("other")
    path.parent.rename(one)
    other.mkdir()
    for file in one.iterdir():
        if file.is_file():
            copyfile(file, other / file.name)
    rewrite(other / path.name, data)
    for target in (one, other, one, other):
        if path.parent.is_symlink():
            path.parent.unlink()
        path.parent.symlink_to(target)
        yield


def edited_under_a_second_name(path: Path, data: bytes) -> Steps:
    second = path.parents[1] / "second-name"
    second.hardlink_to(path)
    old, new = padded(path, data)
    rewrite(second, old)
    yield
    for content in (new, old, new):
        rewrite(second, content)
        yield


def emptied_and_filled(path: Path, data: bytes) -> Steps:
    old = path.read_bytes()
    for content in (b"", data, b"", old):
        rewrite(path, content)
        yield


def made_a_directory_and_a_file_again(path: Path, data: bytes) -> Steps:
    path.unlink()
    path.mkdir()
    yield
    path.rmdir()
    path.write_bytes(data)
    yield


MANIPULATIONS = {
    one.__name__: one
    for one in (
        edited_in_place,
        edited_in_place_at_the_same_size,
        edited_in_place_at_the_same_size_and_times_put_back,
        replaced,
        replaced_and_times_put_back,
        removed_and_restored,
        directory_renamed_away_and_back,
        directory_exchanged,
        link_retargeted,
        link_target_edited,
        directory_behind_a_retargeted_link,
        edited_under_a_second_name,
        emptied_and_filled,
        made_a_directory_and_a_file_again,
    )
}


FILE, DIRECTORY = "ca/v2g/V2G_ROOT_CA.pem", "ca/v2g"
PLACES = [*((file, FILE) for file in SHOWS), ("a bundle", DIRECTORY)]
EVERYWHERE = pytest.mark.parametrize(("file", "bundle"), PLACES, ids=lambda one: one.replace(" ", "-"))


def asked_before(world: World, commands: Iterable[str] = COMMANDS) -> dict[str, EvseSecurity]:
    """A store for each of these commands, which has answered every command."""
    stores = {name: world.opened() for name in commands}
    for store in stores.values():
        for command in COMMANDS.values():
            command(world, store)
    return stores


def answers_are_of_now(world: World, stores: dict[str, EvseSecurity]) -> dict[str, Any]:
    told = {name: COMMANDS[name](world, store) for name, store in stores.items()}
    just_opened = world.opened()
    for name, answered in told.items():
        assert answered == COMMANDS[name](world, just_opened), name
    return told


def asked_of(file: str, manipulation: str, scale: float) -> set[str]:
    """All commands in `make test-long`; else those that show the file, and a third of the others, each in its turn."""
    turn = list(MANIPULATIONS).index(manipulation)
    return {name for at, name in enumerate(COMMANDS) if scale >= 1 or name in SHOWS[file] or (at + turn) % 3 == 0}


@pytest.mark.scaled
@EVERYWHERE
@pytest.mark.parametrize("manipulation", MANIPULATIONS)
def test_every_answer_is_of_what_lies_there_now(
    tmp_path: Path, file: str, bundle: str, manipulation: str, scale: float
) -> None:
    world = World(tmp_path / "certs", bundle)
    path, data = world.files[file]
    settle(world.directory)
    stores = asked_before(world, asked_of(file, manipulation, scale))
    before = answers_are_of_now(world, stores)
    after, changed = before, set[str]()
    for _ in MANIPULATIONS[manipulation](path, data):
        after = answers_are_of_now(world, stores)
        changed |= {name for name in stores if after[name] != before[name]}
    settle(world.directory)
    assert answers_are_of_now(world, stores) == after
    assert changed >= SHOWS[file], "else this would show nothing"


def test_a_file_that_comes_to_a_directory_or_goes_from_it_is_seen_at_once(tmp_path: Path) -> None:
    world = World(tmp_path / "certs", DIRECTORY)
    second = root("Second").certificate.to_pem()
    settle(world.directory)
    stores = asked_before(world)
    before = answers_are_of_now(world, stores)
    for name, text in (("ca/v2g/second.crt", second), ("client/cso/later.pem", world.sent)):
        path = put(world.directory / name, text)
        assert answers_are_of_now(world, stores) != before
        settle(world.directory)
        path.unlink()
        assert answers_are_of_now(world, stores) == before


@pytest.mark.parametrize("bundle", [FILE, DIRECTORY])
def test_the_whole_store_may_go_and_come_back(tmp_path: Path, bundle: str) -> None:
    world = World(tmp_path / "certs", bundle)
    settle(world.directory)
    stores = asked_before(world)
    before = answers_are_of_now(world, stores)
    away = world.directory.with_name("away")
    for _ in range(2):
        world.directory.rename(away)
        assert answers_are_of_now(world, stores)["trust_anchors"] == ()
        if world.directory.exists():
            rmtree(world.directory)
        away.rename(world.directory)
        assert answers_are_of_now(world, stores) == before


class CoarseTimes:
    """A file system whose clock ticks so slowly: what `os` tells of any file's times, rounded down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tick: int) -> None:
        for name in ("stat", "fstat", "lstat"):
            monkeypatch.setattr(os, name, self._rounded(getattr(os, name), tick))

    @staticmethod
    def _rounded(told: Callable[..., os.stat_result], tick: int) -> Callable[..., os.stat_result]:
        def coarse(*arguments: Any, **options: Any) -> os.stat_result:
            about = told(*arguments, **options)
            times = {f"st_{one}time_ns": getattr(about, f"st_{one}time_ns") // tick * tick for one in "amc"}
            return os.stat_result(tuple(about), times)

        return coarse


TICKS = {"4 ms": 4_000_000, "10 ms": 10_000_000, "a second": 1_000_000_000, "two seconds": 2_000_000_000}
"""Kernels' file clocks at 250 and 100 Hz, file systems that keep whole seconds, and FAT."""
ATTEMPTS = 200
"""To write, read and write within one tick; two or three are needed."""
WRITING = {"get_verify_file", "get_verify_location"}
"""Commands that may wait for the disk, and so for longer than a tick."""


def write(path: Path, data: bytes) -> tuple[int, int]:
    """Write in place; the file's times afterwards."""
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
    about = os.stat(path)  # noqa: PTH116 - the one that the test made coarse
    return about.st_mtime_ns, about.st_ctime_ns


@EVERYWHERE
@pytest.mark.parametrize("tick", TICKS)
def test_no_file_system_s_clock_is_too_coarse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, bundle: str, tick: str
) -> None:
    """A write in the tick of the last read leaves no trace: size, inode and times stay the same."""
    world = World(tmp_path / "certs", bundle)
    path, data = world.files[file]
    old, new = padded(path, data)
    CoarseTimes(monkeypatch, TICKS[tick])
    for name, command in COMMANDS.items():
        store = world.opened()
        for _ in range(ATTEMPTS):
            times = write(path, old)
            before = command(world, store)
            if write(path, new) == times:
                break
        else:
            assert name in WRITING, "no two writes in one tick"
            continue
        assert command(world, store) == command(world, world.opened()), name
        assert command(world, store) != before or name not in SHOWS[file], name
