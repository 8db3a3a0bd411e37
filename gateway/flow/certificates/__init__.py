"""Certificates: our keys and those of partners, from their making to their end, and their exchange by message."""
