"""OAuth2 client credentials: what is asked, what counts as a token, and what of an answer is quoted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.oauth import (
    DEFAULT_LIFETIME,
    MAX_LIFETIME,
    MAX_TOKEN,
    MAX_TOKEN_ANSWER,
    AccessToken,
    ClientCredentials,
    TokenBody,
    TokenRefusal,
    judge_token,
    token_request,
)

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
WHO = ClientCredentials("us & co", "s3cret=%&+ü", "https://pki.example/a?b")
JSON = (("Content-Type", "application/json; charset=utf-8"),)
GOOD = {"access_token": "abc.def-ghi", "token_type": "Bearer", "expires_in": 86400}


def answer(status: int = 200, **changes: Any) -> HttpResponse:
    given = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return HttpResponse(status, JSON, json.dumps(given).encode())


def refused(response: HttpResponse) -> TokenRefusal:
    verdict = judge_token(response, AT, WHO)
    assert isinstance(verdict, TokenRefusal)
    return verdict


EXPECTED = {
    "grant_type": "client_credentials",
    "client_id": "us & co",
    "client_secret": "s3cret=%&+ü",
    "audience": "https://pki.example/a?b",
}


def test_rfc_6749_4_4_2_a_form_says_what_it_is_given() -> None:
    request = token_request("/oauth/token", WHO, TokenBody.FORM)
    assert (request.method, request.url_path) == ("POST", "/oauth/token")
    assert dict(request.headers)["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(request.body.decode(), strict_parsing=True)) == EXPECTED


def test_opcp_wants_the_same_as_json() -> None:
    request = token_request("/oauth/token", WHO, TokenBody.JSON)
    assert dict(request.headers)["Content-Type"] == "application/json"
    assert json.loads(request.body) == EXPECTED


@pytest.mark.parametrize(
    ("given", "lifetime"),
    [
        (86400, MAX_LIFETIME),
        (10**9, MAX_LIFETIME),
        (30, timedelta(seconds=30)),
        ("3600", timedelta(hours=1)),
        (0, timedelta(0)),
        (None, DEFAULT_LIFETIME),
    ],
)
def test_rfc_6749_5_1_a_token_has_its_lifetime_within_our_bound(given: Any, lifetime: timedelta) -> None:
    assert judge_token(answer(expires_in=given), AT, WHO) == AccessToken("abc.def-ghi", lifetime)


@pytest.mark.parametrize(
    "response",
    [
        answer(access_token=None),
        answer(access_token=""),
        answer(access_token="a b"),
        answer(access_token="a\r\nX: y"),
        answer(access_token=7),
        answer(access_token="a" * (MAX_TOKEN + 1)),
        answer(token_type="mac"),
        answer(token_type=None),
        answer(expires_in=-1),
        answer(expires_in="soon"),
        answer(expires_in=True),
        HttpResponse(200, JSON, b"[1]"),
        HttpResponse(200, JSON, b"{"),
        HttpResponse(200, JSON, b""),
        HttpResponse(200, JSON, b" " * (MAX_TOKEN_ANSWER + 1)),
        HttpResponse(200, (("Content-Type", "text/html"),), b"<html>"),
        HttpResponse(200, (), json.dumps(GOOD).encode()),
        HttpResponse(204, ()),
    ],
)
def test_a_success_that_holds_no_token_is_a_refusal(response: HttpResponse) -> None:
    refusal = refused(response)
    assert refusal.is_final
    assert refusal.message


def test_the_longest_token_is_taken() -> None:
    assert isinstance(judge_token(answer(access_token="a" * MAX_TOKEN), AT, WHO), AccessToken)


@pytest.mark.parametrize(
    ("status", "is_final"),
    [(307, True), (400, True), (401, True), (403, True), (404, True), (408, False), (429, False), (500, False)],
)
def test_every_status_has_its_class(status: int, *, is_final: bool) -> None:
    response = HttpResponse(status, (("Retry-After", "9"), ("Location", "https://else.example")))
    refusal = refused(response)
    assert (refusal.status, refusal.is_final) == (status, is_final)
    assert refusal.retry_at == (None if is_final else AT + timedelta(seconds=9))


def test_rfc_6749_5_2_the_service_s_words_are_quoted_without_our_secret() -> None:
    said = {"error": "invalid_client", "error_description": f"no {WHO.client_secret} here\x1b[2J", "hint": "x"}
    refusal = refused(HttpResponse(401, JSON, json.dumps(said).encode()))
    assert refusal.message == "invalid_client: no (the secret) here [2J"


def test_neither_secret_nor_token_is_in_a_repr() -> None:
    verdict = judge_token(answer(), AT, WHO)
    assert "s3cret" not in repr(WHO) + str(WHO)
    assert "abc" not in repr(verdict) + str(verdict)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_escapes(status: int, body: bytes) -> None:
    assert isinstance(judge_token(HttpResponse(status, JSON, body), AT, WHO), TokenRefusal | AccessToken)
