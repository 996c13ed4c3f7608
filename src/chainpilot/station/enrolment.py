"""The station's half of an enrolment: a key and its signing request go out, the certificate comes back.

`begin` is step 1 and `complete` step 7 of the flow (architecture.md section 3); the back office's half has the same
file name there. What becomes of a request in between is `store.requests`. Talking to a CSMS, and repeating what
it didn't answer, is the adapters' and the app's part.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.csr import CsrError, build_csr, inspect_csr
from chainpilot.pki.hashdata import naming_objection
from chainpilot.pki.identity import DistinguishedName, IdentityError, is_evseid, is_seccid
from chainpilot.pki.keys import KeySpec, SpkiHash
from chainpilot.pki.profiles import IsoEdition, edition_for, lint
from chainpilot.pki.verify import VerifiedChain
from chainpilot.station.judgement import INSTALL_RESULTS, StackRefusal, judge, read_stack
from chainpilot.station.layout import LEAF_TYPES, Layout, ProfilePolicy
from chainpilot.station.model import (
    CaCertificateType,
    CertificateStoreUpdate,
    CertificateStoreUpdateOperation,
    GetCertificateSignRequestResult,
    GetCertificateSignRequestStatus,
    InstallCertificateResult,
    InstallOutcome,
    LeafCertificateType,
)
from chainpilot.station.providers import KeyFileError, KeyMakingError, KeyProvider
from chainpilot.station.requirements import profile_of
from chainpilot.station.store import (
    CertificateFile,
    KeyRing,
    Leaves,
    PendingCsr,
    Slot,
    destroy_key,
    encode_pending,
    new_word,
    read_leaves,
    requests,
    room_objection,
    slot_name,
)
from chainpilot.station.vault import Change, Look

__all__ = ["Names", "begin", "complete"]

_DOMAIN_COMPONENT: Final = "CPO"
"""ISO 15118-2 table F.4 for the SECC; the reference writes it into every request."""
_REQUEST_ROOM: Final = 8192
"""Bytes a key and a record need together: about 250 and 700 on P-256, 3500 and 2300 on encrypted RSA-4096."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Names:
    """What the subject of a signing request says."""

    country: str
    organization: str
    common_name: str

    @property
    def subject(self) -> DistinguishedName:
        """The subject C, O, CN, DC=CPO."""
        return DistinguishedName(self.country, self.organization, self.common_name, _DOMAIN_COMPONENT)


def begin(
    change: Change,
    layout: Layout,
    kind: LeafCertificateType,
    names: Names,
    at: datetime,
    *,
    key: KeySpec | None = None,
    in_hardware: bool = False,
) -> GetCertificateSignRequestResult:
    """Stage a new key and the record of its request; both are durable before the request leaves.

    One request may be open per slot (use, common name, ISO edition): while it serves, the same one is answered again
    (OCPP A02: resend the same CSR). Any other of that slot is superseded; its certificate is still taken when it comes.

    Args:
        change: what is staged on.
        layout: paths, limits, key providers.
        kind: what the leaf is for.
        names: of the subject.
        at: now (UTC).
        key: the kind of key; None: as configured for the common name, else for the domain.
        in_hardware: whether the configured hardware provider makes it.
    """
    if kind not in LEAF_TYPES:
        return _no_request(GetCertificateSignRequestStatus.INVALID_REQUESTED_TYPE, f"{kind.value} leaves aren't kept")
    spec = key or layout.key_spec(kind, names.common_name)
    if (objection := _name_objection(kind, names, layout, spec)) is not None:
        return _no_request(GetCertificateSignRequestStatus.GENERATION_ERROR, objection)
    try:
        provider = layout.key_maker(hardware=in_hardware)
    except KeyMakingError as error:
        return _no_request(GetCertificateSignRequestStatus.KEY_GEN_ERROR, error.why)
    wanted = requests.RequestFor(_slot(kind, names, spec), names.subject, spec, provider.suffix)
    open_one = requests.reusable(change, layout, read_leaves(change, layout, kind), wanted, at)
    if open_one is not None:
        return GetCertificateSignRequestResult(GetCertificateSignRequestStatus.ACCEPTED, open_one.pem)
    objection = room_objection(change, layout, certificates=0, size=_REQUEST_ROOM, uses_reserve=True)
    objection = objection or requests.objection_to_more(change, layout, kind)
    if objection is not None:
        return _no_request(GetCertificateSignRequestStatus.GENERATION_ERROR, objection)
    return _begun(change, layout, wanted, provider, at)


def _begun(
    change: Change, layout: Layout, wanted: requests.RequestFor, provider: KeyProvider, at: datetime
) -> GetCertificateSignRequestResult:
    word = new_word(at)
    path = layout.leaf_files(wanted.slot.kind, word, provider.suffix).key
    try:
        wanted.subject.to_name()  # before a key is made that nobody could use
        made = provider.make(wanted.key, path.stem)
        change.otherwise(lambda: destroy_key(provider, made.file))
        csr = inspect_csr(build_csr(made.signer, wanted.subject))
    except KeyMakingError as error:
        return _no_request(GetCertificateSignRequestStatus.KEY_GEN_ERROR, error.why)
    except (IdentityError, CsrError, KeyFileError) as error:
        return _no_request(GetCertificateSignRequestStatus.GENERATION_ERROR, str(error))
    requests.supersede(change, layout, wanted.slot, at)
    pending = PendingCsr(word, wanted.slot.kind, csr, at)
    change.put(path, made.file, private=True)
    change.put(layout.pending_file(word), encode_pending(pending), private=True)
    return GetCertificateSignRequestResult(GetCertificateSignRequestStatus.ACCEPTED, pending.pem)


def _slot(kind: LeafCertificateType, names: Names, key: KeySpec) -> Slot:
    edition = edition_for(key) if kind is LeafCertificateType.V2G else None
    return Slot(kind, slot_name(names.common_name), edition)


def complete(
    change: Change, layout: Layout, text: str, kind: LeafCertificateType | None, at: datetime
) -> InstallOutcome:
    """Stage a leaf with its chain, when all of the following holds.

    1. the store keeps leaves of that use (WriteError) and the text is a chain, leaf first (InvalidFormat,
       InvalidCertificateChain); without a use, a request or a key of ours tells it (InvalidFormat);
    2. the chain leads to an anchor of the use's domain at `at`, or at the leaf's notBefore where that is later: a
       future leaf is accepted and becomes active then;
    3. the leaf fits its profile (InvalidCommonName, InvalidCertificateChain), and its common name (InvalidCommonName)
       and organization (InvalidCertificateChain) are those that were asked for, else those of the newest leaf that is
       installed for that key;
    4. the store holds the leaf's private key (WriteError);
    5. the same leaf isn't there already with the same chain (Accepted, only the request is closed);
    6. it fits into the store (CertificateStoreMaxLengthExceeded).
    """
    # 1
    if kind is not None and kind not in LEAF_TYPES:
        return InstallOutcome(InstallCertificateResult.WRITE_ERROR, f"{kind.value} leaves aren't kept")
    chain = read_stack(text)
    if isinstance(chain, StackRefusal):
        return InstallOutcome(INSTALL_RESULTS[chain.outcome.result], chain.why)
    pending = requests.request_of(change, layout, kind, chain.leaf.spki_hash)
    kind = kind or (pending.kind if pending else _use_of_key(change, layout, chain.leaf.spki_hash))
    if kind is None:
        return InstallOutcome(InstallCertificateResult.INVALID_FORMAT, "no request or key of ours is this leaf's")
    # 2
    verdict = judge(change, layout, chain, (CaCertificateType(kind.value),), max(at, chain.leaf.not_before))
    if not isinstance(verdict, VerifiedChain):
        return InstallOutcome(INSTALL_RESULTS[verdict.result], verdict.reason)
    # 3, 4
    leaves = read_leaves(change, layout, kind)
    wanted = pending.csr.subject if pending else _installed_names(leaves, chain.leaf)
    refusal = _refuse_nameless(verdict.chain) or _refuse_names(chain.leaf.subject, wanted)
    refusal = refusal or _refuse_profile(chain.leaf, kind, layout)
    refusal = refusal or _refuse_keyless(leaves, chain.leaf, _stems(layout, pending))
    if refusal is not None:
        return refusal
    # 5, 6
    if pending is not None:
        change.remove(layout.pending_file(pending.word))
    return _stage(change, layout, leaves, verdict.chain, pending.word if pending else new_word(at))


def _stage(change: Change, layout: Layout, leaves: Leaves, chain: Chain, word: str) -> InstallOutcome:
    held = leaves.find(chain.leaf)
    if held is not None and held.stack == chain.certificates:
        return InstallOutcome(InstallCertificateResult.ACCEPTED, "already installed")
    stack = chain.to_pem().encode("ascii")
    single = chain.leaf.to_pem().encode("ascii")
    files = layout.leaf_files(leaves.kind, word)
    writes = {_replaceable(held.chain_file if held else None) or files.chain: stack}
    if held is None or held.single_path is None:  # a leaf's own file says the same whatever its chain
        writes[files.single] = single
    gone = [file for file in held.files if file.path in writes] if held else []
    count = len(chain.certificates) + (files.single in writes) - sum(file.count for file in gone)
    size = sum(map(len, writes.values())) - sum(file.size for file in gone)
    objection = room_objection(change, layout, certificates=count, size=size, uses_reserve=True)
    if objection is not None:
        return InstallOutcome(InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED, objection)
    for path, data in writes.items():
        change.put(path, data)
    update = CertificateStoreUpdate(CertificateStoreUpdateOperation.INSTALLED, leaf_certificate_type=leaves.kind)
    return InstallOutcome(InstallCertificateResult.ACCEPTED, update=update)


def _replaceable(file: CertificateFile | None) -> Path | None:
    """The chain file to put another chain into: one that holds nothing but certificates in PEM."""
    is_plain = file is not None and file.is_pem and not file.findings and file.holds_only_certificates
    return file.path if file is not None and is_plain else None


def _installed_names(leaves: Leaves, leaf: Certificate) -> DistinguishedName | None:
    """The names of the installed leaf that has the same key; None when that key has none yet.

    Where several have it, those of the one to use first: a station that was renamed with its key kept, by hand, keeps
    its newer name, whatever the files are called.
    """
    return next((held.leaf.subject for held in leaves.leaves if held.leaf.spki_hash == leaf.spki_hash), None)


def _refuse_nameless(chain: Chain) -> InstallOutcome | None:
    """What no hash data can name could neither be listed nor deleted."""
    judged = ((one, naming_objection(one)) for one in chain.certificates)
    found = next(((one, why) for one, why in judged if why is not None), None)
    if found is None:
        return None
    return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, f"{found[0].subject}: {found[1]}")


def _refuse_names(found: DistinguishedName, wanted: DistinguishedName | None) -> InstallOutcome | None:
    """Whoever can issue for our key must not thereby rename us: the names are the station's choice."""
    if wanted is None:
        return None
    if not requests.is_same_name(found.common_name or "", wanted.common_name or ""):
        why = f"it is for {found.common_name or 'nobody'}; {wanted.common_name} was asked for"
        return InstallOutcome(InstallCertificateResult.INVALID_COMMON_NAME, why)
    if _folded(found.organization) != _folded(wanted.organization):
        why = f"its organization is {found.organization or 'absent'}; {wanted.organization} was asked for"
        return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, why)
    return None


def _folded(name: str | None) -> str | None:
    """Case and white space don't tell two organizations apart (RFC 5280 section 7.1)."""
    return None if name is None else " ".join(name.split()).casefold()


def _refuse_profile(leaf: Certificate, kind: LeafCertificateType, layout: Layout) -> InstallOutcome | None:
    profile = profile_of(kind, leaf)
    policy = layout.config.profile_policy(kind)
    findings = () if policy is ProfilePolicy.OFF else lint(leaf, profile)
    if findings and policy is ProfilePolicy.WARN:
        _log.warning("%s is installed, but not a %s: %s", leaf.subject, profile.name, findings[0].detail)
    if not findings or policy is ProfilePolicy.WARN:
        return None
    named = next((finding for finding in findings if finding.rule == "common-name"), None)
    if named is not None:
        return InstallOutcome(InstallCertificateResult.INVALID_COMMON_NAME, named.detail)
    why = f"not a {profile.name}: {findings[0].detail}"
    return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, why)


def _refuse_keyless(leaves: Leaves, leaf: Certificate, stems: tuple[str, ...]) -> InstallOutcome | None:
    if leaves.keys.find(leaf.spki_hash, stems) is not None:
        return None
    trouble = leaves.keys.trouble()
    why = "the store holds no private key for this leaf" + (f" that it can open: {trouble}" if trouble else "")
    return InstallOutcome(InstallCertificateResult.WRITE_ERROR, why)


def _name_objection(kind: LeafCertificateType, names: Names, layout: Layout, spec: KeySpec) -> str | None:
    """Why no certificate for these names could be installed: better said before a key is made and a CA asked."""
    for words, name in (("common name", names.common_name), ("organization", names.organization)):
        if name and not (name.isprintable() and name.strip()):
            return f"the {words} {name!r} has characters that nobody sees"
    if kind is not LeafCertificateType.V2G or layout.config.profile_policy(kind) is not ProfilePolicy.ENFORCE:
        return None
    name = names.common_name
    if edition_for(spec) is IsoEdition.ISO_20 and not is_seccid(name):
        return (
            f"a {spec.value} key is for ISO 15118-20, whose common name is a SECCID: 39 to 64 characters, country and "
            f"operator first, as in DECHP{'0' * 33}1; {name[:64]!r} is none"
        )
    return (
        None
        if is_evseid(name) or is_seccid(name)
        else f"the common name {name[:64]!r} is neither an EVSEID nor a SECCID"
    )


def _use_of_key(look: Look, layout: Layout, wanted: SpkiHash) -> LeafCertificateType | None:
    return next((kind for kind in LEAF_TYPES if _holds_key(look, layout, kind, wanted)), None)


def _holds_key(look: Look, layout: Layout, kind: LeafCertificateType, wanted: SpkiHash) -> bool:
    ring = KeyRing.of(look, layout.leaves[kind].keys, layout.keys)
    return ring.find(wanted) is not None


def _stems(layout: Layout, pending: PendingCsr | None) -> tuple[str, ...]:
    return (layout.leaf_files(pending.kind, pending.word).key.stem,) if pending else ()


def _no_request(status: GetCertificateSignRequestStatus, why: str) -> GetCertificateSignRequestResult:
    return GetCertificateSignRequestResult(status, reason=why)
