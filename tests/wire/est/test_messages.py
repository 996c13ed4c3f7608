"""Header fields as EST uses them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.wire.est.messages import MAX_RETRY_AFTER, MIN_RETRY_AFTER, header, media_type, retry_moment

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def retry_after(field: str) -> datetime | None:
    return retry_moment((("Retry-After", field),), AT)


def test_a_field_is_found_whatever_its_case() -> None:
    assert header((("content-TYPE", " text/plain "),), "Content-Type") == "text/plain"
    assert header((), "Content-Type") is None


def test_a_media_type_comes_with_its_parameters() -> None:
    assert media_type('Application/PKCS7-mime; smime-type="certs-only"; a') == (
        "application/pkcs7-mime",
        {"smime-type": "certs-only", "a": ""},
    )
    assert media_type(None) == ("", {})


@pytest.mark.parametrize(
    ("field", "moment"),
    [
        ("120", AT + timedelta(seconds=120)),
        ("0", AT + MIN_RETRY_AFTER),
        ("99999999999999999999", AT + MAX_RETRY_AFTER),
        ("Mon, 01 Jun 2026 12:30:00 GMT", AT + timedelta(minutes=30)),
        ("Monday, 01-Jun-26 12:30:00 GMT", AT + timedelta(minutes=30)),
        ("Mon Jun  1 12:30:00 2026", AT + timedelta(minutes=30)),
        ("Mon, 01 Jan 2001 00:00:00 GMT", AT + MIN_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 GMT", AT + MAX_RETRY_AFTER),
        ("-5", None),
        ("soon", None),
        ("\u0662\u0662", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(field: str, moment: datetime | None) -> None:
    assert retry_after(field) == moment


@given(st.text(max_size=80) | st.from_regex(r"Mon, [0-9]+ Jun [0-9]+ [0-9]+:[0-9]+:[0-9]+ [+-][0-9]+"))
def test_no_retry_after_escapes_the_bounds(field: str) -> None:
    moment = retry_after(field)
    assert moment is None or AT + MIN_RETRY_AFTER <= moment <= AT + MAX_RETRY_AFTER
