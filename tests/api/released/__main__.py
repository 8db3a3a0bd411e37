"""``python -m tests.api.released``: keep the document of the present release; exit 1 where it breaks an earlier one."""

from gateway.api.comparing import breaking_changes
from gateway.api.openapi import openapi
from tests.api.released import keep, present, releases


def main() -> int:
    """Compare with the earlier ones, then write."""
    earlier = {name: document for name, document in releases().items() if name != present().name}
    broken = [(name, change) for name, document in earlier.items() for change in breaking_changes(document, openapi())]
    for name, change in broken:
        print(f"{name}: {change.rule}: {change.where} {change.what}")
    if not broken:
        print(f"kept as {keep()}")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
