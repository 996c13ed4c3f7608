"""`chainpilot cpms`: the back office at the shell. Here stand the words; what a command does loads when it runs."""

from pathlib import Path
from typing import Annotated

import typer

from chainpilot.cli.cpms.ca import app as ca_app
from chainpilot.cli.cpms.trust import app as trust_app

__all__ = ["app"]

app = typer.Typer(
    help="The back office: run it, try the PKIs it is configured for, decide which CAs count.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(trust_app, name="trust")
app.add_typer(ca_app, name="ca")

Config = Annotated[
    Path,
    typer.Option(
        "--config", metavar="FILE", envvar="CHAINPILOT_CPMS_CONFIG", readable=False, help="Its configuration, TOML."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]


@app.command()
def run(
    *,
    config: Config,
    check: Annotated[
        bool, typer.Option("--check", help="Read the configuration, say what it means, and listen nowhere.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Run the back office until SIGTERM or Ctrl-C.

    Stations connect to its listeners; it gets their certificates from the PKIs and delivers them. SIGHUP reads the
    listeners' certificates and our client certificates again, after they were renewed; no connection ends. What it does
    is logged on standard error, one JSON object a line. A stop waits for what runs at a PKI, since a request that is
    cut off may cost a certificate.

    \b
    Examples:
      chainpilot cpms run --config /etc/chainpilot/cpms.toml --check
      chainpilot cpms run --config /etc/chainpilot/cpms.toml

    Exit code: 0 told to stop, 1 something needs a person, 2 the configuration is wrong, 3 no such file, 4 not allowed,
    7 another process has the database.
    """  # noqa: D301 - the backspace is the help's own mark for lines that stay as they are
    from chainpilot.cli.cpms.running import run_cpms  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(run_cpms(config, check=check, as_json=json))


@app.command("check-pki")
def check_pki(
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Of the table [pki.NAME]; default: all.", show_default=False)
    ] = None,
    config: Config,
    enrol: Annotated[
        str | None,
        typer.Option(
            "--enrol",
            metavar="NAME",
            help="Ask for a certificate for this EVSEID, SECCID or station. It may cost money, and its key is gone.",
        ),
    ] = None,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="NAME", help="With --enrol: the operator (O).")
    ] = None,
    country: Annotated[
        str | None, typer.Option("--country", metavar="CC", help="With --enrol; default: the name's first two letters.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Try a configured PKI step by step, and say of each failure what it means and what to do.

    Configuration, DNS, connection, TLS, login, CA certificates and whether they lead to an anchor of ours, clock, CSR
    attributes. Nothing is asked for that costs anything, unless --enrol says so.

    \b
    Examples:
      chainpilot cpms check-pki --config cpms.toml
      chainpilot cpms check-pki hubject --config cpms.toml --enrol 'DE*ICE*E001' --organization 'My Company'

    Exit code: 0 nothing has to be done, 1 something needs a person, 2 the configuration is wrong, 3 no such PKI or
    file, 4 the PKI refuses us, 5 it isn't reached.
    """  # noqa: D301 - the backspace is the help's own mark for lines that stay as they are
    from chainpilot.cli.cpms.checking import Wish, check_pkis  # noqa: PLC0415 - a command's packages load when it runs

    wish = Wish(enrol, organization, country) if enrol is not None else None
    raise typer.Exit(check_pkis(config, name, wish, as_json=json))


@app.command("renew-login")
def renew_login(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the table [pki.NAME].", show_default=False)],
    config: Config,
    json: AsJson = False,
) -> None:
    """Renew the client certificate that we show a PKI, by that PKI's simplereenroll.

    A new key of the same kind is made, and the certificate asked for with the names of the former. Both files are
    replaced only when the answer was found good; the former ones are kept beside. Call it when check-pki warns.

    Exit code: 0 renewed, 1 something needs a person, 2 this PKI shows no certificate or can't renew it, 3 no such PKI
    or file, 4 the PKI refuses, 5 it isn't reached, 6 it wants to be asked again later, 7 it may
    have issued before.
    """
    from chainpilot.cli.cpms import renewing  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(renewing.renew_login(config, name, as_json=json))
