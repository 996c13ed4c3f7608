"""What a running agent prints of a certificate that didn't come: why, and when it asks again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chainpilot.cli.station.work.happenings import facts_of, words_of
from chainpilot.pki.trust import LeafUse
from chainpilot.station.model import InstallCertificateResult
from chainpilot.station.watch import CertificateReceived, SignCertificateAnswered

AT = datetime(2026, 11, 26, 21, 4, 40, tzinfo=UTC)
NAME = "DE*CHP*E0002*1"
REFUSED: dict[str, Any] = {"why": "no path", "result": InstallCertificateResult.INVALID_CERTIFICATE_CHAIN}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            CertificateReceived(LeafUse.V2G, **REFUSED, asks_again=AT),
            "Refused an SECC certificate: InvalidCertificateChain, no path; asks again at 26 Nov 2026 21:04:40",
        ),
        (
            CertificateReceived(LeafUse.CSMS, **REFUSED),
            "Refused a client certificate: InvalidCertificateChain, no path; no time is set to ask again",
        ),
        (CertificateReceived(LeafUse.CSMS, InstallCertificateResult.ACCEPTED), "Took a client certificate"),
        (
            SignCertificateAnswered(LeafUse.V2G, NAME, accepted=False, why="it is busy", asks_again=AT),
            "No SECC certificate yet: it is busy; asks again at 26 Nov 2026 21:04:40",
        ),
        (
            SignCertificateAnswered(LeafUse.V2G, NAME, accepted=True),
            "The CSMS takes the request for an SECC certificate",
        ),
    ],
)
def test_a_certificate_that_did_not_come_is_told_with_the_time_of_the_next_request(event: Any, words: str) -> None:
    assert words_of(event) == words


def test_programs_are_told_that_time_too() -> None:
    told = facts_of(CertificateReceived(LeafUse.V2G, **REFUSED, asks_again=AT))
    assert told is not None
    assert told["asks_again"] == "2026-11-26T21:04:40Z"
