"""Files and directories: what is told of them, and stores that are broken in every way."""

import os
import random
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs import root
from chainpilot.station.checkup import TABLE, Severity
from chainpilot.station.model import CaCertificateType
from station.checkup.bench import NOBODY, Bench, Planted, benches
from station.checkup.cases.files import CASES
from stock import put

V2G, MO = CaCertificateType.V2G, CaCertificateType.MO
PLACES = (
    "",
    "ca",
    "ca/v2g",
    "client",
    "client/cso",
    "client/csms",
    "client/cso/ocsp",
    ".chainpilot",
    ".chainpilot/pending",
)
FILES = ("ca/v2g/V2G_ROOT_CA.pem", "ca/csms/CSMS_ROOT_CA.pem")


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


@pytest.mark.parametrize("place", [place for place in PLACES if place])
def test_a_file_in_the_place_of_a_directory_is_told(bench: Bench, place: str) -> None:
    path = bench.directory / place
    shutil.rmtree(path, ignore_errors=True)
    put(path, b"")
    told = [one for one in bench.examine().problems if one.code == "NotADirectory"]
    assert [one.path for one in told] == [path]


def test_a_file_in_the_place_of_the_store_is_all_that_is_told(bench: Bench) -> None:
    shutil.rmtree(bench.directory)
    put(bench.directory, b"")
    (problem,) = bench.examine().problems
    assert (problem.code, problem.path) == ("NotADirectory", bench.directory)
    bench.follow(problem, Planted(lambda _: None))
    assert bench.codes == ["StoreMissing"]


def test_a_link_to_nowhere_in_the_place_of_the_store_is_replaced(bench: Bench) -> None:
    shutil.rmtree(bench.directory)
    bench.directory.symlink_to("nowhere")
    (problem,) = bench.examine().problems
    assert problem.code == "StoreMissing"
    bench.follow(problem, Planted(lambda _: None))
    assert bench.codes == []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("place", [*PLACES, *FILES])
def test_what_may_not_be_read_is_told_and_what_is_in_it_isn_t(bench: Bench, place: str) -> None:
    put(bench.state / "pending/none.txt", b"")
    bench.give_to(NOBODY)
    path = bench.directory / place
    path.chmod(0)
    problems = bench.examine().problems
    path.chmod(0o700)
    told = {one.path for one in problems if one.code == "PermissionDenied"}
    inside = {one for one in told if one is not None and path in one.parents}
    assert inside == set()
    assert path in told


@pytest.mark.parametrize("kind", ["pipe", "socket", "loop"])
def test_what_is_no_file_is_told_and_never_waited_for(bench: Bench, kind: str) -> None:
    path = bench.leaves / "odd.pem"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.relpath(path))
        case _:
            path.symlink_to("odd.pem")
    (problem,) = bench.examine().problems
    assert problem.code == ("LinkLeadsNowhere" if kind == "loop" else "NotAFile")
    assert problem.path == path


@pytest.mark.parametrize(("size", "codes"), [(20_000, []), (20_001, ["FileTooLong"])])
def test_a_file_may_be_as_long_as_is_configured(bench: Bench, size: int, codes: list[str]) -> None:
    bench.settings["max_file_bytes"] = 20_000
    bundle = bench.bundle(V2G)
    bundle.write_bytes(bundle.read_bytes().ljust(size, b"\n"))
    assert bench.codes == codes


@pytest.mark.parametrize("name", ["note.txt", "root.pem.bak", "01234567.0", ".hidden.txt", "root.p7b"])
def test_only_certificates_under_names_that_are_not_read_are_told(bench: Bench, name: str) -> None:
    bench.settings["mo_ca_bundle"] = "ca/mo"
    put(bench.bundle(MO) / "root.pem", root("MO Root", domain="MO").certificate.to_pem())
    put(bench.bundle(MO) / name, b"no certificate")
    assert bench.codes == []


@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_certificate_is_told_by_its_content(bench: Bench, form: str) -> None:
    bench.settings["mo_ca_bundle"] = "ca/mo"
    one = root("MO Root", domain="MO").certificate
    put(bench.bundle(MO) / "root.bak", one.der if form == "der" else one.to_pem())
    put(bench.bundle(MO) / "root.pem", root("MO Root 2", domain="MO").certificate.to_pem())
    assert bench.codes == ["UnknownSuffix"]


def test_a_link_inside_of_the_store_is_in_order(bench: Bench) -> None:
    (bench.directory / "ca/mo").mkdir()
    put(bench.directory / "roots/mo.pem", root("MO Root", domain="MO").certificate.to_pem())
    bench.bundle(MO).symlink_to("../../roots/mo.pem")
    assert bench.codes == []


def test_a_link_that_leads_out_gives_way_to_a_copy_and_what_it_led_to_stays(bench: Bench) -> None:
    case, path = CASES["LinkLeadsOut"], bench.bundle(MO)
    case.plant(bench)
    target, mode = path.resolve(), path.stat().st_mode
    data = target.read_bytes()
    (problem,) = bench.examine().problems
    bench.follow(problem, case)
    assert not path.is_symlink()
    assert (path.read_bytes(), path.stat().st_mode) == (data, mode)
    assert target.read_bytes() == data


def test_a_store_that_is_a_link_itself_is_in_order(bench: Bench) -> None:
    real = bench.directory.with_name("real")
    bench.directory.rename(real)
    bench.directory.symlink_to(real)
    assert bench.codes == []


@pytest.mark.parametrize("seed", range(30))
def test_no_broken_store_is_more_than_problems(bench: Bench, seed: int) -> None:
    """Things that happen to files, a dozen at random; a failure is repeated by its number."""
    dice = random.Random(seed)
    bench.settings |= {"mo_ca_bundle": "ca/mo", "crl_directory": "crls"}
    put(bench.directory / "ca/mo/one.pem", root("MO Root", domain="MO").certificate.to_pem())
    put(bench.directory / "crls/one.crl", b"junk")
    put(bench.state / "pending/one.json", b"{}")
    for _ in range(12):
        files = [path for path in sorted(bench.directory.rglob("*")) if path.name not in {"lock", "turnstile"}]
        _happens(dice, dice.choice(files))
    known = {row.code for row in TABLE}
    problems = bench.examine().problems
    assert {one.code for one in problems} <= known
    assert len({(one.code, one.path, one.subject) for one in problems}) == len(problems)
    assert sorted(problems, key=lambda one: list(Severity).index(one.severity)) == list(problems)


def _happens(dice: random.Random, path: Path) -> None:
    data = path.read_bytes() if path.is_file() else b""
    act = dice.randrange(8)
    if act == 0 and path.is_file():
        path.write_bytes(data[: dice.randrange(len(data) + 1)])
    elif act == 1 and data:
        at = dice.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :])
    elif act == 2 and path.is_file():
        path.write_bytes(data + data)
    elif act == 3:
        path.rename(path.with_name(dice.choice(["odd.pem", "odd.key", "odd.der", "odd.txt", "0123abcd.0"])))
    elif act == 4 and path.is_file():
        path.unlink()
        path.mkdir()
    elif act == 5 and not path.is_symlink() and path.is_dir() and path.parent.name == "client":
        shutil.rmtree(path)
        path.write_bytes(b"")
    elif act == 6:
        link = path.with_name("link.pem")
        link.unlink(missing_ok=True)
        link.symlink_to(dice.choice(["nowhere", "link.pem", "..", path.name]))
    elif path.exists():
        path.chmod(dice.choice([0o666, 0o600, 0o777]))


def test_a_leaf_s_file_that_a_power_cut_emptied_is_told(bench: Bench) -> None:
    placed = bench.place()
    placed.chain.write_bytes(b"")
    told = [one for one in bench.examine().problems if one.code == "CertificateUnreadable"]
    assert [one.path for one in told] == [placed.chain]
    bench.follow(told[0], Planted(lambda _: None))
    assert "CertificateUnreadable" not in bench.codes
