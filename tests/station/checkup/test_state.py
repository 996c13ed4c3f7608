"""The store's own state: what is told once, what is told as something else, what is in order."""

from collections.abc import Iterator

import pytest

from chainpilot.station.checkup import Command
from chainpilot.station.vault.journal import Place, write_journal
from station.checkup.bench import SECOND, V2G, Bench, benches
from station.checkup.cases.state import asked, held_certificates, journal
from stock import put


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def test_a_change_that_was_left_half_done_is_completed_by_looking(bench: Bench) -> None:
    (bench.directory / "ca/mo").mkdir()
    journal(bench, bench.directory / "ca/mo/MO_ROOT_CA.pem")
    assert bench.codes == []
    assert (bench.directory / "ca/mo/MO_ROOT_CA.pem").exists()


def test_a_journal_that_is_a_directory_is_told_and_put_aside(bench: Bench) -> None:
    (bench.state / "journal").mkdir()
    (problem,) = bench.examine().problems
    assert problem.code == "ChangeStuck"


def test_files_of_a_change_that_waits_to_be_completed_are_no_leftovers(bench: Bench) -> None:
    staged = put(bench.leaves / ".chainpilot-00", b"new")
    put(bench.state / "journal", write_journal((Place(staged, bench.leaves / "new.txt"),), bench.directory))
    (bench.state / "lock").unlink()
    assert bench.codes == ["UnfinishedChange"]


def test_unfinished_files_are_told_together(bench: Bench) -> None:
    for number in range(3):
        put(bench.leaves / f".chainpilot-{number}", b"")
    (problem,) = bench.examine().problems
    assert problem.code == "UnfinishedFiles"
    assert "3 unfinished files" in problem.seen


@pytest.mark.parametrize("seconds", [3599, 3600])
def test_a_request_is_old_when_its_lifetime_is_over(bench: Bench, seconds: int) -> None:
    asked(bench)
    bench.clock.advance(seconds)
    assert bench.codes == (["RequestOld"] if seconds == 3600 else [])


def test_a_request_that_a_csms_has_waits_for_its_certificate(bench: Bench) -> None:
    asked(bench)
    store = bench.open()
    store.mark_request(store.open_requests()[0], with_csms=True)
    bench.clock.advance(3600)
    (problem,) = bench.examine().problems
    (step,) = problem.steps
    assert isinstance(step, Command)
    assert step.words == ("update-leaf-certificate", "CHAIN.pem", "V2G")


def test_a_request_whose_key_may_be_one_that_can_not_be_opened_is_not_told_as_well(bench: Bench) -> None:
    before = set(bench.leaves.iterdir())
    asked(bench)
    (key,) = set(bench.leaves.iterdir()) - before
    key.write_bytes(b"junk")
    assert bench.codes == ["KeyUnreadable"]


def test_a_request_that_was_answered_is_not_told(bench: Bench) -> None:
    made = bench.open().generate_certificate_signing_request(V2G, "DE", "Operator", SECOND)
    assert made.csr is not None
    assert bench.open().update_leaf(bench.v2g.enrol(made.csr), V2G).accepted
    bench.clock.advance(3600)
    assert bench.codes == ["OcspMissing"]


@pytest.mark.parametrize(("room", "codes"), [(4, []), (3, ["StoreFull"])])
def test_the_store_is_full_when_no_leaf_with_its_chain_fits(bench: Bench, room: int, codes: list[str]) -> None:
    bench.settings["max_certificates"] = held_certificates(bench) + room
    assert bench.codes == codes


@pytest.mark.parametrize(
    ("settings", "mode", "codes"),
    [
        ({}, 0o750, ["StateOpenToOthers"]),
        ({"key_mode": 0o640}, 0o750, []),
        ({"key_mode": 0o640}, 0o755, ["StateOpenToOthers"]),
    ],
)
def test_a_group_may_enter_our_state_where_it_may_read_keys(
    bench: Bench, settings: dict[str, int], mode: int, codes: list[str]
) -> None:
    bench.settings |= settings
    bench.state.chmod(mode)
    assert bench.codes == codes
