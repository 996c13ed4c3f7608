"""`renew-login`: the client certificate that we show a PKI, renewed at that PKI."""

import asyncio
import json
from pathlib import Path

import typer

from chainpilot.cli.cpms.opening import complain, open_config
from chainpilot.cli.exits import Exit, exit_of
from chainpilot.cli.words import iso, plain
from chainpilot.clock import SYSTEM
from chainpilot.cpms.adapters.est_renewal import FORMER, OutcomeUnknown, renew_client_certificate
from chainpilot.cpms.adapters.est_transport import EstSetupError
from chainpilot.cpms.ports import CaPending, CaRefused, CaUndecided, Reason
from chainpilot.errors import ChainpilotError

__all__ = ["renew_login"]


def renew_login(path: Path, name: str, *, as_json: bool) -> Exit:
    """Renew it, or say why not and what to do."""
    config = open_config(path)
    if isinstance(config, Exit):
        return config
    pki = config.pkis.get(name)
    if pki is None:
        complain(f"{path} has no [pki.{name}]; there are {', '.join(sorted(config.pkis)) or 'none'}")
        return Exit.NOT_FOUND
    try:
        outcome = asyncio.run(renew_client_certificate(pki, SYSTEM))
    except ChainpilotError as error:
        return _told(error)
    if isinstance(outcome, CaPending):
        told = {"name": name, "renewed": False, "retry_at": iso(outcome.retry_at)}
        words = (
            f"{name}: not issued yet (202); the request is kept",
            f"Next: call this again after {outcome.retry_at:%Y-%m-%d %H:%M} UTC; the same request is sent",
        )
    else:
        told = {"name": name, "renewed": True, "until": iso(outcome.not_after), "fingerprint": outcome.fingerprint}
        words = (
            f"{name}: renewed until {outcome.not_after:%Y-%m-%d}; the former files are kept beside as {FORMER}",
            "Next: send SIGHUP to the CPMS, which then shows it",
        )
    for line in (json.dumps(told),) if as_json else map(plain, words):
        typer.echo(line)
    return Exit.WAITED_TOO_LONG if isinstance(outcome, CaPending) else Exit.DONE


def _told(error: ChainpilotError) -> Exit:
    complain(str(error))
    if isinstance(error, CaUndecided) and error.sent:
        complain(
            "the request may have arrived, and is kept; call this again, which says what to do, or sends the same one"
        )
    if isinstance(error, OutcomeUnknown):
        return Exit.CONFLICT
    if isinstance(error, CaRefused) and error.reason in (Reason.PKI_LOGIN_REFUSED, Reason.PKI_REFUSED):
        return Exit.NOT_ALLOWED
    return Exit.USAGE if isinstance(error, EstSetupError) else exit_of(error)
