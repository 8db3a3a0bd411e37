"""The mailbox of a partner at our SFTP server: that they read all of a file, or removed it, settles what lies there."""

from gateway.carriers.laid_out import SECONDS_PER_DAY, confirm_within_s, laid_out
from gateway.carriers.parcels import Consignment
from gateway.model.delivery import DeliveryKind


def _within_s(consignment: Consignment) -> int:
    """Acknowledgments lie there as long as what was fetched does: who never reads theirs is not asked why."""
    within_s, sftp = confirm_within_s(consignment), consignment.bearer.profile.sftp
    if consignment.kind is DeliveryKind.ACKNOWLEDGMENT and sftp is not None:
        return max(within_s, sftp.archive_days * SECONDS_PER_DAY)
    return within_s


MAILBOX_CARRIER = laid_out("mailbox", _within_s)
