"""Generates chains over many dimensions, for two judges to differ about: each from a seed of its own, bent by twists.

A plan starts as a good chain of any depth, key kinds, digests and order. Twists bend it, singly and together; the first
one goes round, so that a few hundred chains meet each. What a twist did stays readable in the drafts.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chainpilot.pki.keys import PrivateKey
from derwriter import integer, octets, oid, sequence, tlv
from drafts import (
    BASIC_CONSTRAINTS,
    CERT_SIGN,
    NAME_CONSTRAINTS,
    SIGN,
    Constraint,
    Draft,
    Extension,
    KeyPool,
    Name,
    Spelling,
    write,
)

__all__ = [
    "BATCH",
    "BIG",
    "BROKEN_BASICS",
    "BROKEN_NAMES",
    "SECOND_BASICS",
    "TWISTS",
    "UNKNOWN",
    "Case",
    "Plan",
    "chain",
]

MOMENTS = (
    datetime(2026, 6, 1, 12, tzinfo=UTC),
    datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2050, 1, 1, tzinfo=UTC),
    datetime(2028, 2, 29, 0, 0, 1, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
)
"""When chains are judged: today, around the change of the time's encoding, a leap day, the past."""
BATCH = 25
"""Chains in a row that are judged at one moment, so that a program can be asked about all of them at once."""
CROWD = 60
"""Certificates of one name that are sent along."""
SOUND_KINDS = ("P-256", "P-384", "P-521", "Ed25519", "Ed448", "RSA-2048", "brainpoolP256r1")
DIGESTS = ("sha256", "sha384", "sha512")
CA_USAGE = frozenset({CERT_SIGN, "cRLSign"})
LEAF_USAGE = frozenset({SIGN, "keyAgreement"})
POOL = KeyPool()


@dataclass
class Plan:
    """A chain in the making: drafts from the leaf to the root, what is sent along, and where a path may end."""

    number: int
    dice: random.Random
    at: datetime
    rise: list[Draft] = field(default_factory=list)
    sent: list[Draft] = field(default_factory=list)
    anchors: list[Draft] = field(default_factory=list)
    twists: list[str] = field(default_factory=list)
    is_alone: bool = False
    """Whether it shares a name with other plans, so that it can't be judged in one store with them."""
    taken: dict[str, int] = field(default_factory=dict)
    serials: set[int] = field(default_factory=set)

    @property
    def organization(self) -> str:
        """What sets the names of this chain apart from those of all others."""
        return f"Operator {self.number}"

    @property
    def leaf(self) -> Draft:
        """The end entity."""
        return self.rise[0]

    @property
    def root(self) -> Draft:
        """The topmost CA, the only anchor unless a twist says otherwise."""
        return self.rise[-1]

    def new_key(self, kind: str = "P-256") -> PrivateKey:
        """A key that no other certificate of this chain has."""
        number = self.taken.get(kind, 0)
        self.taken[kind] = number + 1
        return POOL.get(kind, number)

    def new_ca(self, common: str, above: Draft | None, **changes: Any) -> Draft:
        """A good CA certificate below `above`; self-signed where None."""
        return self._new(Name(common, self.organization), above, is_ca=True, usage=CA_USAGE, **changes)

    def new_leaf(self, common: str, above: Draft | None, **changes: Any) -> Draft:
        """A good leaf below `above`."""
        return self._new(Name(common, self.organization), above, usage=LEAF_USAGE, **changes)

    def again(self, draft: Draft, **changes: Any) -> Draft:
        """Another certificate for the same name and key, as a renewed or cross-signed CA has."""
        values = {"above": draft.above, "is_ca": draft.is_ca, "usage": draft.usage, "key": draft.key} | changes
        return self._new(draft.subject, **values)

    def insert(self, draft: Draft, depth: int) -> None:
        """Put a CA into the rise: it signs what stands below it."""
        self.rise[depth - 1].above = draft
        self.rise.insert(depth, draft)
        self.sent.append(draft)

    def _new_serial(self) -> int:
        """Of any length, and never the same twice: OpenSSL 4 takes two such certificates of one issuer for one."""
        serial = next(number for number in iter(self._draw, 0) if number not in self.serials)
        self.serials.add(serial)
        return serial

    def _draw(self) -> int:
        return self.dice.getrandbits(self.dice.choice((7, 63, 150))) + 8

    def _new(self, subject: Name, above: Draft | None, **changes: Any) -> Draft:
        days = self.dice.randrange(1, 3000)
        values: dict[str, Any] = {
            "key": changes.get("key") or self.new_key(),
            "begin": self.at - timedelta(days=days, seconds=self.dice.randrange(86400)),
            "end": self.at + timedelta(days=self.dice.randrange(1, 9000)),
            "serial": self._new_serial(),
            "digest": self.dice.choice(DIGESTS),
        }
        return Draft(subject=subject, above=above, **(values | changes))


@dataclass(frozen=True)
class Case:
    """A generated chain as two judges get it: DER, and the plan behind it."""

    plan: Plan
    leaf: bytes
    sent: tuple[bytes, ...]
    anchors: tuple[bytes, ...]
    _ders: dict[Draft, bytes] = field(repr=False, compare=False)

    @property
    def twists(self) -> frozenset[str]:
        """What was bent."""
        return frozenset(self.plan.twists)

    @property
    def written(self) -> tuple[Draft, ...]:
        """Every draft that the judges get, once."""
        return tuple(self._ders)

    def der_of(self, draft: Draft) -> bytes:
        """The draft as the judges got it."""
        return self._ders[draft]

    def __str__(self) -> str:
        return f"chain {self.plan.number} ({', '.join(self.plan.twists) or 'plain'})"


def chain(number: int) -> Case:
    """The chain of that number: the same plan at every call, though signatures are made anew."""
    dice = random.Random(20261120 + number)
    plan = Plan(number, dice, MOMENTS[number // BATCH % len(MOMENTS)])
    words = list(TWISTS)
    chosen = [words[number % len(words)], *dice.sample(words, dice.choice((0, 0, 0, 0, 1, 1, 2)))]
    _grow(plan, max(dice.choice((0, 1, 1, 2, 2, 2, 2, 3, 4, 5, 6)), TWISTS[chosen[0]][1]))
    for word in dict.fromkeys(chosen):
        bend, depth = TWISTS[word]
        if len(plan.rise) - 2 >= depth:
            bend(plan)
            plan.twists.append(word)
    _post(plan)
    written = {draft: write(draft) for draft in dict.fromkeys((plan.leaf, *plan.sent, *plan.anchors))}
    return Case(
        plan,
        written[plan.leaf],
        tuple(written[draft] for draft in plan.sent),
        tuple(written[draft] for draft in plan.anchors),
        written,
    )


def _grow(plan: Plan, depth: int) -> None:
    """A good chain with `depth` sub-CAs."""
    dice = plan.dice
    house = dice.choice(("P-256", "P-256", "P-256", "mixed", "mixed", *SOUND_KINDS))
    ids = dice.choice(("all", "all", "all", "none", "some"))
    above: Draft | None = None
    for height in range(depth + 1, -1, -1):
        kind = dice.choice(SOUND_KINDS) if house == "mixed" else house
        make = plan.new_ca if height else plan.new_leaf
        common = "Leaf" if not height else "Root" if above is None else f"Sub {height}"
        above = make(
            common,
            above,
            key=plan.new_key(kind),
            has_ski=ids == "all" or (ids == "some" and dice.random() < 0.5),
            has_aki=ids == "all" or (ids == "some" and dice.random() < 0.5),
            pss=dice.random() < 0.3,
        )
        if height and dice.random() < 0.3:
            above.path_length = height - 1 + dice.randrange(2)
        plan.rise.insert(0, above)
    plan.sent = plan.rise[1:-1]
    plan.anchors = [plan.root]


def _post(plan: Plan) -> None:
    """What is sent: in any order, sometimes doubled, sometimes with the root and with strangers."""
    dice = plan.dice
    if dice.random() < 0.2:
        plan.sent.append(plan.root)
    if plan.sent and dice.random() < 0.15:
        plan.sent.append(dice.choice(plan.sent))
    if dice.random() < 0.2:
        plan.sent.append(plan.new_ca("Stranger", plan.new_ca("Strange Root", None)))
    if dice.random() < 0.1:
        plan.sent.append(plan.leaf)
    if dice.random() < 0.2:
        plan.anchors.append(plan.new_ca("Other Root", None))
    dice.shuffle(plan.sent)
    dice.shuffle(plan.anchors)


Where = Callable[[Plan], Draft]
Bend = Callable[[Plan], None]


def _leaf(plan: Plan) -> Draft:
    return plan.leaf


def _sub(plan: Plan) -> Draft:
    return plan.dice.choice(plan.rise[1:-1])


def _root(plan: Plan) -> Draft:
    return plan.root


def _bent(where: Where, **changes: Any) -> Bend:
    """A twist that sets fields of one draft; what may be called gets the plan."""

    def bend(plan: Plan) -> None:
        draft = where(plan)
        for field_, value in changes.items():
            setattr(draft, field_, value(plan) if callable(value) else value)

    return bend


def _extended(where: Where, *extensions: Extension) -> Bend:
    def bend(plan: Plan) -> None:
        where(plan).extensions.extend(extensions)

    return bend


def _before(plan: Plan) -> datetime:
    return plan.at - timedelta(seconds=plan.dice.choice((1, 3600, 86400, 5_000_000)))


def _after(plan: Plan) -> datetime:
    return plan.at + timedelta(seconds=plan.dice.choice((1, 3600, 86400, 5_000_000)))


def _exactly(plan: Plan) -> datetime:
    return plan.at


def _key(kind: str) -> Callable[[Plan], PrivateKey]:
    return lambda plan: plan.new_key(kind)


def _signed_over(where: Where, digest: str, kind: str) -> Bend:
    def bend(plan: Plan) -> None:
        draft = where(plan)
        draft.signer.key = plan.new_key(kind)
        draft.digest, draft.pss = digest, False

    return bend


def _too_long(where: Where) -> Bend:
    """A CA whose path length is one less than the path below it."""

    def bend(plan: Plan) -> None:
        draft = where(plan)
        below = plan.rise.index(draft) - 1
        if not below:
            plan.insert(plan.new_ca("Inserted", draft), 1)
        draft.path_length = max(below - 1, 0)

    return bend


def _self_issued(*, ids: bool) -> Bend:
    """A sub-CA that certified its own next key: a certificate that no path length counts (RFC 5280 section 6.1)."""

    def bend(plan: Plan) -> None:
        draft = _sub(plan)
        depth = plan.rise.index(draft)
        draft.path_length = depth - 1
        draft.has_ski = draft.has_ski or ids
        plan.insert(plan.again(draft, above=draft, key=plan.new_key(), has_aki=ids), depth)

    return bend


def _named_like_its_issuer(plan: Plan) -> None:
    plan.leaf.subject = plan.rise[1].subject


def _constrained(where: Where, *, permitted: bool, fits: bool, has_minimum: bool = False) -> Bend:
    """A CA that constrains the names below it to its own organization, or to another."""

    def bend(plan: Plan) -> None:
        organization = plan.organization if fits == permitted else "Somebody Else"
        where(plan).constraint = Constraint(organization, permitted, has_minimum)

    return bend


def _policies(*, everywhere: bool) -> Bend:
    """A CA demands a policy, and what stands below has it, or the leaf alone."""

    def bend(plan: Plan) -> None:
        _sub(plan).asks_for_policy = True
        for draft in plan.rise[:-1] if everywhere else plan.rise[:1]:
            draft.policy = POLICY

    return bend


def _spelt(spelling: Spelling) -> Bend:
    """The leaf spells its issuer's name in another way than the issuer does."""

    def bend(plan: Plan) -> None:
        plan.leaf.issuer_name = plan.rise[1].subject.spelt(spelling)

    return bend


def _other_name(plan: Plan) -> None:
    plan.leaf.issuer_name = Name("Nobody", plan.organization)


def _empty_ca_name(plan: Plan) -> None:
    plan.rise[1].subject = Name()
    plan.is_alone = True


def _issuer_and_serial(*, right: bool) -> Bend:
    """An authority key identifier that names the issuer's certificate by issuer and serial number."""

    def bend(plan: Plan) -> None:
        plan.leaf.aki_serial = plan.rise[1].serial + (0 if right else 1)

    return bend


def _impostor(plan: Plan) -> None:
    """The leaf was signed by a namesake of its issuer."""
    plan.leaf.above = plan.again(plan.rise[1], above=None, key=plan.new_key())
    plan.leaf.has_aki = plan.dice.random() < 0.5


def _missing_sub(plan: Plan) -> None:
    gone = _sub(plan)
    plan.sent = [draft for draft in plan.sent if draft is not gone]


def _strange_anchor(plan: Plan) -> None:
    plan.anchors = [plan.new_ca("Strange Anchor", None)]
    plan.sent.append(plan.root)


def _namesake_anchors(*, ids: bool, right: bool = True) -> Bend:
    """Roots of one name and several keys."""

    def bend(plan: Plan) -> None:
        plan.root.has_ski = plan.rise[-2].has_aki = ids
        others = [plan.again(plan.root, key=plan.new_key(), has_ski=ids, has_aki=ids) for _ in range(3)]
        plan.anchors = [*others, plan.root] if right else others

    return bend


def _twin(**changes: Any) -> Bend:
    """A sub-CA certified twice: once as it is, once so that it doesn't help."""

    def bend(plan: Plan) -> None:
        told = {field_: value(plan) if callable(value) else value for field_, value in changes.items()}
        plan.sent.append(plan.again(_sub(plan), **told))

    return bend


def _renewed_root(plan: Plan) -> None:
    """The root twice with one key: once ended, once in force."""
    plan.anchors.append(plan.again(plan.root, begin=plan.at - timedelta(days=4000), end=_before(plan)))


def _cross_signed_root(plan: Plan) -> None:
    plan.sent.append(plan.again(plan.root, above=plan.new_ca("Old Root", None)))


def _loop(plan: Plan) -> None:
    """Two CAs that signed each other; in every second such chain the trusted root signed one of them too."""
    first, second = plan.new_ca("A", None), plan.new_ca("B", None)
    plan.leaf.above = first
    plan.sent += [plan.again(first, above=second), plan.again(second, above=first)]
    if plan.dice.random() < 0.5:
        plan.sent.append(plan.again(first, above=plan.root))


def _crowd(*, ids: bool, right: bool) -> Bend:
    """Certificates of one name and as many keys, the leaf's issuer among them or not."""

    def bend(plan: Plan) -> None:
        issuer = plan.rise[1]
        issuer.has_ski = plan.leaf.has_aki = ids
        plan.sent += [plan.again(issuer, key=plan.new_key(), has_ski=ids) for _ in range(CROWD)]
        if not right:
            plan.sent = [draft for draft in plan.sent if draft is not issuer]

    return bend


def _mesh(plan: Plan) -> None:
    """Four CAs that all signed each other; only one of them was signed by the root."""
    heads = [plan.new_ca(f"Mesh {letter}", None) for letter in "ABCD"]
    plan.sent += [plan.again(one, above=other) for one in heads for other in heads if one is not other]
    plan.sent.append(plan.again(heads[3], above=plan.root))
    plan.leaf.above = heads[0]


def _anchored_sub(*, with_root: bool) -> Bend:
    """A sub-CA is configured as an anchor, its root too or not."""

    def bend(plan: Plan) -> None:
        plan.anchors = [_sub(plan), *([plan.root] if with_root else [])]
        plan.is_alone = True

    return bend


def _self_signed_leaf(*, anchored: bool) -> Bend:
    def bend(plan: Plan) -> None:
        plan.leaf.above = None
        plan.leaf.issuer_name = None
        if anchored:
            plan.anchors.append(plan.leaf)

    return bend


def _no_anchor(plan: Plan) -> None:
    plan.anchors.clear()
    plan.is_alone = True


def _long_path(between: int) -> Bend:
    def bend(plan: Plan) -> None:
        for number in range(between + 2 - len(plan.rise)):
            plan.insert(plan.new_ca(f"Long {between} {number}", plan.rise[1]), 1)

    return bend


def _same_serials(plan: Plan) -> None:
    """One for all, though never twice under one issuer: RFC 5280 section 4.1.2.2 has them differ there."""
    for draft in plan.rise[:-1]:
        draft.serial = draft.serial if draft.issuer == draft.subject else 7
        draft.aki_serial = draft.aki_serial and draft.signer.serial


def _copycat_leaf(plan: Plan) -> None:
    """A leaf that nobody signed, with the root's name as subject and issuer, and the root's serial number."""
    leaf, root = plan.leaf, plan.root
    leaf.above = plan.again(root, above=None, key=plan.new_key()) if plan.dice.random() < 0.5 else None
    leaf.subject = leaf.issuer_name = root.subject
    leaf.serial, leaf.has_aki = root.serial, plan.dice.random() < 0.5


def _copycat_sub(plan: Plan) -> None:
    """The leaf's issuer is a forgery: name, issuer and serial number of the real one, key and signature not."""
    real = plan.rise[1]
    forged = plan.again(real, key=plan.new_key(), serial=real.serial, is_spoilt=True, has_ski=real.has_ski)
    plan.leaf.above = forged
    plan.sent.append(forged)


def _old_root(plan: Plan) -> Draft:
    return plan.new_ca("Old Root", None)


UNKNOWN = Extension("1.3.6.1.4.1.99999.1", b"\x05\x00", critical=True)
HARMLESS = Extension("1.3.6.1.4.1.99999.3", b"\x05\x00")
BIG = Extension("1.3.6.1.4.1.99999.4", octets(bytes(17 * 1024)))
POLICY = "1.3.6.1.4.1.99999.2"
BROKEN_BASICS = Extension(BASIC_CONSTRAINTS, bytes.fromhex("30030101"))
BROKEN_NAMES = Extension(NAME_CONSTRAINTS, octets(b"x"), critical=True)
SECOND_BASICS = Extension(BASIC_CONSTRAINTS, sequence(tlv(0x01, b"\xff")))
NO_POLICY = Extension("2.5.29.54", integer(0), critical=True)
CLIENT = Extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.2")), critical=True)
LAST_DAY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

TWISTS: dict[str, tuple[Bend, int]] = {
    "plain": (lambda _: None, 0),
    "leaf ended": (_bent(_leaf, end=_before), 0),
    "leaf not begun": (_bent(_leaf, begin=_after), 0),
    "leaf ends now": (_bent(_leaf, end=_exactly), 0),
    "leaf begins now": (_bent(_leaf, begin=_exactly), 0),
    "leaf ends before it begins": (_bent(_leaf, begin=_after, end=_before), 0),
    "sub ended": (_bent(_sub, end=_before), 1),
    "sub not begun": (_bent(_sub, begin=_after), 1),
    "sub ends now": (_bent(_sub, end=_exactly), 1),
    "root ended": (_bent(_root, end=_before), 0),
    "root not begun": (_bent(_root, begin=_after), 0),
    "root begins now": (_bent(_root, begin=_exactly), 0),
    "root without an end": (_bent(_root, end=LAST_DAY), 0),
    "times in the long form": (_bent(_leaf, has_long_time=True), 0),
    "leaf is a CA": (_bent(_leaf, is_ca=True, usage=CA_USAGE), 0),
    "leaf may sign certificates": (_bent(_leaf, usage=frozenset({SIGN, CERT_SIGN})), 0),
    "leaf says CA false": (_bent(_leaf, is_ca=False), 0),
    "leaf has a path length of zero": (_bent(_leaf, is_ca=False, path_length=0), 0),
    "leaf has a path length": (_bent(_leaf, is_ca=False, path_length=3), 0),
    "leaf without usage": (_bent(_leaf, usage=None), 0),
    "leaf with empty usage": (_bent(_leaf, usage=frozenset()), 0),
    "leaf of version 1": (_bent(_leaf, version=1), 0),
    "leaf of version 1 with extensions": (_bent(_leaf, version=1, has_extensions=True), 0),
    "leaf named like its issuer": (_named_like_its_issuer, 0),
    "leaf of version 2": (_bent(_leaf, version=2), 0),
    "sub without constraints": (_bent(_sub, is_ca=None), 1),
    "sub without constraints and usage": (_bent(_sub, is_ca=None, usage=None), 1),
    "sub says CA false": (_bent(_sub, is_ca=False), 1),
    "sub of version 1": (_bent(_sub, version=1), 1),
    "sub of version 1 with extensions": (_bent(_sub, version=1, has_extensions=True), 1),
    "sub whose extensions aren't critical": (_bent(_sub, are_critical=False), 1),
    "sub without usage": (_bent(_sub, usage=None), 1),
    "sub may not sign certificates": (_bent(_sub, usage=frozenset({"cRLSign"})), 1),
    "sub of negative path length": (_bent(_sub, path_length=-1), 1),
    "sub with too short a path length": (_too_long(_sub), 1),
    "root of version 1": (_bent(_root, version=1), 0),
    "root of version 1 with extensions": (_bent(_root, version=1, has_extensions=True), 0),
    "root without constraints": (_bent(_root, is_ca=None), 0),
    "root without constraints and usage": (_bent(_root, is_ca=None, usage=None), 0),
    "root may not sign certificates": (_bent(_root, usage=frozenset({"cRLSign"})), 0),
    "root with too short a path length": (_too_long(_root), 0),
    "self-issued sub": (_self_issued(ids=True), 1),
    "self-issued sub without identifiers": (_self_issued(ids=False), 1),
    "wrong authority key identifier": (_bent(_leaf, has_aki=True, odd_aki=bytes(20)), 0),
    "issuer and serial in the identifier": (_issuer_and_serial(right=True), 0),
    "wrong serial in the identifier": (_issuer_and_serial(right=False), 0),
    "key identifiers of 8 bytes": (_bent(_sub, has_ski=True, odd_ski=b"\x01" * 8), 1),
    "no subject key identifier": (_bent(_sub, has_ski=False), 1),
    "permitted name": (_constrained(_sub, permitted=True, fits=True), 1),
    "name that isn't permitted": (_constrained(_sub, permitted=True, fits=False), 1),
    "name that isn't excluded": (_constrained(_sub, permitted=False, fits=True), 1),
    "excluded name": (_constrained(_sub, permitted=False, fits=False), 1),
    "name constraint in the root": (_constrained(_root, permitted=True, fits=False), 0),
    "name constraint with a minimum": (_constrained(_sub, permitted=True, fits=True, has_minimum=True), 1),
    "empty leaf name": (_bent(_leaf, subject=Name()), 0),
    "empty CA name": (_empty_ca_name, 0),
    "issuer in other spelling": (_spelt(Spelling.WIDE), 0),
    "issuer in another string type": (_spelt(Spelling.PRINTABLE), 0),
    "issuer of another name": (_other_name, 0),
    "unknown critical extension in the leaf": (_extended(_leaf, UNKNOWN), 0),
    "unknown critical extension in a sub": (_extended(_sub, UNKNOWN), 1),
    "unknown critical extension in the root": (_extended(_root, UNKNOWN), 0),
    "unknown extension": (_extended(_leaf, HARMLESS), 0),
    "unknown extension twice": (_extended(_leaf, HARMLESS, HARMLESS), 0),
    "basic constraints twice": (_bent(_sub, is_ca=True, extensions=lambda _: [SECOND_BASICS]), 1),
    "policy asked for": (_bent(_sub, asks_for_policy=True), 1),
    "policy asked for and had by all": (_policies(everywhere=True), 1),
    "policy asked for and had by the leaf": (_policies(everywhere=False), 1),
    "any policy inhibited": (_extended(_sub, NO_POLICY), 1),
    "policy in the leaf": (_bent(_leaf, policy=POLICY), 0),
    "critical extended key usage": (_extended(_leaf, CLIENT), 0),
    "broken basic constraints": (_extended(_leaf, BROKEN_BASICS), 0),
    "broken name constraints": (_extended(_sub, BROKEN_NAMES), 1),
    "leaf over SHA-1": (_signed_over(_leaf, "sha1", "P-256"), 0),
    "leaf over MD5": (_signed_over(_leaf, "md5", "RSA-2048"), 0),
    "leaf over SHA-224": (_signed_over(_leaf, "sha224", "P-256"), 0),
    "sub over SHA-1": (_signed_over(_sub, "sha1", "RSA-2048"), 1),
    "root over SHA-1": (_signed_over(_root, "sha1", "RSA-2048"), 0),
    "leaf key of 1024 bits": (_bent(_leaf, key=_key("RSA-1024")), 0),
    "sub key of 1024 bits": (_bent(_sub, key=_key("RSA-1024")), 1),
    "root key of 1024 bits": (_bent(_root, key=_key("RSA-1024")), 0),
    "leaf key on P-192": (_bent(_leaf, key=_key("P-192")), 0),
    "sub key on P-224": (_bent(_sub, key=_key("P-224")), 1),
    "leaf key on secp256k1": (_bent(_leaf, key=_key("secp256k1")), 0),
    "other algorithm outside": (_bent(_leaf, digest="sha256", outer_digest="sha512"), 0),
    "spoilt leaf signature": (_bent(_leaf, is_spoilt=True), 0),
    "spoilt sub signature": (_bent(_sub, is_spoilt=True), 1),
    "spoilt root signature": (_bent(_root, is_spoilt=True), 0),
    "leaf signed by an impostor": (_impostor, 0),
    "missing sub": (_missing_sub, 1),
    "strange anchor": (_strange_anchor, 0),
    "roots of one name": (_namesake_anchors(ids=True), 0),
    "roots of one name without identifiers": (_namesake_anchors(ids=False), 0),
    "roots of the right name and wrong key": (_namesake_anchors(ids=False, right=False), 0),
    "ended twin of a sub": (_twin(end=_before), 1),
    "twin of a sub with another issuer": (_twin(above=_old_root), 1),
    "twin of a sub that is no CA": (_twin(is_ca=False), 1),
    "twin of a sub with a spoilt signature": (_twin(is_spoilt=True), 1),
    "twin of a sub with another key": (_twin(key=_key("P-256")), 1),
    "renewed root": (_renewed_root, 0),
    "cross-signed root": (_cross_signed_root, 0),
    "loop of two CAs": (_loop, 0),
    "mesh of four CAs": (_mesh, 0),
    "crowd of namesakes": (_crowd(ids=True, right=True), 1),
    "crowd of namesakes without identifiers": (_crowd(ids=False, right=True), 1),
    "crowd of namesakes without the right one": (_crowd(ids=False, right=False), 1),
    "anchored sub": (_anchored_sub(with_root=False), 1),
    "anchored sub and root": (_anchored_sub(with_root=True), 1),
    "self-signed leaf": (_self_signed_leaf(anchored=False), 0),
    "self-signed leaf among the anchors": (_self_signed_leaf(anchored=True), 0),
    "no anchor": (_no_anchor, 0),
    "ten CAs between": (_long_path(10), 0),
    "eleven CAs between": (_long_path(11), 0),
    "one serial number for all": (_same_serials, 0),
    "leaf with the root's name and serial number": (_copycat_leaf, 0),
    "sub with another's name and serial number": (_copycat_sub, 1),
    "serial number zero": (_bent(_leaf, serial=0), 0),
    "negative serial number": (_bent(_leaf, serial=-5), 0),
    "serial number of 21 bytes": (_bent(_leaf, serial=1 << 160), 0),
    "leaf beyond the bound on bytes": (_extended(_leaf, BIG), 0),
}
"""What can be bent: how, and how many sub-CAs the chain must have for it."""
