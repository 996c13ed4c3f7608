"""The test PKI's CAs with their keys, made on first use, found again later, rolled over at will. NEVER for production.

A CA's current certificate is `<name>.pem`. A rollover gives it another key: what was before stays as
`<name>-retired-<n>.pem`, n counting from 0, and signs nothing more but its revocation list and OCSP answers. A root's
rollover makes the two cross certificates of RFC 4210 section 4.4 too.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, count
from typing import Final

from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import PrivateKey, key_spec_of, spki_hash
from chainpilot.testpki.cabinet import Cabinet, CabinetError
from chainpilot.testpki.declaration import packaged
from chainpilot.testpki.hierarchy import Authority, Hierarchy
from chainpilot.testpki.issuer import Issuer, make_root
from chainpilot.testpki.material import Material

__all__ = ["Authorities", "NoSuchAuthority", "open_authorities"]

_ENDED_SINCE: Final = timedelta(minutes=1)
"""How long ago a CA has ended that is made to end."""


class NoSuchAuthority(OwnError):
    """The hierarchy has no CA of that name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"this hierarchy has no CA {name!r}; it has {', '.join(known)}")
        self.name = name


class Authorities(Mapping[str, Issuer]):
    """The current generation of every CA, by its name. Made by `open_authorities`."""

    def __init__(self, cabinet: Cabinet, material: Material, hierarchy: Hierarchy, ocsp_url: str) -> None:
        self.hierarchy = hierarchy
        self.material = material
        self._cabinet = cabinet
        self._ocsp_url = ocsp_url
        self._current: dict[str, Issuer] = {}
        self._retired: dict[str, list[Issuer]] = {}
        self._crossed: dict[str, list[Certificate]] = {}

    def __getitem__(self, name: str) -> Issuer:
        try:
            return self._current[name]
        except KeyError:
            raise NoSuchAuthority(name, tuple(self._current)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._current

    def __iter__(self) -> Iterator[str]:
        return iter(self._current)

    def __len__(self) -> int:
        return len(self._current)

    def everyone(self) -> tuple[Issuer, ...]:
        """Every generation of every CA, the current ones first."""
        return tuple(chain(self._current.values(), *self._retired.values()))

    def certificates(self) -> tuple[Certificate, ...]:
        """All certificates of CAs, those of retired generations and cross certificates too."""
        crossed = chain.from_iterable(self._crossed.values())
        return (*(issuer.certificate for issuer in self.everyone()), *crossed)

    def generations(self, name: str) -> tuple[Issuer, ...]:
        """The current generation of a CA and the retired ones. Raises NoSuchAuthority."""
        return (self[name], *self._retired.get(name, ()))

    def ca_certificates(self, name: str) -> tuple[Certificate, ...]:
        """What cacerts gives for a CA: the path to its root, and of a root all generations (RFC 7030 section 4.1.3)."""
        path = self[name].path
        root = path[-1].plan.name
        others = [issuer.certificate for issuer in self.generations(root) if issuer is not path[-1]]
        return (*(issuer.certificate for issuer in path), *others, *self._crossed.get(root, ()))

    def issuer_of(self, certificate: Certificate) -> Issuer | None:
        """Which generation of which CA has signed a certificate; None when it was none of them."""
        named = (issuer for issuer in self.everyone() if issuer.certificate.subject_der == certificate.issuer_der)
        return next((issuer for issuer in named if certificate.was_signed_by(issuer.certificate)), None)

    def roll_over(self, name: str, at: datetime) -> Issuer:
        """Give a CA another key and certificate under the same name; the one before is retired.

        What it has signed stays as it is: CAs below it are rolled over by themselves.

        Raises:
            NoSuchAuthority, CabinetError.
        """
        old, plan = self[name], self[name].plan
        generation = old.generation + 1
        context = f"generation {generation}".encode()
        key = self.material.key(f"{name} generation {generation}", plan.key)
        above = self[plan.parent] if plan.parent is not None else None
        if above is not None:
            certificate = above.issue_authority(plan, key.public_key(), at, context=context)
        else:
            certificate = make_root(plan, key, at, self.material, context=context)
        new = self._issuer(plan, certificate, key, above, generation)
        self._cabinet.put_key(_retired(old), old.key)
        self._cabinet.put_certificate(_retired(old), old.certificate)
        if above is None:
            self._cross(old, new, at)
        self._cabinet.put_key(_next(name), key)
        self._cabinet.put_certificate(name, certificate)  # from here on the rollover counts
        self._cabinet.promote_key(_next(name), name)
        self._retired.setdefault(name, []).append(old)
        self._current[name] = new
        return new

    def expire(self, name: str, at: datetime) -> Issuer:
        """Give a CA a certificate for the same key that has ended a minute before `at`. Raises as `roll_over`."""
        old, plan = self[name], self[name].plan
        end, context = at - _ENDED_SINCE, f"ended {at.isoformat()}".encode()
        begin = min(old.certificate.not_before, end - _ENDED_SINCE)
        if old.above is not None:
            certificate = old.above.issue_authority(plan, old.key.public_key(), begin, context=context, end=end)
        else:
            certificate = make_root(plan, old.key, begin, self.material, context=context, end=end)
        self._cabinet.put_ended(name)
        self._cabinet.put_certificate(name, certificate)
        new = self._current[name] = self._issuer(plan, certificate, old.key, old.above, old.generation)
        for below in self.everyone():
            if below.above is old:
                below.above = new
        return new

    def open(self, at: datetime) -> None:
        """Find every CA, and make those that aren't there. Raises as `open_authorities`."""
        ended = self._cabinet.ended()
        for plan in self.hierarchy.authorities:
            self._finish_rollover(plan.name)
            certificate = self._cabinet.certificate(plan.name)
            if certificate is None:
                self._current[plan.name] = self._made(plan, at)
            else:
                self._find(plan, certificate, at, may_have_ended=plan.name in ended)

    def _made(self, plan: Authority, at: datetime) -> Issuer:
        key = self._new_or_left_key(plan)
        above = self._current[plan.parent] if plan.parent is not None else None
        if above is not None:
            certificate = above.issue_authority(plan, key.public_key(), at)
        else:
            certificate = make_root(plan, key, at, self.material)
        self._cabinet.put_certificate(plan.name, certificate)
        return self._issuer(plan, certificate, key, above, 0)

    def _find(self, plan: Authority, current: Certificate, at: datetime, *, may_have_ended: bool) -> None:
        retired = self._retired.setdefault(plan.name, [])
        for generation in count():
            name = f"{plan.name}-retired-{generation}"
            certificate = self._cabinet.certificate(name)
            if certificate is None or certificate.spki_hash == current.spki_hash:
                break  # the copy of the current one is what a stopped rollover left
            key = self._its_key(name, certificate)
            retired.append(self._issuer(plan, certificate, key, self._signer(plan, name, certificate), generation))
            crossed = (self._cabinet.certificate(cross) for cross in _cross_names(plan.name, generation))
            self._crossed.setdefault(plan.name, []).extend(found for found in crossed if found is not None)
        key = self._its_key(plan.name, current)
        above = self._signer(plan, plan.name, current)
        if not may_have_ended:
            self._check_validity(current, plan.name, at)
        self._current[plan.name] = self._issuer(plan, current, key, above, len(retired))

    def _signer(self, plan: Authority, name: str, certificate: Certificate) -> Issuer | None:
        """The generation of the CA above that signed a certificate; None for a root."""
        if plan.parent is None:
            if not certificate.was_signed_by(certificate):
                raise CabinetError(self._cabinet.certificate_file(name), f"it was not signed by {name}.pem")
            return None
        signers = [issuer for issuer in self.generations(plan.parent) if certificate.was_signed_by(issuer.certificate)]
        if not signers:
            raise CabinetError(self._cabinet.certificate_file(name), f"it was not signed by {plan.parent}.pem")
        return signers[0]

    def _check_validity(self, certificate: Certificate, name: str, at: datetime) -> None:
        if certificate.valid_at(at):
            return
        lives = f"from {certificate.not_before:%Y-%m-%d %H:%M} to {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        cure = "set the clock right, or start in a new folder"
        path = self._cabinet.certificate_file(name)
        raise CabinetError(path, f"it is valid {lives}, and now it is {at:%Y-%m-%d %H:%M}", cure)

    def _cross(self, old: Issuer, new: Issuer, at: datetime) -> None:
        """OldWithNew and NewWithOld (RFC 4210 section 4.4): each key certified by the other."""
        context = f"crossed {new.generation}".encode()
        pair = (
            new.issue_authority(old.plan, old.key.public_key(), at, context=context + b" old"),
            old.issue_authority(new.plan, new.key.public_key(), at, context=context + b" new"),
        )
        for name, certificate in zip(_cross_names(old.plan.name, old.generation), pair, strict=True):
            self._cabinet.put_certificate(name, certificate)
        self._crossed.setdefault(old.plan.name, []).extend(pair)

    def _finish_rollover(self, name: str) -> None:
        """A key that waits for its certificate: the certificate is there, or the rollover never counted."""
        key, certificate = self._cabinet.key(_next(name)), self._cabinet.certificate(name)
        if key is None:
            return
        if certificate is not None and spki_hash(key.public_key()) == certificate.spki_hash:
            self._cabinet.promote_key(_next(name), name)
        else:
            self._cabinet.drop_key(_next(name))

    def _new_or_left_key(self, plan: Authority) -> PrivateKey:
        key = self._cabinet.key(plan.name)
        if key is None:
            key = self.material.key(plan.name, plan.key)
            self._cabinet.put_key(plan.name, key)
        elif key_spec_of(key.public_key()) is not plan.key:
            raise CabinetError(self._cabinet.key_file(plan.name), f"it is no key of the kind {plan.key.value}")
        return key

    def _its_key(self, name: str, certificate: Certificate) -> PrivateKey:
        key = self._cabinet.key(name)
        if key is None:
            raise CabinetError(self._cabinet.key_file(name), "it is missing")
        if spki_hash(key.public_key()) != certificate.spki_hash:
            raise CabinetError(self._cabinet.key_file(name), f"it is not the key of {name}.pem")
        return key

    def _issuer(
        self, plan: Authority, certificate: Certificate, key: PrivateKey, above: Issuer | None, generation: int
    ) -> Issuer:
        return Issuer(
            plan,
            certificate,
            key,
            ocsp_url=self._ocsp_url,
            material=self.material,
            above=above,
            generation=generation,
        )


def open_authorities(
    cabinet: Cabinet, material: Material, *, ocsp_url: str, at: datetime, hierarchy: Hierarchy | None = None
) -> Authorities:
    """Every CA of the hierarchy by its name; what the cabinet lacks is made at `at` (UTC) and put there.

    A key without its certificate is what a stopped start leaves; it gets its certificate now.

    Raises:
        CabinetError: a file is broken, or those that are there don't belong together or are out of date.
        IssueError: the hierarchy contradicts its own profiles.
    """
    authorities = Authorities(cabinet, material, hierarchy or packaged(), ocsp_url)
    authorities.open(at)
    return authorities


def _retired(issuer: Issuer) -> str:
    return f"{issuer.plan.name}-retired-{issuer.generation}"


def _next(name: str) -> str:
    return f"{name}-next"


def _cross_names(name: str, generation: int) -> tuple[str, str]:
    return f"{name}-{generation}-old-with-new", f"{name}-{generation}-new-with-old"
