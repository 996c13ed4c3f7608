"""The canonical messages carry the words of the standard."""

import pytest

from chainpilot.pki.trust import LeafUse
from chainpilot.wire.pnc.messages import GetInstalledCertificateIdsRequest, SignCertificateRequest
from chainpilot.wire.pnc.words import CertificateUse


def test_certificate_uses_are_those_of_2_0_1_the_two_it_dropped_and_the_one_that_2_1_added() -> None:
    assert {use.value for use in CertificateUse} == {
        "V2GRootCertificate",
        "MORootCertificate",
        "CSMSRootCertificate",
        "V2GCertificateChain",
        "ManufacturerRootCertificate",
        "CSOSubCA1",
        "CSOSubCA2",
        "OEMRootCertificate",
    }


def test_messages_are_values() -> None:
    request = SignCertificateRequest("csr", LeafUse.V2G)
    assert request == SignCertificateRequest("csr", LeafUse.V2G)
    assert hash(request) == hash(SignCertificateRequest("csr", LeafUse.V2G))
    with pytest.raises(AttributeError):
        request.csr = "other"  # type: ignore[misc]  # - the very point is that this fails
    assert GetInstalledCertificateIdsRequest() == GetInstalledCertificateIdsRequest(())
