"""`chainpilot station`: the store's command line, one command for each of the evse_security interface and some of ours.

Here and in the modules beside stand the commands' words; what they do is `work`, which loads when one runs. So help and
completion don't wait for the store.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from chainpilot.cli.station import changing, doctor, overview, running, telling
from chainpilot.cli.station.arguments import StoreOptions

__all__ = ["app"]

_WITH_VALUE: Final = ("--certs", "--config", "--private-key-password-file")
_FLAGS: Final = ("--allow-test-pki",)


class _AnywhereGroup(TyperGroup):
    """Takes the options that name the store behind the command too, where people write them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Bring those options to the front."""
        front: list[str] = []
        rest: list[str] = []
        waiting = iter(args)
        for one in waiting:
            if one == "--":
                rest.extend((one, *waiting))
            elif one in _WITH_VALUE and (value := next(waiting, None)) is not None:
                front.extend((one, value))
            elif one in _WITH_VALUE and not ctx.resilient_parsing:
                return super().parse_args(ctx, [one])  # it says that a value is missing
            elif one in _FLAGS or one.startswith(tuple(f"{name}=" for name in _WITH_VALUE)):
                front.append(one)
            else:
                rest.append(one)
        return super().parse_args(ctx, [*front, *rest])


app = typer.Typer(
    cls=_AnywhereGroup,
    no_args_is_help=True,
    epilog="Begin with: chainpilot station --certs DIR show",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def station(
    context: typer.Context,
    *,
    certs: Annotated[
        Path | None,
        typer.Option(
            "--certs", metavar="DIR", envvar="CHAINPILOT_CERTS", readable=False, help="The certificates directory."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", envvar="CHAINPILOT_STORE_CONFIG", readable=False, help="Settings as TOML."
        ),
    ] = None,
    allow_test_pki: Annotated[
        bool, typer.Option("--allow-test-pki", help="Let roots of a test PKI count; never in production.")
    ] = False,
    private_key_password_file: Annotated[
        Path | None,
        typer.Option(
            "--private-key-password-file",
            metavar="FILE",
            readable=False,
            help="Its first line is the keys' password.",
        ),
    ] = None,
) -> None:
    """Keep a station's certificates and keys: install, delete, list, verify, request, watch.

    Any number of processes may use one directory at once. These options may stand before or behind the command.
    Exit code: 0 done or true, 1 refused or something needs a person, 2 usage, 3 not found, 4 not allowed, 5 locked by
    another process for too long, 7 a safety rule.
    """
    context.obj = StoreOptions(certs, config, allow_test_pki, private_key_password_file)


_COMMANDS: Final[Mapping[Callable[..., None], str]] = {
    running.run: "Keep all of it alive over OCPP",
    overview.show: "What is installed, as a tree",
    overview.watch: "Changes as they happen",
    doctor.doctor: "Every problem, and what to do",
    changing.install_ca_certificate: "Add a root or sub-CA",
    changing.delete_certificate: "Remove a CA or an SECC leaf",
    changing.update_leaf_certificate: "Install a leaf with its chain",
    telling.verify_certificate: "Judge a chain",
    telling.get_installed_certificates: "Hash data of what is installed",
    telling.get_v2g_ocsp_request_data: "Responders for the SECC leaves",
    telling.get_mo_ocsp_request_data: "Responders for a contract chain",
    changing.update_ocsp_cache: "Keep an OCSP response",
    telling.is_ca_certificate_installed: "Whether a domain has an anchor",
    changing.generate_certificate_signing_request: "A new key and its request",
    telling.get_leaf_certificate_info: "Files of the leaf in use",
    telling.get_key_pair: "The same in the shape of 2023",
    telling.get_all_valid_certificates_info: "Files of one leaf a root",
    telling.get_verify_file: "Anchors for openssl -CAfile",
    telling.get_verify_location: "Anchors for openssl -CApath",
    telling.get_leaf_expiry_days_count: "Days left of the leaf in use",
    telling.verify_file_signature: "Check a signature over a file",
    overview.leaves_due: "Leaves that end soon",
    overview.open_requests: "Requests that are waited for",
    changing.run_housekeeping: "Remove what nobody needs",
}
"""Each command with the few words that fit beside its name on 80 columns."""

_EPILOG: Final = "--certs DIR, or CHAINPILOT_CERTS, names the store; chainpilot station -h tells of configuration."

for command, words in _COMMANDS.items():
    app.command(short_help=words, epilog=_EPILOG)(command)
