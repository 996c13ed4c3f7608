"""What is wrong with leaves and the chains above them."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = [
    "CA_IN_LEAF_DIRECTORY",
    "CERTIFICATE_REVOKED",
    "CHAIN_BROKEN",
    "CHAIN_INCOMPLETE",
    "CHAIN_NOT_TRUSTED",
    "CHAIN_OF_FORMER_ROOT",
    "LEAF_BREAKS_PROFILE",
    "LEAF_EXPIRED",
    "LEAF_EXPIRING",
    "LEAF_NOT_YET_VALID",
    "LEAF_PROFILE_ADVICE",
    "LEAF_TWICE",
    "LEAF_WAITING",
    "SLOT_CROWDED",
    "SUB_CA_EXPIRED",
    "SUB_CA_EXPIRING",
    "TITLE",
]

TITLE: Final = "Leaves and their chains"

LEAF_EXPIRED: Final = Row(
    "LeafExpired",
    Severity.ERROR,
    "The {use} certificate {subject} in {path} ended on {end}, and there is no later one.",
    "{consequence}",
    "Get a new one: make a signing request, have it issued, install what comes back.",
)
LEAF_NOT_YET_VALID: Final = Row(
    "LeafNotYetValid",
    Severity.ERROR,
    "The {use} certificate {subject} in {path} begins on {begin}, and none is valid before.",
    "{consequence}",
    "Wait until then. If that day is past by your own watch, set the station's clock.",
)
CHAIN_INCOMPLETE: Final = Row(
    "ChainIncomplete",
    Severity.ERROR,
    "The chain file of the {use} certificate {subject} lacks what stands between it and its root: {missing} ({path}).",
    "Whoever gets the chain can't follow it to a root. {consequence}",
    "Install the leaf together with its sub-CAs.",
)
CHAIN_NOT_TRUSTED: Final = Row(
    "ChainNotTrusted",
    Severity.ERROR,
    "The chain of the {use} certificate {subject} in {path} ends at {top}, which {issuer} issued; the domain {domain} "
    "has no such CA.",
    "The station can't verify its own chain, so the next renewal will be refused as well.",
    "If {issuer} is a root, compare its fingerprint by another way and install it; if it is a sub-CA, install the leaf "
    "with the whole chain.",
)
CHAIN_BROKEN: Final = Row(
    "ChainBroken",
    Severity.ERROR,
    "The chain of the {use} certificate {subject} in {path} doesn't verify: {reason}.",
    "Whoever looks at it refuses it. {consequence}",
    "Get a new certificate, and tell whoever runs the PKI the reason; then take the old one out.",
)
CERTIFICATE_REVOKED: Final = Row(
    "CertificateRevoked",
    Severity.ERROR,
    "{subject}, in the chain of {leaf} in {path}, is revoked: {words}.",
    "Whoever asks refuses every chain with it in it. {consequence}",
    "Ask the CA why; get a new certificate, and take out the old one.",
)
SUB_CA_EXPIRED: Final = Row(
    "SubCaExpired",
    Severity.ERROR,
    "The sub-CA {subject} above the {use} certificate {leaf} ended on {end} ({path}).",
    "The leaf is useless, however long it would be valid. {consequence}",
    "Install the leaf with the renewed sub-CA if there is one; else get a new leaf.",
)
LEAF_BREAKS_PROFILE: Final = Row(
    "LeafBreaksProfile",
    Severity.ERROR,
    "{subject} in {path} is not a {profile}: {findings}.",
    "The store would not take it today, and whoever is as strict refuses it. {consequence}",
    "Have the CA correct its profile; then get a new certificate, and take out the old one.",
)
LEAF_EXPIRING: Final = Row(
    "LeafExpiring",
    Severity.WARNING,
    "The {use} certificate {subject} in {path} ends on {end}, in {days}, and there is no later one.",
    "After that: {consequence}",
    "Get a new one: make a signing request, have it issued, install what comes back.",
)
SUB_CA_EXPIRING: Final = Row(
    "SubCaExpiring",
    Severity.WARNING,
    "The sub-CA {subject} above the {use} certificate {leaf} ends on {end}, in {days}, before the leaf does ({path}).",
    "From then on the leaf is useless. {consequence}",
    "Install the leaf with the renewed sub-CA if there is one; else get a new leaf.",
)
LEAF_PROFILE_ADVICE: Final = Row(
    "LeafProfileAdvice",
    Severity.NOTICE,
    "{subject} in {path} is a {profile} that isn't as it should be: {findings}.",
    "It works here; some car or back office may be stricter.",
    "Have the CA correct its profile, and get a new certificate with it when this one is renewed.",
)
CHAIN_OF_FORMER_ROOT: Final = Row(
    "ChainOfFormerRoot",
    Severity.NOTICE,
    "The {use} certificate {subject} in {path} leads to {top}, a root that another one has replaced.",
    "It works as long as the CSMS takes it; its renewal must lead to a root that is installed.",
    "Have it renewed under the new root once the CSMS can: make a signing request, have it issued, install what comes "
    "back.",
)
LEAF_WAITING: Final = Row(
    "LeafWaiting",
    Severity.NOTICE,
    "A further {use} certificate {subject} in {path} begins on {begin}.",
    "It takes over by itself then.",
    "Wait until then.",
)
SLOT_CROWDED: Final = Row(
    "SlotCrowded",
    Severity.NOTICE,
    "{count} {use} certificates for {subject} are valid; the one in use begins on {begin} ({path}).",
    "Only the newest is used; the others take room until they have ended and housekeeping removes them.",
    "After a renewal this is as it should be; else take the others out.",
)
LEAF_TWICE: Final = Row(
    "LeafTwice",
    Severity.NOTICE,
    "{path} holds the same chain or leaf {subject} as {other}.",
    "People who replace one copy miss the other, and the store may go on with it.",
    "Put the copy aside.",
)
CA_IN_LEAF_DIRECTORY: Final = Row(
    "CaInLeafDirectory",
    Severity.NOTICE,
    "{path}, in a directory of leaves, begins with the CA {subject}.",
    "It is passed over: sub-CAs stand behind the leaf in its chain file, roots in a bundle.",
    "Put it aside.",
)
