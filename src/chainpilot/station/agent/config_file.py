"""The `[agent]` table of a station's configuration file: its names and kinds, and the StationConfig it makes.

The rest of the file is the store's (`station.config_file`). Files are read by whoever asks, the password's too.
"""

import re
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import msgspec

from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.settings.networks import check_url
from chainpilot.station.agent.settings.refusals import SettingRefused
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.setup import VERSIONS, StationConfig, StationConfigError
from chainpilot.station.config_file import NAMES, StoreFile, check_names
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import Secret
from chainpilot.wire.version import OcppVersion

__all__ = ["AgentTable", "name_in_file", "read_agent_table"]

_ELSEWHERE: Final = frozenset(
    {
        "active_network",
        "additional_root_certificate_check",
        "certificate_store_max_length",
        "country",
        "networks",
        "organisation",
        "password",
        "priority",
        "secc_id",
    }
)
"""Settings that another name of the file gives, or the station finds out by itself."""
SETTINGS: Final = tuple(one.name for one in fields(Settings) if one.name not in _ELSEWHERE)
"""What `[agent.settings]` may hold: where the CSMS changes one, its value holds from then on."""


_NEEDED: Final = {
    "station_id": "CS-001",
    "csms_url": "wss://csms.example/ocpp",
    "organisation": "Chargers Ltd",
    "country": "DE",
    "secc_id": "DE*CHP*E1234*1",
    "state_dir": "/var/lib/chainpilot/agent",
}
"""What the table can't do without, each as it may look."""
_KINDS: Final = {
    "str": "is a text, in quotation marks",
    "int": "is a whole number, without quotation marks",
    "bool": "is true or false, without quotation marks",
    "array": "is a list of texts in square brackets, each in quotation marks",
    "object": "is a table: names and values in braces",
}
"""msgspec's words for what it expected, in an operator's."""


class AgentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[agent]` table as an operator writes it; paths are relative to the file."""

    station_id: str
    csms_url: str
    organisation: str
    country: str
    secc_id: str
    state_dir: str
    password_file: str | None = None
    """Its first line is the password of security profiles 1 and 2."""
    enrols: tuple[str, ...] = ()
    """V2G, CSMS: leaves that the station asks for by itself where it has none."""
    security_profile: int = 2
    allow_insecure: bool = False
    profile_urls: dict[str, str] = {}
    """Where other security profiles are served, by profile."""
    versions: tuple[str, ...] = tuple(one.value for one in VERSIONS)
    assume_time_ok: bool = False
    use_ssl_default_verify_paths: bool = False
    vendor: str = "chainpilot"
    model: str = "station"
    serial_number: str | None = None
    firmware_version: str | None = None
    install_command: tuple[str, ...] = ()
    """Program and arguments that put firmware to work; the image's path is added."""
    reset_command: tuple[str, ...] = ()
    """Program and arguments that start the station again."""
    settings: dict[str, Any] = {}

    def config(self, store: StoreConfig, folder: Path, password: Secret) -> StationConfig:
        """The station that it makes.

        Args:
            store: of the same file.
            folder: what relative paths are below.
            password: the first line of the password's file.

        Raises:
            StationConfigError: a value makes no station.
            StoreConfigError: a name in `settings` isn't known.
        """
        try:
            made = self._station(store, folder, password)
            _check_urls(made)
        except StationConfigError as error:
            raise StationConfigError(f"agent.{error.key}", error.why) from error
        return made

    def _station(self, store: StoreConfig, folder: Path, password: Secret) -> StationConfig:
        for name, example in _NEEDED.items():
            if not getattr(self, name).strip():
                raise StationConfigError(name, f'is empty; it looks like "{example}"')
        return StationConfig(
            station_id=self.station_id,
            csms_url=self.csms_url,
            password=password,
            store=store,
            organisation=self.organisation,
            country=self.country,
            secc_name=self.secc_id,
            enrols=tuple(_use(one) for one in self.enrols),
            security_profile=self.security_profile,
            allow_insecure=self.allow_insecure,
            profile_urls={_profile(name): url for name, url in self.profile_urls.items()},
            versions=tuple(_version(one) for one in self.versions),
            state_dir=folder / self.state_dir,
            assume_time_ok=self.assume_time_ok,
            use_ssl_default_verify_paths=self.use_ssl_default_verify_paths,
            vendor=self.vendor,
            model=self.model,
            serial_number=self.serial_number,
            firmware_version=self.firmware_version,
            settings=_settings(self.settings, store),
        )


def read_agent_table(file: StoreFile) -> AgentTable:
    """The `[agent]` table of the file, each name known and each value of its kind.

    Raises:
        StoreConfigError: a name isn't known.
        StationConfigError: there is no such table, a needed name is missing, or a value is of another kind.
    """
    if file.agent is None:
        why = "the file has no such table: write that on a line of its own, and below it which station this is"
        raise StationConfigError("[agent]", f"{why} ({', '.join(_NEEDED)})")
    known = AgentTable.__struct_fields__
    _check_places(file.agent, known, "agent.")
    check_names(file.agent, known, "agent.")
    missing = next((name for name in _NEEDED if name not in file.agent), None)
    if missing is not None:
        raise StationConfigError(f"agent.{missing}", f'is needed, as in {missing} = "{_NEEDED[missing]}"')
    try:
        return msgspec.convert(dict(file.agent), AgentTable)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise StationConfigError(f"agent.{where.rstrip('`') or '?'}", _kind(what)) from error


def name_in_file(setting: str) -> str:
    """Where the file has that field of Settings."""
    if setting == "certificate_store_max_length":
        return "max_certificates"
    return f"agent.settings.{setting}" if setting in SETTINGS else f"agent.{setting}"


def _check_places(given: Iterable[str], known: Iterable[str], table: str) -> None:
    """A table of TOML goes on to the next one, so what is added at the end of the file lands in it."""
    misplaced = next((name for name in given if name not in known and name in NAMES), None)
    if misplaced is not None:
        raise StationConfigError(f"{table}{misplaced}", "is a setting of the store: write it above the line [agent]")


def _kind(what: str) -> str:
    """A value of another kind than its setting, in words."""
    expected = re.match(r"Expected `(\w+)", what)
    return _KINDS.get(expected[1], what) if expected is not None else what


def _check_urls(config: StationConfig) -> None:
    for profile, url in config.urls.items():
        try:
            check_url(url, profile)
        except SettingRefused as refused:
            is_first = url == config.csms_url
            raise StationConfigError("csms_url" if is_first else f"profile_urls.{profile}", refused.why) from refused


def _profile(name: str) -> int:
    if name not in ("0", "1", "2", "3"):
        raise StationConfigError(f"profile_urls.{name}", "a security profile is 0, 1, 2 or 3")
    return int(name)


def _use(name: str) -> LeafUse:
    if name not in LeafUse.__members__:
        raise StationConfigError("enrols", f"{name!r:.40} is none of {', '.join(LeafUse.__members__)}")
    return LeafUse[name]


def _version(name: str) -> OcppVersion:
    found = next((one for one in VERSIONS if one.value == name), None)
    if found is None:
        raise StationConfigError("versions", f"{name!r:.40} is none of {', '.join(one.value for one in VERSIONS)}")
    return found


def _settings(given: dict[str, Any], store: StoreConfig) -> Settings:
    _check_places(given, SETTINGS, "settings.")
    check_names(given, SETTINGS, "agent.settings.")
    defaults = Settings()
    for name, value in given.items():
        default = getattr(defaults, name)
        kind = int if default is None else type(default)
        if type(value) is not kind or (kind is int and value < 0):
            words = "true or false" if kind is bool else "a whole number that isn't negative"
            raise StationConfigError(f"settings.{name}", f"is {words}")
    checked = store.additional_root_certificate_check
    return Settings(**given, additional_root_certificate_check=checked)
