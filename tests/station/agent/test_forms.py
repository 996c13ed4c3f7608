"""The texts of settings: each form's bounds, one below, at and one above; what was written reads as the same again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainpilot.station.agent.settings import forms
from chainpilot.station.agent.settings.forms import MAX_SECONDS, Form, whole
from chainpilot.station.agent.settings.keys import TABLE
from chainpilot.station.agent.settings.refusals import ReasonCode, SettingRefused
from chainpilot.station.model import Secret


def _refusal(form: Form, text: str) -> ReasonCode:
    with pytest.raises(SettingRefused) as caught:
        form.read(text)
    return caught.value.code


def test_a_number_is_read_within_its_bounds_alone() -> None:
    form = whole(1, 20)
    assert [form.read(text) for text in ("1", "20", "007")] == [1, 20, 7]
    for text in ("0", "21", "-1", "9999999999"):
        assert _refusal(form, text) is ReasonCode.VALUE_OUT_OF_RANGE
    for text in ("", " 1", "1 ", "+1", "1.0", "1e3", "one", "٣", "1\n", "9" * 5000):
        assert _refusal(form, text) is ReasonCode.INVALID_VALUE


def test_a_wait_is_zero_or_more_seconds_and_at_most_a_year() -> None:
    form = whole(0, MAX_SECONDS)
    assert form.read("0") == 0
    assert form.read(str(MAX_SECONDS)) == MAX_SECONDS
    assert _refusal(form, str(MAX_SECONDS + 1)) is ReasonCode.VALUE_OUT_OF_RANGE
    assert _refusal(form, "-300") is ReasonCode.VALUE_OUT_OF_RANGE


def test_true_and_false_are_read_in_either_case() -> None:
    assert [forms.BOOLEAN.read(text) for text in ("true", "True", "FALSE", "false")] == [True, True, False, False]
    for text in ("", "1", "yes", "true ", "tru"):
        assert _refusal(forms.BOOLEAN, text) is ReasonCode.INVALID_VALUE


@pytest.mark.parametrize("digits", [32, 34, 40])
def test_a_key_of_16_to_20_whole_bytes_is_a_password_in_1_6(digits: int) -> None:
    assert forms.HEX_PASSWORD.read("aB" * (digits // 2)) == Secret("aB" * (digits // 2))


@pytest.mark.parametrize("text", ["", "ab" * 15, "a" * 31, "a" * 33, "a" * 41, "ab" * 21, "ab" * 32, "zz" * 16])
def test_other_keys_are_no_password_in_1_6(text: str) -> None:
    assert _refusal(forms.HEX_PASSWORD, text) is ReasonCode.INVALID_VALUE


@pytest.mark.parametrize("text", ["a" * 16, "a" * 40, "aZ09*-_=:+|@.aaa"])
def test_an_identifier_string_of_16_to_40_characters_is_a_password_in_2_0_1(text: str) -> None:
    assert forms.BASIC_AUTH_PASSWORD.read(text) == Secret(text)


@pytest.mark.parametrize(
    "text", ["", "a" * 15, "a" * 41, "a" * 16 + " ", "a" * 15 + "é", "a" * 16 + "\n", "a" * 15 + "#"]
)
def test_other_texts_are_no_password_in_2_0_1(text: str) -> None:
    assert _refusal(forms.BASIC_AUTH_PASSWORD, text) is ReasonCode.INVALID_VALUE


@pytest.mark.parametrize("text", ["A", "Ladepark Süd GmbH & Co. KG", "é" * 64])
def test_a_name_of_at_most_64_printable_characters_can_be_o_of_a_signing_request(text: str) -> None:
    assert forms.ORGANISATION.read(text) == text


@pytest.mark.parametrize("text", ["", "   ", "a" * 65, "a\nb", "a\x00", "\ud800"])
def test_other_names_can_not_be_o_of_a_signing_request(text: str) -> None:
    assert _refusal(forms.ORGANISATION, text) is ReasonCode.INVALID_VALUE


def test_a_country_is_two_capital_letters() -> None:
    assert forms.COUNTRY.read("DE") == "DE"
    for text in ("", "D", "DEU", "de", "D1", "ÄÖ"):
        assert _refusal(forms.COUNTRY, text) is ReasonCode.INVALID_VALUE


def test_a_secc_id_is_an_evseid_or_a_seccid() -> None:
    for text in ("DE*ABC*E123*1", "DEABCE1", "DEABC" + "0" * 34):
        assert forms.SECC_ID.read(text) == text
    for text in ("", "CP1", "DE*ABC*X123", "DEABC" + "-" + "0" * 60):
        assert _refusal(forms.SECC_ID, text) is ReasonCode.INVALID_VALUE


def test_slots_are_numbers_with_commas_between_them_each_once() -> None:
    assert forms.SLOTS.read("2") == (2,)
    assert forms.SLOTS.read("2, 1,0") == (2, 1, 0)
    for text in ("", ",", "1,", "1,1", "1;2", "-1", "1,a", "1," * 5000):
        assert _refusal(forms.SLOTS, text) is ReasonCode.INVALID_VALUE


@given(text=st.text())
def test_whatever_a_form_reads_it_writes_and_reads_as_the_same_again(text: str) -> None:
    for form in {id(setting.form): setting.form for setting in TABLE}.values():
        try:
            value = form.read(text)
        except SettingRefused:
            continue
        assert form.read(form.write(value)) == value


@given(slots=st.lists(st.integers(0, 9999), min_size=1, max_size=20, unique=True).map(tuple))
def test_slots_are_read_as_they_were_written(slots: tuple[int, ...]) -> None:
    assert forms.SLOTS.read(forms.SLOTS.write(slots)) == slots


@given(text=st.text(st.sampled_from("0123456789abcdefXYZ*- ."), min_size=8, max_size=15))
def test_no_refusal_of_a_password_quotes_it(text: str) -> None:
    for form in (forms.HEX_PASSWORD, forms.BASIC_AUTH_PASSWORD):
        with pytest.raises(SettingRefused) as caught:
            form.read(text)
        assert text not in str(caught.value)
