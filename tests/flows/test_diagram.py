"""Recordings as Mermaid's text."""

import pytest

from flows.diagram import UndrawableText, diagram
from flows.recording import Message, Note, Party, durable

STATION, CPMS = Party.STATION, Party.CPMS


def test_calls_answers_and_notes_have_their_own_signs() -> None:
    lines = (
        Message(STATION, CPMS, "SignCertificate"),
        durable(CPMS, "Requested"),
        Message(CPMS, STATION, "Accepted", is_answer=True),
        Note((STATION, CPMS), "the connection ends"),
    )
    assert diagram(lines) == (
        "sequenceDiagram\n"
        "    participant Station as Station (store)\n"
        "    participant CPMS as CPMS (gateway, worker, records)\n"
        "    Station->>CPMS: SignCertificate\n"
        "    Note over CPMS: on disk: Requested\n"
        "    CPMS-->>Station: Accepted\n"
        "    Note over Station,CPMS: the connection ends\n"
    )


@pytest.mark.parametrize("text", ["", "one; two", "number #1", "two\nlines"])
def test_a_text_that_mermaid_would_read_otherwise_is_not_drawn(text: str) -> None:
    with pytest.raises(UndrawableText):
        diagram([Note((CPMS,), text)])
