"""`watch`: what changes in the store, told as it happens, whichever process changes it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.signals import until_told_to_stop
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import as_line, fault_exit, overheard
from chainpilot.cli.station.work.facts import certificate_facts, due_facts, request_facts
from chainpilot.cli.station.work.material import NotCarriedOut
from chainpilot.cli.station.work.naming import domain_words
from chainpilot.cli.station.work.opening import open_store
from chainpilot.cli.station.work.waiting import due_words
from chainpilot.cli.words import ending, iso, plain, short_name
from chainpilot.clock import SYSTEM, Clock
from chainpilot.errors import ChainpilotError
from chainpilot.station import EvseSecurity
from chainpilot.station.changes import (
    CertificateChanged,
    Closing,
    Difference,
    RequestClosed,
    RequestOpened,
    differences,
)
from chainpilot.station.model import LeafExpiring
from chainpilot.station.schema import to_json
from chainpilot.station.snapshot import Snapshot
from chainpilot.station.vault import VaultBusy, VaultError

__all__ = ["follow", "watch"]

INTERVAL: Final = 0.5
"""Seconds between two looks; a look at a store that didn't change is one stat a file."""

_CLOSINGS: Final = {
    Closing.ANSWERED: "its certificate is installed",
    Closing.SUPERSEDED: "a later one took its place",
    Closing.REMOVED: "it was removed",
}
Tell = Callable[[Snapshot, Difference], None]


def watch(options: StoreOptions, *, as_json: bool) -> Exit:
    """Tell of changes until SIGINT or SIGTERM."""
    with overheard():
        try:
            store = open_store(options)
            asyncio.run(_until_stopped(store, _tell_programs if as_json else _tell_people))
        except NotCarriedOut as error:
            typer.echo(f"chainpilot: {plain(error.why)}", err=True)
            return error.exit
        except ChainpilotError as error:
            typer.echo(f"chainpilot: {plain(str(error))}", err=True)
            return fault_exit(error)
    return Exit.DONE


async def _until_stopped(store: EvseSecurity, tell: Tell) -> None:
    told = asyncio.create_task(until_told_to_stop())
    await asyncio.sleep(0)  # it listens for signals before anything is printed
    following = asyncio.create_task(follow(store, tell))
    await asyncio.wait((told, following), return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    results = await asyncio.gather(following, return_exceptions=True)
    told.cancel()
    for one in results:
        if isinstance(one, Exception):
            raise one


async def follow(store: EvseSecurity, tell: Tell, *, clock: Clock = SYSTEM) -> None:
    """Look at the store again and again and tell every difference; ends by cancelling.

    Leaves that are due already are told first. A store that is locked for too long, or can't be read for a while, is
    looked at again; that is said once.

    Raises:
        VaultError: it can't be read at the first look.
        VaultBusy: nor locked.
    """
    before = await asyncio.to_thread(store.snapshot)
    typer.echo(f"Watching {plain(_greeting(before, store))}. Stop it with Ctrl-C.", err=True)
    for difference in differences(replace(before, due=()), before):
        tell(before, difference)
    said: str | None = None
    while True:
        await clock.sleep_until(clock.monotonic() + INTERVAL)
        try:
            after = await asyncio.to_thread(store.snapshot)
        except (VaultError, VaultBusy) as error:
            if said != str(error):
                said = str(error)
                typer.echo(f"chainpilot: {plain(said)}; trying again", err=True)
            continue
        said = None
        for difference in differences(before, after):
            tell(after, difference)
        before = after


def _greeting(snapshot: Snapshot, store: EvseSecurity) -> str:
    authorities = len({one for bundle in snapshot.bundles for one in bundle.certificates})
    leaves = sum(len(slot.leaves) for slot in snapshot.slots)
    counts = (
        f"{authorities} CA certificate{'' if authorities == 1 else 's'}",
        f"{leaves} lea{'f' if leaves == 1 else 'ves'}",
        f"{len(snapshot.requests)} open request{'' if len(snapshot.requests) == 1 else 's'}",
    )
    return f"{store.layout.root}: {', '.join(counts)}"


def _tell_people(snapshot: Snapshot, difference: Difference) -> None:
    typer.echo(plain(f"{snapshot.at:%H:%M:%S}  {_words(snapshot, difference)}"))


def _words(snapshot: Snapshot, difference: Difference) -> str:
    match difference:
        case CertificateChanged(update, certificate):
            until = ending(certificate.not_before, certificate.not_after, snapshot.at)
            return f"{update.operation.value} {domain_words(update)} {short_name(certificate.subject)}, {until}"
        case RequestOpened(request):
            return f"Asked for a {request.kind.value} leaf of {request.csr.common_name}"
        case RequestClosed(request, closing):
            return f"No longer asked for: {request.kind.value} leaf of {request.csr.common_name}, {_CLOSINGS[closing]}"
        case LeafExpiring():
            return f"Due: {due_words(difference, snapshot.at)}"


def _tell_programs(snapshot: Snapshot, difference: Difference) -> None:
    typer.echo(as_line({"at": iso(snapshot.at), **_facts(snapshot, difference)}))


def _facts(snapshot: Snapshot, difference: Difference) -> dict[str, Any]:
    at = snapshot.at
    match difference:
        case CertificateChanged(update, certificate):
            words = to_json(update)
            named = words if isinstance(words, dict) else {}
            return {"event": "certificate_store_update", **named, **certificate_facts(certificate, at)}
        case RequestOpened(request):
            return {"event": "signing_request_opened", **request_facts(request)}
        case RequestClosed(request, closing):
            return {"event": "signing_request_closed", "why": closing.value, **request_facts(request)}
        case LeafExpiring():
            return {"event": "leaf_expiring", **due_facts(difference, at)}
