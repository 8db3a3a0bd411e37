"""Which agreement of a partner holds for a document."""

from partners.profile import Agreement, Direction, DocumentType, Profile, Syntax


def agreement_for(  # an agreement is told apart by exactly these
    profile: Profile,
    document: DocumentType | str,
    direction: Direction,
    syntax: Syntax,
    *,
    release: str | None = None,
    our_identity: str | None = None,
) -> Agreement | None:
    """The agreement under which a document is exchanged; None where there is none.

    An agreement on release 004010 also covers 004010VICS, not the other way round. `our_identity` is the name of the
    identity that the document is addressed to or comes from; None where that is not known.
    """
    matching = [
        item
        for item in profile.agreements
        if (item.document, item.direction, item.syntax) == (document, direction, syntax)
        and (release is None or not item.releases or any(release.startswith(known) for known in item.releases))
        and (our_identity is None or item.our_identity in (None, our_identity))
    ]
    # The one that says more goes first.
    return max(matching, key=lambda item: (item.our_identity is not None, len(item.releases) > 0), default=None)


def outbound_agreement(
    profile: Profile, document: DocumentType | str, *, our_identity: str | None = None
) -> Agreement | None:
    """The agreement by which we send a document, in whichever syntax the profile names first; None without one."""
    syntaxes = dict.fromkeys(item.syntax for item in profile.agreements if item.direction == "outbound")
    found = (agreement_for(profile, document, "outbound", syntax, our_identity=our_identity) for syntax in syntaxes)
    return next((agreement for agreement in found if agreement is not None), None)


def inbound_agreements(profile: Profile) -> list[Agreement]:
    """The agreements on what a partner sends."""
    return [item for item in profile.agreements if item.direction == "inbound"]
