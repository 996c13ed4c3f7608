"""Roots and bundles that are not as they should be."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from certs import FROM, UNTIL, root, stack
from chainpilot.pki.certificate import Certificate
from chainpilot.station.model import CaCertificateType
from forge import forge
from station.checkup.bench import Bench, Planted
from stock import put

__all__ = ["CASES"]

MO = CaCertificateType.MO
ENDED = datetime(2026, 5, 1, tzinfo=UTC)
SOON = datetime(2026, 6, 20, tzinfo=UTC)
LATER = datetime(2026, 7, 1, tzinfo=UTC)


def mo_root(common: str = "MO Root", **changes: Any) -> Certificate:
    return root(common, **({"domain": "MO"} | changes)).certificate


def mo_bundle(bench: Bench, *certificates: Certificate) -> Path:
    return put(bench.bundle(MO), stack(*certificates))


def behind(bench: Bench, *certificates: Certificate) -> None:
    """Put them behind what the V2G bundle holds."""
    with bench.bundle(CaCertificateType.V2G).open("a") as file:
        file.write(stack(*certificates))


def other_root(_: Bench) -> str:
    return mo_root("MO Root 2").to_pem()


def without_v2g_root(bench: Bench) -> None:
    bench.bundle(CaCertificateType.V2G).write_bytes(b"")


def weak() -> Certificate:
    return mo_root("Weak Root", key=rsa.generate_private_key(65537, 1024))


def in_directory(bench: Bench) -> Path:
    """The MO bundle as a directory of two roots with links, one of which leads to a file that is gone."""
    bench.settings["mo_ca_bundle"] = "ca/mo"
    directory = bench.bundle(MO)
    put(directory / "one.pem", mo_root("MO Root 1").to_pem())
    put(directory / "two.pem", mo_root("MO Root 2").to_pem())
    assert bench.open().get_verify_location(MO) == str(directory)
    (directory / "one.pem").rename(directory / "renamed.pem")
    return directory


CASES = {
    "RootMissing": Planted(
        plant=without_v2g_root,
        given={"ROOT.pem": lambda bench: bench.v2g.root.certificate.to_pem()},
        told=lambda bench: ("V2G", bench.bundle(CaCertificateType.V2G), bench.first.subject),
    ),
    "RootExpired": Planted(
        plant=lambda bench: mo_bundle(bench, mo_root(end=ENDED)),
        given={"ROOT.pem": other_root},
        told=lambda _: ("MO Root", "2026-05-01"),
    ),
    "RootObsolete": Planted(
        plant=lambda bench: mo_bundle(bench, mo_root(end=ENDED), mo_root("MO Root 2")),
        told=lambda _: ("MO Root", "2026-05-01"),
    ),
    "RootNotYetValid": Planted(
        plant=lambda bench: mo_bundle(bench, mo_root(begin=LATER), mo_root("MO Root 2")),
        by_hand=lambda bench: bench.clock.set(LATER),
        told=lambda _: ("MO Root", "2026-07-01"),
    ),
    "RootExpiring": Planted(
        plant=lambda bench: mo_bundle(bench, mo_root(end=SOON)),
        given={"ROOT.pem": other_root},
        told=lambda _: ("MO Root", "2026-06-20", "19 days"),
    ),
    "TestRoot": Planted(
        plant=lambda bench: mo_bundle(bench, mo_root(test=True), mo_root("MO Root 2")),
        told=lambda _: ("MO Root",),
    ),
    "TestPkiAllowed": Planted(plant=lambda bench: bench.settings.update(allow_test_pki=True)),
    "WeakRoot": Planted(
        plant=lambda bench: mo_bundle(bench, weak(), mo_root()), told=lambda _: ("Weak Root", "RSA", "1024")
    ),
    "RootInOtherDomain": Planted(
        plant=lambda bench: mo_bundle(bench, mo_root(), root("V2G Root 2", domain="V2G").certificate),
        told=lambda bench: ("V2G Root 2", "MO", bench.bundle(MO)),
    ),
    "LeafInBundle": Planted(
        plant=lambda bench: behind(bench, forge("DE*XYZ*E1", begin=FROM, end=UNTIL).certificate),
        told=lambda _: ("DE*XYZ*E1",),
    ),
    "OrphanCa": Planted(
        plant=lambda bench: behind(
            bench, forge("Lost Sub", root("Lost Root"), ca=True, begin=FROM, end=UNTIL).certificate
        ),
        told=lambda _: ("Lost Sub", "Lost Root"),
    ),
    "SubCaObsolete": Planted(
        plant=lambda bench: behind(bench, forge("Old Sub", bench.v2g.root, ca=True, begin=FROM, end=ENDED).certificate),
        told=lambda _: ("Old Sub", "2026-05-01"),
    ),
    "BundleSubCaExpiring": Planted(
        plant=lambda bench: behind(bench, forge("Old Sub", bench.v2g.root, ca=True, begin=FROM, end=SOON).certificate),
        told=lambda _: ("Old Sub", "2026-06-20", "19 days"),
    ),
    "BundleUnfit": Planted(
        plant=lambda bench: behind(
            bench, forge("Test Sub", bench.v2g.root, ca=True, begin=FROM, end=UNTIL, test=True).certificate
        ),
        told=lambda _: ("Test Sub",),
    ),
    "CertificateTwice": Planted(
        plant=lambda bench: behind(bench, bench.v2g.root.certificate), told=lambda _: ("V2G Root", "the same file")
    ),
    "BundleNotPem": Planted(
        plant=lambda bench: put(bench.bundle(MO), mo_root().der + mo_root("MO Root 2").der),
        told=lambda bench: (bench.bundle(MO), "DER"),
    ),
    "HashLinksWrong": Planted(plant=in_directory, told=lambda _: ("2 of them", "one.pem", "renamed.pem")),
    "BundleEmpty": Planted(
        plant=lambda bench: put(bench.bundle(MO), b""),
        given={"ROOT.pem": other_root},
        told=lambda bench: (bench.bundle(MO), "MO"),
    ),
}
