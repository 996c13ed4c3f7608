"""The table of problems, and the page that shows it."""

import re
from pathlib import Path

import pytest

from chainpilot.station.checkup import SECTIONS, TABLE, Row, Severity
from chainpilot.station.checkup.uses import consequence
from chainpilot.station.layout import LEAF_TYPES

PAGE = Path(__file__).parents[3] / "docs/reference/doctor.md"
BEGIN, END = "<!-- table -->\n", "<!-- /table -->\n"
VALUE = re.compile(r"\{([a-z_]+)\}")


def shown() -> str:
    """The table as the page shows it: to be put there when this test says that they differ."""
    parts: list[str] = []
    for title, rows in SECTIONS:
        lines = [f"| {_cell(row.code, row)} |" for row in rows]
        parts.append(
            "\n".join(
                (f"### {title}\n", "| code | | seen | why it matters | what to do |", "|---|---|---|---|---|", *lines)
            )
        )
    return "\n\n".join(parts) + "\n"


def _cell(code: str, row: Row) -> str:
    sentences = (VALUE.sub(r"*\1*", one).replace("|", "\\|") for one in (row.seen, row.why, row.do))
    return " | ".join((f"`{code}`", row.severity.value, *sentences))


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text()
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)] == shown()


def test_the_page_tells_what_fails_without_a_leaf() -> None:
    text = " ".join(PAGE.read_text().split())
    assert [kind for kind in LEAF_TYPES if consequence(kind) not in text] == []


def test_every_code_is_there_once() -> None:
    codes = [row.code for row in TABLE]
    assert len(set(codes)) == len(codes)
    assert [code for code in codes if not re.fullmatch(r"(?:[A-Z][a-z0-9]*)+", code)] == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.code)
def test_a_row_is_made_of_whole_sentences(row: Row) -> None:
    for sentence in (row.seen, row.why, row.do):
        assert sentence.endswith((".", "{consequence}")), sentence
        assert sentence[0].isupper() or sentence[0] == "{" or sentence.startswith(("allow_", "crl_"))


def test_a_value_that_looks_like_a_template_is_told_as_it_is() -> None:
    row = Row("Odd", Severity.NOTICE, "{path} is {what}.", "{what}.", "Do.")
    problem = row.found(path=Path("/x"), what="{path} {0} {}")
    assert problem.seen == "/x is {path} {0} {}."
    assert problem.path == Path("/x")
