"""The commands that change the store."""

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import NamedCertificate, StoreOptions
from chainpilot.cli.station.work import advice
from chainpilot.cli.station.work.answers import Answer, carry_out
from chainpilot.cli.station.work.material import NotCarriedOut, check_inputs, one_of, read_text
from chainpilot.cli.station.work.naming import domain_words, find, hash_data_of
from chainpilot.cli.words import day, ending, short_name
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import KeySpec
from chainpilot.station import EvseSecurity
from chainpilot.station.changes import CertificateChanged, differences
from chainpilot.station.housekeeping import Surplus
from chainpilot.station.model import (
    CertificateHashData,
    CertificateStoreUpdateOperation,
    DeleteCertificateResult,
    GetCertificateSignRequestResult,
    GetCertificateSignRequestStatus,
    InstallOutcome,
)
from chainpilot.station.schema import to_json
from chainpilot.station.snapshot import Snapshot

__all__ = [
    "delete_certificate",
    "generate_certificate_signing_request",
    "install_ca_certificate",
    "run_housekeeping",
    "update_leaf_certificate",
    "update_ocsp_cache",
]


def install_ca_certificate(options: StoreOptions, file: str, kind: str, *, as_json: bool) -> Exit:
    """Read a CA certificate and install it in a domain."""

    def ask(store: EvseSecurity) -> Answer:
        text = read_text(file)
        outcome = store.install_ca(text, kind)
        return _installed(outcome, one_of(text), f"in {kind}", advice.INSTALL.get)

    return carry_out("install_ca_certificate", options, ask, as_json=as_json, is_begun=True)


def update_leaf_certificate(options: StoreOptions, file: str, kind: str, *, as_json: bool) -> Exit:
    """Read a chain and install its leaf."""

    def ask(store: EvseSecurity) -> Answer:
        text = read_text(file)
        outcome = store.update_leaf(text, kind)
        return _installed(outcome, one_of(text), f"as a leaf of {kind}", advice.UPDATE.get)

    return carry_out("update_leaf_certificate", options, ask, as_json=as_json)


def _installed(
    outcome: InstallOutcome, certificate: Certificate | None, where: str, next_step: Callable[[Any], str | None]
) -> Answer:
    result, now = to_json(outcome.result), SYSTEM.now()
    name = short_name(certificate.subject) if certificate is not None else "the certificate"
    if not outcome.accepted:
        said = f"Not installed {where} ({outcome.result.value}): {name}"
        return Answer(result, said, Exit.NEEDS_SOMEBODY, outcome.reason, next_step(outcome.result))
    until = f", {ending(certificate.not_before, certificate.not_after, now)}" if certificate is not None else ""
    if outcome.update is None:
        return Answer(result, f"Already so: {name} is installed {where}{until}")
    return Answer(result, f"Installed {where}: {name}{until}")


def delete_certificate(options: StoreOptions, named: NamedCertificate, *, is_agreed: bool, as_json: bool) -> Exit:
    """Find out what is meant, ask where more than one certificate goes, and delete it."""

    def ask(store: EvseSecurity) -> Answer:
        before = store.snapshot()
        wanted = hash_data_of(named, before)
        if not is_agreed:
            _agree(wanted, before)
        outcome = store.delete(wanted)
        result = to_json(outcome.result)
        if outcome.result is DeleteCertificateResult.ACCEPTED:
            after = store.snapshot()
            gone = _gone(before, after)
            said = f"Deleted {len(gone)} certificate{'' if len(gone) == 1 else 's'}"
            return Answer(result, said, details=(*gone, *_stranded(before, after)))
        code = Exit.NOT_FOUND if outcome.result is DeleteCertificateResult.NOT_FOUND else Exit.CONFLICT
        said = f"Not deleted ({outcome.result.value})"
        return Answer(result, said, code, outcome.reason, advice.DELETE.get(outcome.result))

    return carry_out("delete_certificate", options, ask, as_json=as_json)


def _agree(wanted: CertificateHashData, snapshot: Snapshot) -> None:
    """Nobody deletes a whole hierarchy by one command and didn't mean it."""
    held = find(wanted, snapshot)
    below = _below(held.certificate, snapshot) if held is not None else []
    if held is None or not below:
        return
    count = f"{len(below)} certificate{'s' if len(below) > 1 else ''} below it"
    names = ", ".join(short_name(one.subject) for one in below)
    what = f"{short_name(held.certificate.subject)} would be deleted with {count}: {names}"
    if not sys.stdin.isatty():
        raise NotCarriedOut(f"{what}; --yes does it", Exit.CONFLICT)
    if not typer.confirm(f"{what}. Delete them?", err=True):
        raise NotCarriedOut("nothing was deleted", Exit.CONFLICT)


def _below(top: Certificate, snapshot: Snapshot) -> list[Certificate]:
    """The CAs of bundles that lead to that one."""
    found = [top]
    children = [one for bundle in snapshot.bundles for root in bundle.roots for one in root.below]
    for issuer in found:
        found.extend(
            one.certificate
            for one in children
            if one.issuer == issuer and one.certificate not in found and one.certificate != issuer
        )
    return list(dict.fromkeys(found[1:]))


def _gone(before: Snapshot, after: Snapshot) -> list[str]:
    """A line for each certificate, whatever the number of domains that shared its bundle."""
    domains: dict[Certificate, list[str]] = {}
    for one in differences(before, after):
        if isinstance(one, CertificateChanged) and one.update.operation is CertificateStoreUpdateOperation.DELETED:
            domains.setdefault(one.certificate, []).append(domain_words(one.update))
    return [
        f"  {', '.join(named)}: {short_name(one.subject)}, serial {one.serial_number:x}"
        for one, named in domains.items()
    ]


def _stranded(before: Snapshot, after: Snapshot) -> list[str]:
    """The leaves in use that led to a root and don't any more: cars and CSMS still trust them, renewing fails."""
    led = {held.leaf.certificate for slot in before.slots for held in slot.leaves if held.root is not None}
    lost = (
        held.leaf.certificate
        for slot in after.slots
        for held in slot.leaves
        if held.is_in_use and held.root is None and held.leaf.certificate in led
    )
    return [f"The leaf in use of {short_name(one.subject)} leads to no root here any more" for one in lost]


def update_ocsp_cache(options: StoreOptions, response: str, named: NamedCertificate, *, as_json: bool) -> Exit:
    """Read an OCSP response and keep it for the certificate that is meant."""

    def ask(store: EvseSecurity) -> Answer:
        check_inputs((response, named.certificate, named.issuer))
        snapshot = store.snapshot()
        wanted = hash_data_of(named, snapshot)
        held = find(wanted, snapshot)
        name = short_name(held.certificate.subject) if held is not None else f"serial {wanted.serial_number}"
        outcome = store.cache_ocsp(wanted, read_text(response, is_binary=True))
        if outcome.accepted:
            return Answer(None, f"Kept the OCSP response about {name}")
        code = Exit.NEEDS_SOMEBODY if held is not None else Exit.NOT_FOUND
        step = "ask the responder again: {store} get-v2g-ocsp-request-data tells which"
        return Answer(None, f"Not kept: the OCSP response about {name}", code, outcome.reason, step)

    return carry_out("update_ocsp_cache", options, ask, as_json=as_json)


def generate_certificate_signing_request(
    options: StoreOptions, kind: str, names: tuple[str, str, str], *, key: str | None, use_tpm: bool, as_json: bool
) -> Exit:
    """Make a request for the names (country, organization, common name)."""

    def ask(store: EvseSecurity) -> Answer:
        before = {one.pem: one.made_at for one in store.open_requests()}
        made = store.generate_certificate_signing_request(
            kind, *names, use_tpm, key=KeySpec(key) if key is not None else None
        )
        if made.status is not GetCertificateSignRequestStatus.ACCEPTED:
            said = f"No request was made ({made.status.value})"
            step = advice.REQUEST.get(made.status)
            return Answer(to_json(made), said, Exit.NEEDS_SOMEBODY, made.reason, step, output="")
        return _requested(made, names[2], kind, before.get(made.csr or ""))

    command = "generate_certificate_signing_request"
    return carry_out(command, options, ask, as_json=as_json, is_begun=True)


def _requested(made: GetCertificateSignRequestResult, name: str, kind: str, since: datetime | None) -> Answer:
    said = (
        f"Made a key and a signing request for {name}"
        if since is None
        else f"Already so: the request for {name} is open since {day(since)}; it is the same one"
    )
    step = f"send it to the CA; when the chain comes: {{store}} update-leaf-certificate FILE {kind}"
    return Answer(to_json(made), said, advice=step, output=made.csr)


def run_housekeeping(options: StoreOptions, *, is_dry: bool, as_json: bool) -> Exit:
    """Remove what nobody needs, or only tell of it."""

    def ask(store: EvseSecurity) -> Answer:
        found = store.snapshot(detailed=True).surplus if is_dry else store.run_housekeeping()
        answer = _tidied(found, is_dry=is_dry)
        if not is_dry:
            return answer
        nothing = "Nothing was changed: this is a dry run"
        return replace(answer, said=nothing, details=(answer.said, *answer.details, nothing))

    return carry_out("run_housekeeping", options, ask, as_json=as_json)


def _tidied(found: Surplus, *, is_dry: bool) -> Answer:
    result = {
        "requests": [
            {"certificate_type": one.kind.value, "common_name": one.csr.common_name} for one in found.requests
        ],
        "leaves": [
            {"certificate_type": one.slot.kind.value, "paths": [str(path) for path in one.paths]}
            for one in found.leaves
        ],
        "keys": [str(path) for path in found.keys],
        "answers": [str(path) for path in found.answers],
    }
    if found.is_empty:
        return Answer(result, "Already so: there is nothing that nobody needs")
    lines = (
        *(f"  request for {one.csr.common_name}, {one.kind.value}" for one in found.requests),
        *(f"  leaf {short_name(one.leaf.subject)}, ended {day(one.leaf.not_after)}" for one in found.leaves),
        *(f"  key {path}" for path in found.keys),
        *(f"  OCSP answer {path}" for path in found.answers),
    )
    return Answer(result, "Would remove:" if is_dry else "Removed:", details=lines)
