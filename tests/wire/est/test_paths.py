"""EST paths as templates, from both sides."""

import pytest

from chainpilot.wire.est.paths import PRESETS, RFC7030, Operation, PathError, Route, routes


def test_rfc_7030_has_its_well_known_place() -> None:
    paths = RFC7030.fill(label="cpo")
    assert paths.cacerts == "/.well-known/est/cpo/cacerts"
    assert paths.simpleenroll == "/.well-known/est/cpo/simpleenroll"
    assert paths.simplereenroll == "/.well-known/est/cpo/simplereenroll"
    assert paths.csrattrs == "/.well-known/est/cpo/csrattrs"


def test_an_empty_label_takes_its_slash_with_it() -> None:
    assert RFC7030.fill(label="").cacerts == "/.well-known/est/cacerts"


def test_a_label_is_percent_encoded() -> None:
    assert RFC7030.fill(label="a/b?c").cacerts == "/.well-known/est/a%2Fb%3Fc/cacerts"


@pytest.mark.parametrize(
    ("preset", "words", "cacerts", "simpleenroll"),
    [
        ("rfc7030", {"label": ""}, "/.well-known/est/cacerts", "/.well-known/est/simpleenroll"),
        (
            "opcp",
            {"ca": "cpo", "iso": "ISO15118-20", "algorithm": "secp521r1"},
            "/cpo/cacerts/ISO15118-20/secp521r1/",
            "/.well-known/est/cpo/simpleenroll/ISO15118-20",
        ),
        (
            "opcp-short",
            {"ca": "cpo", "iso": "ISO15118-2"},
            "/cpo/cacerts/ISO15118-2",
            "/cpo/simpleenroll/ISO15118-2",
        ),
        (
            "opnc",
            {"ca": "cpo", "iso": "ISO15118-2"},
            "/opnc/v1/pki/est/cacerts?caDomain=cpo&iso15118Version=ISO15118-2",
            "/opnc/v1/pki/est/simpleenroll?caDomain=cpo&iso15118Version=ISO15118-2",
        ),
    ],
)
def test_each_ecosystem_has_its_shape(preset: str, words: dict[str, str], cacerts: str, simpleenroll: str) -> None:
    paths = PRESETS[preset].fill(**words)
    assert (paths.cacerts, paths.simpleenroll) == (cacerts, simpleenroll)


def test_the_ecosystems_have_no_operation_beyond_those_that_they_name() -> None:
    paths = PRESETS["opcp"].fill(ca="cpo", iso="ISO15118-2", algorithm="ed448")
    assert (paths.simplereenroll, paths.csrattrs) == ("", "")


@pytest.mark.parametrize(("words", "word"), [({}, "algorithm"), ({"algorithm": "ed448", "iso": "ISO15118-2"}, "ca")])
def test_a_place_without_a_word_is_refused_and_named(words: dict[str, str], word: str) -> None:
    with pytest.raises(PathError, match="wants algorithm, ca, iso") as caught:
        PRESETS["opcp"].fill(**words)
    assert caught.value.word == word


def test_a_word_without_a_place_is_refused_and_named() -> None:
    with pytest.raises(PathError, match="no path has a place for ca; there is one for label"):
        RFC7030.fill(label="cpo", ca="cpo")


def test_a_server_answers_exactly_the_paths_a_client_asks() -> None:
    table = routes(RFC7030, ("", "cpo"))
    for label in ("", "cpo"):
        paths = RFC7030.fill(label=label)
        assert table[paths.cacerts] == Route(Operation.CACERTS, label)
        assert table[paths.simpleenroll] == Route(Operation.SIMPLEENROLL, label)
        assert table[paths.simplereenroll] == Route(Operation.SIMPLEREENROLL, label)
        assert table[paths.csrattrs] == Route(Operation.CSRATTRS, label)
    assert len(table) == 8
