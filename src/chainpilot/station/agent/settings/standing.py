"""What the agent is set to together with what made it so, and every step from one such state to the next.

Steps are pure: they answer the next state or refuse. That each is durable before it counts is `configuration`'s. A step
up to another security profile is use case A05, an order of networks B09 and B10.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType
from typing import Any

from chainpilot.station.agent.settings.keys import FIELDS
from chainpilot.station.agent.settings.networks import LAST_SLOT, Facts, check_url, demand_prerequisites, with_scheme
from chainpilot.station.agent.settings.refusals import ReasonCode, SettingRefused
from chainpilot.station.agent.settings.values import MAX_NETWORKS, Network, Settings
from chainpilot.station.model import Secret

__all__ = [
    "Standing",
    "accepted_over",
    "candidates",
    "gave_up",
    "password_proved",
    "passwords",
    "raised_to_floor",
    "with_network",
    "with_password",
    "with_priority",
    "with_step_up",
    "with_value",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One state. What is not in `settings` only this station knows."""

    settings: Settings
    changed: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    """The texts that the CSMS set, by name: they win over the operator's. The password is among them."""
    own_networks: bool = False
    """Networks and priority are no longer the operator's."""
    previous_passwords: tuple[Secret, ...] = ()
    """Those that may still be the CSMS's: the one before the present, and the last one known to have worked."""
    spelled: tuple[Secret, ...] = ()
    """Those passwords that came as 1.6's AuthorizationKey, hex digits that spell what is sent; one that the CSMS turned
    out to take as it stands is no more among them."""
    floor: int = 0
    """The highest security profile over which the CSMS accepted the station: nothing below is ever used again."""
    trial: int | None = None
    """The slot of a step up that no CSMS has accepted yet."""

    @property
    def lowest(self) -> int:
        """The lowest security profile that may still be set."""
        return max(self.floor, self.settings.security_profile)


def with_value(standing: Standing, name: str, value: object) -> Standing:
    """The CSMS set this one value, which was read by its form."""
    changed = MappingProxyType({**standing.changed, name: FIELDS[name].write(value)})
    fields: dict[str, Any] = {name: value}
    return dataclasses.replace(standing, settings=dataclasses.replace(standing.settings, **fields), changed=changed)


def with_password(standing: Standing, password: Secret, *, spelled: bool) -> Standing:
    """The CSMS set the password; `spelled` says that it is hex digits which spell it (1.6's AuthorizationKey)."""
    previous = _previous(standing, password)
    kept = tuple(one for one in standing.spelled if one in previous)
    after = with_value(standing, "password", password)
    return dataclasses.replace(after, previous_passwords=previous, spelled=((password,) if spelled else ()) + kept)


def _previous(standing: Standing, new: Secret) -> tuple[Secret, ...]:
    """A CSMS whose answer got lost may hold any of these; the last of them is known to have worked."""
    present = standing.settings.password
    if new == present:
        return standing.previous_passwords
    held = (present, *standing.previous_passwords[-1:])
    return tuple(dict.fromkeys(old for old in held if old.value and old != new))


def passwords(standing: Standing) -> tuple[Secret, ...]:
    """Those to try as they are sent, the present one first; none where none is set.

    What an AuthorizationKey spells comes before its digits: that is the password (OCTT TC_085), and many a CSMS takes
    the digits for it.
    """
    present = standing.settings.password
    held = ((present,) if present.value else ()) + standing.previous_passwords
    forms = ((_spelt(one), one) if one in standing.spelled else (one,) for one in held)
    return tuple(dict.fromkeys(chain.from_iterable(forms)))


def _spelt(digits: Secret) -> Secret:
    """The bytes that hex digits spell; those that are no UTF-8 as lone surrogates, which are sent as these bytes."""
    return Secret(bytes.fromhex(digits.value).decode("utf-8", "surrogateescape"))


def password_proved(standing: Standing, sent: Secret) -> Standing:
    """The CSMS took what was sent: if that is the present password, the others are of no more use."""
    present = standing.settings.password
    is_spelled = present in standing.spelled and sent == _spelt(present)
    if sent != present and not is_spelled:
        return standing
    return dataclasses.replace(standing, previous_passwords=(), spelled=(present,) if is_spelled else ())


def with_step_up(standing: Standing, profile: int, url: str | None, facts: Facts) -> Standing:
    """A network of that security profile stands first, on trial; the present ones stay behind it.

    Raises:
        SettingRefused: not higher than now, or something is missing (A05.01 to A05.04).
    """
    if profile <= standing.lowest:
        why = f"the security profile is {standing.lowest}, and only a higher one can be set"
        raise SettingRefused(ReasonCode.NO_SECURITY_DOWNGRADE, why)
    settings = standing.settings
    demand_prerequisites(profile, facts, has_password=bool(settings.password.value))
    network = _raised(settings, profile, url)
    # An earlier step up goes, and its slot is not used again at once: it may be the one that is being dialled.
    left = {slot: kept for slot, kept in settings.networks.items() if slot != standing.trial}
    _demand_room(left)
    new = next(slot for slot in range(LAST_SLOT + 1) if slot not in settings.networks)
    priority = (new, *(slot for slot in settings.priority if slot != standing.trial))
    return _with_networks(standing, {**left, new: network}, priority, trial=new)


def _raised(settings: Settings, profile: int, url: str | None) -> Network:
    """The present network with another profile, at `url` where that is given."""
    slot = settings.active_network if settings.active_network is not None else next(iter(settings.priority), None)
    present = settings.networks.get(slot) if slot is not None else None
    if present is None:
        raise SettingRefused(ReasonCode.MISSING_PARAM, "no network is set from which a step up can be made")
    raised = with_scheme(present.url, profile) if url is None else url
    check_url(raised, profile)
    return Network(
        url=raised,
        security_profile=profile,
        version=present.version,
        message_timeout=present.message_timeout,
    )


def _demand_room(networks: Mapping[int, Network]) -> None:
    if len(networks) >= MAX_NETWORKS:
        raise SettingRefused(ReasonCode.OUT_OF_STORAGE, f"{MAX_NETWORKS} networks are kept, and there is no room left")


def with_network(standing: Standing, slot: int, network: Network) -> Standing:
    """The network is kept in that slot, and not yet used.

    Raises:
        SettingRefused: no such slot, one in use (B09.FR.05), a lower profile (B09.FR.04), or all are taken.
    """
    settings = standing.settings
    if not 0 <= slot <= LAST_SLOT:
        raise SettingRefused(ReasonCode.INVALID_CONF_SLOT, f"the slots are 0 to {LAST_SLOT}")
    if slot == settings.active_network or slot in settings.priority:
        why = "the slot is in use: it is the active one, or stands in NetworkConfigurationPriority"
        raise SettingRefused(ReasonCode.PRIORITY_NETWORK_CONF, why)
    if network.security_profile < standing.lowest:
        raise _downgrade(standing)
    if slot not in settings.networks:
        _demand_room(settings.networks)
    return _with_networks(standing, {**settings.networks, slot: network}, settings.priority, trial=standing.trial)


def with_priority(standing: Standing, slots: tuple[int, ...], facts: Facts) -> Standing:
    """Networks are tried in this order from now on.

    The active network works already, so nothing is asked of it.

    Raises:
        SettingRefused: a slot is empty, or its network lower than the active one, or something is missing for it.
    """
    settings = standing.settings
    for slot in slots:
        if slot not in settings.networks:
            raise SettingRefused(ReasonCode.INVALID_CONF_SLOT, f"no network is kept in slot {slot}")
        if slot == settings.active_network:
            continue
        profile = settings.networks[slot].security_profile
        if profile < standing.lowest:
            raise _downgrade(standing)
        demand_prerequisites(profile, facts, has_password=bool(settings.password.value))
    trial = standing.trial if standing.trial in slots else None
    return _with_networks(standing, settings.networks, slots, trial=trial)


def _downgrade(standing: Standing) -> SettingRefused:
    why = f"the security profile is {standing.lowest}, and never lowered over OCPP"
    return SettingRefused(ReasonCode.NO_SECURITY_DOWNGRADE, why)


def accepted_over(standing: Standing, slot: int) -> Standing:
    """The CSMS accepted the station over that network: those of lower profiles are gone for good (A05.09).

    A slot that was emptied meanwhile, or is below the floor, changes nothing.
    """
    network = standing.settings.networks.get(slot)
    if network is None or network.security_profile < standing.floor:
        return standing
    settings = dataclasses.replace(standing.settings, active_network=slot)
    trial = standing.trial if standing.trial != slot else None
    risen = dataclasses.replace(standing, settings=settings, floor=network.security_profile, trial=trial)
    left = {each: kept for each, kept in settings.networks.items() if kept.security_profile >= risen.floor}
    if len(left) == len(settings.networks):
        return risen
    priority = tuple(each for each in settings.priority if each in left)
    return _with_networks(risen, left, priority, trial=trial if trial in left else None)


def gave_up(standing: Standing, slot: int) -> Standing:
    """The step up in that slot failed: it goes, and the networks behind it stay (A05.08).

    Where nothing else could be tried it stays: a station that tries nothing is lost.
    """
    if slot != standing.trial or all(each == slot for each, _ in candidates(standing)):
        return standing
    settings = standing.settings
    left = {each: network for each, network in settings.networks.items() if each != slot}
    return _with_networks(standing, left, tuple(each for each in settings.priority if each != slot), trial=None)


def candidates(standing: Standing) -> tuple[tuple[int, Network], ...]:
    """The networks in the order in which they are tried, none below the floor.

    The one that the CSMS accepted the station over last comes last, even where the priority names it no more: a slip in
    the address of the next one must not take the station off the network for good.
    """
    networks, active = standing.settings.networks, standing.settings.active_network
    order = dict.fromkeys((*standing.settings.priority, *((active,) if active is not None else ())))
    known = ((slot, networks[slot]) for slot in order if slot in networks)
    return tuple((slot, network) for slot, network in known if network.security_profile >= standing.floor)


def raised_to_floor(standing: Standing, operators: Settings, url_by_profile: Mapping[int, str]) -> Standing:
    """Where every network is below the floor: the operator's own one, with profiles that aren't.

    A memory that was lost took the URL of what worked with it, and the operator's file may name what the station began
    with. It is safe to dial what that file gives with the floor's profile, and then with each higher one that it names
    a URL for: each proves more than what isn't dialled. Nothing of it is the CSMS's, so a file that is mended holds.
    """
    own = next((operators.networks[slot] for slot in operators.priority if slot in operators.networks), None)
    if own is None or candidates(standing):
        return standing
    floor = standing.floor
    urls = {floor: with_scheme(own.url, floor)} | {one: url for one, url in url_by_profile.items() if one >= floor}
    usable = (Network(url, profile, own.version, own.message_timeout) for profile, url in sorted(urls.items()))
    networks = MappingProxyType(dict(enumerate(filter(_can_be_dialled, usable), 1)))
    settings = dataclasses.replace(standing.settings, networks=networks, priority=tuple(networks), active_network=None)
    return dataclasses.replace(standing, settings=settings, own_networks=False, trial=None)


def _can_be_dialled(network: Network) -> bool:
    try:
        check_url(network.url, network.security_profile)
    except SettingRefused:
        return False
    return True


def _with_networks(
    standing: Standing, networks: Mapping[int, Network], priority: tuple[int, ...], *, trial: int | None
) -> Standing:
    settings = dataclasses.replace(standing.settings, networks=MappingProxyType(dict(networks)), priority=priority)
    return dataclasses.replace(standing, settings=settings, own_networks=True, trial=trial)
