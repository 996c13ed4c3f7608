"""Roots and bundles: what is told once, what is told as something else, what is in order."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from certs import root, stack, v2g_pki
from chainpilot.station.checkup import ByHand, Shell
from chainpilot.station.layout import Parity
from chainpilot.station.model import CaCertificateType
from chainpilot.station.store import hash_name
from forge import forge
from station.checkup.bench import NOW, SECOND, V2G, Bench, benches
from station.checkup.cases.authorities import ENDED, behind, in_directory, mo_bundle, mo_root
from stock import put

MO = CaCertificateType.MO
DAY = timedelta(days=1)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def test_a_signing_request_needs_a_root_too(bench: Bench) -> None:
    for path in (bench.bundle(CaCertificateType.V2G), *bench.leaves.glob("*.*"), *bench.leaves.glob("ocsp/*")):
        path.unlink()
    bench.open().generate_certificate_signing_request(V2G, "DE", "Operator", SECOND)
    (problem,) = bench.examine().problems
    assert problem.code == "RootMissing"
    assert f"the signing request for CN={SECOND}" in problem.seen


def test_a_bundle_that_can_not_be_read_is_told_as_such_and_not_as_missing(bench: Bench) -> None:
    bench.bundle(CaCertificateType.V2G).write_bytes(b"junk")
    assert bench.codes == ["CertificateUnreadable"]


@pytest.mark.parametrize(("left", "codes"), [(DAY * 30, []), (DAY * 30 - timedelta(seconds=1), ["RootExpiring"])])
def test_a_root_is_told_of_from_the_configured_days_before_its_end(
    bench: Bench, left: timedelta, codes: list[str]
) -> None:
    mo_bundle(bench, mo_root(end=NOW + left))
    assert bench.codes == codes


def test_a_bundle_of_several_domains_is_looked_at_once_and_is_everybody_s_place(bench: Bench) -> None:
    bench.settings["mo_ca_bundle"] = "ca/v2g/V2G_ROOT_CA.pem"
    with bench.bundle(MO).open("a") as file:
        file.write(stack(mo_root(), mo_root("MO Root 2", end=ENDED)))
    (problem,) = bench.examine().problems
    assert problem.code == "RootObsolete"
    assert "the domain V2G and MO" in problem.seen


def test_a_root_cross_signed_by_another_is_no_orphan_and_still_no_anchor(bench: Bench) -> None:
    other = root("Other Root")
    cross = forge("MO Root", other, key=(own := root("MO Root", domain="MO")).key, ca=True, domain="MO")
    mo_bundle(bench, own.certificate, cross.certificate)
    assert bench.codes == ["BundleUnfit"]


@pytest.mark.parametrize(
    ("links", "codes"),
    [
        ({0: "a.pem", 1: "b.pem"}, []),
        ({0: "b.pem", 1: "a.pem"}, []),
        ({0: "b.pem", 2: "a.pem"}, ["HashLinksWrong"]),
        ({1: "a.pem", 2: "b.pem"}, ["HashLinksWrong"]),
        ({0: "a.pem"}, ["HashLinksWrong"]),
        ({0: "a.pem", 1: "b.pem", 2: "gone.pem"}, ["HashLinksWrong"]),
        ({}, []),
    ],
)
def test_links_of_namesakes_may_be_numbered_in_any_order_without_a_gap(
    bench: Bench, links: dict[int, str], codes: list[str]
) -> None:
    bench.settings["mo_ca_bundle"] = "ca/mo"
    directory = bench.bundle(MO)
    twins = [mo_root(), mo_root()]
    for name, one in zip(("a.pem", "b.pem"), twins, strict=True):
        put(directory / name, one.to_pem())
    for number, target in links.items():
        (directory / f"{hash_name(twins[0])}.{number}").symlink_to(target)
    assert bench.codes == codes


def test_a_copy_under_a_name_by_hash_is_somebody_s_own_and_stays(bench: Bench) -> None:
    directory = in_directory(bench)
    put(directory / "0123abcd.0", mo_root("MO Root 3").to_pem())
    (problem,) = bench.examine().problems
    assert problem.code == "HashLinksWrong"
    assert "0123abcd" not in problem.seen


def test_what_stands_in_a_bundle_counts_where_the_reference_s_answers_are_wanted(bench: Bench) -> None:
    bench.settings["parity"] = Parity(accept_any_ca=True)
    sub = forge("Lost Sub", root("Lost Root"), ca=True, domain="MO").certificate
    mo_bundle(bench, sub)
    assert bench.codes == ["ParityOn"]


def test_an_ended_orphan_under_the_reference_s_rules_is_taken_out_of_its_file(bench: Bench) -> None:
    bench.settings["parity"] = Parity(accept_any_ca=True)
    old = forge("Lost Sub", root("Lost Root"), ca=True, domain="MO", end=ENDED).certificate
    mo_bundle(bench, old, mo_root())
    (problem,) = (one for one in bench.examine().problems if one.code == "RootObsolete")
    assert all(isinstance(step, Shell) for step in problem.steps)


def test_the_only_root_of_a_bundle_is_not_sent_to_the_domain_that_it_names(bench: Bench) -> None:
    mo_bundle(bench, root("V2G Root 2", domain="V2G").certificate)
    (problem,) = bench.examine().problems
    assert problem.code == "RootInOtherDomain"
    assert problem.steps == (ByHand("Leave it as long as no other root of the domain MO is valid."),)


def test_a_root_that_a_leaf_leads_to_is_not_sent_to_the_domain_that_it_names(bench: Bench) -> None:
    pki = v2g_pki(domain="MO")
    behind(bench, pki.root.certificate)
    leaf = bench.place(pki=pki).leaf.certificate
    problem = next(one for one in bench.examine().problems if one.code == "RootInOtherDomain")
    assert problem.steps == (ByHand(f"Leave it as long as the leaf {leaf.subject} leads to it."),)
