"""The calls on a store, each made ready beforehand, and what the store must answer to count as measured."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from benchmarks.store.material import HashFields
from benchmarks.store.plan import RowName
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm
from chainpilot.station import EvseSecurity
from chainpilot.station.model import (
    CaCertificateType,
    CertificateType,
    EncodingFormat,
    GetInstalledCertificatesResult,
    LeafCertificateType,
)

__all__ = ["Argument", "Call", "check", "hash_data", "ready"]

Argument = str | HashFields
"""A chain, a root or a common name; for deleting the hash data. Calls without one take ""."""

Call = Callable[[], Any]
"""One call on a store, its arguments made; answers what the store answers."""

_V2G: Final = (LeafCertificateType.V2G,)
_ALL: Final = tuple(CertificateType)


def ready(row: RowName, store: EvseSecurity, argument: Argument = "") -> Call:
    """The row's call with its argument."""
    return _CALLS[row](store, argument)


def check(row: RowName, roots: int, answer: Any) -> None:
    """Stop the run when the store answered something else than it should with that many V2G roots."""
    told, right = _words(row, answer), _right(row, roots)
    if told != right:
        raise SystemExit(f"{row.value} with {roots} roots answered {told!r}; {right!r} would be right")


def hash_data(names: HashFields) -> CertificateHashData:
    """The fields as the store takes them."""
    return CertificateHashData(HashAlgorithm.SHA256, names.issuer_name_hash, names.issuer_key_hash, names.serial_number)


def _verify(store: EvseSecurity, stack: str) -> Call:
    return lambda: store.verify_certificate(stack, _V2G)


def _installed(store: EvseSecurity, _: str) -> Call:
    return lambda: store.get_installed_certificates(_ALL)


def _leaf(store: EvseSecurity, _: str) -> Call:
    return lambda: store.get_leaf_certificate_info(LeafCertificateType.V2G, EncodingFormat.PEM, include_ocsp=False)


def _leaf_with_ocsp(store: EvseSecurity, _: str) -> Call:
    return lambda: store.get_leaf_certificate_info(LeafCertificateType.V2G, EncodingFormat.PEM, include_ocsp=True)


def _ocsp_data(store: EvseSecurity, _: str) -> Call:
    return store.get_v2g_ocsp_request_data


def _csr(store: EvseSecurity, common_name: str) -> Call:
    return lambda: store.generate_certificate_signing_request(LeafCertificateType.V2G, "DE", "Benchmark", common_name)


def _install(store: EvseSecurity, root: str) -> Call:
    return lambda: store.install_ca_certificate(root, CaCertificateType.V2G)


def _delete(store: EvseSecurity, names: HashFields) -> Call:
    wanted = hash_data(names)
    return lambda: store.delete_certificate(wanted)


_CALLS: Final[Mapping[RowName, Callable[[EvseSecurity, Any], Call]]] = {
    RowName.VERIFY: _verify,
    RowName.VERIFY_CHANGED: _verify,
    RowName.INSTALLED: _installed,
    RowName.INSTALLED_CHANGED: _installed,
    RowName.LEAF: _leaf,
    RowName.LEAF_CROWD: _leaf,
    RowName.LEAF_CROWD_UNNAMED: _leaf,
    RowName.LEAF_OCSP: _leaf_with_ocsp,
    RowName.OCSP_DATA: _ocsp_data,
    RowName.CSR: _csr,
    RowName.INSTALL: _install,
    RowName.DELETE: _delete,
}


def _right(row: RowName, roots: int) -> str:
    match row:
        case RowName.VERIFY | RowName.VERIFY_CHANGED:
            return "Valid"
        case RowName.INSTALLED | RowName.INSTALLED_CHANGED:
            return f"Accepted, {roots} V2G, 3 others, chains of [3]"
        case RowName.LEAF_OCSP:
            return "Accepted, 3 OCSP responses"
        case RowName.OCSP_DATA:
            return "3 entries"
        case _:
            return "Accepted"


def _words(row: RowName, answer: Any) -> str:
    match row:
        case RowName.VERIFY | RowName.VERIFY_CHANGED | RowName.INSTALL | RowName.DELETE:
            return str(answer.value)
        case RowName.INSTALLED | RowName.INSTALLED_CHANGED:
            return _listed(answer)
        case RowName.LEAF_OCSP if answer.info is not None:
            responses = [one for one in answer.info.ocsp or () if one.ocsp_path is not None]
            return f"{answer.status.value}, {len(responses)} OCSP responses"
        case RowName.OCSP_DATA:
            return f"{len(answer.ocsp_request_data_list)} entries"
        case _:
            return str(answer.status.value)


def _listed(answer: GetInstalledCertificatesResult) -> str:
    entries = answer.certificate_hash_data_chain
    kinds = [one.certificate_type for one in entries]
    v2g = kinds.count(CertificateType.V2G_ROOT_CERTIFICATE)
    chains = [
        1 + len(one.child_certificate_hash_data)
        for one in entries
        if one.certificate_type is CertificateType.V2G_CERTIFICATE_CHAIN
    ]
    others = len(kinds) - v2g - len(chains)
    return f"{answer.status.value}, {v2g} V2G, {others} others, chains of {chains}"
