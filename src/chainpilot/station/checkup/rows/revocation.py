"""What is wrong with OCSP answers and revocation lists."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = [
    "CRL_DIRECTORY_MISSING",
    "CRL_MISSING",
    "CRL_OUTDATED",
    "CRL_UNREADABLE",
    "OCSP_HALF",
    "OCSP_LEFT_OVER",
    "OCSP_MISSING",
    "OCSP_NO_RESPONDER",
    "OCSP_STALE",
    "OCSP_UNUSABLE",
    "TITLE",
]

TITLE: Final = "OCSP answers and revocation lists"

CRL_DIRECTORY_MISSING: Final = Row(
    "CrlDirectoryMissing",
    Severity.ERROR,
    "crl_directory is {path}, and no revocation list is there.",
    "Nobody notices a revocation; with crl_policy require every chain is refused.",
    "Put the lists of the CAs there, or take the setting back.",
)
CRL_MISSING: Final = Row(
    "CrlMissing",
    Severity.ERROR,
    "{path} holds no usable revocation list by {subject}.",
    "crl_policy is require, so that every certificate it issued is refused.",
    "Put its list there, or set crl_policy to if-present.",
)
CRL_OUTDATED: Final = Row(
    "CrlOutdated",
    Severity.ERROR,
    "The newest revocation list by {subject} in {path} ended on {end}.",
    "Newer revocations go unnoticed; with crl_policy require every certificate it issued is refused.",
    "Fetch the newest list, and see to it that this happens regularly.",
)
CRL_UNREADABLE: Final = Row(
    "CrlUnreadable",
    Severity.WARNING,
    "The revocation list {path} can't be used: {why}.",
    "What it revokes goes unnoticed.",
    "Put it aside, and fetch it once more.",
)
OCSP_MISSING: Final = Row(
    "OcspMissing",
    Severity.WARNING,
    "No OCSP answer is kept for {names}, in the chain of {subject} ({path}).",
    "A car that wants the answers in the TLS handshake gets none and may refuse the station.",
    "Have the CSMS asked (GetCertificateStatus); or ask the responder, and keep its answer.",
)
OCSP_STALE: Final = Row(
    "OcspStale",
    Severity.WARNING,
    "The OCSP answer for {subject} in {path} counts no more: {why}.",
    "It is handed out no more. A car that wants one may refuse the station.",
    "Have a new one fetched. If the responder has none that is newer, tell the CA.",
)
OCSP_UNUSABLE: Final = Row(
    "OcspUnusable",
    Severity.WARNING,
    "The OCSP answer for {subject} in {path} can't be used: {why}.",
    "It is not handed out. A car that wants one may refuse the station; a wrong signer is worth a word to security.",
    "Remove the pair of files, and have a new answer fetched.",
)
OCSP_NO_RESPONDER: Final = Row(
    "OcspNoResponder",
    Severity.NOTICE,
    "{names} name no OCSP responder, and no default_ocsp_url is set.",
    "Nobody can ask whether they are revoked, and no answer can be handed to cars.",
    "Set default_ocsp_url if the PKI has a responder; else there is nothing to do.",
)
OCSP_HALF: Final = Row(
    "OcspHalf",
    Severity.NOTICE,
    "{path} is half of an OCSP answer: {why}.",
    "An answer is kept as two files, one tells whose it is; a half is passed over.",
    "Remove it; the answer is fetched anew.",
)
OCSP_LEFT_OVER: Final = Row(
    "OcspLeftOver",
    Severity.NOTICE,
    "The OCSP answer in {path} is about no certificate that is installed.",
    "It takes room; housekeeping would remove it.",
    "Remove the pair of files.",
)
