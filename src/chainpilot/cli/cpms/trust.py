"""`chainpilot cpms trust`: which CAs count, and who decides it. Here stand the words; the work is in `deciding`."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="Which CAs count: see what is proposed, approve, reject, withdraw.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class DomainWord(Enum):
    """A trust domain at the shell."""

    V2G = "V2G"
    MO = "MO"
    CSMS = "CSMS"
    MF = "MF"


class StateWord(Enum):
    """A state at the shell."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


Config = Annotated[
    Path,
    typer.Option(
        "--config", metavar="FILE", envvar="CHAINPILOT_CPMS_CONFIG", readable=False, help="Its configuration, TOML."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
Fingerprint = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="The whole SHA-256 of the certificate, with or without colons.")
]
Domain = Annotated[
    DomainWord | None,
    typer.Option("--domain", case_sensitive=False, help="Needed where the certificate is known for several."),
]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides; default: the system's user.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="For the history.")]


@app.command("list")
def list_records(
    *,
    config: Config,
    state: Annotated[
        StateWord | None, typer.Option("--state", case_sensitive=False, help="Only those; default: all.")
    ] = None,
    json: AsJson = False,
) -> None:
    """List every CA certificate that is known, with its fingerprint and what was decided.

    \b
    Example:
      chainpilot cpms trust list --state proposed --config cpms.toml

    Exit code: 0 done, 2 the configuration is wrong, 3 no such file, 4 not allowed.
    """  # noqa: D301 - the backspace is the help's own mark for lines that stay as they are
    from chainpilot.cli.cpms.deciding import show_records  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(show_records(config, state.value if state is not None else None, as_json=json))


@app.command("import")
def import_paths(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files or folders: PEM, DER, PKCS#7.")],
    *,
    domain: Annotated[DomainWord, typer.Option("--domain", case_sensitive=False, help="What they are CAs of.")],
    config: Config,
    json: AsJson = False,
) -> None:
    """Propose the CA certificates of files and folders; none counts before it is approved.

    Exit code: 0 done, 1 something could not be read or is refused, 2 the configuration is wrong, 3 no such file, 4 not
    allowed.
    """
    from chainpilot.cli.cpms.deciding import import_cas  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(import_cas(config, paths, domain.value, as_json=json))


@app.command()
def approve(
    fingerprint: Fingerprint,
    *,
    config: Config,
    domain: Domain = None,
    by: By = None,
    why: Why = "",
    json: AsJson = False,
) -> None:
    """Make a certificate an anchor; a running CPMS goes by it within seconds.

    Ask the CA's owner for the fingerprint by another way than the one on which the certificate came.

    Exit code: 0 it is an anchor, 2 not a whole fingerprint, 3 unknown, 7 it can't be one.
    """
    _decide("approve", config, fingerprint, domain, by=by, why=why, as_json=json)


@app.command()
def reject(
    fingerprint: Fingerprint,
    *,
    config: Config,
    domain: Domain = None,
    by: By = None,
    why: Why = "",
    json: AsJson = False,
) -> None:
    """Decide against a proposal; it stays rejected however often it is proposed again.

    Exit code: 0 it is rejected, 2 not a whole fingerprint, 3 unknown, 7 it is an anchor.
    """
    _decide("reject", config, fingerprint, domain, by=by, why=why, as_json=json)


@app.command()
def withdraw(
    fingerprint: Fingerprint,
    *,
    config: Config,
    domain: Domain = None,
    by: By = None,
    why: Why = "",
    json: AsJson = False,
) -> None:
    """End an anchor, one of the configuration's files too; a running CPMS goes by it within seconds.

    Exit code: 0 it is none any more, 2 not a whole fingerprint, 3 unknown, 7 it is none.
    """
    _decide("withdraw", config, fingerprint, domain, by=by, why=why, as_json=json)


@app.command()
def history(
    fingerprint: Annotated[
        str | None, typer.Argument(metavar="[FINGERPRINT]", help="Of one certificate; default: of all.")
    ] = None,
    *,
    config: Config,
    json: AsJson = False,
) -> None:
    """Tell who decided what, when and why.

    Exit code: 0 done, 2 not a whole fingerprint.
    """
    from chainpilot.cli.cpms.deciding import show_history  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(show_history(config, fingerprint, as_json=json))


def _decide(
    decision: str, config: Path, fingerprint: str, domain: DomainWord | None, *, by: str | None, why: str, as_json: bool
) -> None:
    from chainpilot.cli.cpms.deciding import decide  # noqa: PLC0415 - a command's packages load when it runs

    chosen = domain.value if domain is not None else None
    raise typer.Exit(decide(config, decision, fingerprint, domain=chosen, by=by, why=why, as_json=as_json))
