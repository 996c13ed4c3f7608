"""The commands of the interface that judge and tell."""

from typing import Annotated

import typer

from chainpilot.cli.station import work
from chainpilot.cli.station.arguments import (
    AsJson,
    CaTypeArgument,
    CertificateKind,
    ChainFile,
    CommonName,
    Encoding,
    EncodingOption,
    IncludeOcsp,
    LeafType,
    LeafTypeArgument,
    store_options,
)

__all__ = [
    "get_all_valid_certificates_info",
    "get_installed_certificates",
    "get_key_pair",
    "get_leaf_certificate_info",
    "get_leaf_expiry_days_count",
    "get_mo_ocsp_request_data",
    "get_v2g_ocsp_request_data",
    "get_verify_file",
    "get_verify_location",
    "is_ca_certificate_installed",
    "verify_certificate",
    "verify_file_signature",
]


def verify_certificate(
    context: typer.Context,
    file: ChainFile,
    certificate_types: Annotated[
        list[LeafType],
        typer.Argument(metavar="TYPE...", help="CSMS, V2G, MF, MO: whose anchors count."),
    ],
    *,
    json: AsJson = False,
) -> None:
    """Judge a chain against the anchors of all the named domains together."""
    kinds = [one.value for one in certificate_types]
    raise typer.Exit(work.telling.verify_certificate(store_options(context), file, kinds, as_json=json))


def get_installed_certificates(
    context: typer.Context,
    certificate_types: Annotated[
        list[CertificateKind] | None,
        typer.Argument(
            metavar="[TYPE]...",
            help=", ".join(kind.value for kind in CertificateKind) + "; none named: all.",
            show_default=False,
        ),
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """List hash data: roots with the CAs below them, SECC leaves with their sub-CAs."""
    kinds = [one.value for one in certificate_types or CertificateKind]
    raise typer.Exit(work.telling.get_installed_certificates(store_options(context), kinds, as_json=json))


def get_v2g_ocsp_request_data(context: typer.Context, *, json: AsJson = False) -> None:
    """Tell which OCSP responder to ask about each SECC leaf and sub-CA."""
    raise typer.Exit(work.telling.get_v2g_ocsp_request_data(store_options(context), as_json=json))


def get_mo_ocsp_request_data(context: typer.Context, file: ChainFile, *, json: AsJson = False) -> None:
    """Tell which OCSP responder to ask about a contract chain, if it leads to an anchor of MO or V2G."""
    raise typer.Exit(work.telling.get_mo_ocsp_request_data(store_options(context), file, as_json=json))


def is_ca_certificate_installed(
    context: typer.Context, certificate_type: CaTypeArgument, *, json: AsJson = False
) -> None:
    """Tell whether a domain has a valid anchor; exit code 3 when it has none."""
    raise typer.Exit(
        work.telling.is_ca_certificate_installed(store_options(context), certificate_type.value, as_json=json)
    )


def get_leaf_certificate_info(
    context: typer.Context,
    certificate_type: LeafTypeArgument,
    *,
    encoding: EncodingOption = Encoding.PEM,
    include_ocsp: IncludeOcsp = False,
    common_name: CommonName = None,
    json: AsJson = False,
) -> None:
    """Tell the files of the leaf in use and of its key.

    --json holds the keys' password where one is configured, as the interface has it for programs that read the key;
    otherwise it is masked.
    """
    raise typer.Exit(
        work.telling.get_leaf_certificate_info(
            store_options(context),
            certificate_type.value,
            encoding.value,
            include_ocsp=include_ocsp,
            common_name=common_name,
            as_json=json,
        )
    )


def get_key_pair(
    context: typer.Context,
    certificate_type: LeafTypeArgument,
    *,
    encoding: EncodingOption = Encoding.PEM,
    json: AsJson = False,
) -> None:
    """Tell the files of the leaf in use and of its key, in the interface's first shape (2023).

    --json holds the keys' password where one is configured, as the interface has it for programs that read the key;
    otherwise it is masked.
    """
    raise typer.Exit(
        work.telling.get_key_pair(store_options(context), certificate_type.value, encoding.value, as_json=json)
    )


def get_all_valid_certificates_info(
    context: typer.Context,
    certificate_type: LeafTypeArgument,
    *,
    encoding: EncodingOption = Encoding.PEM,
    include_ocsp: IncludeOcsp = False,
    json: AsJson = False,
) -> None:
    """Tell the files of the newest valid leaf under each root.

    --json holds the keys' password where one is configured, as the interface has it for programs that read the key;
    otherwise it is masked.
    """
    raise typer.Exit(
        work.telling.get_all_valid_certificates_info(
            store_options(context), certificate_type.value, encoding.value, include_ocsp=include_ocsp, as_json=json
        )
    )


def get_verify_file(context: typer.Context, certificate_type: CaTypeArgument, *, json: AsJson = False) -> None:
    """Print the path of a PEM file with a domain's anchors, for openssl -CAfile."""
    raise typer.Exit(work.telling.get_verify_file(store_options(context), certificate_type.value, as_json=json))


def get_verify_location(context: typer.Context, certificate_type: CaTypeArgument, *, json: AsJson = False) -> None:
    """Print the path of a PEM file, or of a directory with OpenSSL's hash links (-CApath)."""
    raise typer.Exit(work.telling.get_verify_location(store_options(context), certificate_type.value, as_json=json))


def get_leaf_expiry_days_count(
    context: typer.Context, certificate_type: LeafTypeArgument, *, json: AsJson = False
) -> None:
    """Tell the whole days until the leaf in use ends; 0 when there is none that can be used, and no exit code 0."""
    raise typer.Exit(
        work.telling.get_leaf_expiry_days_count(store_options(context), certificate_type.value, as_json=json)
    )


def verify_file_signature(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The signed file, such as firmware.")],
    *,
    signing_certificate: Annotated[
        str,
        typer.Option("--signing-certificate", metavar="FILE", help="The signer's certificate; - is standard input."),
    ],
    signature: Annotated[
        str, typer.Option("--signature", metavar="FILE", help="A file with the signature, base64 or binary; or -.")
    ],
    json: AsJson = False,
) -> None:
    """Check a signature over a file: SHA-256 with RSA or ECDSA.

    Whether the signer may sign firmware is verify-certificate's to say (TYPE MF).
    """
    raise typer.Exit(
        work.telling.verify_file_signature(store_options(context), file, signing_certificate, signature, as_json=json)
    )
