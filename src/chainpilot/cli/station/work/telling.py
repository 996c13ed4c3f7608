"""The commands of the interface that judge and tell."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work import advice
from chainpilot.cli.station.work.answers import Answer, carry_out
from chainpilot.cli.station.work.material import NotCarriedOut, check_inputs, one_of, read_certificates, read_text
from chainpilot.cli.station.work.naming import find, hash_words
from chainpilot.cli.words import ending, short_name
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate
from chainpilot.station import EvseSecurity
from chainpilot.station.first_interface import EvseSecurity2023
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashData,
    CertificateInfo,
    CertificateValidationResult,
    GetCertificateInfoStatus,
    OCSPRequestDataList,
)
from chainpilot.station.schema import to_json
from chainpilot.station.snapshot import Snapshot

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

_STATUS: Final = GetCertificateInfoStatus
_MASK: Final = "***, given by --json"


def verify_certificate(options: StoreOptions, file: str, kinds: Sequence[str], *, as_json: bool) -> Exit:
    """Read a chain and judge it against the anchors of those domains."""

    def ask(store: EvseSecurity) -> Answer:
        text = read_text(file)
        outcome = store.validate(text, kinds)
        certificate, domains = one_of(text), " or ".join(kinds)
        name = short_name(certificate.subject) if certificate is not None else "the text"
        result = to_json(outcome.result)
        if outcome.result is CertificateValidationResult.VALID:
            return Answer(result, f"Valid: {name} leads to an anchor of {domains}", reason=outcome.reason)
        said = f"{outcome.result.value}: {name}, against the anchors of {domains}"
        return Answer(result, said, Exit.NEEDS_SOMEBODY, outcome.reason, advice.VERIFY.get(outcome.result))

    return carry_out("verify_certificate", options, ask, as_json=as_json)


def get_installed_certificates(options: StoreOptions, kinds: Sequence[str], *, as_json: bool) -> Exit:
    """List hash data of what is installed."""

    def ask(store: EvseSecurity) -> Answer:
        found = store.get_installed_certificates(kinds)
        result, chains = to_json(found), found.certificate_hash_data_chain
        if not chains:
            return Answer(result, f"Nothing is installed of {', '.join(kinds)}", Exit.NOT_FOUND)
        snapshot = store.snapshot()
        lines: list[str] = []
        for chain in chains:
            lines += _named(chain.certificate_hash_data, snapshot, "  ", f"{chain.certificate_type.value}: ")
            for child in chain.child_certificate_hash_data:
                lines += _named(child, snapshot, "    ")
        return Answer(result, "Installed:", details=tuple(lines))

    return carry_out("get_installed_certificates", options, ask, as_json=as_json)


def _named(wanted: CertificateHashData, snapshot: Snapshot, indent: str, what: str = "") -> list[str]:
    held = find(wanted, snapshot)
    name = "gone meanwhile"
    if held is not None:
        one = held.certificate
        name = f"{short_name(one.subject)}, {ending(one.not_before, one.not_after, snapshot.at)}"
    return [f"{indent}{what}{name}", f"{indent}  {hash_words(wanted)}"]


def get_v2g_ocsp_request_data(options: StoreOptions, *, as_json: bool) -> Exit:
    """Tell whom to ask about the SECC leaves and their sub-CAs."""

    def ask(store: EvseSecurity) -> Answer:
        return _responders(store.get_v2g_ocsp_request_data(), store.snapshot(), "no SECC leaf to ask about")

    return carry_out("get_v2g_ocsp_request_data", options, ask, as_json=as_json)


def get_mo_ocsp_request_data(options: StoreOptions, file: str, *, as_json: bool) -> Exit:
    """Read a contract chain and tell whom to ask about it."""

    def ask(store: EvseSecurity) -> Answer:
        return _responders(store.get_mo_ocsp_request_data(read_text(file)), store.snapshot(), "nothing to ask about")

    return carry_out("get_mo_ocsp_request_data", options, ask, as_json=as_json)


def _responders(found: OCSPRequestDataList, snapshot: Snapshot, nothing: str) -> Answer:
    result, reason = to_json(found), "; ".join(found.left_out) or None
    if not found.ocsp_request_data_list:
        code = Exit.NEEDS_SOMEBODY if reason else Exit.NOT_FOUND
        step = "a chain must lead to an installed root; default_ocsp_url stands in where no responder is named"
        return Answer(result, f"There is {nothing}", code, reason, step if reason else None)
    lines: list[str] = []
    for one in found.ocsp_request_data_list:
        held = find(one.certificate_hash_data, snapshot)
        name = f"{short_name(held.certificate.subject)}: " if held is not None else ""
        lines += [f"  {name}{one.responder_url}", f"    {hash_words(one.certificate_hash_data)}"]
    return Answer(result, "Ask:", details=tuple(lines), reason=reason and f"left out: {reason}")


def is_ca_certificate_installed(options: StoreOptions, kind: str, *, as_json: bool) -> Exit:
    """Tell whether a domain has a valid anchor."""

    def ask(store: EvseSecurity) -> Answer:
        is_there = store.is_ca_certificate_installed(kind)
        if is_there:
            return Answer(is_there, f"{kind} has a valid anchor")
        step = f"{{store}} install-ca-certificate FILE {kind}"
        return Answer(is_there, f"{kind} has no valid anchor", Exit.NOT_FOUND, _no_anchor(store, kind), step)

    return carry_out("is_ca_certificate_installed", options, ask, as_json=as_json)


def _no_anchor(store: EvseSecurity, kind: str) -> str:
    """Why a domain has no valid anchor."""
    anchors = store.trust_anchors(CaCertificateType(kind))
    at = SYSTEM.now()
    out_of_time = (f"{short_name(one.subject)} {ending(one.not_before, one.not_after, at)}" for one in anchors)
    refused = (f"{short_name(one.subject)} doesn't count: {why}" for one, why in anchors.refused)
    return "; ".join((*out_of_time, *refused)) or "no root is installed there"


def get_leaf_certificate_info(
    options: StoreOptions, kind: str, encoding: str, *, include_ocsp: bool, common_name: str | None, as_json: bool
) -> Exit:
    """Tell the files of the leaf in use."""

    def ask(store: EvseSecurity) -> Answer:
        found = store.get_leaf_certificate_info(kind, encoding, include_ocsp, common_name=common_name)
        if found.info is None:
            return _no_leaf(to_json(found), kind, found.status, found.reason)
        return Answer(to_json(found), f"The {kind} leaf in use:", details=tuple(_files(found.info)))

    return carry_out("get_leaf_certificate_info", options, ask, as_json=as_json)


def get_all_valid_certificates_info(
    options: StoreOptions, kind: str, encoding: str, *, include_ocsp: bool, as_json: bool
) -> Exit:
    """Tell the files of the newest valid leaf under each root."""

    def ask(store: EvseSecurity) -> Answer:
        found = store.get_all_valid_certificates_info(kind, encoding, include_ocsp)
        if not found.info:
            return _no_leaf(to_json(found), kind, found.status, found.reason)
        lines = [line for info in found.info for line in _files(info)]
        return Answer(to_json(found), f"Valid {kind} leaves, one a root:", details=tuple(lines))

    return carry_out("get_all_valid_certificates_info", options, ask, as_json=as_json)


def get_key_pair(options: StoreOptions, kind: str, encoding: str, *, as_json: bool) -> Exit:
    """Tell the files of the leaf in use, in the interface's first shape."""

    def ask(store: EvseSecurity) -> Answer:
        found = EvseSecurity2023(store).get_key_pair(kind, encoding)
        if found.key_pair is None:
            why = store.get_leaf_certificate_info(kind, encoding).reason
            return _no_leaf(to_json(found), kind, found.status, why)
        pair = found.key_pair
        lines = _labelled({"key": pair.key, "certificate": pair.certificate, "password": pair.password and _MASK})
        return Answer(to_json(found), f"The {kind} leaf in use:", details=tuple(lines))

    return carry_out("get_key_pair", options, ask, as_json=as_json)


def _no_leaf(result: Any, kind: str, status: GetCertificateInfoStatus, why: str | None) -> Answer:
    code = Exit.NOT_FOUND if status is _STATUS.NOT_FOUND else Exit.NEEDS_SOMEBODY
    return Answer(result, f"There is no usable {kind} leaf ({status.value})", code, why, advice.INFO.get(status))


def _files(info: CertificateInfo) -> Iterable[str]:
    leaf = _leaf(info.certificate or info.certificate_single or "")
    root = one_of(info.certificate_root) if info.certificate_root is not None else None
    if leaf is not None:
        yield f"  {short_name(leaf.subject)}, {ending(leaf.not_before, leaf.not_after, SYSTEM.now())}"
    yield from _labelled(
        {
            "certificate": info.certificate,
            "certificate_single": info.certificate_single,
            "certificate_count": info.certificate_count,
            "key": info.key,
            "password": info.password and _MASK,
            "certificate_root": short_name(root.subject) if root is not None else "not installed",
        }
    )
    for one in info.ocsp or ():
        yield f"    ocsp                serial {one.hash.serial_number}: {one.ocsp_path or 'no answer that holds'}"


def _leaf(path: str) -> Certificate | None:
    """The leaf in a file, for its name; None where another process took the file away meanwhile."""
    try:
        return read_certificates(path)[0]
    except NotCarriedOut:
        return None


def _labelled(values: dict[str, object]) -> Iterable[str]:
    return (f"    {label:<19} {value}" for label, value in values.items() if value is not None)


def get_verify_file(options: StoreOptions, kind: str, *, as_json: bool) -> Exit:
    """Print the path of a file with a domain's anchors."""
    return carry_out(
        "get_verify_file", options, lambda store: _path(store, store.get_verify_file(kind), kind), as_json=as_json
    )


def get_verify_location(options: StoreOptions, kind: str, *, as_json: bool) -> Exit:
    """Print the path of a file or directory with a domain's anchors."""
    return carry_out(
        "get_verify_location",
        options,
        lambda store: _path(store, store.get_verify_location(kind), kind),
        as_json=as_json,
    )


def _path(store: EvseSecurity, path: str, kind: str) -> Answer:
    if path:
        return Answer(path, "", output=path)
    step = f"{{store}} install-ca-certificate FILE {kind}"
    said = f"{kind} has no valid anchor"
    return Answer(path, said, Exit.NOT_FOUND, _no_anchor(store, kind), step, output="")


def get_leaf_expiry_days_count(options: StoreOptions, kind: str, *, as_json: bool) -> Exit:
    """Tell the days until the leaf in use ends."""

    def ask(store: EvseSecurity) -> Answer:
        days = store.get_leaf_expiry_days_count(kind)
        found = store.get_leaf_certificate_info(kind)
        if found.info is None:
            return _no_leaf(days, kind, found.status, found.reason)
        ends = f"in {days} whole day{'' if days == 1 else 's'}" if days else "in less than a day"
        return Answer(days, f"The {kind} leaf in use ends {ends}")

    return carry_out("get_leaf_expiry_days_count", options, ask, as_json=as_json)


def verify_file_signature(options: StoreOptions, file: str, signer: str, signature: str, *, as_json: bool) -> Exit:
    """Read the signer's certificate and the signature, and check it over the file."""

    def ask(store: EvseSecurity) -> Answer:
        check_inputs((signer, signature))
        if not Path(file).is_file():
            raise NotCarriedOut(f"there is no file {file}", Exit.NOT_FOUND)
        certificate = read_certificates(signer)[0]
        holds = store.verify_file_signature(file, certificate.to_pem(), read_text(signature, is_binary=True))
        name = short_name(certificate.subject)
        if holds:
            return Answer(holds, f"The signature over {file} is {name}'s")
        why = "it was made with another key, over another file, or not over SHA-256 with RSA or ECDSA"
        step = "don't use the file before its sender has given you the right signature"
        return Answer(holds, f"The signature over {file} is not {name}'s", Exit.NEEDS_SOMEBODY, why, step)

    return carry_out("verify_file_signature", options, ask, as_json=as_json)
