"""What is wrong with the store's own state: requests, unfinished changes, room, settings."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = [
    "CHANGE_STUCK",
    "JOURNAL_DAMAGED",
    "LOCKS_MISSING",
    "PARITY_ON",
    "RECORD_UNREADABLE",
    "REQUESTS_SUPERSEDED",
    "REQUEST_KEY_MISSING",
    "REQUEST_OLD",
    "STATE_OPEN_TO_OTHERS",
    "STORE_FULL",
    "STORE_LOCKED",
    "STORE_NEARLY_FULL",
    "TITLE",
    "UNFINISHED_CHANGE",
    "UNFINISHED_FILES",
]

TITLE: Final = "The store's own state"

STORE_LOCKED: Final = Row(
    "StoreLocked",
    Severity.ERROR,
    "Another process has held the lock {path} for more than {waited} seconds.",
    "No command gets an answer while it does. What the store holds was not looked at.",
    "Find the process, and end it if it hangs.",
)
CHANGE_STUCK: Final = Row(
    "ChangeStuck",
    Severity.ERROR,
    "A change that a stopped process left half done can't be completed: {where} {why}.",
    "No command works until it is completed or given up. What the store holds was not looked at.",
    "Put right what it says: the change is completed by the next command then. If it can't be put right, put the "
    "journal aside, and install once more what the change was about.",
)
LOCKS_MISSING: Final = Row(
    "LocksMissing",
    Severity.ERROR,
    "{path} {why}.",
    "Without locks two processes would undo each other's changes, so no command works. What the store holds was not "
    "looked at.",
    "Put the store on a file system that knows locks, as every local one does.",
)
STORE_FULL: Final = Row(
    "StoreFull",
    Severity.ERROR,
    "There is no room for a new leaf with its chain: {why}.",
    "Whatever is to be installed is refused as CertificateStoreMaxLengthExceeded, a renewed leaf too.",
    "Delete what is not needed, or raise the limit.",
)
UNFINISHED_CHANGE: Final = Row(
    "UnfinishedChange",
    Severity.WARNING,
    "A stopped process left a change half done ({path}), and it could not be completed now for want of the lock file.",
    "Half of it may be seen until then.",
    "Make the lock file, as the user who runs the store; the next command, or the doctor, completes the change.",
)
JOURNAL_DAMAGED: Final = Row(
    "JournalDamaged",
    Severity.WARNING,
    "{path} is what was left of a journal that nobody could read.",
    "A change may have been made half: something that was accepted may be missing.",
    "Look whether the last things that were installed are there; then put the file aside.",
)
REQUEST_KEY_MISSING: Final = Row(
    "RequestKeyMissing",
    Severity.WARNING,
    "The signing request for {subject} in {path} has lost its key.",
    "The certificate that comes for it will be refused.",
    "Remove the record, and make a new request.",
)
RECORD_UNREADABLE: Final = Row(
    "RecordUnreadable",
    Severity.WARNING,
    "{path} can't be read: {why}.",
    "The signing request that it told of is forgotten, and a certificate that comes for it may be refused.",
    "Put it aside, and make a new request where one is missing.",
)
REQUEST_OLD: Final = Row(
    "RequestOld",
    Severity.WARNING,
    "The signing request for {subject} of {made} still has no certificate ({path}).",
    "Either no CSMS got it, or its CA hasn't answered yet; meanwhile the leaf in use grows older.",
    "Ask whoever runs the CSMS. A request that no CSMS has gives way to a new one when it is asked for again; the "
    "certificate for one that a CSMS has is installed when it comes.",
)
STORE_NEARLY_FULL: Final = Row(
    "StoreNearlyFull",
    Severity.WARNING,
    "Less than a tenth of the room is left: {why}.",
    "When it is full, whatever is to be installed is refused, a renewed leaf too.",
    "Delete what is not needed, or raise the limit.",
)
STATE_OPEN_TO_OTHERS: Final = Row(
    "StateOpenToOthers",
    Severity.WARNING,
    "{path} has the mode {mode}; {wanted} is enough.",
    "Other users of this machine see what is asked for, and may hold the lock, which stops every command.",
    "Take their rights away.",
)
UNFINISHED_FILES: Final = Row(
    "UnfinishedFiles",
    Severity.NOTICE,
    "A stopped process left {count} behind, the first is {path}.",
    "They take room; the next process that changes the store removes them.",
    "Remove them.",
)
REQUESTS_SUPERSEDED: Final = Row(
    "RequestsSuperseded",
    Severity.NOTICE,
    "{count} in {path} may go: answered, or others took their place.",
    "Their keys take room, and a key that nobody needs can still be stolen.",
    "Keep house, which whoever runs the store does every garbage_collect_seconds.",
)
PARITY_ON: Final = Row(
    "ParityOn",
    Severity.NOTICE,
    "Switched on: {switches}.",
    "The store gives the answers of EVerest's own library there, and takes what it would refuse.",
    "Switch them off, unless something still needs them.",
)
