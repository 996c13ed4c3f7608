"""What is wrong with the settings that an operator gives the agent, by the same forms that a CSMS's values have.

Reading them from a file is the app's. The operator's password may be any text: the CSMS it belongs to set its form.
"""

from collections.abc import Iterator

from chainpilot.station.agent.settings.forms import NOT_SET
from chainpilot.station.agent.settings.keys import FIELDS
from chainpilot.station.agent.settings.networks import LAST_SLOT, check_url
from chainpilot.station.agent.settings.refusals import SettingRefused
from chainpilot.station.agent.settings.values import MAX_NETWORKS, Settings

__all__ = ["objections"]


def objections(settings: Settings) -> tuple[str, ...]:
    """A sentence for everything that can't be so; none: the agent can start with them. No value is quoted."""
    return (*_values(settings), *_networks(settings))


def _values(settings: Settings) -> Iterator[str]:
    for name, form in FIELDS.items():
        if name == "password":
            continue
        text = form.write(getattr(settings, name))
        try:
            if text != NOT_SET:
                form.read(text)
        except SettingRefused as refused:
            yield f"{name}: {refused.why}"
    for name in ("certificate_signed_max_chain_size", "certificate_store_max_length"):
        if getattr(settings, name) < 0:
            yield f"{name}: a negative number"


def _networks(settings: Settings) -> Iterator[str]:
    if len(settings.networks) > MAX_NETWORKS:
        yield f"networks: {len(settings.networks)}; at most {MAX_NETWORKS} are kept"
    for slot, network in settings.networks.items():
        if not 0 <= slot <= LAST_SLOT:
            yield f"networks: there is no slot {slot}; they are 0 to {LAST_SLOT}"
        if not 0 <= network.security_profile <= 3:
            yield f"the network in slot {slot}: a security profile is 0, 1, 2 or 3"
            continue
        try:
            check_url(network.url, network.security_profile)
        except SettingRefused as refused:
            yield f"the network in slot {slot}: {refused.why}"
    if len(set(settings.priority)) != len(settings.priority):
        yield "priority: a slot stands in the list twice"
    for slot in dict.fromkeys(settings.priority):
        if slot not in settings.networks:
            yield f"priority: no network is set in slot {slot}"
