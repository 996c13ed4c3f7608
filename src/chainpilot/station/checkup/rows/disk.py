"""What is wrong with the disk that the store lies on."""

from typing import Final

from chainpilot.station.checkup.problems import Row, Severity

__all__ = [
    "BUNDLE_MOUNTED_ALONE",
    "DIRECTORY_NOT_WRITABLE",
    "DISK_NEARLY_FULL",
    "READ_ONLY_FILE_SYSTEM",
    "TITLE",
]

TITLE: Final = "The disk"

READ_ONLY_FILE_SYSTEM: Final = Row(
    "ReadOnlyFileSystem",
    Severity.ERROR,
    "The file system of {path} is read-only.",
    "Nothing can be installed, deleted or renewed there.",
    "Mount it writable. If it became read-only by itself, the disk may be failing: look into the kernel's log (dmesg).",
)
DIRECTORY_NOT_WRITABLE: Final = Row(
    "DirectoryNotWritable",
    Severity.ERROR,
    "The user {user}, who asks, may not make files in {path}.",
    "Nothing can be installed, deleted or renewed there.",
    "Ask as the user who runs the store. If that is {user}, give them the directory, as root.",
)
BUNDLE_MOUNTED_ALONE: Final = Row(
    "BundleMountedAlone",
    Severity.ERROR,
    "{path} is mounted by itself.",
    "No program can put a new file in its place: installing and deleting CAs answers WriteError.",
    "Mount its directory in place of the file.",
)
DISK_NEARLY_FULL: Final = Row(
    "DiskNearlyFull",
    Severity.WARNING,
    "The disk of {path} has room for {free}.",
    "A change writes its files anew beside the old ones; when there is no room, everything is refused as WriteError.",
    "Make room there.",
)
