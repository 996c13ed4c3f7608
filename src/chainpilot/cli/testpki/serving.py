"""`chainpilot testpki run`: the test PKI in the foreground, one line an answer, until it is told to stop."""

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path

import typer
import uvloop

from chainpilot.cli.exits import Exit
from chainpilot.cli.signals import until_told_to_stop
from chainpilot.testpki.address import HostNameError, NameMissingError
from chainpilot.testpki.app import EST_USER, TestPki
from chainpilot.testpki.cabinet import FolderInUseError, ForeignFolderError
from chainpilot.testpki.declaration import PACKAGED, load_hierarchy, packaged
from chainpilot.testpki.hierarchy import Hierarchy
from chainpilot.testpki.http import Served

__all__ = ["serve"]


def serve(
    directory: Path,
    *,
    host: str,
    names: Sequence[str] = (),
    est_port: int,
    ocsp_port: int,
    hierarchy: str | None = None,
    seed: str | None = None,
    repost_safe: bool,
    pending_first: bool = False,
    faults: Sequence[str] = (),
) -> Exit:
    """Run until SIGINT or SIGTERM.

    Raises:
        ListenError: an asked port is taken.
        CabinetError: the directory can't be used.
        HierarchyError: the hierarchy can't be used.
        NoSuchFault: a fault is none.
    """
    pki = TestPki(
        directory.absolute(),
        hierarchy=_declared(hierarchy) if hierarchy is not None else None,
        seed=seed.encode() if seed is not None else None,
        host=host,
        names=names,
        est_port=est_port,
        ocsp_port=ocsp_port,
        repost_safe=repost_safe,
        pending_first=pending_first,
        watch=_show,
    )
    for fault in faults:
        pki.faults.on(fault)
    try:
        uvloop.run(_serve(pki))
    except (HostNameError, NameMissingError) as error:
        typer.echo(f"chainpilot: {error} (--name)", err=True)
        return Exit.USAGE
    except (ForeignFolderError, FolderInUseError) as error:
        typer.echo(f"chainpilot: {error}", err=True)
        return Exit.CONFLICT
    return Exit.DONE


async def _serve(pki: TestPki) -> None:
    told = asyncio.create_task(until_told_to_stop())
    await asyncio.sleep(0)  # it listens for signals before anything is printed
    async with pki:
        typer.echo("TEST PKI, never for production.\n")
        labels = pki.office.authorities.hierarchy.labels
        for name, label in labels.items():
            typer.echo(f"  EST, {label.plan.use.value:<20} {pki.est_url}/.well-known/est/{name}")
        typer.echo(f"  login                     {EST_USER}, password in {pki.password_file}")
        typer.echo(f"  or bearer token           in {pki.token_file}")
        typer.echo(f"  OCSP                      {pki.ocsp_url}")
        typer.echo(f"  certificates              {pki.directory}\n")
        for fault in pki.faults.active:
            typer.echo(f"  fault {fault.word}: it {fault.meaning}\n")
        if labels:
            typer.echo("Try it (a label's CAs, as openssl prints them):\n")
            typer.echo(f"  {_example(pki, next(iter(labels)))}\n")
        typer.echo("Stop it with Ctrl-C.")
        await told


def _declared(word: str) -> Hierarchy:
    """A packaged hierarchy by its name, else that of a file."""
    return packaged(word) if word in PACKAGED else load_hierarchy(Path(word))


def _example(pki: TestPki, label: str) -> str:
    root = pki.issuers[pki.office.authorities.hierarchy.est_server].path[-1].plan.name
    anchors, password = (shlex.quote(str(path)) for path in (pki.directory / f"{root}.pem", pki.password_file))
    url = shlex.quote(f"{pki.est_url}/.well-known/est/{label}/cacerts")
    decode = "openssl base64 -d | openssl pkcs7 -inform DER -print_certs"
    return f'curl -s --cacert {anchors} -u {EST_USER}:"$(cat {password})" {url} | {decode}'


def _show(served: Served) -> None:
    what = f"{served.label}/{served.operation}" if served.label else served.operation or "unknown path"
    typer.echo(
        f"{served.server:<5} {what:<20} {served.status}  {served.bytes_received} B in, {served.bytes_sent} B out"
    )
