"""Files of the test PKI that only grow, a line a record. NEVER for production: a power cut may lose the last ones."""

from pathlib import Path

from chainpilot.testpki.cabinet import telling

__all__ = ["append_line", "whole_lines"]


def whole_lines(path: Path) -> list[bytes]:
    """The lines that end; one cut off by a kill was never answered and is cut away. Raises CabinetError."""
    with telling(path):
        if not path.exists():
            return []
        content = path.read_bytes()
        end = content.rfind(b"\n") + 1
        if end != len(content):
            with path.open("r+b") as file:
                file.truncate(end)
    return content[:end].splitlines()


def append_line(path: Path, line: bytes) -> None:
    """Write a line behind the others; it is in the file when this returns. Raises CabinetError."""
    with telling(path), path.open("ab") as file:
        file.write(line + b"\n")
