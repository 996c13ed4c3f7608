"""`ca`: a CA is founded, what it issued is shown, and certificates are revoked, beside a running CPMS too."""

import asyncio
import getpass
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import typer

from chainpilot.cli.cpms.opening import complain, open_config
from chainpilot.cli.exits import Exit
from chainpilot.cli.words import day, iso, name_words, plain
from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.ca_material import write_founded
from chainpilot.cpms.ca_office import open_ca
from chainpilot.cpms.config import CpmsConfig
from chainpilot.cpms.issuing import DraftRefused, Founding, LocalCa, RevocationRefused
from chainpilot.cpms.ports import Issuance
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.identity import IdentityError

__all__ = ["found", "revoke_one", "show_issued"]


def found(folder: Path, organization: str, country: str | None) -> Exit:
    """Make a CA. Raises CaSetupError."""
    try:
        files = write_founded(folder, Founding(organization, country), SYSTEM.now())
    except (DraftRefused, IdentityError) as error:
        complain(str(error))
        return Exit.USAGE
    for file in files:
        typer.echo(plain(str(file)))
    typer.echo(
        "Take root.key off this machine. Next: [ca.NAME] with issuing.pem and issuing.key, see docs/howto/local-ca.md"
    )
    return Exit.DONE


def show_issued(path: Path, name: str, *, as_json: bool) -> Exit:
    """What the CA issued."""

    async def work(ca: LocalCa) -> Exit:
        issued = await ca.issued()
        if as_json:
            typer.echo(json.dumps({"certificates": [_picture(one) for one in issued]}))
            return Exit.DONE
        for one in issued:
            state = f"revoked {day(one.revocation.at)} by {one.revocation.by}" if one.revocation is not None else ""
            until = day(one.certificate.not_after)
            typer.echo(
                plain(f"{one.serial:<40}  {name_words(one.certificate.subject_name)}  until {until}  {state}".rstrip())
            )
        if not issued:
            typer.echo("Nothing issued yet.")
        return Exit.DONE

    return _with_ca(path, name, work)


def revoke_one(path: Path, name: str, serial: str, reason: str, by: str | None) -> Exit:
    """Revoke a certificate. Raises ListUnpublished."""

    async def work(ca: LocalCa) -> Exit:
        revoked = await ca.revoke(serial, RevocationReason(reason), by=by or getpass.getuser())
        typer.echo(plain(f"Revoked: {name_words(revoked.certificate.subject_name)}, serial number {revoked.serial}"))
        return Exit.DONE

    return _with_ca(path, name, work)


def _with_ca(path: Path, name: str, work: Callable[[LocalCa], Awaitable[Exit]]) -> Exit:
    config = open_config(path)
    if isinstance(config, Exit):
        return config
    if name not in config.cas:
        known = f"; there are {', '.join(sorted(config.cas))}" if config.cas else ", nor any other"
        complain(f"{path} has no [ca.{name}]{known}")
        return Exit.NOT_FOUND
    try:
        return asyncio.run(_run(config, name, work))
    except RevocationRefused as error:
        complain(str(error))
        return Exit.CONFLICT


async def _run(config: CpmsConfig, name: str, work: Callable[[LocalCa], Awaitable[Exit]]) -> Exit:
    async with open_ca(config, name, SYSTEM) as ca:
        return await work(ca)


def _picture(one: Issuance) -> dict[str, object]:
    return {
        "serial": one.serial,
        "subject": name_words(one.certificate.subject_name),
        "fingerprint": one.certificate.fingerprint,
        "issued_at": iso(one.issued_at),
        "not_after": iso(one.certificate.not_after),
        "revoked_at": iso(one.revocation.at) if one.revocation is not None else None,
        "reason": one.revocation.reason.value if one.revocation is not None else None,
        "revoked_by": one.revocation.by if one.revocation is not None else None,
    }
