"""Damages certificates and texts of them in every way that we could think of, from a seed.

Every damage changes its input; whether what comes out still holds a whole certificate is for `held` to say.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from random import Random

from chainpilot.pki.der import Element, read_one
from derwriter import octets, sequence, tlv

__all__ = ["damaged_der", "damaged_text", "grafted", "held"]

Damage = Callable[[bytes, Random], bytes]
TextDamage = Callable[[str, Random], str]
_CONSTRUCTED = 0x20
_EXTENSIONS = 0xA3
_BLOCK = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----(?=(.*?)-----END (?:X509 )?CERTIFICATE-----)", re.DOTALL)
"""Armours may share their dashes."""


def damaged_der(der: bytes, dice: Random) -> tuple[str, bytes]:
    """The certificate damaged in one way, and which; never the same bytes."""
    while True:
        word = dice.choice(sorted(DER_DAMAGES))
        made = DER_DAMAGES[word](der, dice)
        if made != der:
            return word, made


def damaged_text(text: str, dice: Random) -> tuple[str, str]:
    """The text damaged in one way, and which; never the same text."""
    while True:
        word = dice.choice(sorted(TEXT_DAMAGES))
        made = TEXT_DAMAGES[word](text, dice)
        if made != text:
            return word, made


def grafted(der: bytes, donor: bytes, dice: Random) -> bytes:
    """The certificate with one part of another in place of its own: signature, algorithm, a name, the key, a time."""
    content, *rest = (child.encoding for child in read_one(der).children())
    others = [child.encoding for child in read_one(donor).children()]
    if dice.random() < 0.4:
        place = dice.randrange(2)
        rest[place] = others[place + 1]
        return sequence(content, *rest)
    fields, theirs = ([child.encoding for child in read_one(part).children()] for part in (content, others[0]))
    place = dice.randrange(min(len(fields), len(theirs)))
    fields[place] = theirs[place]
    return sequence(sequence(*fields), *rest)


def held(text: str) -> tuple[bytes, ...]:
    """The certificates that a text still holds as it stands, read without any leniency but for white space.

    Not the reader of the program: what it lets through is told apart by this one.
    """
    packed = "".join(text.replace("\\r", "").replace("\\n", "\n").split())
    blocks = ["".join(block.split()) for block in _BLOCK.findall(text.replace("\\r", "").replace("\\n", "\n"))]
    try:
        if "BEGIN" in text:
            return tuple(base64.b64decode(block, validate=True) for block in blocks)
        whole = bytes.fromhex(packed) if re.fullmatch("[0-9A-Fa-f]+", packed) else base64.b64decode(packed)
    except (binascii.Error, ValueError):
        return ()
    return tuple(_row(whole))


def _row(data: bytes) -> list[bytes]:
    """DER values that stand in a row, each of a length of two octets, as certificates have."""
    found = []
    while data[:2] == b"\x30\x82":
        size = 4 + int.from_bytes(data[2:4], "big")
        found.append(data[:size])
        data = data[size:]
    return found if not data else []


def _span(data: bytes, dice: Random, most: int = 40) -> tuple[int, int]:
    begin = dice.randrange(len(data))
    return begin, min(len(data), begin + 1 + dice.randrange(most))


def _flip_bit(der: bytes, dice: Random) -> bytes:
    return _overwrite(der, [(dice.randrange(len(der)), None)], dice)


def _overwrite(der: bytes, places: Sequence[tuple[int, int | None]], dice: Random) -> bytes:
    changed = bytearray(der)
    for place, value in places:
        changed[place] = value if value is not None else changed[place] ^ (1 << dice.randrange(8))
    return bytes(changed)


def _set_bytes(der: bytes, dice: Random) -> bytes:
    count = dice.choice((1, 1, 2, 8))
    return _overwrite(der, [(dice.randrange(len(der)), dice.randrange(256)) for _ in range(count)], dice)


def _truncate(der: bytes, dice: Random) -> bytes:
    return der[: dice.randrange(len(der))] if dice.random() < 0.7 else der[1 + dice.randrange(len(der) - 1) :]


def _delete(der: bytes, dice: Random) -> bytes:
    begin, end = _span(der, dice)
    return der[:begin] + der[end:]


def _insert(der: bytes, dice: Random) -> bytes:
    place = dice.randrange(len(der) + 1)
    return der[:place] + dice.randbytes(1 + dice.randrange(12)) + der[place:]


def _repeat(der: bytes, dice: Random) -> bytes:
    begin, end = _span(der, dice)
    return der[:end] + der[begin:end] + der[end:]


def _exchange(der: bytes, dice: Random) -> bytes:
    first, second = sorted((_span(der, dice), _span(der, dice)))
    if first[1] > second[0]:
        return _repeat(der, dice)
    return der[: first[0]] + der[slice(*second)] + der[first[1] : second[0]] + der[slice(*first)] + der[second[1] :]


def _rebuilt(change: Callable[[list[bytes], Random], list[bytes]], place: Callable[[Element], bool]) -> Damage:
    """A damage of the children of one element, every length above it made right again."""

    def damage(der: bytes, dice: Random) -> bytes:
        places = [path for path, element in _walk(read_one(der), ()) if place(element)]
        return _with_children(read_one(der), dice.choice(places), change, dice)

    return damage


def _walk(element: Element, path: tuple[int, ...]) -> list[tuple[tuple[int, ...], Element]]:
    found = [(path, element)]
    if element.tag & _CONSTRUCTED:
        for number, child in enumerate(element.children()):
            found += _walk(child, (*path, number))
    return found


def _with_children(
    element: Element, path: tuple[int, ...], change: Callable[[list[bytes], Random], list[bytes]], dice: Random
) -> bytes:
    children = [child.encoding for child in element.children()]
    if path:
        children[path[0]] = _with_children(element.children()[path[0]], path[1:], change, dice)
    else:
        children = change(children, dice)
    return tlv(element.tag, *children)


def _is_constructed(element: Element) -> bool:
    return bool(element.tag & _CONSTRUCTED) and bool(element.content)


def _has_several(element: Element) -> bool:
    return _is_constructed(element) and len(element.children()) > 1


def _is_list_of_extensions(element: Element) -> bool:
    """The SEQUENCE below the tag, whose children begin with an identifier."""
    if not _is_constructed(element) or element.tag != 0x30:
        return False
    children = element.children()
    return all(one.tag == 0x30 and one.children()[0].tag == 0x06 and one.children()[-1].tag == 0x04 for one in children)


def _swap_two(children: list[bytes], dice: Random) -> list[bytes]:
    one, other = dice.sample(range(len(children)), 2)
    children[one], children[other] = children[other], children[one]
    return children


def _drop_one(children: list[bytes], dice: Random) -> list[bytes]:
    children.pop(dice.randrange(len(children)))
    return children


def _double_one(children: list[bytes], dice: Random) -> list[bytes]:
    children.insert(dice.randrange(len(children) + 1), dice.choice(children))
    return children


def _add_odd(children: list[bytes], dice: Random) -> list[bytes]:
    odd = dice.choice((b"\x05\x00", octets(b"odd"), sequence(), tlv(0x01, b"\xff"), tlv(0xA9, b"\x05\x00")))
    children.insert(dice.randrange(len(children) + 1), odd)
    return children


def _retag(der: bytes, dice: Random) -> bytes:
    path, element = dice.choice(_walk(read_one(der), ()))
    start = _start(der, path)
    return _overwrite(der, [(start, (element.tag + 1 + dice.randrange(255)) % 256)], dice)


def _play_with_length(der: bytes, dice: Random) -> bytes:
    """The length of one value, and nothing else, made shorter, longer, huge, indefinite or long-winded."""
    path, element = dice.choice(_walk(read_one(der), ()))
    start = _start(der, path)
    size = len(element.content)
    header = len(element.encoding) - size
    played = dice.choice(
        (
            _length(size + 1),
            _length(max(size - 1, 0)),
            b"\x80",
            b"\x84\xff\xff\xff\xff",
            b"\xff",
            b"\x82" + size.to_bytes(2, "big"),
            b"\x84" + size.to_bytes(4, "big"),
            b"\x89" + bytes(8) + b"\x01",
        )
    )
    return der[: start + 1] + played + der[start + header :]


def _length(size: int) -> bytes:
    return tlv(0x04, bytes(size))[1 : len(tlv(0x04, bytes(size))) - size]


def _start(der: bytes, path: tuple[int, ...]) -> int:
    element, start = read_one(der), 0
    for number in path:
        start += len(element.encoding) - len(element.content)
        children = element.children()
        start += sum(len(child.encoding) for child in children[:number])
        element = children[number]
    return start


def _any_byte_run(der: bytes, dice: Random) -> bytes:
    begin, end = _span(der, dice, most=len(der))
    return der[:begin] + dice.choice((b"\x00", b"\xff", b"\x30", b"\x80")) * (end - begin) + der[end:]


DER_DAMAGES: dict[str, Damage] = {
    "bit flipped": _flip_bit,
    "bytes overwritten": _set_bytes,
    "cut off": _truncate,
    "bytes taken out": _delete,
    "bytes put in": _insert,
    "bytes repeated": _repeat,
    "bytes exchanged": _exchange,
    "run of one byte": _any_byte_run,
    "fields swapped": _rebuilt(_swap_two, _has_several),
    "field dropped": _rebuilt(_drop_one, _is_constructed),
    "field doubled": _rebuilt(_double_one, _is_constructed),
    "odd field added": _rebuilt(_add_odd, _is_constructed),
    "extension doubled": _rebuilt(_double_one, _is_list_of_extensions),
    "extension dropped": _rebuilt(_drop_one, _is_list_of_extensions),
    "tag changed": _retag,
    "length changed": _play_with_length,
}


def _lines(change: Callable[[list[str], Random], list[str]]) -> TextDamage:
    return lambda text, dice: "\n".join(change(text.split("\n"), dice))


def _swap_lines(lines: list[str], dice: Random) -> list[str]:
    if len(lines) < 2:
        return ["", *lines]
    one, other = dice.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    return lines


def _drop_line(lines: list[str], dice: Random) -> list[str]:
    lines.pop(dice.randrange(len(lines)))
    return lines


def _double_line(lines: list[str], dice: Random) -> list[str]:
    place = dice.randrange(len(lines))
    return [*lines[:place], lines[place], *lines[place:]]


_JUNK = ("=", "A", "\x00", "\ufeff", "é", "\r", "\\n", "-", "-----BEGIN CERTIFICATE-----\n", "-----", "\U0001d538", " ")


def _put_in_text(text: str, dice: Random) -> str:
    place = dice.randrange(len(text) + 1)
    junk = (
        "=",
        "A",
        "\x00",
        "\ufeff",
        "é",
        "\r",
        "\\n",
        "-",
        "-----BEGIN CERTIFICATE-----\n",
        "-----",
        "\U0001d538",
        "%",
        " ",
    )
    return text[:place] + dice.choice(junk) + text[place:]


def _change_character(text: str, dice: Random) -> str:
    place = dice.randrange(len(text))
    return text[:place] + dice.choice("ABCxyz019+/=-_ \t\n\x7f") + text[place + 1 :]


def _take_out_of_text(text: str, dice: Random) -> str:
    place = dice.randrange(len(text))
    return text[:place] + text[place + dice.choice((1, 1, 2, 3, 4, 64, 65)) :]


def _cut_text(text: str, dice: Random) -> str:
    place = dice.randrange(len(text))
    return text[:place] if dice.random() < 0.5 else text[place:]


def _armour(text: str, dice: Random) -> str:
    old, new = dice.choice(
        (
            ("-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE REQUEST-----"),
            ("-----BEGIN CERTIFICATE-----", "-----BEGIN X509 CERTIFICATE-----"),
            ("-----BEGIN CERTIFICATE-----", "----BEGIN CERTIFICATE----"),
            ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"),
            ("-----END CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
            ("-----END CERTIFICATE-----", ""),
            ("CERTIFICATE", "certificate"),
        )
    )
    return text.replace(old, new, dice.choice((1, -1)))


def _blocks(change: Callable[[list[str], Random], list[str]]) -> TextDamage:
    """A damage of the order or number of whole blocks; of a text without armour nothing but its end is touched."""

    def damage(text: str, dice: Random) -> str:
        parts = [f"{part}-----END CERTIFICATE-----\n" for part in text.split("-----END CERTIFICATE-----\n")[:-1]]
        return "".join(change(parts, dice)) if parts else text + "0"

    return damage


def _swap_blocks(parts: list[str], dice: Random) -> list[str]:
    return _swap_lines(parts, dice) if len(parts) > 1 else parts * 2


def _twice(text: str, dice: Random) -> str:
    return text * dice.choice((2, 12))


TEXT_DAMAGES: dict[str, TextDamage] = {
    "character changed": _change_character,
    "characters taken out": _take_out_of_text,
    "characters put in": _put_in_text,
    "text cut off": _cut_text,
    "lines swapped": _lines(_swap_lines),
    "line dropped": _lines(_drop_line),
    "line doubled": _lines(_double_line),
    "armour damaged": _armour,
    "blocks swapped": _blocks(_swap_blocks),
    "block dropped": _blocks(_drop_line),
    "block doubled": _blocks(_double_line),
    "text several times": _twice,
}
