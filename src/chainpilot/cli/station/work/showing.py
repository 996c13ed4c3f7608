"""`show`: the store as a tree for people, the same facts as JSON for programs."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.answers import Answer, carry_out
from chainpilot.cli.station.work.branches import Branch, branches
from chainpilot.cli.station.work.opening import program
from chainpilot.cli.station.work.picture import picture
from chainpilot.cli.station.work.waiting import due_words
from chainpilot.cli.words import moment, plain
from chainpilot.pki.identity import DistinguishedName
from chainpilot.station import EvseSecurity
from chainpilot.station.model import LeafExpiring
from chainpilot.station.snapshot import Snapshot
from chainpilot.station.store import Slot, slot_name

__all__ = ["show"]

_IN_A_PIPE: Final = 1 << 16
"""Columns where nothing may be broken: wider than any line."""
_NARROWEST: Final = 40
"""Columns at least, however narrow the terminal: the tree's own lines take twenty of them."""


def show(options: StoreOptions, *, as_json: bool) -> Exit:
    """Show the whole store, and what to do next."""

    def ask(store: EvseSecurity) -> Answer:
        snapshot = store.snapshot(detailed=True)
        root = store.layout.root
        code = Exit.NEEDS_SOMEBODY if snapshot.due or snapshot.findings else Exit.DONE
        reason = None if code is Exit.DONE else _count(snapshot)
        steps = tuple(_steps(snapshot, program(options)))
        soon = store.layout.config.expiring_days
        return Answer(picture(snapshot, root), "", code, reason, show=lambda: _show(snapshot, root, steps, soon))

    return carry_out("show", options, ask, as_json=as_json)


def _count(snapshot: Snapshot) -> str:
    found = {"leaf due": len(snapshot.due), "problem": len(snapshot.findings)}
    words = {"leaf due": "leaves due", "problem": "problems"}
    return ", ".join(f"{count} {what if count == 1 else words[what]}" for what, count in found.items() if count)


def _show(snapshot: Snapshot, root: Path, steps: tuple[str, ...], expiring_days: int) -> None:
    width = max(_NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else _IN_A_PIPE
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    tree = Tree(_text(f"{root}, {moment(snapshot.at)} UTC", "bold"), guide_style="dim")
    for branch in branches(snapshot, root, expiring_days):
        _grow(tree, branch)
    console.print(tree)
    if steps:
        console.print()
        console.print(_text("What to do:", "bold"))
        for step in steps:
            console.print(_text(f"  {step}", ""))


def _grow(tree: Tree, branch: Branch) -> None:
    grown = tree.add(_text(branch.words, branch.urgency.value))
    for one in branch.below:
        _grow(grown, one)


def _text(words: str, style: str) -> Text:
    return Text(plain(words), style=style, overflow="fold")


def _steps(snapshot: Snapshot, store: str) -> Iterator[str]:
    if not any(bundle.roots for bundle in snapshot.bundles) and not snapshot.slots:
        yield f"the store is empty; begin with: {store} install-ca-certificate FILE V2G"
    for one in snapshot.due:
        yield f"{due_words(one, snapshot.at)}: {_renewal(one, snapshot, store)}"
    if snapshot.findings:
        count = len(snapshot.findings)
        yield f"{count} problem{'s' if count > 1 else ''}: {store} doctor"


def _renewal(one: LeafExpiring, snapshot: Snapshot, store: str) -> str:
    kind = one.certificate_type.value
    slot = Slot(one.certificate_type, slot_name(one.common_name), one.edition)
    if any(request.slot == slot for request in snapshot.requests):
        return f"it is asked for; when the chain comes: {store} update-leaf-certificate FILE {kind}"
    subjects = (held.leaves[0].leaf.certificate.subject for held in snapshot.slots if held.slot == slot)
    subject = next(subjects, DistinguishedName())
    names = {
        "--country": subject.country or "CC",
        "--organization": subject.organization or "NAME",
        "--common": one.common_name or "NAME",
    }
    words = " ".join(f"{name} {shlex.quote(value)}" for name, value in names.items())
    return f"{store} generate-certificate-signing-request {kind} {words}"
