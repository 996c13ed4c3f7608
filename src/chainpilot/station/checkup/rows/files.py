"""What is wrong with files and the places they lie in."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = [
    "CERTIFICATE_BROKEN",
    "CERTIFICATE_UNREADABLE",
    "FILE_TOO_LONG",
    "LINK_LEADS_NOWHERE",
    "LINK_LEADS_OUT",
    "NOT_A_DIRECTORY",
    "NOT_A_FILE",
    "PERMISSION_DENIED",
    "STORE_MISSING",
    "TITLE",
    "UNKNOWN_SUFFIX",
    "WRITABLE_BY_OTHERS",
]

TITLE: Final = "Files and directories"

STORE_MISSING: Final = Row(
    "StoreMissing",
    Severity.ERROR,
    "The certificates directory {path} isn't there.",
    "The store is empty: no root, no leaf, no key.",
    "Correct --certs or certs_dir if that is not the place; else make the directory, as the user who runs the store.",
)
NOT_A_DIRECTORY: Final = Row(
    "NotADirectory",
    Severity.ERROR,
    "{path} is {kind}; the store needs a directory there.",
    "Nothing that belongs there can be read or written.",
    "Move it out of the way; the store makes the directory when it needs it.",
)
PERMISSION_DENIED: Final = Row(
    "PermissionDenied",
    Severity.ERROR,
    "{path} can't be read by the user {user}, who asks.",
    "What is in it is unknown, here and to every process of that user.",
    "Ask as the user who runs the store. If that is {user}, give them the file, as root.",
)
CERTIFICATE_UNREADABLE: Final = Row(
    "CertificateUnreadable",
    Severity.ERROR,
    "{path} {why}.",
    "What it was to hold is missing; and since that may be anything, housekeeping removes nothing any more.",
    "Put it aside, and install what it was to hold once more.",
)
CERTIFICATE_BROKEN: Final = Row(
    "CertificateBroken",
    Severity.WARNING,
    "Of {path}, {blocks} can't be read: {why}.",
    "What was to stand there is missing; and since that may be anything, housekeeping removes nothing any more.",
    "Take the broken part out, and install what it was once more.",
)
NOT_A_FILE: Final = Row(
    "NotAFile",
    Severity.WARNING,
    "{path} is {kind}; the store reads files.",
    "It is passed over, and stands in the way of what should be there.",
    "Put it aside.",
)
FILE_TOO_LONG: Final = Row(
    "FileTooLong",
    Severity.WARNING,
    "{path} has {size} bytes; max_file_bytes allows {limit}.",
    "It is not read, so that nothing in it counts.",
    "Raise the limit if the file is as it should be; else put it aside.",
)
WRITABLE_BY_OTHERS: Final = Row(
    "WritableByOthers",
    Severity.ERROR,
    "{path} has the mode {mode}: every user of this machine may change it.",
    "Any of them can add a root of their own, and whatever it vouches for is trusted from then on.",
    "Take that right away, and look at what is in there.",
)
UNKNOWN_SUFFIX: Final = Row(
    "UnknownSuffix",
    Severity.NOTICE,
    "{path} holds a certificate; files of that suffix are not read.",
    "It is passed over; read are .pem, .crt, .cer and .der.",
    "Name it with one of these if it is to count.",
)
LINK_LEADS_NOWHERE: Final = Row(
    "LinkLeadsNowhere",
    Severity.NOTICE,
    "{path} is a link to {target}, where nothing is.",
    "What it led to is missing.",
    "Remove the link, or bring back what it led to.",
)
LINK_LEADS_OUT: Final = Row(
    "LinkLeadsOut",
    Severity.NOTICE,
    "{path} is a link to {target}, outside of {root}.",
    "Whoever may write there changes the store, and a backup of the store lacks it.",
    "Put a copy in the place of the link, unless it is there on purpose.",
)
