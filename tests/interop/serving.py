"""``python -m tests.interop.serving``: `gateway serve`, whose audit keeps every refusal.

The product keeps so many of a kind and source in a minute. Here all come from one address, faster than that, and each
is what a result is read off.
"""

import sys

from gateway.commands.program import main
from gateway.edge import audit_gate

if __name__ == "__main__":
    audit_gate.AUDIT_ENTRIES_PER_WINDOW = 1_000_000
    raise SystemExit(main(["serve", *sys.argv[1:]]))
