"""`run`: the agent in the foreground, one line for each thing that happens, until it is told to stop."""

import asyncio
import gc
import logging
import sys
from typing import Any, Final

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.signals import Stops
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import as_line, fault_exit
from chainpilot.cli.station.work.checking import tell_check
from chainpilot.cli.station.work.happenings import facts_of, words_of
from chainpilot.cli.station.work.material import NotCarriedOut
from chainpilot.cli.station.work.opening import read_config, read_password
from chainpilot.cli.words import iso, plain
from chainpilot.clock import SYSTEM
from chainpilot.errors import ChainpilotError
from chainpilot.station.adapters import connection
from chainpilot.station.adapters.commands import CommandInstaller, CommandStarter
from chainpilot.station.agent.config_file import AgentTable, read_agent_table
from chainpilot.station.agent.settings.operator import objections
from chainpilot.station.agent.setup import StationConfig, StationConfigError, initial_settings
from chainpilot.station.app import Station
from chainpilot.station.layout import StoreConfigError
from chainpilot.station.model import Secret
from chainpilot.station.watch import Connected, ConnectFailed, StationEvent, StationWatch

__all__ = ["check", "run", "tidying"]

_LOG_FORMAT: Final = "%(levelname)s %(message)s"


def check(options: StoreOptions, *, as_json: bool) -> Exit:
    """Tell what the agent's configuration means; connects nowhere."""
    try:
        _, config = _configured(options)
        return tell_check(options, config, as_json=as_json)
    except ChainpilotError as error:
        return _fault(error)


def run(options: StoreOptions, stops: Stops, *, as_json: bool) -> Exit:
    """Run the agent until it is told to stop, which may be before it has begun."""
    try:
        table, config = _configured(options)
        station = Station(
            config,
            watch=tidying(_tell_programs if as_json else _tell_people),
            starter=CommandStarter(table.reset_command) if table.reset_command else None,
            installer=CommandInstaller(table.install_command) if table.install_command else None,
        )
    except ChainpilotError as error:
        return _fault(error)
    logging.basicConfig(format=_LOG_FORMAT, level=logging.WARNING, stream=sys.stderr)
    logging.getLogger(connection.__name__).setLevel(logging.ERROR)  # what it warns of is printed as it happens
    gc.collect()
    gc.freeze()  # what is there now stays: `tidying` need not look at it each time, which takes twenty times as long
    _run(_until_stopped(station, stops))
    return Exit.DONE


def _fault(error: ChainpilotError) -> Exit:
    """Say what went wrong before the agent was at work."""
    typer.echo(f"chainpilot: {plain(str(error))}", err=True)
    match error:
        case NotCarriedOut():
            return error.exit
        case StoreConfigError() | StationConfigError():
            return Exit.USAGE
        case _:
            return fault_exit(error)


def tidying(tell: StationWatch) -> StationWatch:
    """Tells, and frees the connection before the one that there is now, or that there was to be.

    A TLS connection that has ended refers to itself, in the libraries that make it, and holds some 300 KB. Python would
    look for it at last when dozens of them have come together: too much for a small machine.
    """

    def watch(event: StationEvent) -> None:
        tell(event)
        if isinstance(event, Connected | ConnectFailed):
            gc.collect()

    return watch


def _run(work: Any) -> None:
    """On uvloop where it is installed: a TLS connection takes a fifth of the memory (stack.md)."""
    try:
        import uvloop  # noqa: PLC0415 - only where it is installed
    except ModuleNotFoundError:
        asyncio.run(work)
    else:
        uvloop.run(work)


async def _until_stopped(station: Station, stops: Stops) -> None:
    told = asyncio.create_task(stops.until_told())
    await asyncio.sleep(0)  # it listens for signals before anything is printed
    typer.echo("The agent is at work. Stop it with Ctrl-C.", err=True)
    running = asyncio.create_task(station.run())
    await asyncio.wait((told, running), return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    results = await asyncio.gather(running, return_exceptions=True)
    told.cancel()
    for one in results:
        if isinstance(one, Exception):
            raise one


def _configured(options: StoreOptions) -> tuple[AgentTable, StationConfig]:
    if options.config is None:
        why = "the agent needs a configuration: chainpilot station --config FILE run; station run -h tells more"
        raise NotCarriedOut(why, Exit.USAGE)
    file, store = read_config(options)
    table = read_agent_table(file)
    folder = options.config.absolute().parent
    password = read_password(folder / table.password_file) if table.password_file is not None else ""
    config = table.config(store, folder, Secret(password))
    wrong = objections(initial_settings(config))
    if wrong:
        raise NotCarriedOut(f"{options.config}: {'; '.join(wrong)}", Exit.USAGE)
    return table, config


def _tell_people(event: StationEvent) -> None:
    words = words_of(event)
    if words is not None:
        typer.echo(plain(f"{SYSTEM.now():%H:%M:%S}  {words}"))


def _tell_programs(event: StationEvent) -> None:
    facts = facts_of(event)
    if facts is not None:
        typer.echo(as_line({"at": iso(SYSTEM.now()), **facts}))
