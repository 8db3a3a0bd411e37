"""What another version of a profile would change, in the words of the people who decide it."""

from gateway.onboarding.differences.comparing import Change, Kind, compare

__all__ = ["Change", "Kind", "compare"]
