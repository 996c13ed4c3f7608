"""The journal's form: what is written is read, and nothing else is taken for a journal."""

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.vault.journal import Place, Step, Take, read_journal, write_journal

ROOT = Path("/store")
NAMES = (
    st.binary(min_size=1, max_size=20)
    .filter(lambda name: not {0, 47} & set(name) and set(name) != {46})
    .map(os.fsdecode)
)
"""Names as a file system has them: any bytes, UTF-8 or not."""
PATHS = st.lists(NAMES, min_size=1, max_size=5)
INSIDE = PATHS.map(lambda parts: ROOT.joinpath(*parts))
OUTSIDE = PATHS.map(lambda parts: Path("/elsewhere").joinpath(*parts))
ANY = INSIDE | OUTSIDE
PLACES = st.lists(st.builds(Place, ANY, ANY), max_size=5)
TAKES = st.lists(st.builds(Take, ANY, ANY), max_size=5)


@given(PLACES, TAKES)
def test_steps_read_back_are_the_steps_written(places: list[Place], takes: list[Take]) -> None:
    steps: tuple[Step, ...] = (*places, *takes)
    assert read_journal(write_journal(steps, ROOT), ROOT) == steps


@given(INSIDE, INSIDE)
def test_a_store_that_was_moved_is_completed_where_it_is(staged: Path, final: Path) -> None:
    moved = Path("/moved/here")
    steps = read_journal(write_journal((Place(staged, final),), ROOT), moved)
    assert steps == (Place(moved / staged.relative_to(ROOT), moved / final.relative_to(ROOT)),)


def test_a_journal_of_the_first_version_is_completed_too() -> None:
    data = b'{"version":1,"place":[["ca/.staged","ca/bundle-\xc3\xa4.pem"]],"take":[["/else/a","/else/b"]]}'
    place, take = Place(ROOT / "ca/.staged", ROOT / "ca/bundle-\u00e4.pem"), Take(Path("/else/a"), Path("/else/b"))
    assert read_journal(data, ROOT) == (place, take)


@given(st.binary())
def test_no_bytes_raise(data: bytes) -> None:
    assert read_journal(data, ROOT) is None
