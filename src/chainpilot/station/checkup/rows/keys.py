"""What is wrong with private keys, in files and in hardware."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = [
    "KEYLESS_LEAF",
    "KEY_AMONG_CERTIFICATES",
    "KEY_MISPLACED",
    "KEY_MISSING",
    "KEY_MODE_TOO_WIDE",
    "KEY_ORPHAN",
    "KEY_OWNER_FOREIGN",
    "KEY_PASSWORD_MISSING",
    "KEY_PASSWORD_WRONG",
    "KEY_UNREADABLE",
    "KEY_WEAK",
    "TITLE",
    "TOKEN_STRAY_KEYS",
    "TOKEN_UNREACHABLE",
]

TITLE: Final = "Private keys"

KEY_MISSING: Final = Row(
    "KeyMissing",
    Severity.ERROR,
    "No private key fits the {use} certificate {subject} in {path}.",
    "A certificate without its key is worth nothing. {consequence}",
    "Bring the key back from a backup into {directory}; else get a new certificate, and take this one out.",
)
KEY_MISPLACED: Final = Row(
    "KeyMisplaced",
    Severity.ERROR,
    "The private key of the {use} certificate {subject} is {path}; keys of that domain belong into {directory}.",
    "It isn't found there, so the certificate counts for nothing. {consequence}",
    "Move the key.",
)
KEY_UNREADABLE: Final = Row(
    "KeyUnreadable",
    Severity.ERROR,
    "The key file {path} {why}.",
    "The certificate that it belongs to can't be used.",
    "Put it aside, and bring the key back from a backup or enrol again.",
)
KEY_PASSWORD_MISSING: Final = Row(
    "KeyPasswordMissing",
    Severity.ERROR,
    "The key file {path} is encrypted, and no private_key_password is set.",
    "The certificate that it belongs to can't be used.",
    "Set the password that it was encrypted with.",
)
KEY_PASSWORD_WRONG: Final = Row(
    "KeyPasswordWrong",
    Severity.ERROR,
    "The key file {path} doesn't open with the private_key_password that is set.",
    "The certificate that it belongs to can't be used. Either the password is another one, or the file is broken.",
    "Set the password that it was encrypted with. Where the one that is set opens other keys, encrypt this one anew.",
)
KEY_MODE_TOO_WIDE: Final = Row(
    "KeyModeTooWide",
    Severity.ERROR,
    "The key file {path} has the mode {mode}; {wanted} is configured.",
    "Other users of this machine may read or replace it, and whoever has the key can pose as this station.",
    "Take their rights away; if somebody may have read it, enrol again.",
)
KEY_AMONG_CERTIFICATES: Final = Row(
    "KeyAmongCertificates",
    Severity.ERROR,
    "{path} holds a private key among certificates.",
    "Files of certificates are readable for all and handed out, and the key isn't looked for there. Whoever has it can "
    "pose as its owner.",
    "Take the key out of there. If somebody may have read it, enrol again.",
)
KEY_WEAK: Final = Row(
    "KeyWeak",
    Severity.ERROR,
    "The {use} certificate {subject} in {path} has {weakness}.",
    "Somebody may break it, and whoever checks refuses it. {consequence}",
    "Get a new certificate with a sound key, and take out the old one.",
)
TOKEN_UNREACHABLE: Final = Row(
    "TokenUnreachable",
    Severity.ERROR,
    "A provider of keys in hardware doesn't answer: {why}.",
    "Certificates whose keys are there can't be used, and requests with use_tpm fail.",
    "Do what it says: plug the token in, or correct its settings or its PIN.",
)
KEYLESS_LEAF: Final = Row(
    "KeylessLeaf",
    Severity.NOTICE,
    "No private key fits the {use} certificate {subject} in {path}; another of its slot is in use.",
    "A certificate without its key is worth nothing; it only takes room.",
    "Take it out.",
)
KEY_OWNER_FOREIGN: Final = Row(
    "KeyOwnerForeign",
    Severity.WARNING,
    "The key file {path} belongs to the user {owner}, its directory to {directory_owner}.",
    "The process that runs the store as {directory_owner} may not be able to read it; as a rule somebody worked here "
    "as root.",
    "Give it to the directory's owner, as root.",
)
KEY_ORPHAN: Final = Row(
    "KeyOrphan",
    Severity.NOTICE,
    "No certificate and no signing request uses the key file {path}, there since {arrived}.",
    "It takes room, and a key that nobody needs can still be stolen.",
    "Put it aside; destroy it when nobody misses it.",
)
TOKEN_STRAY_KEYS: Final = Row(
    "TokenStrayKeys",
    Severity.NOTICE,
    "The token holds {count} that no file of this store names: {names}.",
    "As a rule a process was stopped in between; they take room on the token.",
    "Delete them with the token's own program, unless another store uses them.",
)
