"""The commands of ours: the store at a glance, its changes as they happen, what is due and what is waited for."""

from typing import Annotated

import typer

from chainpilot.cli.station import work
from chainpilot.cli.station.arguments import AsJson, store_options

__all__ = ["leaves_due", "open_requests", "show", "watch"]


def show(context: typer.Context, *, json: AsJson = False) -> None:
    """Show what is installed as a tree, and what to do next.

    Domains with their roots and sub-CAs; leaves by name with the one in use, days left, where the key lies; the OCSP
    answer kept for each certificate; open signing requests. Exit code 1 when something is due or wrong.
    """
    raise typer.Exit(work.showing.show(store_options(context), as_json=json))


def watch(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print every change of the store as it happens, whichever process makes it, until Ctrl-C."""
    raise typer.Exit(work.watching.watch(store_options(context), as_json=json))


def leaves_due(
    context: typer.Context,
    *,
    before: Annotated[
        str | None, typer.Option("--before", metavar="TIME", help="Leaves that end before this: 2027-01-06, UTC.")
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=0, max=36500, help="Leaves that end within so many days; default: expiring_days."),
    ] = None,
    json: AsJson = False,
) -> None:
    """List the leaves that end soon; exit code 1 when there is one."""
    raise typer.Exit(work.waiting.leaves_due(store_options(context), before=before, days=days, as_json=json))


def open_requests(context: typer.Context, *, json: AsJson = False) -> None:
    """List the signing requests whose certificate is still waited for, oldest first."""
    raise typer.Exit(work.waiting.open_requests(store_options(context), as_json=json))
