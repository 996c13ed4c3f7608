"""OCPP's cases of roots: TC_M_01, 02, 05, 13, 18 to 21 of 2.0.1, TC_075 (both), TC_076 and TC_078 of 1.6."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from answering import AnsweringStation, Reply, Said, by_message
from backoffice import BackOffice, open_back_office
from casework import TRIGGERED, V16, V201, by_station, done, refused, tells_event
from chainpilot.cpms.model.demands import (
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
    TriggerMessage,
)
from chainpilot.pki.certificate import Certificate, load_certificates
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, hash_data
from chainpilot.wire.pnc.messages import (
    CertificateHashDataChain,
    DeleteCertificateRequest,
    DeleteCertificateResponse,
    GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse,
    InstallCertificateRequest,
    InstallCertificateResponse,
)
from chainpilot.wire.pnc.words import (
    CertificateUse,
    DeleteCertificateStatus,
    GetInstalledCertificateStatus,
    InstallCertificateStatus,
    MessageTrigger,
)
from forge import forge

__all__: list[str] = []

pytestmark = pytest.mark.anyio

CR = CertificateUse.CSMS_ROOT_CERTIFICATE
MR = CertificateUse.MANUFACTURER_ROOT_CERTIFICATE
ALGORITHMS = pytest.mark.parametrize("algorithm", HashAlgorithm, ids=lambda algorithm: algorithm.value)
LOOKS_IN = pytest.mark.parametrize("looks_in", [CR, None], ids=["CSMSRootCertificate", "omitted"])


def written(root: Certificate, algorithm: HashAlgorithm) -> CertificateHashData:
    """Its hash data in capitals, as this station writes them."""
    name = hash_data(root, root, algorithm)
    return CertificateHashData(
        algorithm, name.issuer_name_hash.upper(), name.issuer_key_hash.upper(), name.serial_number.upper()
    )


def plain(entry: CertificateHashData) -> dict[str, str]:
    """As it stands in JSON."""
    return {
        "hashAlgorithm": entry.hash_algorithm.value,
        "issuerNameHash": entry.issuer_name_hash,
        "issuerKeyHash": entry.issuer_key_hash,
        "serialNumber": entry.serial_number,
    }


@dataclass
class RootStore:
    """The roots of a station, and what it says when it is asked for them."""

    algorithm: HashAlgorithm = HashAlgorithm.SHA256
    keeps: bool = False
    """It fails to delete anything."""
    held: list[tuple[CertificateUse, CertificateHashData]] = field(default_factory=list)

    def __call__(self, said: Said, text: str) -> Reply:
        """A station's whole answer."""
        match said:
            case InstallCertificateRequest():
                (root,) = load_certificates(said.certificate)
                self.held.append((said.certificate_type, written(root, self.algorithm)))
                return InstallCertificateResponse(InstallCertificateStatus.ACCEPTED)
            case GetInstalledCertificateIdsRequest():
                return self._listed(said.certificate_types)
            case DeleteCertificateRequest():
                return self._deleted(said.certificate_hash_data)
        raise AssertionError(said)

    def _listed(self, uses: tuple[CertificateUse, ...]) -> Reply:
        found = tuple(CertificateHashDataChain(use, entry) for use, entry in self.held if not uses or use in uses)
        status = GetInstalledCertificateStatus.ACCEPTED if found else GetInstalledCertificateStatus.NOT_FOUND
        return GetInstalledCertificateIdsResponse(status, found)

    def _deleted(self, entry: CertificateHashData) -> Reply:
        if self.keeps:
            return DeleteCertificateResponse(DeleteCertificateStatus.FAILED)
        self.held = [one for one in self.held if one[1] != entry]
        return DeleteCertificateResponse(DeleteCertificateStatus.ACCEPTED)


def root_of(office: BackOffice, use: CertificateUse) -> Certificate:
    """A root of that kind."""
    return office.csms.root.certificate if use is CR else forge("Manufacturer Root", ca=True).certificate


async def goes_on(office: BackOffice, station: AnsweringStation) -> None:
    """The CSMS and the station still talk, both ways."""
    station.reply = by_message(TRIGGERED)
    await done(office, TriggerMessage(MessageTrigger.SIGN_CHARGING_STATION_CERTIFICATE))
    assert (await station.call("Heartbeat", {}))[0] == 3


async def listed(office: BackOffice, *uses: CertificateUse) -> object:
    """What the station lists of these types, as the call's record shows it."""
    return (await done(office, GetInstalledCertificateIds(uses))).findings["certificates"]


async def installs(tmp_path: Path, use: CertificateUse) -> None:
    """TC_M_01 and TC_M_02: type and bytes exact."""
    async with open_back_office(tmp_path) as office, by_station(office, V201, RootStore()) as station:
        root = root_of(office, use)
        await done(office, InstallCertificate(use, root.to_pem()))
        (payload,) = station.payloads("InstallCertificate")
        assert payload == {"certificateType": use.value, "certificate": root.to_pem()}


async def test_tc_m_01_csms_a_csms_root_is_installed(tmp_path: Path) -> None:
    await installs(tmp_path, CR)


async def test_tc_m_02_csms_a_manufacturer_root_is_installed(tmp_path: Path) -> None:
    await installs(tmp_path, MR)


async def test_tc_m_05_csms_an_installation_that_fails_is_shown(tmp_path: Path) -> None:
    failing = by_message((InstallCertificateRequest, InstallCertificateResponse(InstallCertificateStatus.FAILED)))
    async with open_back_office(tmp_path) as office, by_station(office, V201, failing) as station:
        await refused(office, InstallCertificate(CR, root_of(office, CR).to_pem()), "Failed")
        assert len(station.payloads("InstallCertificate")) == 1
        await goes_on(office, station)


async def test_tc_m_13_csms_manufacturer_roots_are_listed(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        entry = written(root_of(office, MR), HashAlgorithm.SHA256)
        async with by_station(office, V201, RootStore(held=[(MR, entry)])) as station:
            assert await listed(office, MR) == [{"certificateType": "ManufacturerRootCertificate", **plain(entry)}]
            assert station.payloads("GetInstalledCertificateIds") == [
                {"certificateType": ["ManufacturerRootCertificate"]}
            ]


async def test_tc_m_18_csms_everything_is_listed(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office:
        held = [(use, written(root_of(office, use), HashAlgorithm.SHA256)) for use in (CR, MR)]
        async with by_station(office, V201, RootStore(held=held)) as station:
            assert await listed(office) == [{"certificateType": use.value, **plain(entry)} for use, entry in held]
            assert station.payloads("GetInstalledCertificateIds") == [{}]


async def test_tc_m_19_csms_nothing_is_found(tmp_path: Path) -> None:
    async with open_back_office(tmp_path) as office, by_station(office, V201, RootStore()) as station:
        assert await listed(office, MR) == []
        assert station.payloads("GetInstalledCertificateIds") == [{"certificateType": ["ManufacturerRootCertificate"]}]
        await goes_on(office, station)


@ALGORITHMS
@LOOKS_IN
async def test_tc_m_20_csms_a_root_is_deleted(
    tmp_path: Path, algorithm: HashAlgorithm, looks_in: CertificateUse | None
) -> None:
    """Named as the station named it, to the letter."""
    async with open_back_office(tmp_path) as office, by_station(office, V201, RootStore(algorithm)) as station:
        root = root_of(office, CR).to_pem()
        await done(office, InstallCertificate(CR, root))
        await done(office, DeleteCertificate(certificate=root, certificate_type=looks_in))
        asked = {"certificateType": [looks_in.value]} if looks_in else {}
        assert station.payloads("GetInstalledCertificateIds") == [asked]
        name = plain(written(root_of(office, CR), algorithm))
        assert station.payloads("DeleteCertificate") == [{"certificateHashData": name}]
        assert await listed(office) == []


@ALGORITHMS
@LOOKS_IN
async def test_tc_m_21_csms_a_deletion_that_fails(
    tmp_path: Path, algorithm: HashAlgorithm, looks_in: CertificateUse | None
) -> None:
    """It is shown; the root is there as before."""
    async with open_back_office(tmp_path) as office:
        root = root_of(office, CR)
        entry = written(root, algorithm)
        store = RootStore(algorithm, keeps=True, held=[(CR, entry)])
        async with by_station(office, V201, store) as station:
            demand = DeleteCertificate(certificate=root.to_pem(), certificate_type=looks_in)
            await refused(office, demand, "Failed")
            asked = {"certificateType": [looks_in.value]} if looks_in else {}
            assert station.payloads("GetInstalledCertificateIds") == [asked]
            assert station.payloads("DeleteCertificate") == [{"certificateHashData": plain(entry)}]
            assert await listed(office) == [{"certificateType": "CSMSRootCertificate", **plain(entry)}]
            await goes_on(office, station)


WORDS_16: dict[CertificateUse, Any] = {CR: "CentralSystemRootCertificate", MR: "ManufacturerRootCertificate"}


async def installs_and_lists(tmp_path: Path, use: CertificateUse) -> None:
    """TC_075: the types of both messages are right, in the words of 1.6."""
    async with open_back_office(tmp_path) as office, by_station(office, V16, RootStore()) as station:
        root = root_of(office, use)
        await done(office, InstallCertificate(use, root.to_pem()))
        entry = plain(written(root, HashAlgorithm.SHA256))
        assert await listed(office, use) == [{"certificateType": use.value, **entry}]
        word = WORDS_16[use]
        assert station.payloads("InstallCertificate") == [{"certificateType": word, "certificate": root.to_pem()}]
        assert station.payloads("GetInstalledCertificateIds") == [{"certificateType": word}]


async def test_tc_075_1_csms_a_manufacturer_root_is_installed_and_listed(tmp_path: Path) -> None:
    await installs_and_lists(tmp_path, MR)


async def test_tc_075_2_csms_a_central_system_root_is_installed_and_listed(tmp_path: Path) -> None:
    await installs_and_lists(tmp_path, CR)


@ALGORITHMS
async def test_tc_076_csms_a_root_is_deleted(tmp_path: Path, algorithm: HashAlgorithm) -> None:
    """By the algorithm that the station reported; after it nothing is listed."""
    async with open_back_office(tmp_path) as office, by_station(office, V16, RootStore(algorithm)) as station:
        root = root_of(office, CR)
        name = plain(written(root, algorithm))
        await done(office, InstallCertificate(CR, root.to_pem()))
        assert await listed(office, CR) == [{"certificateType": CR.value, **name}]
        carried = await done(office, DeleteCertificate(certificate=root.to_pem(), certificate_type=CR))
        assert carried.findings["deleted"] == name
        assert await listed(office, CR) == []
        assert station.payloads("DeleteCertificate") == [{"certificateHashData": name}]
        assert station.payloads("GetInstalledCertificateIds") == [{"certificateType": WORDS_16[CR]}] * 3


async def test_tc_078_csms_a_root_is_refused_and_the_event_answered(tmp_path: Path) -> None:
    refusing = by_message((InstallCertificateRequest, InstallCertificateResponse(InstallCertificateStatus.REJECTED)))
    async with open_back_office(tmp_path) as office, by_station(office, V16, refusing) as station:
        await refused(office, InstallCertificate(CR, root_of(office, CR).to_pem()), "Rejected")
        await tells_event(station, "InvalidCentralSystemCertificate")
        await goes_on(office, station)
