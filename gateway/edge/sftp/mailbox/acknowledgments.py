"""acknowledgments/: the TA1, 997 and 999 that a partner's own files earned; shown also while it is suspended."""

from gateway.edge.sftp.mailbox.fetching import Fetching
from gateway.edge.sftp.mailbox.waiting import WaitingFolder
from gateway.edge.sftp.visitors import Visitor


class Acknowledgments(WaitingFolder):
    """What a visitor's files earned, until it is fetched.

    Args:
        fetching: what the folders of all mailboxes share.
        visitor: whose mailbox it is.
    """

    def __init__(self, fetching: Fetching, visitor: Visitor) -> None:
        super().__init__(fetching, visitor, "acknowledgments", acknowledgments=True)
