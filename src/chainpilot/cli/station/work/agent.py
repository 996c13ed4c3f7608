"""`run`: the agent in the foreground, one line for each thing that happens, until it is told to stop.

Nobody has to read those lines: the station's certificates matter more than who watches them.
"""

import asyncio
import gc
import logging
import sys
from pathlib import Path
from typing import Any, Final

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.signals import Stops
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import as_line, fault_exit
from chainpilot.cli.station.work.checking import tell_check
from chainpilot.cli.station.work.happenings import facts_of, words_of
from chainpilot.cli.station.work.lines import LineHandler, Lines
from chainpilot.cli.station.work.material import NotCarriedOut
from chainpilot.cli.station.work.opening import blamed, read_config, read_password
from chainpilot.cli.words import iso, plain
from chainpilot.clock import SYSTEM
from chainpilot.errors import ChainpilotError
from chainpilot.link.endings import pass_over_dropped_tls
from chainpilot.station.adapters import connection
from chainpilot.station.adapters.commands import CommandInstaller, CommandStarter
from chainpilot.station.agent.config_file import AgentTable, name_in_file, read_agent_table
from chainpilot.station.agent.settings.operator import objections
from chainpilot.station.agent.setup import StationConfig, StationConfigError, initial_settings
from chainpilot.station.app import Station
from chainpilot.station.layout import StoreConfigError
from chainpilot.station.model import Secret
from chainpilot.station.watch import Connected, ConnectFailed, StationEvent, StationWatch

__all__ = ["check", "run", "tidying"]

_log = logging.getLogger(__name__)
_LOG_FORMAT: Final = "%(levelname)s %(message)s"


def check(options: StoreOptions, *, as_json: bool) -> Exit:
    """Tell what the agent's configuration means; connects nowhere."""
    try:
        table, config = _configured(options)
        return tell_check(options, config, takes_firmware=bool(table.install_command), as_json=as_json)
    except ChainpilotError as error:
        return _fault(error, options)


def run(options: StoreOptions, stops: Stops, *, as_json: bool) -> Exit:
    """Run the agent until it is told to stop, which may be before it has begun."""
    try:
        table, config = _configured(options)
        said = Lines(sys.stdout, on_loss=_note_loss)
        words = _words_for_programs if as_json else _words_for_people
        station = Station(
            config,
            watch=tidying(lambda event: _tell(said, words(event))),
            starter=CommandStarter(table.reset_command) if table.reset_command else None,
            installer=CommandInstaller(table.install_command) if table.install_command else None,
        )
    except ChainpilotError as error:
        return _fault(error, options)
    logged = Lines(sys.stderr, on_loss=lambda _: None)  # there is nowhere to tell it
    logging.basicConfig(format=_LOG_FORMAT, level=logging.WARNING, handlers=[LineHandler(logged)])
    logging.getLogger(connection.__name__).setLevel(logging.ERROR)  # what it warns of is printed as it happens
    gc.collect()
    gc.freeze()  # what is there now stays: `tidying` need not look at it each time, which takes twenty times as long
    with said, logged:
        _run(_until_stopped(station, stops, logged))
    return Exit.DONE


def _fault(error: ChainpilotError, options: StoreOptions) -> Exit:
    """Say what went wrong before the agent was at work."""
    match error:
        case NotCarriedOut():
            words, code = error.why, error.exit
        case StoreConfigError() | StationConfigError():
            words, code = blamed(options, error), Exit.USAGE
        case _:
            words, code = str(error), fault_exit(error)
    typer.echo(f"chainpilot: {plain(words)}", err=True)
    return code


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


async def _until_stopped(station: Station, stops: Stops, logged: Lines) -> None:
    pass_over_dropped_tls(asyncio.get_running_loop())
    told = asyncio.create_task(stops.until_told())
    await asyncio.sleep(0)  # it listens for signals before anything is printed
    logged.tell("The agent is at work. Stop it with Ctrl-C.")
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
    config = table.config(store, folder, Secret(_password(options, table, folder)))
    wrong = (one.partition(": ") for one in objections(initial_settings(config)))
    told = "; ".join(f"{name_in_file(name)}: {why}" for name, _, why in wrong)
    if told:
        raise NotCarriedOut(f"{options.config}: {told}", Exit.USAGE)
    return table, config


def _password(options: StoreOptions, table: AgentTable, folder: Path) -> str:
    if table.password_file is None:
        return ""
    try:
        return read_password(folder / table.password_file)
    except NotCarriedOut as error:
        make = "; make it, with the password as its first line" if error.exit is Exit.NOT_FOUND else ""
        why = f"{options.config}: agent.password_file: {error.why}{make}"
        raise NotCarriedOut(why, error.exit) from error


def _words_for_people(event: StationEvent) -> str | None:
    words = words_of(event)
    return plain(f"{SYSTEM.now():%H:%M:%S}  {words}") if words is not None else None


def _words_for_programs(event: StationEvent) -> str | None:
    facts = facts_of(event)
    return as_line({"at": iso(SYSTEM.now()), **facts}) if facts is not None else None


def _tell(lines: Lines, words: str | None) -> None:
    if words is not None:
        lines.tell(words)


def _note_loss(why: str) -> None:
    _log.warning("standard output takes no lines (%s): they are dropped, and the agent goes on", why)
