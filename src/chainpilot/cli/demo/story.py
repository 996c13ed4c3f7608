"""What each event of station, CPMS and PKI means, as a line for people.

The events are those the parts tell anybody who watches; nothing is asked of them here.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from chainpilot.cli.demo.timeline import Timeline
from chainpilot.cpms.model import Step, StepTaken
from chainpilot.link.watch import FrameSeen
from chainpilot.pki.trust import LeafUse
from chainpilot.station.watch import (
    Booted,
    CertificateReceived,
    Connected,
    ConnectFailed,
    CsrMade,
    SignCertificateAnswered,
    StationEvent,
    StoreUpdated,
)
from chainpilot.testpki.http import Served

__all__ = ["Story", "slug"]

STATION: Final = "station"
CPMS: Final = "CPMS"
WORKER: Final = "CPMS worker"
PKI: Final = "test PKI"

_SLUGS: Final = {LeafUse.V2G: "v2g", LeafUse.CSMS: "csms"}
_NAMES: Final = {LeafUse.V2G: "SECC certificate", LeafUse.CSMS: "client certificate"}
_BUNDLES: Final = {LeafUse.V2G: "V2G", LeafUse.CSMS: "CSMS"}
_LABELS: Final = {"cpo": LeafUse.V2G, "csms": LeafUse.CSMS}


def slug(use: LeafUse) -> str:
    """The use as the first half of a mark."""
    return _SLUGS[use]


class Story:
    """Turns events into lines of a timeline; remembers the frames of a call until its meaning is told."""

    def __init__(self, timeline: Timeline, station_id: str) -> None:
        self._timeline = timeline
        self._station_id = station_id
        self._calls: dict[str, FrameSeen] = {}
        self._exchanges: dict[str, str] = {}
        self._use = LeafUse.V2G

    # Who is there

    def tell_pki(self, est_url: str, ocsp_url: str) -> None:
        """The test PKI runs."""
        self._add("pki", PKI, "has its hierarchies; EST and OCSP answer", f"{est_url}, {ocsp_url}")

    def tell_cpms(self, password_url: str, certificate_url: str) -> None:
        """The CPMS runs."""
        self._add("cpms", CPMS, "listens for security profiles 2 and 3", f"{password_url}, {certificate_url}")

    def tell_store(self, path: str, roots: int) -> None:
        """The station's store has its anchors."""
        self._add("store", STATION, f"installed {roots} roots in its store: V2G, MO and CSMS", path)

    # The station's events

    def of_station(self, event: StationEvent) -> None:
        """Tell one event of the station."""
        match event:
            case FrameSeen():
                self._frame(event)
            case Connected(profile, url):
                words = "TLS and its password" if profile == 2 else "mutual TLS"
                self._add(f"connected-{profile}", STATION, f"connected by {words}: security profile {profile}", url)
            case ConnectFailed(profile, _, why):
                self._add(f"connected-{profile}", STATION, "did not connect", why, ok=False)
            case Booted(accepted, status):
                self._add("booted", STATION, f"BootNotification: {status}", self._wire("BootNotification"), ok=accepted)
            case CsrMade(use, common_name):
                self._use = use
                self._tell(
                    use, "key", STATION, f"made a P-256 key and a CSR for {common_name}", "key on disk, mode 0600"
                )
            case SignCertificateAnswered(use, _, accepted, why):
                answer = "Accepted" if accepted else f"Rejected ({why})"
                wire = self._wire("SignCertificate")
                self._tell(use, "requested", STATION, f"sent SignCertificate: {answer}", wire, ok=accepted)
            case CertificateReceived(use, result, why) if why is not None:
                self._tell(
                    use or self._use, "installed", STATION, f"refused the certificate: {result.value}", why, ok=False
                )
            case StoreUpdated(update) if update.leaf_certificate_type is not None:
                use = LeafUse[update.leaf_certificate_type.value]
                what = f"verified the chain against its {_BUNDLES[use]} bundle and installed it"
                self._tell(use, "installed", STATION, what, "published certificate_store_update: Installed")
            case _:
                return

    def of_station_task(self, task: asyncio.Task[None]) -> None:
        """Tell that the station ended by itself, which it never should."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._add("station", STATION, f"ended by itself: {type(error).__name__}", str(error), ok=False)

    def _frame(self, frame: FrameSeen) -> None:
        if frame.message_id is None:
            return
        if frame.kind == "CALL":
            self._calls[frame.message_id] = frame
            return
        call = self._calls.pop(frame.message_id, None)
        if call is None:
            return
        name = call.summary or call.action or "?"
        self._exchanges[name.rsplit("/", 1)[-1]] = f"{name} {call.size} B, answer {frame.size} B"

    def _wire(self, message: str) -> str:
        return self._exchanges.pop(message, "")

    # The CPMS's steps

    def of_cpms(self, taken: StepTaken) -> None:
        """Tell one step of the CPMS."""
        is_own = taken.station_id == self._station_id and taken.step is not Step.TURNED_AWAY
        tell = _STEPS.get(taken.step) or (None if is_own else _GUEST_STEPS.get(taken.step))
        if tell is None:
            return
        if not is_own:
            self._tell_of_guest(taken, tell)
            return
        mark, who, words, wire, ok = tell(taken.facts)
        use = taken.use or self._use
        message = {Step.SIGNED_ANSWERED: "CertificateSigned", Step.READ_BACK: "GetInstalledCertificateIds"}.get(
            taken.step
        )
        self._tell(use, mark, who, words, self._wire(message) if message else wire, ok=ok)

    def _tell_of_guest(self, taken: StepTaken, tell: "Callable[[_Facts], _Told]") -> None:
        """Another station's step: its mark is its own, so that it neither makes nor breaks the demo."""
        mark, who, words, wire, ok = tell(taken.facts)
        verdict = "" if ok else "refused: "
        self._add(f"guest.{mark}", who, f"{taken.station_id or 'somebody'}: {verdict}{words}", wire)

    # The PKI's answers

    def of_pki(self, served: Served) -> None:
        """Tell one answer of the EST server; the OCSP responder's are told by who asked."""
        if served.server != "est":
            return
        use = _LABELS.get(served.label, self._use)
        method = "POST" if served.operation == "simpleenroll" else "GET"
        wire = f"{method} /.well-known/est/{served.label}/{served.operation}"
        words = {"simpleenroll": f"signed the CSR: a {_NAMES[use]}", "cacerts": "gave its CA certificates, shuffled"}
        what = words.get(served.operation, "was asked something else")
        self._tell(
            use,
            served.operation,
            PKI,
            what,
            f"{wire} {served.bytes_received} B: {served.status}, {served.bytes_sent} B",
            ok=served.status == 200,
        )

    def _tell(self, use: LeafUse, mark: str, who: str, what: str, wire: str, *, ok: bool = True) -> None:
        self._add(f"{_SLUGS[use]}.{mark}", who, what, wire, ok=ok)

    def _add(self, mark: str, who: str, what: str, wire: str, *, ok: bool = True) -> None:
        self._timeline.add(mark, who, what, wire, ok=ok)


_Told = tuple[str, str, str, str, bool]
_Facts = Mapping[str, str]


def _failure(mark: str) -> Callable[[_Facts], _Told]:
    def tell(facts: _Facts) -> _Told:
        return mark, CPMS, facts.get("reason", "failed"), facts.get("detail", ""), False

    return tell


def _record(mark: str, who: str, what: str) -> Callable[[_Facts], _Told]:
    return lambda _: (mark, who, what, "SQLite, on disk", True)


def _checked(facts: _Facts) -> _Told:
    what = "ordered the chain by signature; key, path, profile, dates hold"
    return "checked", WORKER, what, f"anchor: {facts.get('anchor', '?')}", True


def _signed(facts: _Facts) -> _Told:
    answer = facts.get("answer", "")
    return "delivered", WORKER, f"sent CertificateSigned (leaf, sub-CAs): {answer}", "", answer == "Accepted"


def _read_back(facts: _Facts) -> _Told:
    answer = facts.get("answer", "")
    return (
        "read-back",
        WORKER,
        f"read the store's list back: the leaf is {answer}",
        "",
        answer.startswith("held with"),
    )


def _proven(facts: _Facts) -> _Told:
    what = "knows the station by its certificate: path, CN and O hold"
    return "proven", CPMS, what, f"SHA-256 {facts.get('fingerprint', '')[:16]}...", True


def _installed(facts: _Facts) -> _Told:
    proof = {"read-back": "read back", "unproven": "unproven until it is used or read back", "connected": "in use"}
    shown = proof.get(facts.get("proof", ""), facts.get("proof", ""))
    return "recorded", WORKER, f"wrote Installed ({shown})", "SQLite, on disk", True


def _connected(facts: _Facts) -> _Told:
    return "connected", CPMS, f"connected, security profile {facts.get('profile', '?')}", "", True


def _status(facts: _Facts) -> _Told:
    return "status", CPMS, f"passed the OCSP responder's answer on: {facts.get('answer', '?')}", "RFC 6960", True


_GUEST_STEPS: Final[dict[Step, Callable[[_Facts], _Told]]] = {
    Step.STATION_CONNECTED: _connected,
    Step.CHARGING_REFUSED: _failure("charging"),
    Step.STATUS_ANSWERED: _status,
    Step.STATUS_REFUSED: _failure("status"),
}
"""Told of other stations only: the demo's own tells its connection itself, charges nobody and asks for no answer."""

_STEPS: Final[dict[Step, Callable[[_Facts], _Told]]] = {
    Step.REQUEST_ACCEPTED: _record("accepted", CPMS, "checked the CSR; wrote enrolment and job in one transaction"),
    Step.SUBMIT_RECORDED: _record("submitted", WORKER, "wrote Submitted before anything goes to the PKI"),
    Step.ANSWER_RECORDED: _record("answered", WORKER, "wrote the PKI's answer as it came"),
    Step.CHAIN_CHECKED: _checked,
    Step.ISSUE_RECORDED: _record("issued", WORKER, "wrote Issued, the chain and the order to deliver it"),
    Step.SIGNED_ANSWERED: _signed,
    Step.READ_BACK: _read_back,
    Step.INSTALL_RECORDED: _installed,
    Step.CLIENT_CERTIFICATE_SEEN: _proven,
    Step.TURNED_AWAY: _failure("turned-away"),
    Step.MESSAGE_REFUSED: _failure("message"),
    Step.REQUEST_REFUSED: _failure("accepted"),
    Step.FAILED: _failure("failed"),
    Step.OUTCOME_UNKNOWN: _failure("failed"),
}
