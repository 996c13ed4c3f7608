"""Every problem that the doctor knows: planted, seen once with its reason, and cured by doing what it says."""

from collections.abc import Iterator

import pytest

from chainpilot.station.checkup import TABLE
from station.checkup.bench import Bench, Planted, benches
from station.checkup.cases import authorities, disk, files, keys, leaves, revocation, state, times

CASES: dict[str, Planted] = {
    code: case
    for module in (times, authorities, leaves, keys, files, revocation, state, disk)
    for code, case in module.CASES.items()
}
ROWS = {row.code: row for row in TABLE}


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def test_every_row_of_the_table_is_planted_and_nothing_else() -> None:
    assert set(CASES) == set(ROWS)


def test_a_healthy_store_has_no_problem(bench: Bench) -> None:
    examined = bench.examine()
    assert examined.problems == ()
    assert (examined.certificates, examined.keys) == (8, 2)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("code", CASES)
def test_the_doctor_sees_it_once_and_its_advice_cures_it(bench: Bench, code: str) -> None:
    case = CASES[code]
    case.plant(bench)
    problems = bench.examine().problems
    assert sorted(one.code for one in problems) == sorted((code, *case.also))
    (problem,) = (one for one in problems if one.code == code)
    assert [str(value) for value in case.told(bench) if str(value) not in problem.seen] == []
    assert problem.severity is ROWS[code].severity
    assert problem.why
    assert problem.do
    assert problem.steps
    bench.follow(problem, case)
    assert bench.codes == sorted(case.left)
