"""Everything that can be known to be wrong with the partners before the first message: `gateway partner check`."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from certs.certificates import Certificate, CertificateError, ProblemCode, read_certificate, read_certificates
from certs.certificates import problems as certificate_problems
from certs.revocation import list_objection, overdue_words, read_revocation_lists
from gateway.agreements import OurIdentity, overrides
from gateway.as2_agreements import identity_for, partner_certificates, partner_trust
from gateway.flow.outward.ways import WITHOUT_AS2, own_way
from gateway.onboarding.checking.connections import connection_problems as way_problems
from gateway.onboarding.checking.credentials import credential_problems
from gateway.onboarding.checking.mailboxes import mailbox_problems
from gateway.onboarding.checking.remote_servers import remote_server_problems
from gateway.onboarding.checking.vocabulary import vocabulary_problems
from gateway.onboarding.checking.x12 import x12_problems
from partners.as2_terms import As2, CertificateFile
from partners.loader import LoadedProfile
from partners.problems import Location, Problem, one_of, shown
from partners.profile import Agreement
from translators.x12.dictionary import BASE_RELEASE_WIDTH, choose_release, releases
from translators.x12.grammar import grammar
from translators.x12.overrides import rule_problems
from translators.x12.sets import DOCUMENT_TYPES
from translators.x12.writing import SET_TYPES

KEY_EXPIRY_WARNING = timedelta(days=30)
LIST_WARNING = timedelta(days=1)  # lists of authorities are often good for a week, so a month ahead says nothing
_TIME_PASSED = frozenset({ProblemCode.EXPIRED, ProblemCode.NOT_YET_VALID, ProblemCode.EXPIRES_SOON})
_UNUSED_FOR = {"encryption": ProblemCode.NOT_FOR_SIGNING, "signing": ProblemCode.NOT_FOR_ENCRYPTION}


def check_profile(loaded: LoadedProfile, *, identities: Collection[OurIdentity], now: datetime) -> list[Problem]:
    """What is wrong with one profile that loads: its certificates, its keys, how it fits with who we are."""
    found = [*_identity_problems(loaded, identities), *_key_problems(loaded, now), *_reading_problems(loaded)]
    found += _fetching_problems(loaded, identities)
    found += x12_problems(loaded)
    found += credential_problems(loaded, now)
    found += mailbox_problems(loaded, now)
    found += remote_server_problems(loaded)
    found += vocabulary_problems(loaded)
    if loaded.profile.as2 is not None:
        found += _as2_problems(loaded, loaded.profile.as2, now)
        found += way_problems(loaded, loaded.profile.as2, identities, now)
    if loaded.profile.is_active and not loaded.profile.agreements and not loaded.profile.speaks_for:
        what, right = "nothing is agreed with this partner: all they send is rejected", "add `agreements:`"
        found.append(loaded.problem((), what, right, warning=True))
    # What a draft has not yet is told once, as missing, and not again for what does not stand in it.
    open_at = {(point.line, point.column) for point in loaded.open_points}
    return [*loaded.open_points, *(problem for problem in found if (problem.line, problem.column) not in open_at)]


def _identity_problems(loaded: LoadedProfile, identities: Collection[OurIdentity]) -> Iterator[Problem]:
    profile = loaded.profile
    names = [identity.name for identity in identities]
    if profile.as2 is not None:
        yield from _as2_identity_problems(loaded, profile.as2, identities)
    for index, address in enumerate(profile.x12):
        ours = [
            item
            for item in identities
            if item.x12 and (item.x12.qualifier, item.x12.id) == (address.qualifier, address.id)
        ]
        if ours:
            what = f"{address.qualifier}/{address.id} is our own address, that of the identity {shown(ours[0].name)}"
            yield loaded.problem(("x12", index, "id"), what, "write the ISA qualifier and id of the partner")
    for index, agreement in enumerate(profile.agreements):
        if agreement.our_identity is not None and agreement.our_identity not in names:
            what = f"we have no identity named {shown(agreement.our_identity)}"
            yield loaded.problem(("agreements", index, "our_identity"), what, one_of(agreement.our_identity, names))
            continue
        meant = [item for item in identities if agreement.our_identity in (None, item.name)]
        if agreement.syntax == "x12" and not any(item.x12 for item in meant):
            what = "an X12 agreement, but our identity has no X12 address"
            right = "add `x12: {qualifier, id, group_id}` to the identity in gateway.yaml"
            yield loaded.problem(("agreements", index, "syntax"), what, right)


def _as2_identity_problems(loaded: LoadedProfile, as2: As2, identities: Collection[OurIdentity]) -> Iterator[Problem]:
    by_name = {identity.name: identity for identity in identities}
    if as2.id in {identity.as2_id for identity in identities}:
        yield loaded.problem(("as2", "id"), f"{shown(as2.id)} is our own AS2 id", "write the AS2 id of the partner")
    if as2.our_identity is not None:
        if as2.our_identity not in by_name:
            what = f"we have no identity named {shown(as2.our_identity)}"
            yield loaded.problem(("as2", "our_identity"), what, one_of(as2.our_identity, by_name))
        elif by_name[as2.our_identity].as2_id is None:
            what = f"our identity {shown(as2.our_identity)} has no AS2 id"
            yield loaded.problem(("as2", "our_identity"), what, "add `as2_id:` to it in gateway.yaml")
    elif identity_for(loaded.profile, identities) is None:
        with_as2 = [identity.name for identity in identities if identity.as2_id is not None]
        if with_as2:
            right = f"add `our_identity:` with one of: {', '.join(with_as2)}"
            yield loaded.problem(("as2",), "we have several AS2 ids, and none is named here", right)
        else:
            right = "add an identity with `as2_id:` to gateway.yaml"
            yield loaded.problem(("as2",), "AS2 is agreed, but we have no AS2 id", right)


def _fetching_problems(loaded: LoadedProfile, identities: Collection[OurIdentity]) -> Iterator[Problem]:
    """What they fetch, or have posted to them, and nothing says as whom of us it is written."""
    names = [identity.name for identity in identities]
    if own_way(loaded.profile) not in WITHOUT_AS2 or len(names) <= 1 or loaded.profile.sandbox:
        return
    for index, agreement in enumerate(loaded.profile.agreements):
        if agreement.direction == "outbound" and agreement.our_identity is None:
            what = f"we are several, and nothing says which of us sends them {agreement.document}"
            right = f"add `our_identity:` with one of: {', '.join(names)}"
            yield loaded.problem(("agreements", index), what, right, warning=True)


def _reading_problems(loaded: LoadedProfile) -> Iterator[Problem]:
    """X12 agreements on what cannot be read or written, and rules of either direction that say nothing."""
    for index, agreement in enumerate(loaded.profile.agreements):
        if agreement.syntax != "x12":
            continue
        set_types = [number for number, document in DOCUMENT_TYPES.items() if document == agreement.document]
        yield from _rule_problems(loaded, index, agreement, set_types)
        if agreement.direction != "inbound":
            yield from _writing_problems(loaded, index, agreement)
            continue
        takes_nearest = "newer-release" in (*loaded.profile.tolerances, *agreement.tolerances)
        for position, release in enumerate(agreement.releases):
            choice = choose_release(release)
            is_covered = choice.name is not None and (takes_nearest or not choice.newer)
            if not is_covered or choice.name is None or not any(grammar(number, choice.name) for number in set_types):
                known = [name for name in releases() if any(grammar(number, name) for number in set_types)]
                what = f"no grammar for {'/'.join(set_types)} in release {shown(release)}"
                right = f"use one of: {', '.join(known)}"
                if choice.newer:
                    right += "; or tolerate `newer-release` to read it with the newest of them"
                yield loaded.problem(("agreements", index, "releases", position), what, right)


def _writing_problems(loaded: LoadedProfile, index: int, agreement: Agreement) -> Iterator[Problem]:
    """An outbound X12 agreement on a document that has no writer, or in a release without tables of its own."""
    written = [of.document_type for of in SET_TYPES]
    if agreement.document not in written:
        what, right = f"no {agreement.document} is written as X12", f"use one of: {', '.join(written)}"
        yield loaded.problem(("agreements", index, "document"), what, right)
        return
    for position, release in enumerate(agreement.releases):
        if release[:BASE_RELEASE_WIDTH] not in releases():
            what, right = f"release {shown(release)} has no tables to write by", f"use one of: {', '.join(releases())}"
            yield loaded.problem(("agreements", index, "releases", position), what, right)


def _rule_problems(
    loaded: LoadedProfile, index: int, agreement: Agreement, set_types: Collection[str]
) -> Iterator[Problem]:
    """Rules that name what a release of the agreement does not have; without releases, what none of them has."""
    named = [choice.name for release in agreement.releases if (choice := choose_release(release)).name is not None]
    kept: dict[int, tuple[str, str, str]] = {}
    fitting: set[int] = set()
    rules = overrides(agreement)
    for release in named or releases():
        for set_type in set_types:
            if grammar(set_type, release) is None:
                continue
            wrong = {
                found.index: (found.field, found.what, found.would_be_right)
                for found in rule_problems(set_type, release, rules)
            }
            kept |= wrong
            fitting |= set(range(len(rules))) - set(wrong)
    for rule, (field, what, right) in sorted(kept.items()):
        if named or rule not in fitting:
            where: Location = ("agreements", index, "rules", rule, field)
            yield loaded.problem(where, f"the rule says nothing: {what}", right)


def _key_problems(loaded: LoadedProfile, now: datetime) -> Iterator[Problem]:
    today = now.date()
    keys = loaded.profile.api_keys
    only_way_in = loaded.profile.as2 is None and loaded.profile.via is None and loaded.profile.is_active
    all_expired = all(not key.opens_on(today) for key in keys)
    for index, key in enumerate(keys):
        if key.expires_on is None:
            continue
        where: Location = ("api_keys", index, "expires_on")
        if not key.opens_on(today):
            what = f"the API key {shown(key.label)} expired on {key.expires_on}"
            fatal = only_way_in and all_expired
            yield loaded.problem(where, what, "give the partner a new key, or remove this one", warning=not fatal)
        elif key.expires_on - today <= KEY_EXPIRY_WARNING:
            lasting = [
                other for other in keys if other.expires_on is None or other.expires_on - today > KEY_EXPIRY_WARNING
            ]
            if not lasting:
                what = f"the API key {shown(key.label)} expires on {key.expires_on}"
                yield loaded.problem(where, what, "add a new key and have the partner change over", warning=True)


def _as2_problems(loaded: LoadedProfile, as2: As2, now: datetime) -> Iterator[Problem]:
    signers = partner_certificates(loaded, "signing", now)
    recipients = partner_certificates(loaded, "encryption", now)
    for index, item in enumerate(as2.certificate_files):
        where: Location = ("as2", "certificates", index, "file") if as2.certificates else ("as2", "certificate")
        others = len(signers) if item.use != "encryption" else len(recipients)
        yield from _certificate_problems(loaded, item, where, now, covered=others > 0)
    yield from _trust_problems(loaded, as2, now)
    if as2.certificate_exchange != "refuse" and as2.url is None:
        what = "certificates are exchanged by message, but there is no `url` to send our answer to"
        yield loaded.problem(("as2", "certificate_exchange"), what, "add `url:` of their AS2 server", warning=True)
    in_window = [item for item in as2.certificate_files if item.use != "encryption" and item.used_on(now.date())]
    if as2.require_signed and not in_window:
        right = "list one whose days include today"
        yield loaded.problem(("as2",), "none of the certificates can verify a signature today", right)
    if not as2.require_signed:
        what = "unsigned messages are let in: whoever knows the AS2 id may send in this partner's name"
        yield loaded.problem(("as2", "require_signed"), what, "set it to true as soon as they sign", warning=True)
    if "sha-1" in as2.digests:
        right = "remove it as soon as they sign with sha-256"
        where = ("as2", "digests", as2.digests.index("sha-1"))
        yield loaded.problem(where, "signatures with SHA-1 are let in, which can be forged", right, warning=True)
    if "3des-cbc" in as2.ciphers:
        where = ("as2", "ciphers", as2.ciphers.index("3des-cbc"))
        right = "remove it as soon as they encrypt with AES"
        yield loaded.problem(where, "messages encrypted with 3DES are let in", right, warning=True)


def _trust_problems(loaded: LoadedProfile, as2: As2, now: datetime) -> Iterator[Problem]:
    """Authorities and revocation lists that cannot be used, are over, or leave a certificate without a chain."""
    if not as2.authorities:
        return
    authorities: list[Certificate] = []
    for index, file in enumerate(as2.authorities):
        where: Location = ("as2", "authorities", index)
        found = _authorities_in(loaded, file)
        if isinstance(found, Problem):
            yield found
            continue
        authorities += found
        for certificate in found:
            for problem in certificate_problems(certificate, now):
                if problem.fatal or problem.code is ProblemCode.EXPIRES_SOON:
                    what, right = _two_sentences(problem.message)
                    yield loaded.problem(where, f"{shown(file)}: {what}", right, warning=not problem.fatal)
    yield from _list_problems(loaded, as2, authorities, now)
    trust = partner_trust(loaded)
    if trust.unusable is not None:
        return
    for index, item in enumerate(as2.certificate_files):
        theirs = _readable(loaded, item.file)
        if theirs is None or not theirs.valid_at(now) or not item.used_on(now.date()):
            continue
        objection = trust.objection(theirs, "encryption" if item.use == "encryption" else "signing", now)
        if objection is not None:
            where = ("as2", "certificates", index, "file") if as2.certificates else ("as2", "certificate")
            right = "put what is missing beside the profile (the authority into `authorities`, certificates between "
            right += "into the same file), or ask the partner for a certificate that is valid"
            yield loaded.problem(where, f"{shown(item.file)} is not trusted: {objection}", right)


def _authorities_in(loaded: LoadedProfile, file: str) -> tuple[Certificate, ...] | Problem:
    try:
        return read_certificates(loaded.file(file))
    except CertificateError as error:
        what, right = _two_sentences(str(error))
        assert loaded.profile.as2 is not None  # noqa: S101 - the caller looked
        index = loaded.profile.as2.authorities.index(file)
        return loaded.problem(("as2", "authorities", index), f"{shown(file)}: {what}", right)


def _readable(loaded: LoadedProfile, file: str) -> Certificate | None:
    try:
        return read_certificate(loaded.file(file))
    except CertificateError:
        return None  # said where the certificates are


def _list_problems(
    loaded: LoadedProfile, as2: As2, authorities: Sequence[Certificate], now: datetime
) -> Iterator[Problem]:
    between = [one for item in as2.certificate_files for one in _all_in(loaded, item.file)]
    for index, file in enumerate(as2.revocation_lists):
        where: Location = ("as2", "revocation_lists", index)
        right = "fetch the present one from the authority, and have it fetched before each `nextUpdate`"
        try:
            lists = read_revocation_lists(loaded.file(file))
        except CertificateError as error:
            what, remedy = _two_sentences(str(error))
            yield loaded.problem(where, f"{shown(file)}: {what}", remedy)
            continue
        for one in lists:
            issuers = [who for who in (*authorities, *between) if who.parsed.subject.public_bytes() == one.issuer_der]
            faults = [list_objection(one, issuer) for issuer in issuers]
            if not issuers:
                what = f"{shown(file)} is of {one.issuer}, which is none of the authorities here"
                yield loaded.problem(where, what, "name the list of an authority of theirs")
            elif all(faults):
                yield loaded.problem(where, f"{shown(file)}: {faults[0]}", right)
            elif one.overdue_at(now):
                what = f"{shown(file)}: {overdue_words(one)}; until then nothing of theirs is trusted"
                yield loaded.problem(where, what, right)
            elif one.next_update is not None and one.next_update - now < LIST_WARNING:
                what = f"{shown(file)}: a new one is due on {one.next_update:%Y-%m-%d %H:%M} UTC"
                yield loaded.problem(where, what, right, warning=True)


def _all_in(loaded: LoadedProfile, file: str) -> tuple[Certificate, ...]:
    try:
        return read_certificates(loaded.file(file))
    except CertificateError:
        return ()


def _certificate_problems(
    loaded: LoadedProfile, item: CertificateFile, where: Location, now: datetime, *, covered: bool
) -> Iterator[Problem]:
    """What is wrong with one certificate; `covered` says that its work can be done today, so its dates can wait."""
    try:
        certificate = read_certificate(loaded.file(item.file))
    except CertificateError as error:
        what, right = _two_sentences(str(error))
        yield loaded.problem(where, f"{shown(item.file)}: {what}", right)
        return
    retired = item.not_after is not None and item.not_after < now.date()
    for problem in certificate_problems(certificate, now):
        if problem.code == _UNUSED_FOR.get(item.use) or (retired and problem.code in _TIME_PASSED):
            continue
        if problem.code is ProblemCode.NOT_YET_VALID and covered:
            continue  # the next one of a rollover, in place in time
        if problem.code is ProblemCode.EXPIRES_SOON and _followed(loaded, item, certificate.not_after):
            continue
        what, right = _two_sentences(problem.message)
        warning = not problem.fatal or (problem.code is ProblemCode.EXPIRED and covered)
        yield loaded.problem(where, f"{shown(item.file)}: {what}", right, warning=warning)
    if item.valid_from is not None and item.valid_from > certificate.not_after.date():
        what = f"{shown(item.file)} is to be used from {item.valid_from}, but expires on {certificate.not_after.date()}"
        yield loaded.problem((*where[:-1], "valid_from"), what, "name an earlier day or another certificate")


def _followed(loaded: LoadedProfile, item: CertificateFile, end: datetime) -> bool:
    """Whether another certificate for the same use will stand in when this one ends."""
    return any(
        certificate.not_after > end
        for certificate in partner_certificates(loaded, "encryption" if item.use == "encryption" else "signing", end)
    )


def _two_sentences(message: str) -> tuple[str, str]:
    """What is wrong and what to do, out of a message that says both in its first and its last sentence."""
    what, _, right = message.rstrip(".").rpartition(". ")
    return (what, right[:1].lower() + right[1:]) if what else (right, "ask the partner for another")
