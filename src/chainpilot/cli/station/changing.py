"""The commands that change the store."""

from typing import Annotated

import typer

from chainpilot.cli.station import work
from chainpilot.cli.station.arguments import (
    AsJson,
    CaTypeArgument,
    ChainFile,
    Digest,
    KeyKind,
    LeafTypeArgument,
    NamedCertificate,
    store_options,
)

__all__ = [
    "delete_certificate",
    "generate_certificate_signing_request",
    "install_ca_certificate",
    "run_housekeeping",
    "update_leaf_certificate",
    "update_ocsp_cache",
]

_Algorithm = Annotated[Digest, typer.Option("--hash-algorithm", help="Of the hashes.")]
_NameHash = Annotated[str | None, typer.Option("--issuer-name-hash", metavar="HEX", help="Hash of the issuer's name.")]
_KeyHash = Annotated[str | None, typer.Option("--issuer-key-hash", metavar="HEX", help="Hash of the issuer's key.")]
_Serial = Annotated[str | None, typer.Option("--serial-number", metavar="HEX", help="Serial number, hexadecimal.")]
_Certificate = Annotated[
    str | None,
    typer.Option("--certificate", metavar="FILE", help="In place of hash data: the certificate; - is standard input."),
]
_Issuer = Annotated[
    str | None,
    typer.Option("--issuer", metavar="FILE", help="Who signed it, where that is neither installed nor in FILE."),
]


def install_ca_certificate(
    context: typer.Context, file: ChainFile, certificate_type: CaTypeArgument, *, json: AsJson = False
) -> None:
    """Add a root, or a sub-CA of an installed one, to a domain."""
    raise typer.Exit(
        work.changing.install_ca_certificate(store_options(context), file, certificate_type.value, as_json=json)
    )


def update_leaf_certificate(
    context: typer.Context, file: ChainFile, certificate_type: LeafTypeArgument, *, json: AsJson = False
) -> None:
    """Install a leaf whose key is in the store: leaf first, then Sub2 and Sub1."""
    raise typer.Exit(
        work.changing.update_leaf_certificate(store_options(context), file, certificate_type.value, as_json=json)
    )


def delete_certificate(
    context: typer.Context,
    *,
    hash_algorithm: _Algorithm = Digest.SHA256,
    issuer_name_hash: _NameHash = None,
    issuer_key_hash: _KeyHash = None,
    serial_number: _Serial = None,
    certificate: _Certificate = None,
    issuer: _Issuer = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask, where more than one certificate goes.")] = False,
    json: AsJson = False,
) -> None:
    """Remove a CA with everything below it, or an SECC leaf with its key.

    Named by its hash data, as OCPP names it, or by a copy of it (--certificate). The station's own client certificate
    is never deleted (exit code 7). Where a CA has others below it, people are asked first and scripts need --yes.
    """
    named = NamedCertificate(
        hash_algorithm.value, issuer_name_hash, issuer_key_hash, serial_number, certificate, issuer
    )
    raise typer.Exit(work.changing.delete_certificate(store_options(context), named, is_agreed=yes, as_json=json))


def update_ocsp_cache(
    context: typer.Context,
    response: Annotated[
        str, typer.Argument(metavar="FILE", help="The OCSP response, DER or base64; - is standard input.")
    ],
    *,
    hash_algorithm: _Algorithm = Digest.SHA256,
    issuer_name_hash: _NameHash = None,
    issuer_key_hash: _KeyHash = None,
    serial_number: _Serial = None,
    certificate: _Certificate = None,
    issuer: _Issuer = None,
    json: AsJson = False,
) -> None:
    """Keep an OCSP response for an installed certificate, if it fits and holds.

    The interface answers nothing here: with --json the result is null, and a reason tells that it was refused.
    """
    named = NamedCertificate(
        hash_algorithm.value, issuer_name_hash, issuer_key_hash, serial_number, certificate, issuer
    )
    raise typer.Exit(work.changing.update_ocsp_cache(store_options(context), response, named, as_json=json))


def generate_certificate_signing_request(
    context: typer.Context,
    certificate_type: LeafTypeArgument,
    *,
    country: Annotated[str, typer.Option("--country", metavar="CC", help="C: two capital letters.")],
    organization: Annotated[str, typer.Option("--organization", help="O: as registered with the CA.")],
    common: Annotated[
        str,
        typer.Option("--common", "--common-name", help="CN: EVSEID or SECCID for V2G, the station's id for CSMS."),
    ],
    use_tpm: Annotated[bool, typer.Option("--use-tpm", help="Make the key in the configured hardware.")] = False,
    key: Annotated[KeyKind | None, typer.Option("--key", help="Kind of key; default: as configured.")] = None,
    json: AsJson = False,
) -> None:
    """Make a key and print its signing request, or the one that is open already for these names.

    The request alone goes to standard output, so that it may be sent into a file.
    """
    raise typer.Exit(
        work.changing.generate_certificate_signing_request(
            store_options(context),
            certificate_type.value,
            (country, organization, common),
            key=key.value if key else None,
            use_tpm=use_tpm,
            as_json=json,
        )
    )


def run_housekeeping(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would go.")] = False,
    json: AsJson = False,
) -> None:
    """Remove what nobody needs: old requests, ended leaves beyond the newest, orphan keys, OCSP answers of the gone.

    Never a key in use and never an open request, so it doesn't ask.
    """
    raise typer.Exit(work.changing.run_housekeeping(store_options(context), is_dry=dry_run, as_json=json))
