"""The verifier's reasons in EVerest's words: none is without one."""

from chainpilot.pki.verify import Reason
from chainpilot.station.judgement import INSTALL_RESULTS, RESULTS
from chainpilot.station.model import CertificateValidationResult, InstallCertificateResult


def test_every_reason_has_a_result_and_none_is_valid() -> None:
    assert set(RESULTS) == set(Reason)
    assert CertificateValidationResult.VALID not in RESULTS.values()


def test_every_validation_result_has_an_install_result_and_only_valid_is_accepted() -> None:
    assert set(INSTALL_RESULTS) == set(CertificateValidationResult)
    accepted = [key for key, value in INSTALL_RESULTS.items() if value is InstallCertificateResult.ACCEPTED]
    assert accepted == [CertificateValidationResult.VALID]


def test_only_a_missing_issuer_is_told_as_a_missing_issuer() -> None:
    told = [reason for reason, result in RESULTS.items() if result is CertificateValidationResult.ISSUER_NOT_FOUND]
    assert told == [Reason.ISSUER_NOT_FOUND]
