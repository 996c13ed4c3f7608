"""EST paths as templates, from both sides."""

import pytest

from chainpilot.wire.est.paths import PRESETS, RFC7030, Operation, PathError, PathTemplates, Route, routes


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


def test_the_query_of_another_ecosystem_is_data_too() -> None:
    operations = ("cacerts", "simpleenroll", "simplereenroll", "csrattrs")
    opnc = PathTemplates(*(f"/est/{word}?caDomain={{ca}}&v={{iso}}" for word in operations))
    assert opnc.fill(ca="cpo", iso="ISO15118-2").cacerts == "/est/cacerts?caDomain=cpo&v=ISO15118-2"


@pytest.mark.parametrize("words", [{}, {"ca": "cpo"}, {"label": "cpo", "ca": "cpo"}])
def test_words_that_do_not_fit_the_places_are_refused(words: dict[str, str]) -> None:
    with pytest.raises(PathError, match="wants label"):
        RFC7030.fill(**words)


def test_a_server_answers_exactly_the_paths_a_client_asks() -> None:
    table = routes(RFC7030, ("", "cpo"))
    for label in ("", "cpo"):
        paths = RFC7030.fill(label=label)
        assert table[paths.cacerts] == Route(Operation.CACERTS, label)
        assert table[paths.simpleenroll] == Route(Operation.SIMPLEENROLL, label)
        assert table[paths.simplereenroll] == Route(Operation.SIMPLEREENROLL, label)
        assert table[paths.csrattrs] == Route(Operation.CSRATTRS, label)
    assert len(table) == 8


def test_every_preset_can_be_filled_with_a_label() -> None:
    assert all(templates.fill(label="cpo") for templates in PRESETS.values())
