"""Facts of the machine, which every figure depends on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

__all__ = ["machine_facts"]


def machine_facts(scratch: Path) -> dict[str, str]:
    """What runs here, and the file system that the stores of the run lie on."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "load before the run": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "openssl": backend.openssl_version_text(),
        "cryptography": version("cryptography"),
        "pyopenssl": version("pyOpenSSL"),
        "file system": _file_system(scratch),
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    named = (line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name"))
    return next(named, platform.processor() or "unknown")


def _file_system(path: Path) -> str:
    """The type of the mount that the path lies in (proc(5), mountinfo: the type stands behind the dash)."""
    real, best = path.resolve(), ("", "unknown")
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields, _, after = line.partition(" - ")
        place = fields.split()[4]
        if real.is_relative_to(place) and len(place) >= len(best[0]):
            best = (place, after.split()[0])
    return best[1]
