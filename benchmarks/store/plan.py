"""What is measured, what it is compared with, and what it should be: station-store.md section 5 as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

__all__ = ["ALL_ROOTS", "QUICK_ROOTS", "ROWS", "TARGETS", "Bundle", "Measure", "Row", "RowName", "Target"]

ALL_ROOTS: Final = (1, 10, 100, 1000)
"""Roots in the V2G bundle."""
QUICK_ROOTS: Final = (1, 100)


class Bundle(Enum):
    """What the V2G bundle is."""

    FILE = "file"
    DIRECTORY = "directory"


class RowName(Enum):
    """The calls measured; the values are those of the JSON."""

    VERIFY = "verify_certificate"
    INSTALLED = "get_installed_certificates"
    LEAF = "get_leaf_certificate_info"
    LEAF_OCSP = "get_leaf_certificate_info, OCSP"
    LEAF_CROWD = "get_leaf_certificate_info, crowd"
    LEAF_CROWD_UNNAMED = "get_leaf_certificate_info, crowd, other names"
    OCSP_DATA = "get_v2g_ocsp_request_data"
    VERIFY_CHANGED = "verify_certificate, changed bundle"
    INSTALLED_CHANGED = "get_installed_certificates, changed bundle"
    CSR = "generate_certificate_signing_request"
    INSTALL = "install_ca_certificate"
    DELETE = "delete_certificate"


@dataclass(frozen=True, slots=True)
class Row:
    """One call with what is known of it."""

    name: RowName
    title: str
    reference: Mapping[int, float] = field(default_factory=dict)
    """CPU milliseconds of libevse-security 0.10.1 by the number of roots, on another machine of two cores."""
    is_cold_too: bool = True
    """Whether it is also measured as the first call of a new process."""


def _at(*milliseconds: float) -> dict[int, float]:
    return dict(zip(ALL_ROOTS, milliseconds, strict=True))


ROWS: Final = (
    Row(RowName.VERIFY, "verify_certificate (leaf + 2 sub-CAs, P-256)", _at(3.4, 11.6, 73, 764)),
    Row(RowName.INSTALLED, "get_installed_certificates (all types)", _at(7.0, 18.9, 110, 1065)),
    Row(RowName.LEAF, "get_leaf_certificate_info", _at(1.3, 1.8, 1.7, 1.7)),
    Row(RowName.LEAF_OCSP, "get_leaf_certificate_info with OCSP", _at(17.5, 37, 225, 2106)),
    Row(RowName.LEAF_CROWD, "leaf info, 5 leaves and 1000 keys beside"),
    Row(RowName.LEAF_CROWD_UNNAMED, "the same, keys not named as their leaves"),
    Row(RowName.OCSP_DATA, "get_v2g_ocsp_request_data", _at(5.5, 12, 66, 667)),
    Row(RowName.VERIFY_CHANGED, "verify, another process changed the bundle", is_cold_too=False),
    Row(RowName.INSTALLED_CHANGED, "get_installed, the same", is_cold_too=False),
    Row(RowName.CSR, "generate CSR P-256", _at(0.34, 0.32, 0.32, 0.35)),
    Row(RowName.INSTALL, "install_ca_certificate", _at(0.67, 1.7, 13.7, 141)),
    Row(RowName.DELETE, "delete_certificate (CA)", _at(3.5, 7.6, 53, 539)),
)


class Measure(Enum):
    """What a target bounds, by the name of the result's field."""

    CPU = "cpu_ms"
    RATIO = "ceiling_ratio"
    ABOVE_FSYNC = "above_fsync_ms"


@dataclass(frozen=True, slots=True)
class Target:
    """At most `limit` for the warm call, where the number of roots and the kind of bundle are these."""

    row: RowName
    measure: Measure
    limit: float
    fewest: int = 1
    most: int = 1000
    bundles: tuple[Bundle, ...] = tuple(Bundle)

    def covers(self, row: str, roots: int, bundle: str) -> bool:
        """Whether it says anything of that result."""
        named = (one.value for one in self.bundles)
        return row == self.row.value and self.fewest <= roots <= self.most and bundle in named


TARGETS: Final = (
    Target(RowName.VERIFY, Measure.CPU, 0.5),
    Target(RowName.VERIFY, Measure.RATIO, 2.7),
    Target(RowName.INSTALLED, Measure.CPU, 1.0, most=100),
    Target(RowName.INSTALLED, Measure.CPU, 3.0, fewest=101, bundles=(Bundle.FILE,)),
    Target(RowName.INSTALLED, Measure.CPU, 4.0, fewest=101, bundles=(Bundle.DIRECTORY,)),
    Target(RowName.LEAF_CROWD, Measure.CPU, 0.2),
    Target(RowName.LEAF_CROWD_UNNAMED, Measure.CPU, 0.2),
    Target(RowName.VERIFY_CHANGED, Measure.CPU, 60),
    Target(RowName.INSTALLED_CHANGED, Measure.CPU, 60),
    Target(RowName.INSTALL, Measure.ABOVE_FSYNC, 3),
    Target(RowName.DELETE, Measure.ABOVE_FSYNC, 3),
)
