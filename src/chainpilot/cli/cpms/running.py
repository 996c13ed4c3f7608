"""`run`: the back office in the foreground until it is told to stop, or a look at what its configuration means."""

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Final

import typer
import uvloop

from chainpilot.cli.cpms.opening import complain, open_config
from chainpilot.cli.exits import Exit
from chainpilot.cli.signals import until_told_to_stop
from chainpilot.cli.words import plain
from chainpilot.cpms.adapters.sql import DatabaseInUseError
from chainpilot.cpms.app import Cpms
from chainpilot.cpms.checkup import setup_faults
from chainpilot.cpms.config import CpmsConfig
from chainpilot.link.endings import pass_over_dropped_tls
from chainpilot.pki.trust import LeafUse, TrustDomain

__all__ = ["run_cpms"]

_LOG_FORMAT: Final = "%(message)s"
"""The CPMS's own lines are JSON already."""
_QUIET: Final = ("httpx", "httpcore", "websockets", "alembic")
"""Libraries that tell of each step what our own log tells better."""


def run_cpms(path: Path, *, check: bool, as_json: bool) -> Exit:
    """Run until SIGINT or SIGTERM, or tell what the configuration means.

    Raises:
        ListenerSetupError: a listener's files or address can't be used.
        EstSetupError: a PKI's files can't be used.
        LedgerFailed: the database can't be used.
    """
    config = open_config(path)
    if isinstance(config, Exit):
        return config
    if check:
        return _tell(config, path, as_json=as_json)
    logging.basicConfig(format=_LOG_FORMAT, level=logging.INFO, stream=sys.stderr)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        uvloop.run(_serve(Cpms(config), as_json=as_json))
    except DatabaseInUseError as error:
        complain(str(error))
        return Exit.CONFLICT
    return Exit.DONE


async def _serve(cpms: Cpms, *, as_json: bool) -> None:
    pass_over_dropped_tls(asyncio.get_running_loop())
    told = asyncio.create_task(until_told_to_stop())
    await asyncio.sleep(0)  # it listens for signals before anything is printed
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(cpms))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    async with cpms:
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        if as_json:
            listeners = {name: {"host": host, "port": port} for name, (host, port) in cpms.listeners.items()}
            typer.echo(json.dumps({"listeners": listeners}))
        else:
            for name, (host, port) in cpms.listeners.items():
                typer.echo(plain(f"{name}: stations connect to {host}:{port}"))
            typer.echo("The CPMS is at work. SIGHUP reads certificates again; stop it with Ctrl-C.")
        await told
        await asyncio.gather(*reloads)


async def _reload(cpms: Cpms) -> None:
    for error in await cpms.reload():
        complain(f"kept as it was: {error}")


def _tell(config: CpmsConfig, path: Path, *, as_json: bool) -> Exit:
    """What it means, and what is missing."""
    missing = [*(str(fault) for fault in setup_faults(config)), *_missing(config)]
    if as_json:
        told = {
            "listeners": [
                {"name": one.name, "host": one.host, "port": one.port, "profile": one.profile.value}
                for one in config.listeners
            ],
            "database": str(config.database.file),
            "pkis": {name: pki.url for name, pki in config.pkis.items()},
            "issue": {use.value: name for use, name in config.issue.items()},
            "anchors": {domain.name.lower(): len(anchors) for domain, anchors in config.anchors.items()},
            "missing": missing,
        }
        typer.echo(json.dumps(told))
    else:
        _tell_people(config, path, missing)
    return Exit.NEEDS_SOMEBODY if missing else Exit.DONE


def _tell_people(config: CpmsConfig, path: Path, missing: list[str]) -> None:
    rows = [("database", str(config.database.file))]
    rows += [
        (f"listener {one.name}", f"{one.host}:{one.port}, security profile {one.profile.value}")
        for one in config.listeners
    ]
    rows += [
        ("SECC certificates" if use is LeafUse.V2G else "client certificates", _signer(config, name))
        for use, name in config.issue.items()
    ]
    anchors = ", ".join(f"{domain.name} {len(held)}" for domain, held in config.anchors.items())
    rows.append(("anchors", anchors))
    width = max(len(label) for label, _ in rows)
    lines = [f"{path} can be read.", *(f"  {label.ljust(width)}  {what}" for label, what in rows)]
    lines += [f"Missing: {one}" for one in missing]
    if not missing:
        lines.append(f"Nothing is missing. Next: chainpilot cpms check-pki --config {path}")
    for line in lines:
        typer.echo(plain(line))


def _signer(config: CpmsConfig, name: str) -> str:
    pki = config.pkis.get(name)
    return f"{name}, {pki.url}" if pki is not None else f"{name}, a CA of our own"


def _missing(config: CpmsConfig) -> list[str]:
    """What the configuration may lack and still be read: without it some certificates are never got."""
    found = []
    for use, name in config.issue.items():
        domain: TrustDomain = use.domain
        if not len(config.anchors.get(domain, ())):
            key = domain.name.lower()
            found.append(f"an anchor in trust.{key}: no certificate of {name}'s could be checked, so none is delivered")
    return found
