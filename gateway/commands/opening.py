"""Opens what commands work on: the settings and files."""

import argparse
import os
from pathlib import Path

from gateway.commands.parsing import Unusable
from gateway.settings import LoadedSettings, Settings, SettingsError, load_settings

CONFIG_VARIABLE = "GATEWAY_CONFIG"
# Variables for the command line itself, which are no settings.
_OURS = frozenset({CONFIG_VARIABLE, "GATEWAY_DEBUG"})
DEFAULT_CONFIG = Path("gateway.yaml")


def config_file(called: argparse.Namespace) -> Path | None:
    """The file with the settings: as named, by the variable, or the one that lies here."""
    named: Path | None = called.config
    if named is not None:
        return named
    if os.environ.get(CONFIG_VARIABLE):
        return Path(os.environ[CONFIG_VARIABLE])
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def open_loaded(called: argparse.Namespace) -> LoadedSettings:
    """The settings with their origins.

    Raises:
        Unusable: with one line for each problem.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    try:
        return load_settings(config_file(called), environment)
    except SettingsError as error:
        raise Unusable("the settings cannot be used\n" + "\n".join(f"  {line}" for line in error.problems)) from None


def open_settings(called: argparse.Namespace) -> Settings:
    """The settings."""
    return open_loaded(called).settings
