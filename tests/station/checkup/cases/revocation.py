"""OCSP answers and revocation lists that are not as they should be."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from certs import FROM, UNTIL, root, v2g_pki
from forge import Forged
from ocsp_answers import answer, cert_id, single
from revocations import pem, revocation_list
from station.checkup.bench import Bench, Planted
from stock import put

__all__ = ["CASES"]

ENDED = datetime(2026, 5, 1, tzinfo=UTC)


def answer_file(bench: Bench) -> Path:
    """The first leaf's OCSP answer."""
    return bench.leaves / "ocsp" / f"{bench.first.serial_number:x}_ocsp.der"


def without_answer(bench: Bench) -> None:
    answer_file(bench).unlink()
    answer_file(bench).with_suffix(".hash").unlink()


def by_a_stranger(bench: Bench) -> None:
    named = cert_id(bench.first, bench.v2g.issuing.certificate, "sha256")
    bench.keep_answer(bench.first, answer(root("Stranger"), single(named, since=FROM, until=UNTIL), produced=FROM))


def about_nothing(bench: Bench) -> None:
    """An answer about the sub-CA of a PKI that isn't here."""
    bench.ill = v2g_pki().root
    stranger = v2g_pki()
    bench.ill = stranger.sub1
    bench.keep_answer(stranger.issuing.certificate)


def listed(bench: Bench, *issuers: Forged, **changes: Any) -> bytes:
    arguments = {"since": FROM, "until": UNTIL}
    return b"".join(pem(revocation_list(one, **(arguments | changes))) for one in issuers)


def issuers(bench: Bench) -> tuple[Forged, ...]:
    return tuple(one for pki in (bench.v2g, bench.csms) for one in (pki.root, pki.sub1, pki.issuing))


def with_lists(bench: Bench, data: bytes) -> Path:
    bench.settings["crl_directory"] = "crls"
    return put(bench.directory / "crls/all.pem", data)


GIVEN = {"ANSWER.der": lambda bench: bench.answer(bench.first), "ANSWER1.der": lambda bench: bench.answer(bench.first)}
CASES = {
    "OcspMissing": Planted(plant=without_answer, given=GIVEN, told=lambda bench: (bench.first.subject,)),
    "OcspStale": Planted(
        plant=lambda bench: bench.keep_answer(bench.first, bench.answer(bench.first, until=ENDED)),
        given=GIVEN,
        told=lambda bench: (bench.first.subject, answer_file(bench), "2026-05-01"),
    ),
    "OcspUnusable": Planted(
        plant=by_a_stranger, given=GIVEN, told=lambda bench: (bench.first.subject, answer_file(bench))
    ),
    "OcspNoResponder": Planted(
        plant=lambda bench: bench.settings.update(default_ocsp_url=""),
        given={"URL": lambda _: "http://ocsp.example/"},
        told=lambda _: ("CPO Sub1", "CPO Sub2"),
    ),
    "OcspHalf": Planted(
        plant=lambda bench: put(bench.leaves / "ocsp/lost_ocsp.der", b"0"), told=lambda _: ("lost_ocsp.hash",)
    ),
    "OcspLeftOver": Planted(plant=about_nothing, told=lambda bench: (bench.leaves / "ocsp",)),
    "CrlDirectoryMissing": Planted(
        plant=lambda bench: bench.settings.update(crl_directory="crls"),
        given={"LIST.crl": lambda bench: listed(bench, *issuers(bench))},
        told=lambda bench: (bench.directory / "crls",),
    ),
    "CrlMissing": Planted(
        plant=lambda bench: with_lists(bench, listed(bench, *issuers(bench)[1:])),
        given={"LIST.crl": lambda bench: listed(bench, bench.v2g.root)},
        told=lambda bench: (bench.directory / "crls", "V2G Root"),
    ),
    "CrlOutdated": Planted(
        plant=lambda bench: with_lists(
            bench, listed(bench, *issuers(bench)[1:]) + listed(bench, bench.v2g.root, until=ENDED)
        ),
        given={"LIST.crl": lambda bench: listed(bench, bench.v2g.root)},
        told=lambda bench: (bench.directory / "crls", "V2G Root", "2026-05-01"),
    ),
    "CrlUnreadable": Planted(
        plant=lambda bench: put(with_lists(bench, listed(bench, *issuers(bench))).with_name("junk.crl"), b"no list"),
        told=lambda bench: (bench.directory / "crls/junk.crl",),
    ),
}
