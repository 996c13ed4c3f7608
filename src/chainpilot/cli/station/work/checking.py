"""`run --check`: what a station's file means and what is missing for it, with nothing dialled and nothing touched.

The agent's memory is looked at in a copy: to open it is to mend it, and to lose the report that it had to be mended.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import as_line
from chainpilot.cli.station.work.opening import program
from chainpilot.cli.station.work.room import Disk, image_room, is_so, room_objections
from chainpilot.cli.words import plain
from chainpilot.station.adapters.memory import FloorFile, SqliteMemory, folder_objection
from chainpilot.station.agent.setup import StationConfig, address
from chainpilot.station.app import Station
from chainpilot.station.layout import Layout
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from chainpilot.station.vault import VaultBusy, VaultError

__all__ = ["tell_check"]

_LOCK: Final = "agent.lock"
_FILES: Final = (_LOCK, "agent.db", "agent.db-wal", "agent.db-journal", "agent.floor")


@dataclass
class _Findings:
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tell_check(options: StoreOptions, config: StationConfig, *, takes_firmware: bool, as_json: bool) -> Exit:
    """Tell it; the exit code says whether anything is missing."""
    found = _Findings(list(room_objections(Layout.of(config.store), config.state_dir)))
    if takes_firmware and config.state_dir is not None:
        place = next((one for one in (config.state_dir, config.state_dir.parent) if is_so(one.is_dir)), None)
        why = image_room(Disk.of(place), place) if place is not None else None
        found.notes += [why] if why is not None else []
    with _looked_at(config, found) as (memory, floor_file):
        station = Station(replace(config, state_dir=None), memory=memory, floor=floor_file)
        configuration = station.agent.flows.configuration
        settings, networks = configuration.settings, configuration.candidates()
        try:
            _look_at_store(station, config, f"{program(options)} install-ca-certificate FILE", found)
        except (VaultError, VaultBusy) as fault:
            found.missing.append(f"a store that can be read: {fault}")
        _look_at_floor(config, configuration.floor, str(options.config), found, has_network=bool(networks))
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


def _look_at_floor(config: StationConfig, floor: int, file: str, found: _Findings, *, has_network: bool) -> None:
    fix = f"set agent.security_profile = {floor} and the URL that serves it"
    if not has_network:
        why = "the CSMS accepted the station over it before, or what worked before was lost, and there is no way back"
        found.missing.append(f"a network of security profile {floor}: {why}; {fix} in {file}")
    elif config.security_profile < floor:
        why = f"{floor} worked before, or what did was lost, and there is no way back"
        found.notes.append(f"security profile {config.security_profile} of {file} isn't used: {why}; {fix} there")


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
def _looked_at(config: StationConfig, found: _Findings) -> Iterator[tuple[SqliteMemory, FloorFile | None]]:
    """The memory and the floor as they are, in a copy; empty ones where there are none, or they can't be had."""
    with ExitStack() as undo:
        copy = None
        if config.state_dir is not None and folder_objection(config.state_dir) is None:
            try:
                copy = _copied(config.state_dir, found, undo)
            except OSError as error:
                found.notes.append(f"what the CSMS set isn't looked at: no copy can be made of it ({error.strerror})")
        memory = SqliteMemory.open(copy)
        undo.callback(memory.close)
        if memory.opened_anew is not None:
            why = f"{memory.opened_anew}: run begins it anew, without password and events of before"
            found.missing.append(f"the memory of before in {config.state_dir}: {why}")
        yield memory, FloorFile(copy) if copy is not None else None


def _copied(directory: Path, found: _Findings, undo: ExitStack) -> Path | None:
    """A copy of the memory, which `undo` removes; None where there is none, or an agent is at work with it."""
    if not (directory / _LOCK).exists():
        return None
    if _is_at_work(directory / _LOCK):
        found.notes.append("an agent is at work with that memory; what the CSMS set isn't looked at")
        return None
    copy = Path(undo.enter_context(tempfile.TemporaryDirectory())) / "agent"
    copy.mkdir(mode=0o700)
    for name in _FILES:
        if (directory / name).exists():
            shutil.copy(directory / name, copy / name)
    return copy


def _is_at_work(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
