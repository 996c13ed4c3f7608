"""`chainpilot testpki`: run the test PKI, and tell it what to do while it runs or is stopped.

A command's packages are imported when that command runs; what they do stands in `serving` and `ordering`.
"""

from pathlib import Path
from typing import Annotated

import typer

from chainpilot.cli.exits import Exit

__all__ = ["app"]

app = typer.Typer(help="A V2G PKI for tests and rehearsals, never for production.", no_args_is_help=True)

_Directory = Annotated[Path, typer.Option("--dir", file_okay=False, help="The test PKI's folder.")]


@app.command()
def run(
    *,
    directory: Annotated[
        Path,
        typer.Option(
            "--dir", file_okay=False, help="Where its certificates, keys and password lie, or will: its folder alone."
        ),
    ],
    host: Annotated[str, typer.Option(help="The address to listen on; keep it on loopback.")] = "127.0.0.1",
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--name",
            help="DNS name or IP address by which others reach it, the first one in its URLs; may be repeated.",
        ),
    ] = None,
    est_port: Annotated[
        int, typer.Option(min=0, max=65535, help="EST over HTTPS; 0: the port used last, else any.")
    ] = 0,
    ocsp_port: Annotated[
        int, typer.Option(min=0, max=65535, help="OCSP over HTTP; 0: the port used last, else any.")
    ] = 0,
    hierarchy: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="The CAs, declared in TOML, or `hubject-like`; default: what DIR has."),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Make keys and serial numbers follow from this text; it is no secret.")
    ] = None,
    repost_safe: Annotated[
        bool, typer.Option("--repost-safe/--no-repost-safe", help="Answer the same CSR with the same certificate.")
    ] = True,
    pending_first: Annotated[
        bool, typer.Option("--pending-first", help="Answer the first POST of a CSR with 202: come again in a second.")
    ] = False,
    faults: Annotated[
        list[str] | None, typer.Option("--fault", metavar="NAME", help="Begin with this fault on; may be repeated.")
    ] = None,
) -> None:
    """Run the test PKI until Ctrl-C: EST, an OCSP responder, revocation lists.

    NEVER for production: its certificates carry a TEST mark, and stores and CPMS refuse its roots unless
    allow_test_pki is set.
    """
    from chainpilot.cli.testpki.serving import serve  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(
        serve(
            directory,
            host=host,
            names=names or (),
            est_port=est_port,
            ocsp_port=ocsp_port,
            hierarchy=hierarchy,
            seed=seed,
            repost_safe=repost_safe,
            pending_first=pending_first,
            faults=faults or (),
        )
    )


@app.command()
def issue(
    *,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="What EST would have in its path: cpo, mo, mf...")],
    common_name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="The common name, when there is no --csr: an eMAID, a PCID...")
    ] = "",
    directory: _Directory,
    csr: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A signing request, PEM or DER; without one a key is made.")
    ] = None,
    organization: Annotated[str | None, typer.Option(help="The organization, when there is no --csr.")] = None,
    days: Annotated[
        int | None, typer.Option(help="How long it lasts; 0 makes one that has ended. Default: the label's.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Where the files go; default: `issued` in the folder.")
    ] = None,
) -> None:
    """Issue a certificate: a contract, a leaf, for a signing request or with a new key.

    \b
    Examples:
      chainpilot testpki issue mo DEABCC123456789 --dir DIR
      chainpilot testpki issue cpo --csr station.csr --dir DIR
    """  # noqa: D301 - the backspace is the help's own mark for lines that stay as they are
    from chainpilot.cli.testpki import ordering  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(
        ordering.issue(
            directory,
            label=label,
            common_name=common_name,
            csr=csr,
            organization=organization,
            days=days,
            out=out,
        )
    )


@app.command()
def revoke(
    *,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A CA's name, a serial number in hexadecimal, or a common name.")
    ],
    directory: _Directory,
    reason: Annotated[
        str, typer.Option(help="As RFC 5280 has it: keyCompromise, cACompromise, superseded...")
    ] = "unspecified",
) -> None:
    """Revoke a certificate: OCSP says so at once, and the CA's revocation list is written anew."""
    from chainpilot.cli.testpki import ordering  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(ordering.revoke(directory, target, reason))


@app.command()
def rollover(
    *,
    name: Annotated[str, typer.Argument(metavar="CA", help="A CA's name, such as cpo_sub2 or v2g_root.")],
    directory: _Directory,
) -> None:
    """Give a CA a new key and certificate under the same name; a root gets cross certificates too."""
    from chainpilot.cli.testpki import ordering  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(ordering.roll_over(directory, name))


@app.command()
def expire(
    *,
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A CA's name, a serial number in hexadecimal, or a common name.")
    ],
    directory: _Directory,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Where a leaf's twin goes; default: `issued` in the folder.")
    ] = None,
) -> None:
    """End a certificate: a CA is one that has ended from now on, of a leaf a twin is issued that has."""
    from chainpilot.cli.testpki import ordering  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(ordering.expire(directory, target, out))


@app.command()
def status(*, directory: _Directory) -> None:
    """Tell how things stand: addresses, CAs, what was issued and revoked, faults that are on."""
    from chainpilot.cli.testpki import ordering  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(ordering.status(directory))


@app.command()
def fault(
    *,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The fault; without one all are listed.")] = "",
    directory: Annotated[Path | None, typer.Option("--dir", file_okay=False, help="The test PKI's folder.")] = None,
    off: Annotated[bool, typer.Option("--off", help="Switch it off.")] = False,
    times: Annotated[int | None, typer.Option(min=1, help="Switch it off by itself after so many answers.")] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="OPERATION", help="Only for this operation of EST, such as cacerts."),
    ] = None,
) -> None:
    """Switch a fault on or off in a running test PKI, or list all of them."""
    from chainpilot.cli.testpki import ordering  # noqa: PLC0415 - a command's packages load when it runs

    if not name and (off or times is not None or only is not None):
        typer.echo("chainpilot: name the fault; `testpki status` tells which are on", err=True)
        raise typer.Exit(Exit.USAGE)
    if not name:
        raise typer.Exit(ordering.list_faults())
    if directory is None:
        typer.echo("chainpilot: name the test PKI's folder (--dir)", err=True)
        raise typer.Exit(Exit.USAGE)
    raise typer.Exit(ordering.switch_fault(directory, name, is_on=not off, times=times, only=only))
