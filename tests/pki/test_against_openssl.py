"""verify against `openssl verify`, and against RFC 5280 applied to how a chain was made: thousands of different chains.

`chains.chain(number)` makes a chain anew; the files that openssl was given stay in pytest's temporary directory.
"""

import subprocess
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pytest
from cryptography.utils import CryptographyDeprecationWarning

from chainpilot.pki.certificate import CertificateError, load_certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.encoding import PemLabel, TextEncoding, write_blocks
from chainpilot.pki.trust import TrustAnchors
from chainpilot.pki.verify import Reason, Refusal, VerifiedChain, verify
from chains import BATCH, Case, chain
from disagreements import ACCEPTED, DISAGREEMENTS, Finding, Said, explanation
from oracle import Fault

FULL = 10_000
"""Chains in `make test-long`."""
FEWEST = 500
"""As many as it takes for every row of the table to be met."""

REASONS = {
    Reason.EXPIRED: Fault.EXPIRED,
    Reason.NOT_YET_VALID: Fault.NOT_YET_VALID,
    Reason.BAD_SIGNATURE: Fault.SIGNATURE,
    Reason.BAD_LEAF_SIGNATURE: Fault.ISSUER,
    Reason.ISSUER_NOT_FOUND: Fault.ISSUER,
    Reason.INVALID_CHAIN: Fault.CHAIN,
    Reason.WEAK_ALGORITHM: Fault.WEAK,
    Reason.NOT_A_LEAF: Fault.NOT_A_LEAF,
    Reason.UNREADABLE: Fault.UNREADABLE,
}
CODES = {
    9: Fault.NOT_YET_VALID,
    10: Fault.EXPIRED,
    7: Fault.SIGNATURE,
    **dict.fromkeys((2, 18, 19, 20, 21), Fault.ISSUER),
}
"""OpenSSL's X509_V_ERR codes; all others are about what the certificates of a path say."""


@dataclass(frozen=True)
class Judged:
    """A chain with our verdict itself, and what both judges said."""

    finding: Finding
    verdict: VerifiedChain | Refusal | CertificateError


@pytest.fixture(scope="module")
def judged(scale: float, tmp_path_factory: pytest.TempPathFactory) -> list[Judged]:
    directory = tmp_path_factory.mktemp("chains")
    numbers = range(max(FEWEST, round(FULL * scale)))
    batches = groupby(map(chain, numbers), key=lambda case: case.plan.number // BATCH)
    return [one for number, cases in batches for one in judge_batch(directory / str(number), list(cases))]


def judge_batch(directory: Path, cases: Sequence[Case]) -> Iterator[Judged]:
    """Chains of one moment. Those that share no name are put before openssl at once: none can help another."""
    said = ask_openssl(directory, [case for case in cases if not case.plan.is_alone])
    for case in cases:
        if case.plan.is_alone:
            said |= ask_openssl(directory / f"alone{case.plan.number}", [case], "-partial_chain")
        verdict = judge(case)
        yield Judged(Finding(case, said[case.plan.number], ours(verdict), detail(verdict)), verdict)


def judge(case: Case) -> VerifiedChain | Refusal | CertificateError:
    with warnings.catch_warnings():
        # serial numbers that aren't positive are read, as RFC 5280 section 4.1.2.2 asks
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        try:
            leaf, *sent = map(load_certificate, (case.leaf, *case.sent))
            anchors = TrustAnchors.admit(map(load_certificate, case.anchors))
        except CertificateError as error:
            return error
    return verify(Chain(leaf, tuple(sent)), anchors, case.plan.at)


def ours(verdict: VerifiedChain | Refusal | CertificateError) -> Said:
    if isinstance(verdict, VerifiedChain):
        return ACCEPTED
    return frozenset({REASONS[verdict.reason] if isinstance(verdict, Refusal) else Fault.UNREADABLE})


def detail(verdict: VerifiedChain | Refusal | CertificateError) -> str:
    if isinstance(verdict, VerifiedChain):
        return ""
    return verdict.detail if isinstance(verdict, Refusal) else verdict.why


def ask_openssl(directory: Path, cases: Sequence[Case], *options: str) -> dict[int, Said]:
    """What `openssl verify` says of each chain, by its number."""
    if not cases:
        return {}
    directory.mkdir(parents=True)
    anchors = [der for case in cases for der in case.anchors]
    sent = [der for case in cases for der in case.sent]
    leaves = [save(directory / f"{case.plan.number}.pem", [case.leaf]) for case in cases]
    moment = str(int(cases[0].plan.at.timestamp()))
    command = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-attime", moment, *options]
    command += ["-CAfile", save(directory / "anchors.pem", anchors)] if anchors else ["-no-CAfile"]
    command += ["-untrusted", save(directory / "sent.pem", sent)] if sent else []
    told = subprocess.run([*command, *leaves], cwd=directory, check=False, capture_output=True, text=True)
    return dict(read_verdicts(told.stdout, told.stderr))


def save(path: Path, ders: Sequence[bytes]) -> str:
    path.write_text(write_blocks(ders, PemLabel.CERTIFICATE, TextEncoding.PEM))
    return path.name


def read_verdicts(accepted: str, refused: str) -> Iterator[tuple[int, Said]]:
    """The lines `7.pem: OK`, and those of errors, which come before the name of the file."""
    for line in accepted.splitlines():
        if line.endswith(": OK"):
            yield int(line.partition(".")[0]), ACCEPTED
    faults: set[Fault] = set()
    for line in refused.splitlines():
        words = line.split()
        if line.startswith("error ") and "depth lookup" in line:
            faults.add(CODES.get(int(words[1]), Fault.CHAIN))
        elif line.startswith("error ") and line.endswith("verification failed"):
            yield int(words[1].partition(".")[0]), frozenset(faults)
            faults = set()


@pytest.mark.scaled
def test_every_disagreement_with_openssl_is_explained(judged: list[Judged]) -> None:
    findings = [one.finding for one in judged]
    assert [str(one) for one in findings if not one.agree and explanation(one) is None] == []


@pytest.mark.scaled
def test_no_row_of_the_table_is_idle(judged: list[Judged]) -> None:
    met = Counter(explanation(one.finding) for one in judged if not one.finding.agree)
    assert [row.id for row in DISAGREEMENTS if not met[row]] == []


@pytest.mark.scaled
def test_what_is_accepted_has_no_fault_in_the_way_that_was_told(judged: list[Judged]) -> None:
    """No false accept: the drafts of the verified path, and not those of some other path, are without fault."""
    for one in judged:
        if isinstance(one.verdict, VerifiedChain):
            good = [tuple(map(one.finding.case.der_of, way)) for way in one.finding.good]
            told = tuple(certificate.der for certificate in (*one.verdict.chain.certificates, one.verdict.anchor))
            assert told in good, one.finding


@pytest.mark.scaled
def test_what_has_a_way_without_fault_is_accepted(judged: list[Judged]) -> None:
    """No false refusal."""
    assert [str(one.finding) for one in judged if one.finding.good and one.finding.ours] == []


@pytest.mark.scaled
def test_the_reason_of_a_refusal_is_true(judged: list[Judged]) -> None:
    refused = [one.finding for one in judged if one.finding.ours]
    assert [str(one) for one in refused if not one.ours <= one.faults] == []


@pytest.mark.scaled
def test_neither_verdict_is_rare(judged: list[Judged]) -> None:
    """Else the tests above would prove nothing."""
    both = Counter((not one.finding.openssl, not one.finding.ours) for one in judged)
    assert both[True, True] > len(judged) / 5
    assert both[False, False] > len(judged) / 5


def test_the_page_tells_every_row_of_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "verification.md"
    told = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    assert [str(row) for row in DISAGREEMENTS if str(row) not in told] == []
