"""SFTP: a mailbox for each partner. Whoever logs in sees its own files and folders, and nothing of anybody else's.

`listener` takes connections, `login` finds out who it is by what opens a mailbox (`openings`), and `bans` who tries too
often; `session` speaks SFTP over asyncssh's channel, and `mailbox` is what the visitor sees: folders that have no place
on any disk.
"""
