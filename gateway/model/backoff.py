"""When to try again: twice as long each time, never longer than the cap, spread by chance."""

BASE_MS = 500
CAP_MS = 15 * 60_000
_DOUBLINGS_MAX = 20


def delay_ms(attempts: int, chance: float, *, base_ms: int = BASE_MS, cap_ms: int = CAP_MS) -> int:
    """Milliseconds to wait after that many failed attempts.

    Args:
        attempts: failed so far, at least 1.
        chance: 0 <= chance < 1; spreads the delay over its upper half, so that many do not come back at once.
        base_ms: after the first failure.
        cap_ms: never longer.
    """
    longest = min(cap_ms, base_ms * 2 ** min(attempts - 1, _DOUBLINGS_MAX))
    return int(longest * (0.5 + chance / 2))
