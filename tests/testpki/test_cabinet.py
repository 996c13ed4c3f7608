"""The directory a test PKI lives in."""

import stat
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chainpilot.testpki.authorities import open_authorities
from chainpilot.testpki.cabinet import Cabinet, CabinetError, Ports
from chainpilot.testpki.material import Material


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_keys_and_password_are_their_owner_s_alone(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path / "pki")
    cabinet.put_key("some", ec.generate_private_key(ec.SECP256R1()))
    cabinet.put_password("secret")
    assert mode(tmp_path / "pki") == mode(tmp_path / "pki" / "keys") == 0o700
    assert mode(tmp_path / "pki" / "keys" / "some.key") == mode(cabinet.password_file) == 0o600
    assert cabinet.password() == "secret"


def test_a_directory_that_stood_open_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Cabinet(tmp_path)
    assert mode(tmp_path) == 0o700


def test_an_empty_cabinet_knows_nothing(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path)
    assert cabinet.key("some") is None
    assert cabinet.certificate("some") is None
    assert cabinet.password() is None
    assert cabinet.ports() == Ports()


def test_ports_are_remembered_and_a_broken_file_is_no_harm(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path)
    cabinet.put_ports(Ports(1, 2))
    assert cabinet.ports() == Ports(1, 2)
    (tmp_path / "ports.json").write_text("{")
    assert cabinet.ports() == Ports()


def test_a_broken_or_foreign_key_file_is_named(tmp_path: Path) -> None:
    cabinet = Cabinet(tmp_path)
    path = tmp_path / "keys" / "some.key"
    path.write_text("no key")
    with pytest.raises(CabinetError, match=r"some\.key"):
        cabinet.key("some")
    key = rsa.generate_private_key(65537, 2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(CabinetError, match="elliptic"):
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
