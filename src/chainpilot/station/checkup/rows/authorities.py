"""What is wrong with roots, sub-CAs and their bundles."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = [
    "BUNDLE_EMPTY",
    "BUNDLE_NOT_PEM",
    "BUNDLE_SUB_CA_EXPIRING",
    "BUNDLE_UNFIT",
    "CERTIFICATE_TWICE",
    "HASH_LINKS_WRONG",
    "LEAF_IN_BUNDLE",
    "ORPHAN_CA",
    "ROOT_EXPIRED",
    "ROOT_EXPIRING",
    "ROOT_IN_OTHER_DOMAIN",
    "ROOT_MISSING",
    "ROOT_NOT_YET_VALID",
    "ROOT_OBSOLETE",
    "SUB_CA_OBSOLETE",
    "TEST_PKI_ALLOWED",
    "TEST_ROOT",
    "TITLE",
    "WEAK_ROOT",
]

TITLE: Final = "Roots and bundles"

ROOT_MISSING: Final = Row(
    "RootMissing",
    Severity.ERROR,
    "No root of the domain {domain} counts in {path}, and {needed_by} needs one.",
    "No chain of that domain can be verified: new leaves are refused as NoRootCertificateInstalled, and whoever asks "
    "the store for its anchors gets none.",
    "Get the root from whoever runs the PKI, compare its fingerprint by another way, and install it.",
)
ROOT_EXPIRED: Final = Row(
    "RootExpired",
    Severity.ERROR,
    "The root {subject} in {path} ended on {end}, and {loss}.",
    "Every chain that leads to it is refused, here and by whoever else looks at the time.",
    "Install its successor and have the leaves renewed under that; then delete it, and the CAs below it go with it.",
)
ROOT_OBSOLETE: Final = Row(
    "RootObsolete",
    Severity.NOTICE,
    "The root {subject} in {path} ended on {end}; the domain {domain} has others that are valid.",
    "Chains that lead to it are refused; it only takes room.",
    "Delete it; the CAs below it go with it.",
)
ROOT_NOT_YET_VALID: Final = Row(
    "RootNotYetValid",
    Severity.WARNING,
    "The root {subject} in {path} begins on {begin}.",
    "Until then every chain that leads to it is refused.",
    "Wait until then. If that day is past by your own watch, set the station's clock.",
)
ROOT_EXPIRING: Final = Row(
    "RootExpiring",
    Severity.WARNING,
    "The root {subject} in {path} ends on {end}, in {days}.",
    "From then on every chain that leads to it is refused, by cars and the CSMS too.",
    "Install its successor and have the leaves renewed under that; then delete it, and the CAs below it go with it.",
)
TEST_ROOT: Final = Row(
    "TestRoot",
    Severity.WARNING,
    "{subject} in {path} is the root of a test PKI, and allow_test_pki is not set.",
    "Anybody may have its key. The store passes it over, but a program that reads the bundle itself would trust it.",
    "Delete it. Only on a test bench, set allow_test_pki instead.",
)
TEST_PKI_ALLOWED: Final = Row(
    "TestPkiAllowed",
    Severity.NOTICE,
    "allow_test_pki is set: roots of test PKIs count.",
    "Anybody may have their keys. In production strangers could pose as cars, as the CSMS and as this station.",
    "Take the setting back, except on a test bench.",
)
WEAK_ROOT: Final = Row(
    "WeakRoot",
    Severity.WARNING,
    "The root {subject} in {path} has {weakness}.",
    "Somebody may have broken it. The store refuses every chain that leads to it, other programs may not.",
    "Delete it, and ask whoever runs the PKI for a root with a sound key.",
)
ROOT_IN_OTHER_DOMAIN: Final = Row(
    "RootInOtherDomain",
    Severity.NOTICE,
    "{subject} says that it is of the domain {told}, and lies in the bundle of the domain {domain}, {path}.",
    "It vouches for certificates of a kind that its PKI may not check.",
    "Move it to the bundle of its own domain, unless it is there on purpose or missed once it is gone.",
)
LEAF_IN_BUNDLE: Final = Row(
    "LeafInBundle",
    Severity.WARNING,
    "{subject} in {path} is no CA.",
    "It vouches for nothing, and no command deletes it. A program that reads the bundle itself would trust it.",
    "Take it out of the bundle.",
)
ORPHAN_CA: Final = Row(
    "OrphanCa",
    Severity.WARNING,
    "The sub-CA {subject} in {path} leads to no root there; {issuer} issued it.",
    "It completes no chain, and no command lists or deletes it: that takes its issuer's key.",
    "Take it out of the bundle; should chains need it, install its root first and then it.",
)
SUB_CA_OBSOLETE: Final = Row(
    "SubCaObsolete",
    Severity.NOTICE,
    "The sub-CA {subject} in {path} ended on {end}.",
    "Chains through it are refused; it only takes room.",
    "Delete it; the CAs below it go with it.",
)
BUNDLE_SUB_CA_EXPIRING: Final = Row(
    "BundleSubCaExpiring",
    Severity.NOTICE,
    "The sub-CA {subject} in {path} ends on {end}, in {days}.",
    "From then on it completes no chain any more.",
    "If its PKI has a successor, install that; then delete it.",
)
BUNDLE_UNFIT: Final = Row(
    "BundleUnfit",
    Severity.NOTICE,
    "{names} in {path} count neither as roots nor below one.",
    "A program that reads the bundle itself would trust them, so that get_verify_file answers a copy without them.",
    "Give such programs what get_verify_file answers, and nothing has to be done; else take them out.",
)
CERTIFICATE_TWICE: Final = Row(
    "CertificateTwice",
    Severity.NOTICE,
    "{subject} stands in {path} too; {other} has it already.",
    "It takes room twice, and people who replace one copy miss the other.",
    "Take the second copy out.",
)
BUNDLE_NOT_PEM: Final = Row(
    "BundleNotPem",
    Severity.NOTICE,
    "{path}, in the bundle of the domain {domain}, is DER.",
    "Programs that verify with OpenSSL can't use it: they get a copy from get_verify_file, and none without asking.",
    "Write it as PEM.",
)
HASH_LINKS_WRONG: Final = Row(
    "HashLinksWrong",
    Severity.WARNING,
    "{path} has links by OpenSSL's hashes, and {count} of them are missing or wrong: {names}.",
    "Programs that look CAs up by these links don't find what the store finds, or trust what is gone.",
    "Make the links anew.",
)
BUNDLE_EMPTY: Final = Row(
    "BundleEmpty",
    Severity.NOTICE,
    "{path}, the bundle of the domain {domain}, is there and holds nothing.",
    "Nothing of that domain can be verified, which is right where nobody uses it.",
    "If that domain is used, install its root.",
)
