"""`chainpilot station doctor`: every problem of a store, why it matters, what to do."""

import typer

from chainpilot.cli.station import work
from chainpilot.cli.station.arguments import AsJson, store_options

__all__ = ["doctor"]


def doctor(context: typer.Context, *, json: AsJson = False) -> None:
    """Find everything that is wrong with the store, and tell why it matters and what to do.

    The worst first: errors, warnings, notices. What to do stands there as commands to copy; words in capitals, such as
    ROOT.pem, are what you bring. Nothing is changed. docs/reference/doctor.md lists every problem by its code.

    Exit code: 0 nothing has to be done, 1 there is an error or a warning.
    """
    raise typer.Exit(work.examining.doctor(store_options(context), as_json=json))
