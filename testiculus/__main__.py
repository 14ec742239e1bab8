"""`python -m testiculus`: the commands behind make."""

import sys

# Asked before anything else is imported: an older Python could not even read the other modules.
if sys.hexversion < 0x030B0000:
    found = "{}.{}".format(*sys.version_info[:2])
    sys.stderr.write(
        "error: testiculus needs Python 3.11 or 3.12; this is Python " + found + "\n"
        "  remedy: run it with python3.11 or python3.12\n"
    )
    sys.exit(2)

from testiculus.cli import main

if __name__ == "__main__":
    sys.exit(main())
