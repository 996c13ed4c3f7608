"""Puts the real output of the demo into README.md, for when a line of it has changed: python tools/readme_demo.py."""

import re
import subprocess
import sys
from pathlib import Path

__all__ = ["main"]

README = Path(__file__).resolve().parent.parent / "README.md"
PROGRAM = Path(sys.executable).with_name("chainpilot")
PLACE = re.compile(r"(<!-- demo -->\n```\n).*?(```\n<!-- /demo -->)", re.DOTALL)


def main() -> int:
    """Run the demo and write what it printed; 1 if a step did not hold."""
    done = subprocess.run([PROGRAM, "demo"], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        return 1
    output = "".join(line.rstrip() + "\n" for line in done.stdout.splitlines())
    README.write_text(PLACE.sub(lambda found: found[1] + output + found[2], README.read_text(), count=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
