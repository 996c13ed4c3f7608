"""The record of firmware updates: its states follow each other by the table, and it comes back as it was written."""

import contextlib
import itertools
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.agent.events.types import MAX_TECH_INFO, SecurityEventType
from chainpilot.station.agent.firmware.record import (
    MAX_UNTOLD,
    FirmwareOrder,
    FirmwareRecord,
    RecordUnreadable,
    entered,
    failed_once,
    ordered,
    read_record,
    reported,
    resumed,
    told,
    write_record,
)
from chainpilot.station.agent.firmware.states import (
    AFTER_RESTART,
    ENDS,
    EVENTS,
    FAILURES,
    FOLLOWING,
    UNSTOPPABLE,
    ImpossibleFirmwareStep,
    check_step,
)
from chainpilot.wire.security import FirmwareStatus

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORDER = FirmwareOrder(7, "https://user:hunter2@h/f", "PEM", "signature", NOON, None, 3, 60)
UNUSED = {FirmwareStatus.DOWNLOAD_PAUSED, FirmwareStatus.INSTALL_VERIFICATION_FAILED}


def walked(states: Iterable[FirmwareStatus]) -> FirmwareRecord:
    record = ordered(FirmwareRecord(), ORDER, NOON)
    for state in states:
        record = entered(record, state)
    return record


def walks() -> list[tuple[FirmwareStatus, ...]]:
    """Every way through the table."""
    found: list[tuple[FirmwareStatus, ...]] = []
    open_ones: list[tuple[FirmwareStatus, ...]] = [(FirmwareStatus.IDLE,)]
    while open_ones:
        way = open_ones.pop()
        found.append(way[1:])
        open_ones += [(*way, state) for state in FOLLOWING[way[-1]]]
    return found


WAYS = walks()


def test_every_state_is_in_the_table_and_every_state_of_the_table_is_reached() -> None:
    assert set(FOLLOWING) == set(FirmwareStatus) - UNUSED
    assert {state for way in WAYS for state in way} | {FirmwareStatus.IDLE} == set(FOLLOWING)


@pytest.mark.parametrize(("state", "wanted"), list(itertools.product(FirmwareStatus, FirmwareStatus)))
def test_for_every_pair_of_states_it_is_settled_whether_one_follows_the_other(
    state: FirmwareStatus, wanted: FirmwareStatus
) -> None:
    if wanted in FOLLOWING.get(state, ()):
        check_step(state, wanted)
    else:
        with pytest.raises(ImpossibleFirmwareStep, match=f"{wanted.value} does not follow {state.value}"):
            check_step(state, wanted)


def test_nothing_is_installed_that_was_not_verified() -> None:
    for way in WAYS:
        if FirmwareStatus.INSTALLING in way:
            assert FirmwareStatus.SIGNATURE_VERIFIED in way[: way.index(FirmwareStatus.INSTALLING)]


def test_nothing_follows_an_end_and_nothing_leads_back() -> None:
    assert {
        FirmwareStatus.INSTALLED,
        FirmwareStatus.INSTALLATION_FAILED,
        FirmwareStatus.DOWNLOAD_FAILED,
        FirmwareStatus.INVALID_SIGNATURE,
    } == ENDS
    assert ENDS - {FirmwareStatus.INSTALLED} == FAILURES
    assert all(len(set(way)) == len(way) for way in WAYS)


def test_what_a_restart_makes_of_a_state_may_follow_it() -> None:
    assert set(AFTER_RESTART) == UNSTOPPABLE
    for state, after in AFTER_RESTART.items():
        check_step(state, after)


@pytest.mark.parametrize("way", WAYS)
def test_every_state_is_told_once_in_order_with_the_request_id(way: tuple[FirmwareStatus, ...]) -> None:
    record = walked(way)
    assert [(one.status, one.request_id) for one in record.untold] == [(state, 7) for state in way]
    assert [one.kind for one in record.owed] == [EVENTS[state] for state in way if state in EVENTS]
    assert (record.job is None) == bool(way and way[-1] in ENDS)


@pytest.mark.parametrize("way", WAYS)
def test_a_restart_changes_only_what_was_being_installed(way: tuple[FirmwareStatus, ...]) -> None:
    record = walked(way)
    after = resumed(record)
    state = way[-1] if way else FirmwareStatus.IDLE
    if state in AFTER_RESTART:
        assert after.job is None
        assert after.untold[-1].status is AFTER_RESTART[state]
    else:
        assert after is record
    assert resumed(after) is after


def test_a_location_is_forgotten_with_its_update_and_is_in_no_repr() -> None:
    record = walked([FirmwareStatus.DOWNLOADING])
    assert b"hunter2" in write_record(record)
    assert "hunter2" not in f"{record!r} {record.job!r} {record.job and record.job.order!r}"
    assert b"hunter2" not in write_record(entered(record, FirmwareStatus.DOWNLOAD_FAILED))


@pytest.mark.parametrize("count", [MAX_UNTOLD - 1, MAX_UNTOLD, MAX_UNTOLD + 1])
def test_statuses_are_kept_up_to_their_bound_and_the_newest_stay(count: int) -> None:
    record = FirmwareRecord()
    for number in range(count):
        order = msgspec.structs.replace(ORDER, request_id=number)
        record = entered(ordered(record, order, NOON), FirmwareStatus.DOWNLOADING)
    assert len(record.untold) == min(count, MAX_UNTOLD)
    assert record.untold[-1].request_id == count - 1


def test_a_status_that_was_dropped_meanwhile_takes_no_other_with_it_when_it_was_told() -> None:
    record = walked([FirmwareStatus.DOWNLOADING, FirmwareStatus.DOWNLOADED])
    first, second = record.untold
    after = told(told(record, first), first)
    assert after.untold == (second,)
    assert after.last == first


@pytest.mark.parametrize("length", [MAX_TECH_INFO - 1, MAX_TECH_INFO, MAX_TECH_INFO + 1])
def test_technical_information_fits_its_field(length: int) -> None:
    record = entered(walked([FirmwareStatus.DOWNLOADING]), FirmwareStatus.DOWNLOAD_FAILED, "x" * length)
    assert not record.owed
    event = SecurityEventType.MEMORY_EXHAUSTION
    record = entered(walked([FirmwareStatus.DOWNLOADING]), FirmwareStatus.DOWNLOAD_FAILED, "x" * length, event)
    assert [(one.kind, len(one.tech_info)) for one in record.owed] == [(event, min(length, MAX_TECH_INFO))]
    assert not reported(record).owed


def test_a_newer_order_takes_the_place_of_the_one_before() -> None:
    record = failed_once(walked([FirmwareStatus.DOWNLOADING]))
    assert record.job is not None
    assert record.job.failures == 1
    after = ordered(record, msgspec.structs.replace(ORDER, request_id=8), NOON)
    assert after.job is not None
    assert (after.job.number, after.job.failures, after.job.status) == (2, 0, FirmwareStatus.IDLE)
    assert after.untold == record.untold


def test_without_an_update_no_state_is_entered() -> None:
    with pytest.raises(ImpossibleFirmwareStep, match="no update"):
        entered(FirmwareRecord(), FirmwareStatus.DOWNLOADING)
    assert failed_once(FirmwareRecord()) == FirmwareRecord()


MOMENTS = st.datetimes(timezones=st.just(UTC))
ORDERS = st.builds(
    FirmwareOrder,
    st.integers(-(2**53), 2**53),
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.text(st.characters(codec="utf-8"), max_size=30),
    MOMENTS,
    MOMENTS | st.none(),
    st.integers(1, 20),
    st.integers(0, 86_400),
)


@given(ORDERS, st.sampled_from(WAYS), st.integers(0, 9))
def test_a_record_comes_back_as_it_was_written(
    order: FirmwareOrder, way: tuple[FirmwareStatus, ...], count: int
) -> None:
    record = ordered(FirmwareRecord(), order, NOON)
    for state in way:
        record = entered(record, state)
    for status in record.untold[:count]:
        record = told(record, status)
    assert read_record(write_record(record)) == record


@given(st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_no_document_escapes_the_error(data: bytes) -> None:
    with contextlib.suppress(RecordUnreadable):
        assert isinstance(read_record(data), FirmwareRecord)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b'{"version":2}',
        b'{"version":0}',
        b'{"job":{"number":1}}',
        b"\xff",
        b"[" * 100_000,
        b'{"untold":[{"number":1,"status":"hunter2","request_id":1}]}',
    ],
)
def test_another_document_is_unreadable(data: bytes) -> None:
    with pytest.raises(RecordUnreadable) as failed:
        read_record(data)
    assert "hunter2" not in str(failed.value)
    assert failed.value.__cause__ is None
