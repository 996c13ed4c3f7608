"""`chainpilot cpms ca`: a CA of the operator's own. Here stand the words; the work is in `issuing`."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    help="A CA of your own for stations' client certificates: found one, see what it issued, revoke.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class ReasonWord(Enum):
    """A reason of RFC 5280 section 5.3.1 at the shell; those that say that a certificate comes back are none here."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


Config = Annotated[
    Path,
    typer.Option(
        "--config", metavar="FILE", envvar="CHAINPILOT_CPMS_CONFIG", readable=False, help="Its configuration, TOML."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the table [ca.NAME].")]


@app.command()
def init(
    *,
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where its files go; nothing is overwritten.")],
    organization: Annotated[str, typer.Option("--organization", metavar="NAME", help="The operator (O).")],
    country: Annotated[str | None, typer.Option("--country", metavar="CC", help="Two letters (C).")] = None,
) -> None:
    """Make a root and a CA that issues below it, each with a key of its own.

    Take root.key off the machine: it is needed again in five years.

    Exit code: 0 done, 1 it could not be written or would be overwritten, 2 a name that no certificate can have.
    """
    from chainpilot.cli.cpms.issuing import found  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(found(folder, organization, country))


@app.command("list")
def list_issued(name: Name, *, config: Config, json: AsJson = False) -> None:
    """List what the CA issued, newest first.

    Exit code: 0 done, 2 the configuration is wrong, 3 no such CA.
    """
    from chainpilot.cli.cpms.issuing import show_issued  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(show_issued(config, name, as_json=json))


@app.command()
def revoke(
    name: Name,
    serial: Annotated[str, typer.Argument(metavar="SERIAL", help="The certificate's serial number, hex.")],
    *,
    config: Config,
    reason: Annotated[
        ReasonWord, typer.Option("--reason", case_sensitive=False, help="For the list.")
    ] = ReasonWord.UNSPECIFIED,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who decides; default: the system's user.")
    ] = None,
) -> None:
    """Revoke a certificate for good and write the revocation list anew.

    Exit code: 0 done, 1 revoked, but the list could not be written, 2 the configuration is wrong, 3 no such CA, 7 it
    can't be revoked.
    """
    from chainpilot.cli.cpms.issuing import revoke_one  # noqa: PLC0415 - a command's packages load when it runs

    raise typer.Exit(revoke_one(config, name, serial, reason.value, by))
