"""`chainpilot station run`: the command's words; what it does is `work.agent`, which loads when it runs."""

from typing import Annotated

import typer

from chainpilot.cli.station import work
from chainpilot.cli.station.arguments import store_options

__all__ = ["run"]


def run(
    context: typer.Context,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Say what the configuration means and what is missing, and connect nowhere.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Run the agent: keep the station's certificates alive over OCPP, until SIGTERM or Ctrl-C.

    --config FILE is needed: the store's settings, and a table [agent] that says which station this is and where its
    CSMS is. The agent connects by OCPP 2.0.1 or 1.6, gets and renews certificates, takes roots, fetches OCSP answers,
    reports security events, and steps up to mutual TLS when the CSMS says so. What happens is printed, one line each.

    \b
    Examples:
      chainpilot station --config /etc/chainpilot/station.toml run --check
      chainpilot station --config /etc/chainpilot/station.toml run

    Exit code: 0 told to stop, 1 something needs a person (with --check: something is missing), 2 the configuration is
    wrong, 3 no such file, 4 not allowed.
    """  # noqa: D301 - the backspace is the help's own mark for lines that stay as they are
    options = store_options(context)
    if check:
        raise typer.Exit(work.agent.check(options, as_json=json))
    from chainpilot.cli.signals import heeded_stops  # noqa: PLC0415 - with asyncio, for which help needn't wait

    with heeded_stops() as stops:  # before the agent is so much as loaded: a stop while it begins is one in order too
        raise typer.Exit(work.agent.run(options, stops, as_json=json))
