"""The station's half of an enrolment: a key and its signing request go out, the certificate comes back.

`begin` is step 1 and `complete` step 7 of the flow (architecture.md section 3); the back office's half has the same
file name there. Talking to a CSMS, and repeating a request it didn't answer, is the adapters' and the app's part.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.csr import build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName, IdentityError, is_evseid, normal_evseid
from chainpilot.pki.keys import KeySpec, SpkiHash, generate_private_key
from chainpilot.pki.profiles import CSMS_CLIENT_LEAF, SECC_LEAF, Profile, lint
from chainpilot.pki.verify import VerifiedChain
from chainpilot.station.judgement import INSTALL_RESULTS, StackRefusal, judge, read_stack
from chainpilot.station.layout import LEAF_TYPES, Layout
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
from chainpilot.station.store import (
    KeyRing,
    Leaves,
    PendingCsr,
    encode_pending,
    new_word,
    read_bundle,
    read_leaves,
    read_pending,
    room_objection,
    write_key,
)
from chainpilot.station.vault import Change, Look

__all__ = ["Names", "begin", "complete", "open_requests", "use_of"]

_DOMAIN_COMPONENT: Final = "CPO"
"""ISO 15118-2 table F.4 for the SECC; the reference writes it into every request."""
_PROFILES: Final = {LeafCertificateType.V2G: SECC_LEAF, LeafCertificateType.CSMS: CSMS_CLIENT_LEAF}
_REQUEST_ROOM: Final = 2048
"""Bytes a key and a record need together: about 250 and 700 on P-256."""


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
    change: Change, layout: Layout, kind: LeafCertificateType, names: Names, at: datetime
) -> GetCertificateSignRequestResult:
    """Stage a new key and the record of its request; both are durable before the request leaves.

    One request may be open per slot (use, common name): while it is, the same one is answered again (OCPP A02: resend
    the same CSR). A request for other names in that slot, or one whose lifetime ended, gives way together with its key.
    """
    if kind not in LEAF_TYPES:
        return _no_request(GetCertificateSignRequestStatus.INVALID_REQUESTED_TYPE, f"{kind.value} leaves aren't kept")
    leaves = read_leaves(change, layout, kind, layout.config.private_key_password)
    for pending in _slot(change, layout, kind, names.common_name):
        if _still_serves(pending, leaves, names, at, layout):
            return GetCertificateSignRequestResult(GetCertificateSignRequestStatus.ACCEPTED, pending.pem)
        _drop(change, layout, pending, leaves)
    objection = room_objection(change, layout, certificates=0, size=_REQUEST_ROOM)
    if objection is not None:
        return _no_request(GetCertificateSignRequestStatus.GENERATION_ERROR, objection)
    key = generate_private_key(KeySpec.P256)
    try:
        csr = inspect_csr(build_csr(key, names.subject))
    except IdentityError as error:
        return _no_request(GetCertificateSignRequestStatus.GENERATION_ERROR, error.why)
    pending = PendingCsr(new_word(at), kind, csr, at)
    password = layout.config.private_key_password if layout.config.encrypt_generated_keys else ""
    change.put(layout.leaf_files(kind, pending.word).key, write_key(key, password), private=True)
    change.put(layout.pending_file(pending.word), encode_pending(pending), private=True)
    return GetCertificateSignRequestResult(GetCertificateSignRequestStatus.ACCEPTED, pending.pem)


def complete(change: Change, layout: Layout, text: str, kind: LeafCertificateType, at: datetime) -> InstallOutcome:
    """Stage a leaf with its chain, when all of the following holds.

    1. the store keeps leaves of that use (WriteError) and the text is a chain, leaf first (InvalidFormat,
       InvalidCertificateChain);
    2. the chain leads to an anchor of the use's domain at `at`, or at the leaf's notBefore where that is later: a
       future leaf is accepted and becomes active then;
    3. the leaf fits its profile (InvalidCommonName, InvalidCertificateChain), and its name is the one that was asked
       for (InvalidCommonName);
    4. the store holds the leaf's private key (WriteError);
    5. the same leaf isn't there already with the same chain (Accepted, only the request is closed);
    6. it fits into the store (CertificateStoreMaxLengthExceeded).
    """
    # 1
    if kind not in LEAF_TYPES:
        return InstallOutcome(InstallCertificateResult.WRITE_ERROR, f"{kind.value} leaves aren't kept")
    chain = read_stack(text)
    if isinstance(chain, StackRefusal):
        return InstallOutcome(INSTALL_RESULTS[chain.outcome.result], chain.why)
    # 2
    bundle = read_bundle(change, layout, CaCertificateType(kind.value))
    moment = max(at, chain.leaf.not_before)
    verdict = judge(chain, (bundle,), moment, allow_test_pki=layout.config.allow_test_pki)
    if not isinstance(verdict, VerifiedChain):
        return InstallOutcome(INSTALL_RESULTS[verdict.result], verdict.reason)
    # 3
    pending = _request_of(change, layout, kind, chain.leaf)
    if (refusal := _refuse_profile(chain.leaf, kind, pending, layout)) is not None:
        return refusal
    # 4
    leaves = read_leaves(change, layout, kind, layout.config.private_key_password)
    if leaves.keys.find(chain.leaf.spki_hash, _stems(layout, pending)) is None:
        return InstallOutcome(InstallCertificateResult.WRITE_ERROR, "the store holds no private key for this leaf")
    # 5, 6
    if pending is not None:
        change.remove(layout.pending_file(pending.word))
    return _stage(change, layout, leaves, verdict.chain, pending.word if pending else new_word(at))


def open_requests(look: Look, layout: Layout, at: datetime) -> tuple[PendingCsr, ...]:
    """The requests whose certificate is still waited for, oldest first."""
    pending, _ = read_pending(look, layout)
    return tuple(one for one in pending if one.is_open(at, layout.config.csr_lifetime_seconds))


def use_of(look: Look, layout: Layout, text: str) -> LeafCertificateType | None:
    """The use of the open request, else of the key in the store, that has the leaf's public key; None without one."""
    chain = read_stack(text)
    if isinstance(chain, StackRefusal):
        return None
    pending, _ = read_pending(look, layout)
    wanted = chain.leaf.spki_hash
    asked = next((one.kind for one in pending if one.csr.spki_hash == wanted), None)
    return asked or next((kind for kind in LEAF_TYPES if _holds_key(look, layout, kind, wanted)), None)


def _stage(change: Change, layout: Layout, leaves: Leaves, chain: Chain, word: str) -> InstallOutcome:
    held = leaves.find(chain.leaf)
    if held is not None and held.stack == chain.certificates:
        return InstallOutcome(InstallCertificateResult.ACCEPTED, "already installed")
    stack = chain.to_pem().encode("ascii")
    single = chain.leaf.to_pem().encode("ascii")
    files = layout.leaf_files(leaves.kind, word)
    writes = {
        (held.single_path if held and held.single_path else files.single): single,
        (held.chain_path if held and held.chain_path else files.chain): stack,
    }
    count = len(chain.certificates) + 1
    objection = room_objection(change, layout, certificates=count, size=len(stack) + len(single))
    if objection is not None:
        return InstallOutcome(InstallCertificateResult.CERTIFICATE_STORE_MAX_LENGTH_EXCEEDED, objection)
    for path, data in writes.items():
        change.put(path, data)
    update = CertificateStoreUpdate(CertificateStoreUpdateOperation.INSTALLED, leaf_certificate_type=leaves.kind)
    return InstallOutcome(InstallCertificateResult.ACCEPTED, update=update)


def _refuse_profile(
    leaf: Certificate, kind: LeafCertificateType, pending: PendingCsr | None, layout: Layout
) -> InstallOutcome | None:
    common = leaf.subject.common_name or ""
    if pending is not None and not _same_name(common, pending.csr.common_name):
        why = f"it is for {common or 'nobody'}; {pending.csr.common_name} was asked for"
        return InstallOutcome(InstallCertificateResult.INVALID_COMMON_NAME, why)
    profile: Profile = _PROFILES[kind]
    findings = lint(leaf, profile) if kind in layout.config.enforce_profiles else ()
    if not findings:
        return None
    named = next((finding for finding in findings if finding.rule == "common-name"), None)
    if named is not None:
        return InstallOutcome(InstallCertificateResult.INVALID_COMMON_NAME, named.detail)
    why = f"not a {profile.name}: {findings[0].detail}"
    return InstallOutcome(InstallCertificateResult.INVALID_CERTIFICATE_CHAIN, why)


def _same_name(one: str, other: str) -> bool:
    """Equal, or two spellings of one EVSEID: a CA may leave its separators out."""
    return one == other or (is_evseid(one) and is_evseid(other) and normal_evseid(one) == normal_evseid(other))


def _slot(look: Look, layout: Layout, kind: LeafCertificateType, common_name: str) -> tuple[PendingCsr, ...]:
    pending, _ = read_pending(look, layout)
    return tuple(one for one in pending if one.kind is kind and one.csr.common_name == common_name)


def _still_serves(pending: PendingCsr, leaves: Leaves, names: Names, at: datetime, layout: Layout) -> bool:
    return (
        pending.is_open(at, layout.config.csr_lifetime_seconds)
        and pending.csr.subject == names.subject
        and leaves.keys.find(pending.csr.spki_hash) is not None
    )


def _drop(change: Change, layout: Layout, pending: PendingCsr, leaves: Leaves) -> None:
    """Give a request up; its key goes too unless a certificate uses it (station-store.md rows 4 and 13)."""
    change.remove(layout.pending_file(pending.word))
    if all(stored.leaf.spki_hash != pending.csr.spki_hash for stored in leaves.leaves):
        change.remove(layout.leaf_files(pending.kind, pending.word).key)


def _request_of(look: Look, layout: Layout, kind: LeafCertificateType, leaf: Certificate) -> PendingCsr | None:
    pending, _ = read_pending(look, layout)
    return next((one for one in pending if one.kind is kind and one.csr.spki_hash == leaf.spki_hash), None)


def _holds_key(look: Look, layout: Layout, kind: LeafCertificateType, wanted: SpkiHash) -> bool:
    ring = KeyRing(look, layout.leaves[kind].keys, layout.config.private_key_password)
    return ring.find(wanted) is not None


def _stems(layout: Layout, pending: PendingCsr | None) -> tuple[str, ...]:
    return (layout.leaf_files(pending.kind, pending.word).key.stem,) if pending else ()


def _no_request(status: GetCertificateSignRequestStatus, why: str) -> GetCertificateSignRequestResult:
    return GetCertificateSignRequestResult(status, reason=why)
