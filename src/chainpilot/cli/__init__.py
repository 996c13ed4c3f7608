"""The command line: `chainpilot demo`, `inspect`, `station`, `cpms` and `testpki`.

A command's packages are imported when that command runs, so that a station without the back office's extras can use its
own commands. What a command does stands in a module of its own name.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final

import typer

import chainpilot
from chainpilot.cli.cpms import app as cpms
from chainpilot.cli.exits import Exit, exit_of
from chainpilot.cli.station import app as station
from chainpilot.cli.station.arguments import Digest
from chainpilot.cli.testpki import app as testpki
from chainpilot.errors import ChainpilotError

__all__ = ["Digest", "app", "main"]

app = typer.Typer(
    name="chainpilot",
    help="Keeps the certificates of Plug & Charge in order, from the charging station to the PKI and back.",
    epilog="Start with: chainpilot demo",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(testpki, name="testpki")
app.add_typer(station, name="station")
app.add_typer(cpms, name="cpms")


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it by position
    if wanted:
        typer.echo(f"chainpilot {chainpilot.__version__}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=lambda value: _show_version(wanted=value), is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Keeps the certificates of Plug & Charge in order."""
    del version


@app.command()
def demo(
    *,
    stay: Annotated[bool, typer.Option("--stay", help="Keep everything running and print the addresses.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep the files there; default: a new directory in the temporary folder."),
    ] = None,
) -> None:
    """Run the main job on this machine: a station gets its certificates from a PKI through a CPMS.

    Starts a test PKI (EST and OCSP), a CPMS (OCPP 1.6J over TLS) and a charging station on loopback, and lets the
    station get its ISO 15118 certificate and its client certificate, over the real protocols. Exit code 0 only if
    every step held.
    """
    from chainpilot.cli.demo import run_demo  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(run_demo(directory=directory, stay=stay, as_json=json))


@app.command()
def inspect(
    *,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file, or - for standard input.", show_default=False)],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Judge validity at this time, ISO 8601, UTC unless it names a zone."),
    ] = None,
    digest: Annotated[
        Digest, typer.Option("--hash", case_sensitive=False, help="The digest of the hash data.")
    ] = Digest.SHA256,
) -> None:
    """Explain a certificate, stack, bundle, CSR, PKCS#7, CRL, OCSP request or response, or key.

    Reads PEM, DER, hexadecimal and base64, several in a row too, and tells what each is, for which domain, how long it
    is valid, what a linter says, how a stack links, and what to do where something is wrong. Of a private key only the
    public half is shown; nothing is sent anywhere.

    \b
    Examples:
      chainpilot inspect client/cso/CPO_CERT_SECC_LEAF_CHAIN.pem
      openssl s_client -showcerts -connect HOST:443 </dev/null | chainpilot inspect - --json

    Exit code: 0 nothing is wrong, 1 something needs a person, 2 usage, 3 no such file, 4 not allowed.
    """  # noqa: D301 - the backspace is the help's own mark for lines that stay as they are
    from chainpilot.cli.inspect import run_inspect  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(run_inspect(file, as_json=json, at=at, algorithm=digest.value))


_EXTRAS: Final = {"uvloop": "all", "websockets": "all", "sqlalchemy": "all", "httpx": "all", "aiohttp": "testpki"}
"""Packages that the base install lacks, and the extra that brings them."""


def main() -> None:
    """The program `chainpilot`; what we know to go wrong becomes a sentence and an exit code, anything else a trace."""
    _open_standard_streams()
    _let_the_shell_be_named()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except (ChainpilotError, OSError) as error:
        _give_up_what_can_not_be_written()
        if not isinstance(error, BrokenPipeError):
            with suppress(OSError):
                typer.echo(f"chainpilot: {error}", err=True)
        sys.exit(exit_of(error))
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        typer.echo(
            f"chainpilot: this command needs {error.name}; install chainpilot with its extra [{extra}]", err=True
        )
        sys.exit(Exit.USAGE)


def _let_the_shell_be_named() -> None:
    """Typer's completion options then take the shell as their value, so that no package has to detect it."""
    os.environ.setdefault("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")


def _give_up_what_can_not_be_written() -> None:
    """What a full disk or a closed pipe left in the buffer would fail again at exit, in Python's own words."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_standard_streams() -> None:
    """A closed standard stream would have its number given to a socket, and Python leaves its name empty."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
    sys.stderr = sys.stderr or Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
