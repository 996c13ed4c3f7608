"""The directory a test PKI lives in."""

import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chainpilot.testpki.authorities import Authorities, open_authorities
from chainpilot.testpki.cabinet import (
    PASSWORD_FILE,
    Cabinet,
    CabinetError,
    FolderInUseError,
    ForeignFolderError,
    Ports,
)
from chainpilot.testpki.material import Material


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_and_password_are_their_owner_s_alone(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path / "pki")
    cabinet.put_key("some", ec.generate_private_key(ec.SECP256R1()))
    cabinet.put_secret(PASSWORD_FILE, "secret")
    assert mode(tmp_path / "pki") == mode(tmp_path / "pki" / "keys") == 0o700
    assert mode(cabinet.key_file("some")) == mode(cabinet.directory / PASSWORD_FILE) == 0o600
    assert cabinet.secret(PASSWORD_FILE) == "secret"


@pytest.mark.parametrize("was", [0o755, 0o1777])
def test_an_empty_folder_that_is_there_keeps_its_mode(was: int, tmp_path: Path) -> None:
    tmp_path.chmod(was)
    cabinet = Cabinet(tmp_path)
    cabinet.put_secret(PASSWORD_FILE, "secret")
    Cabinet(tmp_path)
    assert mode(tmp_path) == was
    assert mode(tmp_path / "keys") == 0o700
    assert mode(cabinet.directory / PASSWORD_FILE) == 0o600


def test_only_the_folder_itself_is_closed_not_those_made_above_it(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    Cabinet(tmp_path / "above" / "pki")
    assert mode(tmp_path / "above") == mode(tmp_path / "open")
    assert mode(tmp_path / "above" / "pki") == 0o700


def test_a_folder_that_holds_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    tmp_path.chmod(0o755)
    with pytest.raises(ForeignFolderError, match="other files than a test PKI's"):
        Cabinet(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    assert mode(tmp_path) == 0o755


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    folder, other = tmp_path / "pki", tmp_path / "other"
    cabinet = Cabinet(folder)
    other.write_text("mine")
    (folder / ".est_password.new").symlink_to(other)
    cabinet.put_secret(PASSWORD_FILE, "secret")
    assert other.read_text() == "mine"
    assert cabinet.secret(PASSWORD_FILE) == "secret"


@pytest.mark.parametrize("where", ["file", "file/below", "/proc/y", "/sys/y"])
def test_a_folder_that_can_not_be_made_is_named_with_a_cure(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CabinetError, match="; name another folder") as caught:
        Cabinet(tmp_path / where)
    assert caught.value.path == tmp_path / where


def test_one_at_a_time_holds_the_folder(tmp_path: Path) -> None:
    one, other = Cabinet(tmp_path), Cabinet(tmp_path)
    with one.lock(), pytest.raises(FolderInUseError, match="running in this folder"):
        other.lock()
    other.lock().close()


def test_an_empty_cabinet_knows_nothing(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path)
    assert cabinet.key("some") is None
    assert cabinet.certificate("some") is None
    assert cabinet.secret(PASSWORD_FILE) is None
    assert cabinet.ports() == Ports()


def test_ports_are_remembered(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path)
    cabinet.put_ports(Ports(1, 2))
    assert cabinet.ports() == Ports(1, 2)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"est": 65536}', b'{"ocsp": -1}', b'{"est": "\xff"}', b""])
def test_a_broken_file_of_ports_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    cabinet = Cabinet(tmp_path / "pki")
    (tmp_path / "pki" / "ports.json").write_bytes(content)
    with pytest.raises(CabinetError, match=r"ports\.json: it holds no ports .*; delete it"):
        cabinet.ports()


def test_a_password_that_is_no_text_is_named(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path)
    (cabinet.directory / PASSWORD_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(CabinetError, match=r"est_password: it is no text; delete it"):
        cabinet.secret(PASSWORD_FILE)


def test_a_broken_or_foreign_key_file_is_named(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path)
    path = tmp_path / "keys" / "some.key"
    path.write_text("no key")
    with pytest.raises(CabinetError, match=r"some\.key"):
        cabinet.key("some")
    key = dsa.generate_private_key(1024)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(CabinetError, match="no CA here"):
        cabinet.key("some")


def test_a_hierarchy_whose_making_was_stopped_is_completed(tmp_path: Path, at: datetime) -> None:
    cabinet, material = Cabinet(tmp_path), Material()
    whole = open_authorities(cabinet, material, ocsp_url="http://127.0.0.1:1", at=at)
    cabinet.certificate_file("cpo_sub2").unlink()
    cabinet.certificate_file("mo_sub2").unlink()
    (tmp_path / "keys" / "mo_sub2.key").unlink()
    again = open_authorities(cabinet, material, ocsp_url="http://127.0.0.1:1", at=at)
    kept = set(whole) - {"cpo_sub2", "mo_sub2"}
    assert all(again[name].certificate == whole[name].certificate for name in kept)
    assert again["cpo_sub2"].certificate.spki_hash == whole["cpo_sub2"].certificate.spki_hash
    assert again["mo_sub2"].certificate.was_signed_by(again["mo_sub1"].certificate)


def broken_pem(folder: Path) -> None:
    (folder / "cpo_sub1.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB*\n-----END CERTIFICATE-----\n")


def cut_pem(folder: Path) -> None:
    path = folder / "cpo_sub1.pem"
    path.write_text(path.read_text()[:300])


def no_key(folder: Path) -> None:
    (folder / "keys" / "cpo_sub1.key").unlink()


def another_key(folder: Path) -> None:
    (folder / "keys" / "cpo_sub1.key").write_bytes((folder / "keys" / "cpo_sub2.key").read_bytes())


def another_root(folder: Path) -> None:
    (folder / "v2g_root.pem").unlink()
    (folder / "keys" / "v2g_root.key").unlink()


def a_folder_in_its_place(folder: Path) -> None:
    (folder / "cpo_sub1.pem").unlink()
    (folder / "cpo_sub1.pem").mkdir()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (broken_pem, r"cpo_sub1\.pem: it holds no readable certificate .*; put back what it held"),
        (cut_pem, r"cpo_sub1\.pem: it holds no readable certificate .*; put back what it held"),
        (no_key, r"cpo_sub1\.key: it is missing; put back what it held"),
        (another_key, r"cpo_sub1\.key: it is not the key of cpo_sub1\.pem; put back what it held"),
        (another_root, r"cpo_sub1\.pem: it was not signed by v2g_root\.pem; put back what it held"),
        (a_folder_in_its_place, r"cpo_sub1\.pem: Is a directory; make it readable"),
    ],
)
def test_files_that_are_broken_or_do_not_belong_together_are_named(
    harm: Callable[[Path], None], said: str, tmp_path: Path, at: datetime
) -> None:
    opened(tmp_path, at)
    harm(tmp_path)
    with pytest.raises(CabinetError, match=said):
        opened(tmp_path, at)


@pytest.mark.parametrize("years", [-1, 3])
def test_a_hierarchy_out_of_date_is_named_with_its_dates(years: int, tmp_path: Path, at: datetime) -> None:
    opened(tmp_path, at)
    with pytest.raises(CabinetError, match=r"\.pem: it is valid from 2026-06-01 11:00 to .*; set the clock right, or"):
        opened(tmp_path, at + timedelta(days=365 * years))


def opened(folder: Path, at: datetime) -> Authorities:
    return open_authorities(Cabinet(folder), Material(), ocsp_url="http://127.0.0.1:1", at=at)
