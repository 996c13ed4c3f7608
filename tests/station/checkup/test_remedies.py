"""Advice that edits files: it takes out what it names and nothing else, however the file has changed meanwhile."""

import base64
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from certs import FROM, UNTIL, root, stack
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.station.checkup import Problem, Shell
from chainpilot.station.model import CaCertificateType
from forge import forge
from station.checkup.bench import Bench, benches
from stock import put
from stores import open_store

MO = CaCertificateType.MO


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


@pytest.fixture(scope="module")
def roots() -> tuple[Certificate, ...]:
    return tuple(root(f"MO Root {number}", domain="MO").certificate for number in range(3))


@pytest.fixture(scope="module")
def strangers() -> tuple[Certificate, ...]:
    return tuple(forge(f"DE*XYZ*E{number}", begin=FROM, end=UNTIL).certificate for number in range(2))


def bundle(bench: Bench, content: bytes | str) -> Path:
    return put(bench.bundle(MO), content)


def found(bench: Bench, code: str) -> list[Problem]:
    return [one for one in bench.examine().problems if one.code == code]


def run(problem: Problem, *, succeeds: bool = True) -> None:
    for step in problem.steps:
        assert isinstance(step, Shell)
        done = subprocess.run(["sh", "-c", step.line], capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is succeeds, (step.line, done.stderr)


def held(path: Path) -> tuple[Certificate, ...]:
    return load_certificates(path.read_bytes())


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


def remarked(text: str) -> str:
    return text.replace("-----BEGIN", "# a remark\n-----BEGIN")


def unbroken(text: str) -> str:
    """Each block's base64 on a single line."""
    bodies = (base64.b64encode(one.der).decode() for one in load_certificates(text))
    return "".join(f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n" for body in bodies)


@pytest.mark.parametrize("form", [str, crlf, remarked, unbroken])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_certificate_goes_and_the_others_stay(
    bench: Bench,
    roots: tuple[Certificate, ...],
    strangers: tuple[Certificate, ...],
    form: Callable[[str], str],
    place: int,
) -> None:
    mixed = [*roots[:place], strangers[0], *roots[place:]]
    path = bundle(bench, form(stack(*mixed)))
    path.chmod(0o640)
    (problem,) = found(bench, "LeafInBundle")
    run(problem)
    assert held(path) == roots
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "# a remark" in path.read_text() or form is not remarked


def test_advice_for_one_file_may_be_followed_in_any_order(
    bench: Bench, roots: tuple[Certificate, ...], strangers: tuple[Certificate, ...]
) -> None:
    broken = stack(roots[2]).replace("M", "*", 1)
    path = bundle(bench, stack(strangers[0], roots[0]) + broken + stack(strangers[1], roots[1], roots[0]))
    problems = [*found(bench, "CertificateTwice"), *found(bench, "LeafInBundle"), *found(bench, "CertificateBroken")]
    assert len(problems) == 4
    for problem in problems:
        run(problem)
    assert held(path) == roots[:2]
    assert found(bench, "CertificateBroken") == []


def test_advice_that_is_followed_twice_does_no_harm(
    bench: Bench, roots: tuple[Certificate, ...], strangers: tuple[Certificate, ...]
) -> None:
    path = bundle(bench, stack(roots[0], strangers[0], roots[1], roots[0]))
    problems = [*found(bench, "LeafInBundle"), *found(bench, "CertificateTwice")]
    for problem in problems * 2:
        run(problem)
    assert held(path) == roots[:2]


def test_blocks_that_break_off_go_and_the_others_stay(bench: Bench, roots: tuple[Certificate, ...]) -> None:
    whole = [one.to_pem() for one in roots]
    cut = whole[2][:200] + "\n"
    head = "-----BEGIN CERTIFICATE-----\n"
    path = bundle(bench, cut + cut + whole[0] + head + whole[1] + cut)
    (problem,) = found(bench, "CertificateBroken")
    assert "the 4 blocks number 1, 2, 4, 6" in problem.seen
    run(problem)
    assert path.read_text() == whole[0] + whole[1]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_of_a_der_file_one_certificate_goes(
    bench: Bench, roots: tuple[Certificate, ...], strangers: tuple[Certificate, ...], place: int
) -> None:
    mixed = [*roots[:place], strangers[0], *roots[place:]]
    path = bundle(bench, b"".join(one.der for one in mixed))
    path.chmod(0o640)
    (problem,) = found(bench, "LeafInBundle")
    run(problem)
    assert path.read_bytes() == b"".join(one.der for one in roots)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_der_file_that_has_changed_meanwhile_is_left_as_it_is(
    bench: Bench, roots: tuple[Certificate, ...], strangers: tuple[Certificate, ...]
) -> None:
    path = bundle(bench, strangers[0].der + roots[0].der)
    (problem,) = found(bench, "LeafInBundle")
    bundle(bench, roots[1].der + roots[0].der)
    run(problem, succeeds=False)
    assert path.read_bytes() == roots[1].der + roots[0].der


def test_a_second_copy_in_a_der_file_goes(bench: Bench, roots: tuple[Certificate, ...]) -> None:
    path = bundle(bench, roots[0].der + roots[1].der + roots[0].der)
    (problem,) = found(bench, "CertificateTwice")
    run(problem)
    assert sorted(path.read_bytes()) == sorted(roots[0].der + roots[1].der)


def test_the_lock_is_held_while_a_file_is_edited(
    bench: Bench, roots: tuple[Certificate, ...], strangers: tuple[Certificate, ...]
) -> None:
    bundle(bench, stack(roots[0], strangers[0]))
    (problem,) = found(bench, "LeafInBundle")
    (step,) = problem.steps
    assert isinstance(step, Shell)
    assert step.line.startswith(f"flock {bench.state / 'lock'} ")
    log = bench.workshop / "log"
    command = ["flock", str(bench.state / "lock"), "sh", "-c", f"echo held; read end; echo first >> {log}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with subprocess.Popen(["sh", "-c", f"{step.line} && echo second >> {log}"]):
            holder.communicate(b"\n")
    assert log.read_text().split() == ["first", "second"]


def test_a_store_that_nobody_has_changed_yet_has_no_lock_to_hold(
    tmp_path: Path, roots: tuple[Certificate, ...], strangers: tuple[Certificate, ...]
) -> None:
    store = open_store(tmp_path)
    path = put(store.layout.bundles[MO], stack(roots[0], strangers[0]))
    (problem,) = (one for one in store.checkup() if one.code == "LeafInBundle")
    run(problem)
    assert held(path) == roots[:1]
    assert not store.layout.state.exists()


def test_what_is_put_aside_twice_is_kept_twice(bench: Bench) -> None:
    for content in (b"first", b"second"):
        put(bench.leaves / "junk.pem", content)
        (problem,) = found(bench, "CertificateUnreadable")
        run(problem)
    aside = sorted(path.read_bytes() for path in (bench.state / "aside").iterdir())
    assert aside == [b"first", b"second"]
    assert stat.S_IMODE((bench.state / "aside").stat().st_mode) == 0o700
