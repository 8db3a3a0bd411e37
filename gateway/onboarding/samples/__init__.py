"""Samples of a partner: what they send and what we make of it, what we send and how it is written, kept and played."""
