"""The `[agent]` table of a station's configuration file: its names and kinds, and the StationConfig it makes.

The rest of the file is the store's (`station.config_file`). Files are read by whoever asks, the password's too.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import msgspec

from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.settings.values import Settings
from chainpilot.station.agent.setup import VERSIONS, StationConfig, StationConfigError
from chainpilot.station.config_file import StoreFile, check_names
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import Secret
from chainpilot.wire.version import OcppVersion

__all__ = ["AgentTable", "read_agent_table"]

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
        """
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
        raise StationConfigError("[agent]", "the file has no such table, which says where the CSMS is")
    known = AgentTable.__struct_fields__
    check_names(file.agent, known, "agent.")
    needed = known[: len(known) - len(AgentTable.__struct_defaults__)]
    missing = next((name for name in needed if name not in file.agent), None)
    if missing is not None:
        raise StationConfigError(f"agent.{missing}", "is needed")
    try:
        return msgspec.convert(dict(file.agent), AgentTable)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise StationConfigError(f"agent.{where.rstrip('`') or '?'}", what[:1].lower() + what[1:]) from error


def _profile(name: str) -> int:
    if name not in ("0", "1", "2", "3"):
        raise StationConfigError(f"agent.profile_urls.{name}", "a security profile is 0, 1, 2 or 3")
    return int(name)


def _use(name: str) -> LeafUse:
    if name not in LeafUse.__members__:
        raise StationConfigError("agent.enrols", f"{name!r:.40} is none of {', '.join(LeafUse.__members__)}")
    return LeafUse[name]


def _version(name: str) -> OcppVersion:
    found = next((one for one in VERSIONS if one.value == name), None)
    if found is None:
        raise StationConfigError(
            "agent.versions", f"{name!r:.40} is none of {', '.join(one.value for one in VERSIONS)}"
        )
    return found


def _settings(given: dict[str, Any], store: StoreConfig) -> Settings:
    check_names(given, SETTINGS, "agent.settings.")
    defaults = Settings()
    for name, value in given.items():
        default = getattr(defaults, name)
        kind = int if default is None else type(default)
        if type(value) is not kind or (kind is int and value < 0):
            words = "true or false" if kind is bool else "a whole number that isn't negative"
            raise StationConfigError(f"agent.settings.{name}", f"is {words}")
    checked = store.additional_root_certificate_check
    return Settings(**given, additional_root_certificate_check=checked)
