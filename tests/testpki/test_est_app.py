"""The EST server's login."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.testpki.est_app import BasicLogin

LOGIN = BasicLogin("cpms", "s:ecret")


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_the_right_login_is_admitted_whatever_the_scheme_s_case() -> None:
    assert LOGIN.admits(basic("cpms:s:ecret"))
    assert LOGIN.admits(basic("cpms:s:ecret").replace("Basic", "bASIC"))


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        "Basic",
        "Basic ?",
        basic("cpms:wrong"),
        basic("other:s:ecret"),
        basic(""),
        "Bearer x",
    ],
)
def test_every_other_login_is_not(field: str | None) -> None:
    assert not LOGIN.admits(field)


@given(st.text())
def test_no_field_escapes(field: str) -> None:
    assert not LOGIN.admits(field)
    assert not LOGIN.admits(f"Basic {field}")
