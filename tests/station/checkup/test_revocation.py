"""OCSP answers and revocation lists: what is told once, what is told as something else, what is in order."""

from collections.abc import Iterator

import pytest

from certs import FROM, UNTIL
from chainpilot.station.checkup import Command
from chainpilot.station.layout import CrlPolicy
from revocations import revocation_list
from station.checkup.bench import Bench, benches
from station.checkup.cases.revocation import ENDED, answer_file, issuers, listed, with_lists, without_answer
from stock import put


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def test_answers_that_are_missing_are_told_once_a_leaf_with_a_command_each(bench: Bench) -> None:
    for path in (bench.leaves / "ocsp").iterdir():
        path.unlink()
    (problem,) = bench.examine().problems
    assert problem.code == "OcspMissing"
    named = [step.words[1] for step in problem.steps if isinstance(step, Command)]
    assert named == ["ANSWER1.der", "ANSWER2.der", "ANSWER3.der"]
    assert [need.name for step in problem.steps if isinstance(step, Command) for need in step.needs] == named


def test_one_good_answer_is_enough_beside_a_stale_one(bench: Bench) -> None:
    old = put(bench.leaves / "ocsp/old_ocsp.der", bench.answer(bench.first, until=ENDED))
    put(old.with_suffix(".hash"), answer_file(bench).with_suffix(".hash").read_bytes())
    assert bench.codes == []


def test_an_answer_that_knows_nothing_is_told_as_unusable(bench: Bench) -> None:
    bench.keep_answer(bench.first, bench.answer(bench.first, unknown=True))
    (problem,) = bench.examine().problems
    assert problem.code == "OcspUnusable"
    assert "doesn't know the certificate" in problem.seen


@pytest.mark.parametrize("content", [b"", b"junk", b"SHA256\nab\n", b"MD5\nab\ncd\n01\n"])
def test_a_pair_that_doesn_t_tell_whose_it_is_is_a_half(bench: Bench, content: bytes) -> None:
    put(bench.leaves / "ocsp/odd_ocsp.der", b"0")
    put(bench.leaves / "ocsp/odd_ocsp.hash", content)
    assert bench.codes == ["OcspHalf"]


def test_other_files_beside_the_answers_are_nobody_s_business(bench: Bench) -> None:
    put(bench.leaves / "ocsp/readme.der", b"0")
    put(bench.leaves / "ocsp/lost_ocsp.txt", b"0")
    assert bench.codes == []


def test_an_answer_may_be_about_a_certificate_that_can_not_be_read(bench: Bench) -> None:
    chain = next(bench.leaves.glob("*CHAIN*"))
    for path in (*bench.leaves.glob("*.pem"), *bench.leaves.glob("*.key")):
        if path != chain:
            path.unlink()
    chain.write_bytes(b"junk")
    assert bench.codes == ["CertificateUnreadable"]


def test_a_certificate_names_its_responder_or_has_the_configured_one(bench: Bench) -> None:
    without_answer(bench)
    (problem,) = bench.examine().problems
    (step,) = problem.steps
    assert isinstance(step, Command)
    assert step.needs[0].what == f"what the configured responder answers for {bench.first.subject}"


@pytest.mark.parametrize(("policy", "codes"), [(CrlPolicy.REQUIRE, ["CrlMissing"]), (CrlPolicy.IF_PRESENT, [])])
def test_a_list_that_nobody_needs_is_not_missed(bench: Bench, policy: CrlPolicy, codes: list[str]) -> None:
    with_lists(bench, listed(bench, *issuers(bench)[1:]))
    bench.settings["crl_policy"] = policy
    assert bench.codes == codes


def test_an_outdated_list_is_told_whatever_the_policy(bench: Bench) -> None:
    with_lists(bench, revocation_list(bench.v2g.root, since=FROM, until=ENDED))
    bench.settings["crl_policy"] = CrlPolicy.IF_PRESENT
    assert bench.codes == ["CrlOutdated"]


def test_a_newer_list_counts_beside_an_outdated_one(bench: Bench) -> None:
    old = listed(bench, bench.v2g.root, until=ENDED)
    with_lists(bench, old + listed(bench, *issuers(bench), until=UNTIL))
    assert bench.codes == []


def test_an_empty_directory_of_lists_is_as_good_as_none(bench: Bench) -> None:
    bench.settings["crl_directory"] = "crls"
    put(bench.directory / "crls/readme.txt", b"lists go here")
    assert bench.codes == ["CrlDirectoryMissing"]
