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
from chainpilot.testpki.http import Served

__all__ = ["serve"]


def serve(
    directory: Path,
    *,
    host: str,
    names: Sequence[str] = (),
    est_port: int,
    ocsp_port: int,
    repost_safe: bool,
    pending_first: bool = False,
) -> Exit:
    """Run until SIGINT or SIGTERM.

    Raises:
        ListenError: an asked port is taken.
        CabinetError: the directory can't be used.
    """
    pki = TestPki(
        directory.absolute(),
        host=host,
        names=names,
        est_port=est_port,
        ocsp_port=ocsp_port,
        repost_safe=repost_safe,
        pending_first=pending_first,
        watch=_show,
    )
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
        typer.echo(f"  EST, SECC certificates    {pki.est_url}/.well-known/est/cpo")
        typer.echo(f"  EST, client certificates  {pki.est_url}/.well-known/est/csms")
        typer.echo(f"  login                     {EST_USER}, password in {pki.password_file}")
        typer.echo(f"  OCSP                      {pki.ocsp_url}")
        typer.echo(f"  certificates              {pki.directory}\n")
        typer.echo("Try it (the SECC certificates' CAs, as openssl prints them):\n")
        typer.echo(f"  {_example(pki)}\n")
        typer.echo("Stop it with Ctrl-C.")
        await told


def _example(pki: TestPki) -> str:
    anchors, password = (shlex.quote(str(path)) for path in (pki.directory / "web_root.pem", pki.password_file))
    url = shlex.quote(f"{pki.est_url}/.well-known/est/cpo/cacerts")
    decode = "openssl base64 -d | openssl pkcs7 -inform DER -print_certs"
    return f'curl -s --cacert {anchors} -u {EST_USER}:"$(cat {password})" {url} | {decode}'


def _show(served: Served) -> None:
    what = f"{served.label}/{served.operation}" if served.label else served.operation or "unknown path"
    typer.echo(
        f"{served.server:<5} {what:<20} {served.status}  {served.bytes_received} B in, {served.bytes_sent} B out"
    )
