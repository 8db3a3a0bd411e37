"""Tests of what puts documents in other words."""
