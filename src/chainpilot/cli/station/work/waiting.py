"""What is due, and what is waited for."""

from datetime import datetime, timedelta

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import Answer, carry_out
from chainpilot.cli.station.work.facts import due_facts, request_facts
from chainpilot.cli.station.work.material import NotCarriedOut
from chainpilot.cli.words import day, ending, parse_time
from chainpilot.clock import SYSTEM
from chainpilot.station import EvseSecurity
from chainpilot.station.model import LeafExpiring
from chainpilot.station.store import PendingCsr

__all__ = ["due_words", "leaves_due", "open_requests", "request_words"]


def leaves_due(options: StoreOptions, *, before: str | None, days: int | None, as_json: bool) -> Exit:
    """List the leaves that end before a moment, or within some days."""

    def ask(store: EvseSecurity) -> Answer:
        now = SYSTEM.now()
        until = _until(before, days, store.layout.config.expiring_days, now)
        due = store.leaves_due(until)
        result = [due_facts(one, now) for one in due]
        if not due:
            return Answer(result, f"No leaf ends before {day(until)}")
        count = f"{len(due)} lea{'f ends' if len(due) == 1 else 'ves end'} before {day(until)}:"
        step = "{store} generate-certificate-signing-request TYPE --country CC --organization NAME --common NAME"
        lines = tuple(f"  {due_words(one, now)}" for one in due)
        return Answer(result, count, Exit.NEEDS_SOMEBODY, advice=step, details=lines)

    return carry_out("leaves_due", options, ask, as_json=as_json)


def due_words(one: LeafExpiring, at: datetime) -> str:
    """`V2G leaf of DE*CHP*E1, ISO15118-2, ends in 3 days (4 Jan 2027)`."""
    edition = f", {one.edition.value}" if one.edition is not None else ""
    return f"{one.certificate_type.value} leaf of {one.common_name}{edition}, {ending(at, one.not_after, at)}"


def _until(before: str | None, days: int | None, configured: int, now: datetime) -> datetime:
    if before is not None and days is not None:
        raise NotCarriedOut("give --before or --days, not both", Exit.USAGE)
    try:
        return parse_time(before) if before is not None else now + timedelta(days=configured if days is None else days)
    except (ValueError, OverflowError) as error:
        why = f"{before!r} is no time; write it as 2027-01-06 or 2027-01-06T12:00:00Z (--before)"
        raise NotCarriedOut(why, Exit.USAGE) from error


def open_requests(options: StoreOptions, *, as_json: bool) -> Exit:
    """List the signing requests whose certificate is waited for."""

    def ask(store: EvseSecurity) -> Answer:
        waiting = store.open_requests()
        result = [{**request_facts(one), "csr": one.pem} for one in waiting]
        if not waiting:
            return Answer(result, "No signing request is open")
        step = "when a chain comes: {store} update-leaf-certificate FILE TYPE"
        lines = tuple(f"  {request_words(one)}" for one in waiting)
        return Answer(result, "Waited for:", advice=step, details=lines)

    return carry_out("open_requests", options, ask, as_json=as_json)


def request_words(one: PendingCsr) -> str:
    """`V2G leaf of DE*CHP*E1, asked for on 4 Jan 2027, a CSMS has it`."""
    place = "a CSMS has it" if one.with_csms else "no CSMS has it yet"
    return f"{one.kind.value} leaf of {one.csr.common_name}, asked for on {day(one.made_at)}, {place}"
