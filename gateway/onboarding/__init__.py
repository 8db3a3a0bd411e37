"""Bringing a partner in: everything that is checked before the first document crosses."""
