"""Files and directories that are not as they should be."""

import os
import shutil
from pathlib import Path

from certs import root
from chainpilot.station.model import CaCertificateType
from station.checkup.bench import NOBODY, Bench, Planted
from stock import put

__all__ = ["CASES"]

V2G, MO = CaCertificateType.V2G, CaCertificateType.MO


def a_file(bench: Bench) -> Path:
    shutil.rmtree(bench.leaves)
    return put(bench.leaves, b"")


def locked_away(bench: Bench) -> None:
    """The V2G bundle is nobody's to read, in a store of theirs."""
    bench.give_to(NOBODY)
    bench.bundle(V2G).chmod(0)


def cut(bench: Bench) -> None:
    """A root that breaks off in the middle, before the one that is good."""
    bundle = bench.bundle(V2G)
    bundle.write_text(root("Lost Root").certificate.to_pem()[:300] + "\n" + bundle.read_text())


def too_long(bench: Bench) -> None:
    bench.settings["max_file_bytes"] = 20_000
    with bench.bundle(V2G).open("a") as file:
        file.write("# a remark\n" * 2000)


def misnamed(bench: Bench) -> Path:
    bench.settings["mo_ca_bundle"] = "ca/mo"
    put(bench.bundle(MO) / "root.pem", root("MO Root 2", domain="MO").certificate.to_pem())
    return put(bench.bundle(MO) / "root.txt", root("MO Root", domain="MO").certificate.to_pem())


def outside(bench: Bench) -> None:
    elsewhere = put(bench.workshop / "mo.pem", root("MO Root", domain="MO").certificate.to_pem())
    bench.bundle(MO).parent.mkdir(parents=True)
    bench.bundle(MO).symlink_to(elsewhere)


CASES = {
    "StoreMissing": Planted(plant=lambda bench: shutil.rmtree(bench.directory), told=lambda bench: (bench.directory,)),
    "NotADirectory": Planted(plant=a_file, told=lambda bench: (bench.leaves, "a file")),
    "PermissionDenied": Planted(plant=locked_away, told=lambda bench: (bench.bundle(V2G),)),
    "CertificateUnreadable": Planted(
        plant=lambda bench: put(bench.leaves / "junk.pem", b"no certificate"),
        told=lambda bench: (bench.leaves / "junk.pem",),
    ),
    "CertificateBroken": Planted(plant=cut, told=lambda bench: (bench.bundle(V2G), "number 1")),
    "NotAFile": Planted(plant=lambda bench: os.mkfifo(bench.leaves / "pipe.pem"), told=lambda _: ("a pipe",)),
    "FileTooLong": Planted(plant=too_long, told=lambda bench: (bench.bundle(V2G), "20000")),
    "WritableByOthers": Planted(
        plant=lambda bench: bench.bundle(V2G).chmod(0o666), told=lambda bench: (bench.bundle(V2G), "0666")
    ),
    "UnknownSuffix": Planted(plant=misnamed, told=lambda _: ("root.txt",)),
    "LinkLeadsNowhere": Planted(
        plant=lambda bench: (bench.leaves / "gone.pem").symlink_to("nowhere.pem"),
        told=lambda bench: (bench.leaves / "gone.pem", "nowhere.pem"),
    ),
    "LinkLeadsOut": Planted(plant=outside, told=lambda bench: (bench.bundle(MO), bench.workshop / "mo.pem")),
}
