"""Leaves and chains that are not as they should be; most are the second EVSE's."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certs import FROM, UNTIL, issue, stack, v2g_pki
from chainpilot.station.model import CaCertificateType
from forge import forge
from station.checkup.bench import NOW, SECOND, Bench, Given, Planted
from stock import Placed, put
from stores import EVSE

__all__ = ["CASES", "ENROLLED"]

ENDED = datetime(2026, 5, 1, tzinfo=UTC)
SOON = datetime(2026, 6, 20, tzinfo=UTC)
LATER = datetime(2026, 7, 1, tzinfo=UTC)
ENROLLED: dict[str, Given] = {"CHAIN.pem": lambda bench: bench.v2g.enrol(bench.csr, begin=NOW)}
"""What the CSMS delivers for the last request: a leaf that is newer than the one that is ill."""
UNANSWERED = ("OcspMissing",)
"""A leaf that has just come has no OCSP answer yet."""


def below_ill(**changes: Any) -> Callable[[Bench], Placed]:
    """A leaf below a sub-CA of its own; `changes` are `forge`'s for the sub-CA."""

    def plant(bench: Bench) -> Placed:
        arguments: dict[str, Any] = {"ca": True, "begin": FROM, "end": UNTIL}
        bench.ill = forge("Ill Sub2", bench.v2g.sub1, **(arguments | changes))
        bench.keep_answer(bench.ill.certificate)
        return bench.place(pki=replace(bench.v2g, issuing=bench.ill))

    return plant


def with_renewed_sub_ca(bench: Bench) -> str:
    """The leaf's chain, its sub-CA renewed with the same name and key."""
    assert bench.ill is not None
    held = next(one for one in bench.held if one.was_signed_by(bench.ill.certificate) and not one.is_ca)
    issuing = forge("Ill Sub2", bench.v2g.sub1, key=bench.ill.key, ca=True, begin=FROM, end=UNTIL)
    bench.keep_answer(issuing.certificate)
    return stack(held, issuing.certificate, bench.v2g.sub1.certificate)


def below_too_many(bench: Bench) -> Placed:
    """A chain with one sub-CA more than the sub-CA above it allows."""
    first = forge("Ill Sub1", bench.v2g.root, ca=True, path_length=0, begin=FROM, end=UNTIL)
    bench.ill = forge("Ill Sub2", first, ca=True, begin=FROM, end=UNTIL)
    return bench.place(pki=replace(bench.v2g, sub1=first, issuing=bench.ill))


def from_elsewhere(bench: Bench) -> Placed:
    """A leaf of a PKI whose root isn't here."""
    other = v2g_pki()
    put(bench.workshop / "other.pem", other.root.certificate.to_pem())
    return bench.place(pki=other)


def lent_by_the_bundle(bench: Bench) -> Placed:
    """A leaf whose sub-CAs stand in the bundle alone."""
    for one in (bench.v2g.sub1, bench.v2g.issuing):
        assert bench.open().install_ca(one.certificate.to_pem(), CaCertificateType.V2G).accepted
    placed = bench.place()
    placed.chain.unlink()
    return placed


def revoked(bench: Bench) -> None:
    leaf = bench.place().leaf.certificate
    bench.keep_answer(leaf, bench.answer(leaf, revoked=ENDED, reason=1))


def replace_csms_root(bench: Bench) -> None:
    """The old root has signed a new one, a connection with which has worked; the client leaf is under the old one."""
    bench.settings["additional_root_certificate_check"] = True
    new = forge("New CSMS Root", bench.csms.root, ca=True, begin=FROM, end=UNTIL)
    bench.ill = forge("New CSMS Issuing", new, ca=True, begin=FROM, end=UNTIL)
    assert bench.open().install_ca(new.certificate.to_pem(), CaCertificateType.CSMS).accepted
    assert bench.open().csms_root_worked(new.certificate) == (bench.csms.root.certificate,)


def under_the_new_root(bench: Bench) -> str:
    assert bench.ill is not None
    return stack(issue(bench.ill, bench.csr, begin=NOW), bench.ill.certificate)


def copied(bench: Bench) -> Path:
    placed = bench.place()
    return Path(shutil.copy(placed.chain, placed.chain.with_name("copy.pem")))


CASES = {
    "LeafExpired": Planted(
        plant=lambda bench: bench.place(end=ENDED),
        given=ENROLLED,
        left=UNANSWERED,
        told=lambda _: (SECOND, "2026-05-01"),
    ),
    "LeafNotYetValid": Planted(
        plant=lambda bench: bench.place(begin=LATER),
        by_hand=lambda bench: bench.clock.set(LATER),
        also=("ClockBehind",),
        told=lambda _: (SECOND, "2026-07-01"),
    ),
    "ChainIncomplete": Planted(plant=lent_by_the_bundle, told=lambda _: (SECOND, "CPO Sub1", "CPO Sub2")),
    "ChainNotTrusted": Planted(
        plant=from_elsewhere,
        given={"ROOT.pem": lambda bench: (bench.workshop / "other.pem").read_bytes()},
        also=UNANSWERED,
        left=UNANSWERED,
        told=lambda _: (SECOND, "CPO Sub1", "V2G Root"),
    ),
    "ChainBroken": Planted(
        plant=below_too_many, given=ENROLLED, also=UNANSWERED, left=UNANSWERED, told=lambda _: (SECOND, "path length")
    ),
    "CertificateRevoked": Planted(
        plant=revoked, given=ENROLLED, left=UNANSWERED, told=lambda _: (SECOND, "2026-05-01", "keyCompromise")
    ),
    "SubCaExpired": Planted(
        plant=below_ill(end=ENDED),
        given={"CHAIN.pem": with_renewed_sub_ca},
        left=("OcspLeftOver",),
        told=lambda _: ("Ill Sub2", SECOND, "2026-05-01"),
    ),
    "LeafBreaksProfile": Planted(
        plant=lambda bench: bench.place(domain="MO"),
        given=ENROLLED,
        left=UNANSWERED,
        told=lambda _: (SECOND, "domain component"),
    ),
    "LeafExpiring": Planted(
        plant=lambda bench: bench.place(end=SOON),
        given=ENROLLED,
        left=("OcspMissing", "SlotCrowded"),
        told=lambda _: (SECOND, "2026-06-20", "19 days"),
    ),
    "SubCaExpiring": Planted(
        plant=below_ill(end=SOON),
        given={"CHAIN.pem": with_renewed_sub_ca},
        left=("OcspLeftOver",),
        told=lambda _: ("Ill Sub2", SECOND, "2026-06-20", "19 days"),
    ),
    "LeafProfileAdvice": Planted(
        plant=lambda bench: bench.place(key_ids=False),
        given=ENROLLED,
        left=UNANSWERED,
        told=lambda _: (SECOND, "subject key identifier"),
    ),
    "ChainOfFormerRoot": Planted(
        plant=replace_csms_root,
        given={"CHAIN.pem": under_the_new_root},
        left=("SlotCrowded",),
        told=lambda _: ("CS-0001", "CSMS Root"),
    ),
    "LeafWaiting": Planted(
        plant=lambda bench: bench.place(EVSE, organization="Chargers Ltd", begin=LATER),
        by_hand=lambda bench: bench.clock.set(LATER),
        left=("SlotCrowded",),
        told=lambda _: (EVSE, "2026-07-01"),
    ),
    "SlotCrowded": Planted(
        plant=lambda bench: bench.place(EVSE, begin=NOW), told=lambda _: (EVSE, "2 V2G", "2026-06-01")
    ),
    "LeafTwice": Planted(plant=copied, told=lambda bench: (SECOND, bench.leaves / "copy.pem")),
    "CaInLeafDirectory": Planted(
        plant=lambda bench: put(bench.leaves / "sub.pem", bench.v2g.sub1.certificate.to_pem()),
        told=lambda bench: ("CPO Sub1", bench.leaves / "sub.pem"),
    ),
}
