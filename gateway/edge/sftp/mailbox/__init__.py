"""The mailbox: inbox/ to drop files, outbox/ to fetch, and what became of both.

Nothing here is a folder of ours. A name that a partner writes is data: it is looked up, never joined to a path.
"""
