"""A partner that is named in a call: its profile, and how what it sends is read."""

import argparse
from pathlib import Path

from gateway.agreements import reading_rules
from gateway.commands.opening import open_settings
from gateway.commands.parsing import Unusable, did_you_mean, shown
from gateway.sandbox.partner import built_in_partners
from gateway.settings import Settings
from partners.directory import Directory, load_directory
from partners.fields import SLUG
from partners.loader import LoadedProfile, load_profile
from translators.guide import ReadingRules


def folder_of(settings: Settings, partner: str) -> Path:
    """The folder of a partner.

    Raises:
        Unusable: there is none.
    """
    folder = settings.partners_dir / partner
    if not SLUG.matches(partner) or not folder.is_dir():
        known = sorted(path.name for path in settings.partners_dir.glob("[a-z0-9]*") if path.is_dir())
        hint = did_you_mean(partner, known) or "; `gateway partner list` shows those there are"
        raise Unusable(f"there is no partner {shown(partner)} in {settings.partners_dir}{hint}")
    return folder


def profile_of(settings: Settings, partner: str) -> LoadedProfile:
    """The profile of a partner.

    Raises:
        Unusable: there is none, or it does not load; the text has the lines that are wrong.
    """
    built_in = next((item for item in built_in_partners(sandbox=settings.sandbox) if item.id == partner), None)
    if built_in is not None:
        return built_in
    loaded = load_profile(folder_of(settings, partner), environment=settings.environment)
    if not isinstance(loaded, LoadedProfile):
        raise Unusable("the profile does not load\n" + "\n".join(f"  {problem}" for problem in loaded))
    return loaded


def connection_of(settings: Settings, loaded: LoadedProfile) -> LoadedProfile | None:
    """The connection that carries a partner's traffic; None where there is none that loads."""
    if loaded.profile.via is None:
        return None
    found = load_profile(settings.partners_dir / loaded.profile.via, environment=settings.environment)
    return found if isinstance(found, LoadedProfile) else None


def directory_of(settings: Settings) -> Directory:
    """The partners as they are now, the built-in one included."""
    directory, _ = load_directory(
        settings.partners_dir,
        environment=settings.environment,
        built_in=built_in_partners(sandbox=settings.sandbox),
    )
    return directory


def reading_rules_of(called: argparse.Namespace) -> ReadingRules:
    """How a file is read when `--partner` sent it."""
    settings = open_settings(called)
    loaded = profile_of(settings, called.partner)
    directory = directory_of(settings)
    return reading_rules(loaded, settings.identities, directory.carried_by(loaded))
