"""A certificate asked for in earnest, to see whether a station's request would go through."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chainpilot.clock import Clock
from chainpilot.cpms.adapters.est_http import EstHttp
from chainpilot.cpms.checkup.findings import Finding, Grade, Step
from chainpilot.cpms.config import PkiConfig
from chainpilot.cpms.enrolment.checks import Unfit, check_issued
from chainpilot.cpms.model import Slot
from chainpilot.cpms.ports import CaPending
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr, build_csr, inspect_csr
from chainpilot.pki.identity import DistinguishedName, StationId
from chainpilot.pki.keys import KeySpec, generate_private_key
from chainpilot.pki.trust import LeafUse, TrustAnchors

__all__ = ["Judge", "TestRequest", "ask_in_earnest"]

_NOBODY: Final = StationId("check-pki")


@dataclass(frozen=True, slots=True)
class TestRequest:
    """A certificate to be asked for in earnest, with a key that is thrown away."""

    __test__ = False
    """It is no test, whatever its name makes pytest think."""

    common_name: str
    organization: str
    country: str
    use: LeafUse

    def csr(self) -> Csr:
        """A request with a new key. Raises IdentityError where the names can't be written."""
        domain = "CPO" if self.use is LeafUse.V2G else None
        subject = DistinguishedName(self.country, self.organization, self.common_name, domain)
        return inspect_csr(build_csr(generate_private_key(KeySpec.P256), subject))


@dataclass(frozen=True, slots=True)
class Judge:
    """What the answer is judged by."""

    cacerts: Sequence[Certificate]
    anchors: TrustAnchors
    clock: Clock


async def ask_in_earnest(authority: EstHttp, pki: PkiConfig, request: TestRequest, judge: Judge) -> Finding:
    """Ask for it, and judge what comes as for a station. Raises CaRefused, CaUndecided."""
    if request.use is LeafUse.V2G and not pki.csr_profile.admits(request.common_name):
        seen = f"{request.common_name} is not what csr_profile takes ({pki.csr_profile.value}); nothing was sent"
        return Finding(Step.ENROLMENT, Grade.FAILED, seen, "ask for a name of that kind")
    csr = request.csr()
    answer = await authority.simpleenroll(csr)
    if isinstance(answer, CaPending):
        seen = f"not issued yet (202): the PKI wants the same request again at {answer.retry_at:%Y-%m-%d %H:%M} UTC"
        return Finding(
            Step.ENROLMENT, Grade.WARNING, seen, "the CPMS would ask again; cancel this one, its key is gone"
        )
    slot = Slot.of(_NOBODY, request.use, request.common_name)
    judged = check_issued(csr, slot, answer.certificates, judge.cacerts, judge.anchors, at=judge.clock.now())
    if isinstance(judged, Unfit):
        seen = f"issued, and no station would get it: {judged.reason.value}: {judged.detail}"
        facts = {"reason": judged.reason.value}
        return Finding(Step.ENROLMENT, Grade.FAILED, seen, "tell the PKI, and revoke that certificate", facts)
    leaf = judged.leaf
    serial = f"{leaf.serial_number:x}"
    named = f"{request.common_name} until {leaf.not_after:%Y-%m-%d}"
    seen = f"issued for {named}, serial {serial}, every check holds; its key is gone: revoke it"
    facts = {"serial_number": serial, "not_after": leaf.not_after.isoformat()}
    return Finding(Step.ENROLMENT, Grade.OK, seen, facts=facts)
