"""Collecting: what partners lay out on SFTP servers of their own is looked for by schedule and fetched, each file once.

A file crosses these rooms: `collect` claims a folder that is due -> `look` lists it -> `sights` decides which of its
files are at rest -> `fetching` reads one, has it made durable, and only then `clearing` removes it there. What went
wrong is told by `troubles`.
"""
