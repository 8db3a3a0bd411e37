"""outbox/: the documents and files that wait for a partner, and for those who come by its connection."""

from gateway.edge.sftp.mailbox.fetching import Fetching
from gateway.edge.sftp.mailbox.waiting import WaitingFolder
from gateway.edge.sftp.visitors import Visitor


class Outbox(WaitingFolder):
    """What waits for a visitor, but for acknowledgments.

    Args:
        fetching: what the folders of all mailboxes share.
        visitor: whose mailbox it is.
    """

    def __init__(self, fetching: Fetching, visitor: Visitor) -> None:
        super().__init__(fetching, visitor, "outbox", acknowledgments=False)
