"""What a station carries: no back office, no web or database library until it speaks OCPP."""

import subprocess
import sys

FORBIDDEN = ("websockets", "uvloop", "httpx", "aiohttp", "sqlalchemy", "sqlite3", "pydantic", "structlog", "fastapi")

SCRIPT = """
import sys
import chainpilot.station
loaded = {name.partition(".")[0] for name in sys.modules}
print(*sorted(loaded & set(sys.argv[1:])))
print(*sorted(name for name in sys.modules if name.startswith(("chainpilot.cpms", "chainpilot.testpki"))))
"""


def test_importing_the_station_loads_no_web_or_database_library() -> None:
    command = [sys.executable, "-W", "error", "-c", SCRIPT, *FORBIDDEN]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
