"""Canonical JSON in."""

from translators.json.reader import read

__all__ = ["read"]
