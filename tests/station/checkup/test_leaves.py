"""Leaves and chains: what is told once, what is told as something else, what is in order."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from certs import FROM, UNTIL, issue, root, stack, v2g_pki
from chainpilot.station.checkup import Command, Problem, Shell
from chainpilot.station.layout import CrlPolicy, Parity, ProfilePolicy
from chainpilot.station.model import CaCertificateType
from forge import forge
from revocations import entry, revocation_list
from station.checkup.bench import CSMS, NOW, SECOND, V2G, Bench, benches
from station.checkup.cases.leaves import ENDED, LATER, below_ill
from stock import put
from stores import EVSE

DAY = timedelta(days=1)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with benches() as bench:
        yield bench


def only(bench: Bench) -> Problem:
    (problem,) = bench.examine().problems
    return problem


@pytest.mark.parametrize(("left", "codes"), [(DAY * 30, []), (DAY * 30 - timedelta(seconds=1), ["LeafExpiring"])])
def test_a_leaf_is_told_of_from_the_configured_days_before_its_end(
    bench: Bench, left: timedelta, codes: list[str]
) -> None:
    bench.place(end=NOW + left)
    assert bench.codes == codes


def test_a_leaf_that_ended_and_has_a_successor_is_history(bench: Bench) -> None:
    bench.place(EVSE, end=ENDED)
    assert bench.codes == []


def test_a_chain_that_is_nowhere_is_to_be_brought(bench: Bench) -> None:
    bench.place().chain.unlink()
    (problem,) = (one for one in bench.examine().problems if one.code == "ChainIncomplete")
    (step,) = problem.steps
    assert isinstance(step, Command)
    assert step.words == ("update-leaf-certificate", "CHAIN.pem", "V2G")


def test_of_two_chain_files_the_one_in_use_stays(bench: Bench) -> None:
    placed = bench.place()
    copy = put(bench.leaves / "a.pem", stack(placed.leaf.certificate, bench.v2g.issuing.certificate))
    problem = only(bench)
    assert (problem.code, problem.path) == ("LeafTwice", copy)
    assert str(placed.chain) in problem.seen


def test_a_leaf_that_a_root_issued_has_a_chain_of_one(bench: Bench) -> None:
    made = bench.open().generate_certificate_signing_request(V2G, "DE", "Operator", SECOND)
    assert made.csr is not None
    leaf = issue(bench.v2g.root, made.csr)
    assert bench.open().update_leaf(leaf.to_pem(), V2G).accepted
    bench.keep_answer(leaf)
    assert bench.codes == []
    copy = put(bench.leaves / "copy.pem", leaf.to_pem())
    assert only(bench).path == copy


def test_a_leaf_of_a_test_pki_below_a_root_that_is_none_is_told(bench: Bench) -> None:
    bench.place(test=True)
    problem = only(bench)
    assert problem.code == "ChainBroken"
    assert "only allow_test_pki admits it" in problem.seen


def test_a_leaf_that_leads_to_a_root_that_doesn_t_count_is_told_with_the_reason(bench: Bench) -> None:
    pki = v2g_pki(test=True)
    with bench.bundle(CaCertificateType.V2G).open("a") as file:
        file.write(pki.root.certificate.to_pem())
    bench.place(pki=pki)
    problems = {one.code: one for one in bench.examine().problems}
    assert set(problems) == {"ChainBroken", "TestRoot", "OcspMissing"}
    assert "only allow_test_pki admits it" in problems["ChainBroken"].seen


def test_der_and_pem_of_the_same_leaf_side_by_side_are_in_order(bench: Bench) -> None:
    placed = bench.place()
    put(placed.single.with_suffix(".der"), placed.leaf.certificate.der)
    assert bench.codes == []


def test_der_under_the_name_of_pem_and_the_other_way_round_are_in_order(bench: Bench) -> None:
    placed = bench.place()
    placed.single.write_bytes(placed.leaf.certificate.der)
    placed.chain.rename(placed.chain.with_suffix(".der"))
    assert bench.codes == []


def test_an_ended_leaf_of_the_csms_is_told_with_what_it_leads_to(bench: Bench) -> None:
    bench.clock.set(UNTIL - DAY)
    problems = [one for one in bench.examine().problems if one.code == "LeafExpiring"]
    assert ["can't log in at its CSMS" in one.why for one in problems] == [True, False]


def test_a_csms_leaf_that_must_go_is_put_aside_since_no_command_deletes_it(bench: Bench) -> None:
    placed = bench.place("CS-0001", pki=bench.csms, kind=CSMS, organization="Chargers Ltd", begin=NOW)
    problem = only(bench)
    assert problem.code == "SlotCrowded"
    assert all(isinstance(step, Shell) for step in problem.steps)
    moved = [step.line.split()[1] for step in problem.steps if isinstance(step, Shell) and step.line.startswith("mv ")]
    assert len(moved) == 3
    assert not set(moved) & {str(path) for path in (placed.chain, placed.single, placed.key)}


def test_a_key_that_another_leaf_uses_stays_when_one_goes(bench: Bench) -> None:
    first = bench.place("CS-0002", pki=bench.csms, kind=CSMS)
    later = forge("CS-0002", bench.csms.issuing, key=first.leaf.key, begin=NOW, end=UNTIL)
    put(first.single.with_name("later.pem"), bench.csms.stack(later.certificate))
    moved = [step.line for step in only(bench).steps if isinstance(step, Shell)]
    assert [str(first.key) in line for line in moved] == [False] * len(moved)


def test_a_waiting_leaf_is_judged_for_its_own_time(bench: Bench) -> None:
    bench.place(EVSE, begin=LATER, domain="MO")
    assert bench.codes == ["LeafBreaksProfile", "LeafWaiting"]


def test_nobody_looks_at_profiles_where_that_is_switched_off(bench: Bench) -> None:
    bench.place(domain="MO", key_ids=False)
    assert bench.codes == ["LeafBreaksProfile", "LeafProfileAdvice"]
    bench.settings["v2g_profile"] = ProfilePolicy.OFF
    assert bench.codes == []


def test_times_of_sub_cas_do_not_count_where_the_reference_s_answers_are_wanted(bench: Bench) -> None:
    below_ill(end=ENDED)(bench)
    bench.settings["parity"] = Parity(times=True)
    assert bench.codes == ["ParityOn"]


def test_the_end_of_a_sub_ca_is_told_only_where_it_comes_before_the_leaf_s(bench: Bench) -> None:
    bench.ill = forge("Ill Sub2", bench.v2g.sub1, ca=True, begin=FROM, end=NOW + DAY * 20)
    bench.keep_answer(bench.ill.certificate)
    leaf = forge(SECOND, bench.ill, begin=FROM, end=NOW + DAY * 20)
    placed = bench.place()
    for path in (placed.chain, placed.single):
        path.write_text(stack(leaf.certificate, bench.ill.certificate, bench.v2g.sub1.certificate))
    placed.single.unlink()
    placed.key.unlink()
    codes = bench.codes
    assert "SubCaExpiring" not in codes


def test_an_ended_root_is_told_once_and_not_again_with_every_leaf(bench: Bench) -> None:
    for path in (bench.leaves, bench.directory / "client/csms"):
        assert any(path.glob("*.pem"))
    ended = forge("V2G Root", ca=True, key=bench.v2g.root.key, begin=FROM, end=ENDED, domain="CPO")
    bench.bundle(CaCertificateType.V2G).write_text(ended.certificate.to_pem())
    assert [code for code in bench.codes if not code.startswith("Ocsp")] == ["RootExpired"]


def test_a_root_that_a_leaf_leads_to_is_missed_whatever_others_there_are(bench: Bench) -> None:
    ended = forge("V2G Root", ca=True, key=bench.v2g.root.key, begin=FROM, end=ENDED, domain="CPO")
    bench.bundle(CaCertificateType.V2G).write_text(stack(ended.certificate, root("V2G Root 2").certificate))
    (problem,) = (one for one in bench.examine().problems if not one.code.startswith("Ocsp"))
    assert problem.code == "RootExpired"
    assert f"the leaf {bench.first.subject} leads to it" in problem.seen


def test_a_certificate_that_a_revocation_list_names_is_told_as_revoked(bench: Bench) -> None:
    bench.settings |= {"crl_directory": "crls", "crl_policy": CrlPolicy.IF_PRESENT}
    serial = bench.v2g.issuing.certificate.serial_number
    listed = revocation_list(bench.v2g.sub1, entry(serial, revoked=ENDED), since=FROM, until=UNTIL)
    put(bench.directory / "crls/sub1.crl", listed)
    problem = only(bench)
    assert problem.code == "CertificateRevoked"
    assert problem.subject == str(bench.v2g.issuing.certificate.subject)
    assert "2026-05-01" in problem.seen


def test_a_chain_without_its_revocation_list_is_told_with_the_list(bench: Bench) -> None:
    bench.settings["crl_directory"] = "crls"
    put(bench.directory / "crls/root.crl", revocation_list(bench.v2g.root, since=FROM, until=UNTIL))
    assert set(bench.codes) == {"CrlMissing"}


def test_a_revocation_that_answer_and_list_tell_of_is_told_once(bench: Bench) -> None:
    bench.settings |= {"crl_directory": "crls", "crl_policy": CrlPolicy.IF_PRESENT}
    leaf = bench.place().leaf.certificate
    bench.keep_answer(leaf, bench.answer(leaf, revoked=ENDED))
    listed = revocation_list(bench.v2g.issuing, entry(leaf.serial_number, revoked=ENDED), since=FROM, until=UNTIL)
    put(bench.directory / "crls/issuing.crl", listed)
    assert bench.codes == ["CertificateRevoked"]
