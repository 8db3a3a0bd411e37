"""The door of the command line: ``gateway`` and ``python -m gateway``."""

import sys

from gateway.commands.program import main

if __name__ == "__main__":
    sys.exit(main())
