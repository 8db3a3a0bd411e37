"""Collecting: what partners lay out on SFTP servers of their own is looked for by schedule and fetched, each file once.

A file crosses these rooms: `collect` claims a folder that is due -> `look` lists it -> `sights` decides which of its
files are at rest -> `reading` reads one whole -> `fetching` has it made durable -> and only then `clearing` removes it
there. What goes wrong is told by `troubles`; `acts` is what people do, `views` what they see.
"""
