"""`run --check`: what a station's file means and what is missing for it, with nothing dialled and nothing touched.

The agent's memory is looked at in a copy: to open it is to mend it, and to lose the report that it had to be mended.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import as_line
from chainpilot.cli.station.work.opening import program
from chainpilot.cli.words import plain
from chainpilot.station.adapters.memory import FloorFile, SqliteMemory
from chainpilot.station.agent.setup import StationConfig, address
from chainpilot.station.app import Station
from chainpilot.station.model import CaCertificateType, LeafCertificateType

__all__ = ["tell_check"]

_LOCK: Final = "agent.lock"
_FILES: Final = (_LOCK, "agent.db", "agent.db-wal", "agent.db-journal", "agent.floor")


@dataclass
class _Findings:
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tell_check(options: StoreOptions, config: StationConfig, *, as_json: bool) -> Exit:
    """Tell it; the exit code says whether anything is missing."""
    found = _Findings()
    with _looked_at(config, found) as (memory, floor):
        station = Station(replace(config, state_dir=None), memory=memory, floor=floor)
        configuration = station.agent.flows.configuration
        settings, networks = configuration.settings, configuration.candidates()
        _look_at_store(station, config, f"{program(options)} install-ca-certificate FILE", found)
        if not networks:
            why = "the CSMS accepted the station over it before, or what worked before was lost"
            found.missing.append(f"a network of security profile {configuration.floor}: {why}")
        if networks and networks[0][1].security_profile in (1, 2) and not settings.password.value:
            found.missing.append(f"a password, which that profile needs: agent.password_file in {options.config}")
    url = address(networks[0][1].url, config.station_id) if networks else None
    profile = networks[0][1].security_profile if networks else configuration.floor
    if as_json:
        told = {"station_id": config.station_id, "url": url, "security_profile": profile}
        typer.echo(as_line({**told, "missing": found.missing, "notes": found.notes}))
    else:
        _tell_people(options, config, found, url=url, profile=profile)
    return Exit.NEEDS_SOMEBODY if found.missing else Exit.DONE


def _tell_people(
    options: StoreOptions, config: StationConfig, found: _Findings, *, url: str | None, profile: int
) -> None:
    offered = " and ".join(one.value for one in config.versions)
    typer.echo(plain(f"{config.station_id} would connect to {url or 'nothing'}, offering {offered}"))
    typer.echo(f"  security profile  {profile}")
    typer.echo(plain(f"  certificates      {config.store.certs_dir}"))
    typer.echo(plain(f"  memory            {config.state_dir}"))
    for line in found.notes:
        typer.echo(f"Note: {plain(line)}")
    for line in found.missing:
        typer.echo(f"Missing: {plain(line)}")
    if not found.missing:
        typer.echo(f"Nothing is missing. Next: {program(options)} run")


def _look_at_store(station: Station, config: StationConfig, install: str, found: _Findings) -> None:
    security, networks = station.security, station.agent.flows.configuration.candidates()
    profiles = [network.security_profile for _, network in networks[:1]]
    leaves = {kind: security.usable_leaves(kind) for kind in (LeafCertificateType.CSMS, LeafCertificateType.V2G)}
    for kind, is_needed in ((CaCertificateType.CSMS, bool({2, 3} & set(profiles))), (CaCertificateType.V2G, True)):
        if not is_needed or security.is_ca_certificate_installed(kind):
            continue
        if kind is CaCertificateType.CSMS and config.use_ssl_default_verify_paths:
            continue
        refused = "".join(f"; {one.subject} doesn't count: {why}" for one, why in security.trust_anchors(kind).refused)
        found.missing.append(f"a valid {kind.value} root{refused or f': {install} {kind.value}'}")
    if 3 in profiles and not leaves[LeafCertificateType.CSMS]:
        found.missing.append("a client certificate, which security profile 3 needs: begin with 2 and let one be made")
    if not leaves[LeafCertificateType.V2G] and not config.enrols:
        why = 'no SECC certificate: the station waits for the CSMS to trigger it; enrols = ["V2G"] asks by itself'
        found.notes.append(why)


@contextmanager
def _looked_at(config: StationConfig, found: _Findings) -> Iterator[tuple[SqliteMemory, FloorFile]]:
    """The memory and the floor as they are, in a copy; an empty one where there is none, or another process has it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "agent"
        if config.state_dir is not None and (config.state_dir / _LOCK).exists():
            if _is_at_work(config.state_dir / _LOCK):
                found.notes.append("an agent is at work with that memory; what the CSMS set isn't looked at")
            else:
                copy.mkdir(mode=0o700)
                for name in _FILES:
                    if (config.state_dir / name).exists():
                        shutil.copy(config.state_dir / name, copy / name)
        memory = SqliteMemory.open(copy)
        try:
            if memory.opened_anew is not None:
                why = f"{memory.opened_anew}: run begins it anew, without password and events of before"
                found.missing.append(f"the memory of before in {config.state_dir}: {why}")
            yield memory, FloorFile(copy)
        finally:
            memory.close()


def _is_at_work(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
