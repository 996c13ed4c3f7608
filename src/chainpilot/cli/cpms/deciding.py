"""`trust`: what is known is shown, and decisions are written down, beside a running CPMS too."""

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import typer

from chainpilot.cli.cpms.opening import complain, open_config
from chainpilot.cli.exits import Exit
from chainpilot.cli.words import day, iso, name_words, plain
from chainpilot.clock import SYSTEM
from chainpilot.cpms.config import CpmsConfig
from chainpilot.cpms.model import (
    FingerprintError,
    TrustChange,
    TrustRecord,
    TrustState,
    parse_fingerprint,
)
from chainpilot.cpms.trust import TrustDesk, TrustRefused
from chainpilot.cpms.trust_office import import_files, open_desk
from chainpilot.pki.trust import TrustDomain

__all__ = ["decide", "import_cas", "show_history", "show_records"]

_LEADS_TO: Final = {
    "approve": TrustState.APPROVED,
    "reject": TrustState.REJECTED,
    "withdraw": TrustState.WITHDRAWN,
}


def show_records(path: Path, state: str | None, *, as_json: bool) -> Exit:
    """The certificates of one state, or all."""
    chosen = TrustState(state) if state is not None else None

    async def work(desk: TrustDesk) -> Exit:
        records = desk.records(chosen)
        if as_json:
            typer.echo(json.dumps({"certificates": [_picture(record) for record in records]}))
            return Exit.DONE
        for record in records:
            _tell(record)
        if not records:
            typer.echo(f"No CA certificate is {state}." if state is not None else "No CA certificate is known.")
        return Exit.DONE

    return _at_the_desk(path, work)


def import_cas(path: Path, paths: list[Path], domain: str, *, as_json: bool) -> Exit:
    """Propose what files and folders hold."""

    async def work(desk: TrustDesk) -> Exit:
        ended, faults = await import_files(desk, *paths, domain=TrustDomain(domain))
        refused = [(file, one, why) for file, report in ended for one, why in report.refused]
        if as_json:
            told = {
                "added": [_picture(record) for _, report in ended for record in report.added],
                "known": [_picture(record) for _, report in ended for record in report.known],
                "refused": [
                    {"file": str(file), "fingerprint": one.fingerprint, "why": why} for file, one, why in refused
                ],
                "unreadable": list(faults),
            }
            typer.echo(json.dumps(told))
        else:
            for _, report in ended:
                for record in (*report.added, *report.known):
                    _tell(record)
            for file, one, why in refused:
                typer.echo(plain(f"refused    {name_words(one.subject_name)} in {file}: {why}"))
            for fault in faults:
                typer.echo(plain(f"unreadable {fault}"))
        return Exit.NEEDS_SOMEBODY if refused or faults or not ended else Exit.DONE

    return _at_the_desk(path, work)


def decide(
    path: Path, decision: str, fingerprint: str, *, domain: str | None, by: str | None, why: str, as_json: bool
) -> Exit:
    """Approve, reject or withdraw; what is so already is no mistake."""
    chosen = TrustDomain(domain) if domain is not None else None
    state = _LEADS_TO[decision]

    async def work(desk: TrustDesk) -> Exit:
        found = parse_fingerprint(fingerprint)
        known = [one for one in desk.records() if one.fingerprint == found and chosen in {None, one.domain}]
        if len(known) == 1 and known[0].state is state:
            record, word = known[0], "Already so: "
        else:
            acts = {"approve": desk.approve, "reject": desk.reject, "withdraw": desk.withdraw}
            record, word = await acts[decision](fingerprint, chosen, by=by or getpass.getuser(), why=why), ""
        if as_json:
            typer.echo(json.dumps(_picture(record)))
        else:
            subject = name_words(record.certificate.subject_name)
            typer.echo(plain(f"{word}{record.domain.value} {record.state.value}: {subject}"))
            typer.echo(f"  {record.fingerprint}")
        return Exit.DONE

    return _at_the_desk(path, work)


def show_history(path: Path, fingerprint: str | None, *, as_json: bool) -> Exit:
    """Who decided what."""

    async def work(desk: TrustDesk) -> Exit:
        changes = await desk.history(fingerprint)
        if as_json:
            typer.echo(json.dumps({"changes": [_line(change) for change in changes]}))
            return Exit.DONE
        for one in changes:
            before = one.before.value if one.before is not None else "unknown"
            why = f": {one.why}" if one.why else ""
            typer.echo(plain(f"{iso(one.at)}  {one.domain.value}  {before} > {one.after.value}  by {one.by}{why}"))
            typer.echo(f"  {one.fingerprint}")
        if not changes:
            typer.echo("Nothing yet.")
        return Exit.DONE

    return _at_the_desk(path, work)


def _at_the_desk(path: Path, work: Callable[[TrustDesk], Awaitable[Exit]]) -> Exit:
    """Open the desk, work, close it; what is refused is told."""
    config = open_config(path)
    if isinstance(config, Exit):
        return config
    try:
        return asyncio.run(_run(config, work))
    except FingerprintError as error:
        complain(str(error))
        return Exit.USAGE
    except TrustRefused as error:
        complain(str(error))
        return Exit.NOT_FOUND if error.is_unknown else Exit.CONFLICT


async def _run(config: CpmsConfig, work: Callable[[TrustDesk], Awaitable[Exit]]) -> Exit:
    async with open_desk(config, SYSTEM) as desk:
        return await work(desk)


def _tell(record: TrustRecord) -> None:
    certificate = record.certificate
    kind = "root" if certificate.is_self_signed else "sub-CA"
    subject = name_words(certificate.subject_name)
    head = f"{record.state.value:<10} {record.domain.value:<4}  {subject}"
    typer.echo(plain(head))
    typer.echo(f"  {record.fingerprint}")
    typer.echo(plain(f"  {kind} until {day(certificate.not_after)}, from {record.seen_from}, by {record.changed_by}"))
    for words in (record.why, record.notice):
        if words:
            typer.echo(plain(f"  {words}"))


def _picture(record: TrustRecord) -> dict[str, Any]:
    certificate = record.certificate
    return {
        "fingerprint": record.fingerprint,
        "domain": record.domain.value,
        "state": record.state.value,
        "subject": name_words(certificate.subject_name),
        "self_signed": certificate.is_self_signed,
        "not_before": iso(certificate.not_before),
        "not_after": iso(certificate.not_after),
        "source": record.source.value,
        "seen_from": record.seen_from,
        "changed_at": iso(record.changed_at),
        "changed_by": record.changed_by,
        "why": record.why,
        "notice": record.notice,
    }


def _line(change: TrustChange) -> dict[str, Any]:
    return {
        "at": iso(change.at),
        "fingerprint": change.fingerprint,
        "domain": change.domain.value,
        "before": change.before.value if change.before is not None else None,
        "after": change.after.value,
        "source": change.source.value,
        "by": change.by,
        "why": change.why,
    }
