"""JSON from outside: bounded, unambiguous, and no exception but our own."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainpilot.wire.jsontext import (
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_TEXT,
    JsonDefect,
    JsonError,
    UnwritableJsonError,
    decode_json,
    encode_json,
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


def outcome(text: str | bytes) -> object:
    try:
        return decode_json(text)
    except JsonError as error:
        return error


def assert_refused(text: str | bytes, defect: JsonDefect) -> None:
    with pytest.raises(JsonError) as caught:
        decode_json(text)
    assert caught.value.defect is defect


@given(VALUES)
def test_what_is_written_is_read_back(value: object) -> None:
    assert decode_json(encode_json(value)) == value


@given(VALUES)
def test_what_another_writer_writes_is_read(value: object) -> None:
    assert decode_json(json.dumps(value, indent=1)) == value


@given(st.binary() | st.text())
@example(b"\xff")
@example("\ud800")
@example('"\\ud800"')
@example("1e400")
@example("1" * 5000)
@example("[" * 100_000)
def test_arbitrary_input_is_read_or_refused(text: str | bytes) -> None:
    outcome(text)


@given(st.text('[]{}",:\\ 1nul', max_size=60))
def test_arbitrary_json_like_text_agrees_with_the_standard_library(text: str) -> None:
    found = outcome(text)
    try:
        expected = json.loads(text)
    except ValueError:
        assert isinstance(found, JsonError)
        return
    if isinstance(found, JsonError):
        assert found.defect in {JsonDefect.DUPLICATE_KEY, JsonDefect.TOO_DEEP}
    else:
        assert found == expected


class Members(list[tuple[str, object]]):
    """An object as it stands in a text, members of one name included."""


NAMES = st.sampled_from(["a", "b", "a:", '"', "\\", "ä", ""])
TREES = st.recursive(
    st.none() | st.integers(-9, 9) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(NAMES, inner), max_size=3).map(Members),
    max_leaves=12,
)


def written(tree: object, comma: str, colon: str, *, ascii_only: bool) -> str:
    if isinstance(tree, Members):
        inside = (
            json.dumps(name, ensure_ascii=ascii_only) + colon + written(value, comma, colon, ascii_only=ascii_only)
            for name, value in tree
        )
        return "{" + comma.join(inside) + "}"
    if isinstance(tree, list):
        return "[" + comma.join(written(value, comma, colon, ascii_only=ascii_only) for value in tree) + "]"
    return json.dumps(tree, ensure_ascii=ascii_only)


def repeats_a_name(tree: object) -> bool:
    if isinstance(tree, Members):
        names = [name for name, _ in tree]
        return len(set(names)) < len(names) or any(repeats_a_name(value) for _, value in tree)
    return isinstance(tree, list) and any(repeats_a_name(value) for value in tree)


@given(TREES, st.sampled_from([",", ", ", ",\n"]), st.sampled_from([":", ": ", " :", "\t:\r\n"]), st.booleans())
def test_members_of_one_name_are_refused_however_the_text_is_written(
    tree: object, comma: str, colon: str, ascii_only: bool
) -> None:
    text = written(tree, comma, colon, ascii_only=ascii_only)
    found = outcome(text)
    if repeats_a_name(tree):
        assert isinstance(found, JsonError)
        assert found.defect is JsonDefect.DUPLICATE_KEY
    else:
        assert found == json.loads(text)


@pytest.mark.parametrize("size", [MAX_TEXT - 1, MAX_TEXT])
def test_a_text_up_to_the_bound_is_read(size: int) -> None:
    assert decode_json('"' + "a" * (size - 2) + '"') == "a" * (size - 2)


def test_a_text_above_the_bound_is_refused() -> None:
    assert_refused('"' + "a" * (MAX_TEXT - 1) + '"', JsonDefect.TOO_LARGE)
    assert_refused(b'"' + b"a" * (MAX_TEXT - 1) + b'"', JsonDefect.TOO_LARGE)


def test_the_bound_counts_bytes_and_not_characters() -> None:
    assert_refused('"' + "ä" * (MAX_TEXT // 2) + '"', JsonDefect.TOO_LARGE)


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH])
def test_nesting_up_to_the_bound_is_read(depth: int) -> None:
    decode_json("[" * depth + "]" * depth)
    decode_json('{"a":' * depth + "1" + "}" * depth)


def test_nesting_above_the_bound_is_refused() -> None:
    depth = MAX_DEPTH + 1
    assert_refused("[" * depth + "]" * depth, JsonDefect.TOO_DEEP)
    assert_refused('{"a":' * depth + "1" + "}" * depth, JsonDefect.TOO_DEEP)


def test_brackets_side_by_side_or_in_text_are_not_depth() -> None:
    assert decode_json("[" + ",".join(["[]"] * 100) + "]") == [[]] * 100
    assert decode_json(encode_json("[" * 100 + '\\"{')) == "[" * 100 + '\\"{'


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', '[{"b":{"a":1,"\\u0061":2}}]', '{"a:":1,"a:":2}'])
def test_two_members_of_one_name_are_refused(text: str) -> None:
    assert_refused(text, JsonDefect.DUPLICATE_KEY)


def test_colons_in_text_are_not_members() -> None:
    assert decode_json('{"a:b":"c:d\\":"}') == {"a:b": 'c:d":'}


@pytest.mark.parametrize("text", ["", "[1]x", "[NaN]", "[Infinity]", "\ufeff[1]", "{'a':1}", '"\\udc00"', "[1,]"])
def test_what_is_not_json_is_refused(text: str) -> None:
    assert_refused(text, JsonDefect.NOT_JSON)


@pytest.mark.parametrize("text", [b'"\xff"', '"\ud800"', b"\xff\xfe[\x001\x00]\x00"])
def test_what_is_not_utf_8_is_refused(text: str | bytes) -> None:
    assert_refused(text, JsonDefect.NOT_UTF8)


def test_a_refusal_does_not_quote_the_text() -> None:
    with pytest.raises(JsonError) as caught:
        decode_json('{"password":hunter2}')
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (math.nan, ""),
        ({"a": [1, math.inf]}, "a[1]"),
        ([-math.inf], "[0]"),
        ({"n": MAX_INTEGER + 1}, "n"),
        ({"n": -MAX_INTEGER - 1}, "n"),
        ({1: 2}, ""),
        ({"a": b"x"}, "a"),
        ("\ud800", ""),
        ({"\ud800": 1}, ""),
        ({"a": {1, 2}}, "a"),
    ],
)
def test_what_json_cannot_carry_is_never_written(value: object, where: str) -> None:
    with pytest.raises(UnwritableJsonError) as caught:
        encode_json(value)
    assert caught.value.where == where


def test_nesting_is_bounded_when_writing_too() -> None:
    value: list[object] = []
    encode_json([[]], depth=2)
    with pytest.raises(UnwritableJsonError):
        encode_json([[[]]], depth=2)
    value.append(value)
    with pytest.raises(UnwritableJsonError):
        encode_json(value)
