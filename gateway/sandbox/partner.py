"""The built-in partner: its profile lies in the package, and holds where the setting `sandbox` is on."""

from functools import cache
from importlib.resources import files

from partners.loader import PROFILE_FILE, LoadedProfile, parse_profile


def built_in_partners(*, sandbox: bool) -> tuple[LoadedProfile, ...]:
    """The partners without a folder: the sandbox, where it is on."""
    return (_sandbox(),) if sandbox else ()


@cache
def _sandbox() -> LoadedProfile:
    data = files("gateway.sandbox").joinpath("profile", PROFILE_FILE).read_bytes()
    loaded = parse_profile({PROFILE_FILE: data}, f"gateway/sandbox/profile/{PROFILE_FILE}")
    assert isinstance(loaded, LoadedProfile), loaded  # noqa: S101 - it comes with the program, and a test loads it
    return loaded
