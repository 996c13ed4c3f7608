"""A store on the bench: healthy at first, something is planted, the doctor looks, and its advice is followed."""

import os
import pickle
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from certs import FROM, UNTIL, Pki, csms_pki, v2g_pki
from chainpilot.clock import SYSTEM
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import hash_data
from chainpilot.station import EvseSecurity
from chainpilot.station.checkup import (
    OS_PREMISES,
    ByHand,
    Command,
    Examination,
    Need,
    Premises,
    Problem,
    Setting,
    Shell,
)
from chainpilot.station.config_file import read_store_file
from chainpilot.station.layout import Parity
from chainpilot.station.model import CaCertificateType, LeafCertificateType
from cli.station.runs import station
from clocks import SetClock
from forge import Forged
from ocsp_answers import answer, cert_id, single
from stock import Placed, leaf, place, put
from stores import enrol, open_store

__all__ = ["CSMS", "NOBODY", "NOW", "SECOND", "V2G", "Bench", "Given", "Planted", "SteadyClock", "benches"]

NOW = datetime(2026, 6, 1, tzinfo=UTC)
V2G, CSMS = LeafCertificateType.V2G, LeafCertificateType.CSMS
SECOND = "DE*CHP*E1234*2"
"""The EVSE whose leaf is ill; the first one's stays as it is."""
NOBODY = 65534

Given = Callable[["Bench"], bytes | str]


class Bench:
    """A store with roots and leaves of both domains and everything in order, at a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.directory = folder / "certs"
        self.workshop = folder / "workshop"
        """What people bring lies there."""
        self.workshop.mkdir()
        self.clock = SetClock(NOW)
        self.settings: dict[str, Any] = {"default_ocsp_url": "http://ocsp.example/"}
        self.premises: Premises = OS_PREMISES
        self.user: int | None = None
        """As whom the doctor looks; None: as the test itself."""
        self.stack = ExitStack()
        self.patches = self.stack.enter_context(ExitStack())
        """Of the system, until what it is ill with is cured."""
        self.v2g, self.csms = v2g_pki(), csms_pki()
        self.csr = ""
        """What the last signing request printed."""
        self.tokens: Any = None
        self.holder: Any = None
        self.ill: Forged | None = None
        """What was planted, where following the advice needs it again."""
        store = self.open()
        for pki, kind in ((self.v2g, CaCertificateType.V2G), (self.csms, CaCertificateType.CSMS)):
            assert store.install_ca(pki.root.certificate.to_pem(), kind).accepted
        enrol(store, self.v2g)
        enrol(store, self.csms, CSMS, "CS-0001")
        for stored in (self.first, self.v2g.issuing.certificate, self.v2g.sub1.certificate):
            self.keep_answer(stored)

    def open(self, **changes: Any) -> EvseSecurity:
        """The store, opened anew: nothing is remembered."""
        return open_store(self.directory, clock=self.clock, **(self.settings | changes))

    def bundle(self, kind: CaCertificateType) -> Path:
        """Where a domain's roots lie."""
        return self.open().layout.bundles[kind]

    @property
    def leaves(self) -> Path:
        """Where SECC leaves and their keys lie."""
        return self.directory / "client/cso"

    @property
    def state(self) -> Path:
        """The store's own state."""
        return self.directory / ".chainpilot"

    @property
    def held(self) -> tuple[Certificate, ...]:
        """Every certificate of the leaves."""
        slots = self.open().snapshot().slots
        return tuple(one.leaf.certificate for slot in slots for one in slot.leaves)

    @property
    def weight(self) -> int:
        """What counts of the store's files towards its limit."""
        kept = (path for path in self.directory.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in kept if path.parent != self.state)

    def give_to(self, user: int) -> None:
        """The store becomes that user's, who asks the doctor from now on; nobody else's where we may not do that."""
        self.user = user
        if os.geteuid() == 0:
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, user, user, follow_symlinks=False)

    @property
    def first(self) -> Certificate:
        """The leaf of the first EVSE."""
        held = self.open().snapshot().slots
        return next(one.leaves[0].leaf.certificate for one in held if one.slot.kind is V2G)

    def place(
        self, common: str = SECOND, *, pki: Pki | None = None, kind: LeafCertificateType = V2G, **changes: Any
    ) -> Placed:
        """Another leaf with its key and, where it leads to the V2G root, with an OCSP answer."""
        pki = pki or self.v2g
        placed = place(
            self.open(), pki, leaf(pki, common, **changes), name=f"ILL_{len(list(self.leaves.iterdir()))}", kind=kind
        )
        placed.key.chmod(0o600)
        if pki.root is self.v2g.root and kind is V2G:
            self.keep_answer(placed.leaf.certificate)
        return placed

    def issuer_of(self, certificate: Certificate) -> Forged:
        """Who signed it."""
        above = (*([self.ill] if self.ill else []), self.v2g.issuing, self.v2g.sub1, self.v2g.root)
        return next(one for one in above if certificate.was_signed_by(one.certificate))

    def answer(self, certificate: Certificate, **changes: Any) -> bytes:
        """What a responder says of it: good, from 2025 to 2045; `changes` are of the single answer."""
        issuer = self.issuer_of(certificate)
        named = cert_id(certificate, issuer.certificate, "sha256")
        return answer(issuer, single(named, **({"since": FROM, "until": UNTIL} | changes)), produced=FROM)

    def keep_answer(self, certificate: Certificate, data: bytes | None = None) -> Path:
        """Put an OCSP answer where the store keeps them, as the reference does."""
        named = hash_data(certificate, self.issuer_of(certificate).certificate)
        path = self.leaves / "ocsp" / f"{named.serial_number}_ocsp.der"
        lines = (named.hash_algorithm.value, named.issuer_name_hash, named.issuer_key_hash, named.serial_number)
        put(path.with_suffix(".hash"), "".join(f"{line}\n" for line in lines))
        return put(path, data if data is not None else self.answer(certificate))

    def examine(self) -> Examination:
        """What the doctor says."""
        if self.user is None:
            return self.open().examination(self.premises)
        return _as_user(self.user, lambda: self.open().examination(self.premises))

    @property
    def codes(self) -> list[str]:
        """The codes of all problems."""
        return sorted(one.code for one in self.examine().problems)

    def follow(self, problem: Problem, case: "Planted") -> None:
        """Do what the doctor says, step by step, as it stands."""
        for step in problem.steps:
            match step:
                case Shell():
                    (case.shell or _run)(self, self._filled(step.line, step.needs, case))
                case Command():
                    self._command([self._filled(word, step.needs, case) for word in step.words])
                case Setting():
                    text = f"{step.key} = {self._filled(step.value, step.needs, case)}\n"
                    self.settings |= read_store_file(text).settings
                case ByHand():
                    assert case.by_hand is not None, step.what
                    case.by_hand(self)

    def _filled(self, text: str, needs: tuple[Need, ...], case: "Planted") -> str:
        """The text with what people bring in the place of its name."""
        for need in (one for one in needs if one.name in text):
            brought = case.given[need.name](self)
            if need.name.partition(".")[2]:
                brought = str(put(self.workshop / need.name, brought))
            text = text.replace(need.name, str(brought))
        return text

    def _command(self, words: list[str]) -> None:
        """On the command line, with the settings in a file."""
        config = put(self.workshop / "store.toml", "".join(_toml(key, value) for key, value in self.settings.items()))
        done = station(self.directory, "--config", config, *words)
        assert done.code == 0, (words, done.out, done.err)
        self.csr = done.out if words[0] == "generate-certificate-signing-request" else self.csr


@contextmanager
def benches() -> Iterator[Bench]:
    """A bench in a folder of its own, where another user may enter too, unlike tmp_path."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        bench = Bench(Path(folder))
        with bench.stack:
            yield bench


class SteadyClock(SetClock):
    """Its wall clock is set, its monotonic one is the machine's: waiting for a lock ends."""

    def __init__(self) -> None:
        super().__init__(NOW)

    def monotonic(self) -> float:
        return SYSTEM.monotonic()


@dataclass(frozen=True)
class Planted:
    """A problem, how it comes into a healthy store, and what a person brings to cure it."""

    plant: Callable[[Bench], object]
    given: Mapping[str, Given] = field(default_factory=dict)
    """By the names of the needs."""
    by_hand: Callable[[Bench], object] | None = None
    """What no command does."""
    shell: Callable[[Bench, str], object] | None = None
    """In place of a shell, for what a test can't do to its machine."""
    also: tuple[str, ...] = ()
    """What else the doctor tells of what was planted."""
    left: tuple[str, ...] = ()
    """What is still told when its advice has been followed."""
    told: Callable[[Bench], tuple[object, ...]] = lambda _: ()
    """Values that what was seen must name."""


def _run(bench: Bench, line: str) -> None:
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, cwd=bench.workshop)
    assert done.returncode == 0, (line, done.stdout, done.stderr)


def _toml(key: str, value: Any) -> str:
    if isinstance(value, Parity):
        return "".join(f"parity.{name} = {str(getattr(value, name)).lower()}\n" for name in value.__slots__)
    if isinstance(value, bool):
        return f"{key} = {str(value).lower()}\n"
    if isinstance(value, Enum):
        return f'{key} = "{value.value}"\n'
    text = f"{key} = {value!r}\n" if not isinstance(value, str) else f"{key} = '{value}'\n"
    tomllib.loads(text)
    return text


def _as_user(user: int, act: Callable[[], Examination]) -> Examination:
    """What `act` answers in a process of that user, where we may become one."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(act(), pipe)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    answered: Examination = pickle.loads(data)
    return answered
