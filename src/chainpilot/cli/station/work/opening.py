"""From the options and the operator's file to an open store; the composition root of `chainpilot station`."""

import os
import shlex
import stat
from pathlib import Path
from typing import Any, Final

import typer

from chainpilot.cli.exits import Exit
from chainpilot.cli.station.arguments import StoreOptions
from chainpilot.cli.station.work.material import NotCarriedOut
from chainpilot.clock import SYSTEM, Clock
from chainpilot.errors import ChainpilotError
from chainpilot.station import EvseSecurity
from chainpilot.station.config_file import MAX_CONFIG_CHARACTERS, HardwareSettings, StoreFile, read_store_file
from chainpilot.station.layout import StoreConfig, StoreConfigError

__all__ = ["blamed", "open_store", "program", "read_config", "read_password"]

_MAX_PASSWORD_BYTES: Final = 1024
"""Of a password file; OpenSSL reads no longer password of a key (PEM_BUFSIZE)."""


def open_store(options: StoreOptions, *, is_begun: bool = False, clock: Clock = SYSTEM) -> EvseSecurity:
    """The store that the options name.

    Args:
        options: the options before the command.
        is_begun: the command makes a store where there is none; else a missing directory is told of.
        clock: the time certificates are judged at.

    Raises:
        NotCarriedOut: no directory is named, or there is none, or a file can't be used.
    """
    _, config = read_config(options)
    _check_directory(options, config.certs_dir, is_begun=is_begun)
    try:
        return EvseSecurity(config, clock=clock)
    except StoreConfigError as error:
        raise NotCarriedOut(blamed(options, error), Exit.USAGE) from error


def program(options: StoreOptions) -> str:
    """How the next command for the same store begins."""
    words = ["chainpilot", "station"]
    files = (
        ("--certs", options.certs),
        ("--config", options.config),
        ("--private-key-password-file", options.password_file),
    )
    for name, value in files:
        words += [name, shlex.quote(str(value))] if value is not None else []
    words += ["--allow-test-pki"] if options.allow_test_pki else []
    return " ".join(words)


def read_config(options: StoreOptions) -> tuple[StoreFile, StoreConfig]:
    """The operator's file as it stands, and the store that it and the options name.

    Raises:
        NotCarriedOut: no directory is named, or a file can't be used.
    """
    file, folder = _file(options), options.config.parent if options.config is not None else Path()
    named = options.certs or (folder / file.certs_dir if file.certs_dir is not None else None)
    if named is None:
        why = "name the certificates directory: --certs DIR, the variable CHAINPILOT_CERTS, or certs_dir in "
        raise NotCarriedOut(f"{why}{options.config or '--config FILE'}", Exit.USAGE)
    changes: dict[str, Any] = {}
    if options.allow_test_pki:
        changes["allow_test_pki"] = True
    if options.password_file is not None:
        changes["private_key_password"] = read_password(options.password_file)
    if file.hardware is not None:
        changes["hardware_keys"] = (_hardware(file.hardware, folder),)
    return file, file.config(named.absolute(), **changes)


def _file(options: StoreOptions) -> StoreFile:
    if options.config is None:
        return StoreFile()
    try:
        # each character takes at most four octets
        text = _read(options.config, 4 * MAX_CONFIG_CHARACTERS).decode("utf-8")
        file = read_store_file(text)
    except UnicodeDecodeError as error:
        raise NotCarriedOut(f"{options.config} is not UTF-8 text", Exit.USAGE) from error
    except StoreConfigError as error:
        raise NotCarriedOut(blamed(options, error), Exit.USAGE) from error
    if file.has_secret:
        _warn_of_readers(options.config)
    return file


def blamed(options: StoreOptions, error: ChainpilotError) -> str:
    """The mistake with the file's name before it."""
    return f"{options.config}: {error}" if options.config is not None else str(error)


def read_password(path: Path) -> str:
    """The first line of a password file.

    Raises:
        NotCarriedOut: it can't be read, or that line is empty.
    """
    try:
        text = _read(path, _MAX_PASSWORD_BYTES).decode("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError:
        raise NotCarriedOut(f"the password file {path} holds no text", Exit.USAGE) from None
    if not text:
        raise NotCarriedOut(f"the first line of the password file {path} is empty", Exit.USAGE)
    _warn_of_readers(path)
    return text


def _hardware(settings: HardwareSettings, folder: Path) -> Any:
    from chainpilot.station.adapters.pkcs11 import Pkcs11Keys, TokenSettings  # noqa: PLC0415 - only where configured

    pin = folder / settings.pin_file if settings.pin_file is not None else None
    if pin is not None and pin.is_file():
        _warn_of_readers(pin)
    return Pkcs11Keys(
        TokenSettings(
            module=folder / settings.module,
            token=settings.token_label,
            pin=pin.absolute() if pin is not None else None,
            label_prefix=settings.label_prefix,
            wait_seconds=settings.wait_seconds,
        )
    )


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise NotCarriedOut(f"there is no file {path}", Exit.NOT_FOUND) from error
    except PermissionError as error:
        raise NotCarriedOut(f"{path} may not be read by you", Exit.NOT_ALLOWED) from error
    except OSError as error:
        raise NotCarriedOut(f"{path} can't be read: {error.strerror or error}", Exit.USAGE) from error
    if len(data) > limit:
        raise NotCarriedOut(f"{path} is longer than {limit} bytes", Exit.USAGE)
    return data


def _warn_of_readers(path: Path) -> None:
    """A secret that every user of the machine can read or replace is told of; it works all the same."""
    about = path.stat()
    if about.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        may = "read" if about.st_mode & stat.S_IROTH else "write"
        mode = "600" if about.st_uid == os.geteuid() else "o-rwx"  # its reader's group may need it: a daemon's account
        typer.echo(f"chainpilot: everybody may {may} {path}, which holds a secret; chmod {mode} {path}", err=True)


def _check_directory(options: StoreOptions, directory: Path, *, is_begun: bool) -> None:
    """A directory that is missing or closed would look like an empty store."""
    if directory.is_dir():
        if not os.access(directory, os.R_OK | os.X_OK):
            raise NotCarriedOut(f"{directory} may not be read by you; run it as its owner", Exit.NOT_ALLOWED)
    elif directory.exists():
        raise NotCarriedOut(f"{directory} is not a directory", Exit.USAGE)
    elif not is_begun:
        first = f"{program(options)} install-ca-certificate FILE V2G"
        raise NotCarriedOut(f"there is no directory {directory}; a new store begins with: {first}", Exit.NOT_FOUND)
