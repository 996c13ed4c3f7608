"""What keeps the doctor from looking at a store at all."""

from pathlib import Path

from chainpilot.station.checkup.premises import EntryKind, Premises
from chainpilot.station.checkup.problems import ByHand, Problem, Shell
from chainpilot.station.checkup.rows import files as file_rows
from chainpilot.station.checkup.rows import state as rows
from chainpilot.station.layout import Layout
from chainpilot.station.vault import VaultBusy, VaultError

__all__ = ["denied", "of_busy", "of_missing", "of_stuck", "of_unlocked"]


def of_missing(layout: Layout, premises: Premises) -> Problem | None:
    """No directory stands where the store should be; None when one does."""
    root = layout.root
    entry = premises.entry(root)
    if entry is not None and entry.kind is not EntryKind.DIRECTORY:
        return file_rows.NOT_A_DIRECTORY.found(Shell.of("mv", root, f"{root}.aside"), path=root, kind=entry.kind.value)
    if entry is not None:
        return None
    above = next((path for path in root.parents if premises.entry(path) is not None), None)
    if above is not None and not premises.may_read(above):
        return denied(premises, above)
    if premises.target(root) is not None:
        return file_rows.STORE_MISSING.found(Shell.of("rm", root), Shell.of("mkdir", "-p", root), path=root)
    return file_rows.STORE_MISSING.found(Shell.of("mkdir", "-p", root), path=root)


def of_busy(layout: Layout, error: VaultBusy) -> Problem:
    """Another process holds the lock."""
    lock = layout.state / "lock"
    steps = (Shell.of("fuser", "-v", lock), ByHand("End the process that it names, if it hangs."))
    return rows.STORE_LOCKED.found(*steps, path=lock, waited=f"{error.waited:g}")


def of_stuck(layout: Layout, error: VaultError) -> Problem:
    """A change can't be completed, so that the lock can't be had."""
    journal, aside = layout.state / "journal", layout.state / "aside"
    steps = (Shell.of("mkdir", "-p", "-m", "700", aside), Shell.of("mv", "--backup=numbered", journal, aside))
    return rows.CHANGE_STUCK.found(*steps, path=journal, where=error.path, why=error.why)


def of_unlocked(layout: Layout, error: VaultError) -> Problem:
    """The system gives nobody the lock."""
    step = ByHand(f"Move {layout.root} to a local file system, or let the server of this one keep locks.")
    return rows.LOCKS_MISSING.found(step, path=error.path, why=error.why)


def denied(premises: Premises, path: Path) -> Problem:
    """A file or directory that we may not read."""
    user = premises.user()
    steps = (Shell.of("chown", f"{user}", path), Shell.of("chmod", "u+rX", path))
    return file_rows.PERMISSION_DENIED.found(*steps, path=path, user=user)
