"""The flows that a station begins: enrolments, and what is not served yet."""

from typing import Final

from chainpilot.wire.pnc.dialects import Dialect
from flows import scenarios
from flows.flow import Flow
from flows.stage import Cast

__all__ = ["ENROLMENT_FLOWS"]

H, O, S, V201 = Dialect.H, Dialect.O, Dialect.S, Dialect.V201  # noqa: E741 - the specification's letters

ENROLMENT_FLOWS: Final = (
    Flow(
        name="first-enrolment",
        title="First enrolment of an SECC certificate",
        gist="from a new key on the station to a certificate that it lists",
        text="""\
The station asks for the certificate that it shows to cars (ISO 15118). Nobody waits for the PKI: SignCertificate is
answered as soon as the CSR is judged and written down, and a worker does the rest from the records.

What would be lost with a process is on disk before anybody else hears of it: the enrolment before Accepted, Submitted
before the POST, the PKI's answer before it is judged, Delivered before CertificateSigned. The key never leaves the
station.

An Accepted is no proof. The certificate is proven to be there once the station lists it, with its sub-CAs, in answer
to GetInstalledCertificateIds.
""",
        play=scenarios.enrol,
        casts=(Cast(dialect=H, agent=True), Cast(dialect=O), Cast(dialect=V201)),
    ),
    Flow(
        name="client-certificate",
        title="The client certificate, and the connection that proves it",
        gist="the way to security profile 3",
        text="""\
The certificate by which the CPMS will know the station (security profile 3) takes the same road, from another CA. No
list of OCPP names it, so after the station's Accepted it is recorded as Installed and unproven.

The proof is the station's return: it connects by mutual TLS, and the CPMS finds the certificate that was shown among
those it had issued to this station. That is written down with the connection, whatever is said over it. From then on
the password lets this station in no more, unless the operator switches that off (`raise_profile`).
""",
        play=scenarios.enrol_and_return,
        casts=(Cast(dialect=H, agent=True), Cast(dialect=O), Cast(dialect=S), Cast(dialect=V201)),
    ),
    Flow(
        name="pki-pending",
        title="The PKI answers 202 first",
        gist="a PKI that has not decided is asked again with the same CSR",
        text="""\
A PKI that wants a person's approval answers the POST with 202 and Retry-After (RFC 7030 section 4.2.3). Pending and
the moment of the next try are on disk, so a restart in between changes nothing; the station has had its Accepted and
waits for CertificateSigned.

The same CSR is posted again when the PKI said, or after the CPMS's own wait where that is longer: five seconds at
first, doubled each time, up to an hour. It never becomes a second enrolment.
""",
        play=scenarios.enrol_while_pending,
        casts=(Cast(dialect=H, agent=True, pending_first=True), Cast(dialect=V201, pending_first=True)),
    ),
    Flow(
        name="csr-refused",
        title="The CSR is refused",
        gist="a request that may not be served never reaches the PKI",
        text="""\
A CSR is judged whole before it costs anything: its signature, key and digest, its names against the station's record,
the rights it asks for, and the quotas. Here its subject names an operator (O) that is not the one in the record.

The refusal and its reason are on disk before the station hears Rejected. No enrolment begins, and the PKI hears of
nothing. O and OCPP 2.0.1 carry the reason to the station too; H and S have no room for one. Only what a flood could
bring in masses, such as requests beyond a quota or without TLS, is told to the log and not recorded.
""",
        play=scenarios.ask_for_what_is_not_allowed,
        casts=(
            Cast(dialect=H, agent=True, is_of_operator=False),
            Cast(dialect=O, is_of_operator=False),
            Cast(dialect=S, is_of_operator=False),
            Cast(dialect=V201, is_of_operator=False),
        ),
    ),
    Flow(
        name="station-offline",
        title="The station is offline when its certificate is ready",
        gist="the delivery waits for the station, and goes on when it is back",
        text="""\
The station has its Accepted and goes. The certificate is issued, checked and recorded all the same; then the job
waits on disk without a date, and nobody dials or polls.

Once the station is back and its first call has been answered, the waiting job is due: a station that has not booted
may refuse calls, and one that says nothing is asked after ten seconds. Had the connection ended under
CertificateSigned, the CPMS would first ask whether the certificate is there.
""",
        play=scenarios.leave_and_come_back,
        casts=(Cast(dialect=H), Cast(dialect=O), Cast(dialect=S), Cast(dialect=V201)),
    ),
    Flow(
        name="station-rejects",
        title="The station rejects its certificate, and asks again later",
        gist="a certificate that exists is sent again, not issued again",
        text="""\
The station installs nothing that it can't verify. Here its store lacks the V2G root, so it answers Rejected; the
enrolment is recorded as Failed, with the reason, and is not tried again by itself, since only a change at the station
can help.

When the root is there, the station sends the CSR that is still open once more. The CPMS has a certificate for that
key and orders its delivery again before it answers Accepted. The PKI is not asked, and nothing is issued twice.
""",
        play=scenarios.reject_and_ask_again,
        casts=(
            Cast(dialect=H, agent=True, knows_v2g_root=False),
            Cast(dialect=O, knows_v2g_root=False),
            Cast(dialect=V201, knows_v2g_root=False),
        ),
    ),
    Flow(
        name="not-served-yet",
        title="Contracts, which are not served yet",
        gist="each is refused at once, in the dialect's own words",
        text="""\
This version has no contracts. Authorize with a contract and Get15118EVCertificate are answered at once with a refusal,
since what can't be verified is not good. Nothing is written down.

H has only the words Accepted and CertificateRevoked for a contract's chain; there the refusal stands in idTokenInfo
alone, and a station must want both to be good.
""",
        play=scenarios.ask_what_is_not_served,
        casts=(Cast(dialect=H), Cast(dialect=O), Cast(dialect=V201)),
    ),
)
