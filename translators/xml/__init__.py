"""Canonical XML in and out."""

from translators.xml.canonical import read, write

__all__ = ["read", "write"]
