"""The life of a partner's certificate that came by a certificate exchange message, and of a request of ours."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class CertificateState(StrEnum):
    """Where a partner's certificate stands."""

    PENDING = "pending"  # a person decides
    ACCEPTED = "accepted"  # in force beside the profile's files
    REJECTED = "rejected"  # never was in force
    WITHDRAWN = "withdrawn"  # was in force, and is no more


class CertificateEvent(StrEnum):
    """What moves it."""

    ACCEPT = "accept"
    REJECT = "reject"


S, E = CertificateState, CertificateEvent
CERTIFICATE_TRANSITIONS: Mapping[tuple[CertificateState, CertificateEvent], CertificateState] = MappingProxyType(
    {
        (S.PENDING, E.ACCEPT): S.ACCEPTED,
        (S.PENDING, E.REJECT): S.REJECTED,
        # The partner was told otherwise, so what is decided anew is for us alone: the command says so.
        (S.REJECTED, E.ACCEPT): S.ACCEPTED,
        (S.ACCEPTED, E.REJECT): S.WITHDRAWN,
        (S.WITHDRAWN, E.ACCEPT): S.ACCEPTED,
    }
)


class RequestState(StrEnum):
    """Where a request of ours stands."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
