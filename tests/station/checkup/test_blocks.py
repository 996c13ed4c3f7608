"""Blocks of certificate files, and the pieces of text by which they are told apart."""

from pathlib import Path

import pytest

from certs import key_pem, root
from chainpilot.station.checkup.blocks import blocks_of, drop_script, holds_private_key, print_script
from forge import forge

PATH = Path("bundle.pem")
ONE, OTHER = root("One").certificate, root("Other").certificate
KEY = key_pem(forge("Key").key).decode()


def test_a_block_ends_where_the_next_begins() -> None:
    text = f"remark\n{ONE.to_pem()}between\n{OTHER.to_pem()[:100]}\n{KEY}end"
    first, cut, key = blocks_of(PATH, text.encode())
    assert (first.number, cut.number, key.number) == (1, 2, 3)
    assert (first.certificates, first.objection, first.is_cut_off) == ((ONE,), None, False)
    assert (cut.certificates, cut.is_cut_off) == ((), True)
    assert cut.objection is not None
    assert (key.certificates, key.objection, key.is_private_key) == ((), None, True)
    assert b"".join(one.text for one in (first, cut, key)) == text.partition("\n")[2].encode()


@pytest.mark.parametrize("data", [b"", b"junk", ONE.der])
def test_what_is_no_pem_has_no_blocks(data: bytes) -> None:
    assert blocks_of(PATH, data) == ()


def test_a_piece_is_of_the_end_where_the_signature_stands() -> None:
    blocks = blocks_of(PATH, (ONE.to_pem() + OTHER.to_pem()).encode())
    script = drop_script(blocks[0], blocks)
    assert script is not None
    piece = script.split("\\,")[1].split(",")[0]
    assert len(piece) == 24
    assert [piece.encode() in block.text for block in blocks] == [True, False]


def test_a_piece_that_another_block_has_too_is_none() -> None:
    """A line of the one stands as a remark in the other."""
    lines = ONE.to_pem().splitlines()
    telling = [line for line in lines if len(line) >= 24 and not line.startswith("-")]
    for count in range(1, len(telling) + 1):
        remarks = "\n".join(telling[-count:])
        blocks = blocks_of(PATH, f"{ONE.to_pem()}{OTHER.to_pem()}{remarks}\n".encode())
        script = drop_script(blocks[0], blocks)
        assert (script is None) is (count == len(telling))
        assert script is None or not any(script.split("\\,")[1].split(",")[0] in line for line in telling[-count:])


def test_copies_of_a_block_are_no_others() -> None:
    blocks = blocks_of(PATH, (ONE.to_pem() + OTHER.to_pem() + ONE.to_pem().replace("\n", "\r\n")).encode())
    assert drop_script(blocks[0], blocks) is not None


@pytest.mark.parametrize("text", [KEY, ONE.to_pem()[:200], ONE.to_pem()[:200] + "\n" + KEY])
def test_nothing_of_a_key_or_of_a_block_without_end_is_a_piece(text: str) -> None:
    for block in blocks_of(PATH, text.encode()):
        assert drop_script(block, ()) is None
        assert print_script(block, ()) is None


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (KEY, True),
        (ONE.to_pem() + KEY.replace("PRIVATE", "EC PRIVATE"), True),
        (ONE.to_pem() + KEY.replace("PRIVATE", "ENCRYPTED PRIVATE"), True),
        (ONE.to_pem(), False),
        ("-----BEGIN PUBLIC KEY-----\n", False),
        ("PRIVATE KEY", False),
    ],
)
def test_a_private_key_is_told_by_its_first_line(text: str, holds: bool) -> None:
    assert holds_private_key(text.encode()) is holds
