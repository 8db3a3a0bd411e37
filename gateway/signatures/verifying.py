"""Whether a request is signed as it has to be (RFC 9421, 3.2): on its head, before a byte of the body is read.

Several signatures may come, since proxies add their own and partners change keys. What can be judged without a key is
judged first, of every label: how it is written, when it was made, what it covers. Where no label passes, the fault of
the first one is told. Those that pass are verified in their order until one is right, and whose that one is, theirs is
the request. What is told in words is so told without looking at a key; an unknown key costs the time of a decoy and
gets the answer of a wrong signature. Nobody learns from an answer, be it by a second label that is their own, which
key ids there are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.signatures.components import (
    Components,
    Coverage,
    Covered,
    RequestHead,
    pieces,
    plain,
    read_covered,
    signature_base,
)
from gateway.signatures.decoys import meant, pretend
from gateway.signatures.digests import ExpectedDigest, read_content_digest
from gateway.signatures.keys import KEY_ID_CHARACTERS_MAX, Algorithm, VerificationKey
from gateway.signatures.refusals import Cause, SignatureRefused, malformed, not_verified
from gateway.signatures.structured_fields import Dictionary, InnerList, Item, StructuredFieldError, parse_dictionary

SIGNATURE_INPUT_CHARACTERS_MAX = 8_192
SIGNATURE_CHARACTERS_MAX = 8_192
LABELS_MAX = 4
LABEL_CHARACTERS_MAX = 64
NONCE_CHARACTERS_MIN = 8
NONCE_CHARACTERS_MAX = 255
TAG_CHARACTERS_MAX = 255
WINDOW_S = 300


@dataclass(frozen=True, slots=True)
class SignaturePolicy:
    """What a signature has to cover, and how old it may be.

    Attributes:
        components: what every signature covers. ``@query`` is asked for where the request has a query.
        body_components: what it covers besides where there is a body.
        present_components: fields that it covers besides where the request has them: what a body means hangs on how
            it is encoded.
        window_s: how far `created` may lie from our clock, to both sides.
        tag: what `tag` has to say; None where it may say anything.
    """

    components: tuple[str, ...] = ("@method", "@authority", "@path", "@query")
    body_components: tuple[str, ...] = ("content-digest", "content-type")
    present_components: tuple[str, ...] = ("content-encoding",)
    window_s: int = WINDOW_S
    tag: str | None = None

    def __post_init__(self) -> None:
        """Raises SignatureRefused for a name that no request could cover whole."""
        for name in (*self.components, *self.body_components, *self.present_components):
            plain(name)


HOUSE_POLICY: Final = SignaturePolicy()


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that is right; the body has still to be what it says.

    Attributes:
        key_id: whose.
        label: which, of those that came.
        created: when, in seconds of the epoch.
        nonce: has to be kept until `expires_at`, and a second one of the same key refused.
        expires_at: the last second in which the signature would pass again.
        digest: what the body has to be; None where the signature covers no digest.
        covered: what the signature is over.
        tag: what for, in the partner's words.
    """

    key_id: str
    label: str
    created: int
    nonce: str
    expires_at: int
    digest: ExpectedDigest | None
    covered: Covered
    tag: str | None


def is_signed(head: RequestHead) -> bool:
    """Whether a request claims to be signed, rightly or not."""
    return any(name.lower() in {"signature", "signature-input"} for name, _ in head.fields)


def verify_head(
    head: RequestHead,
    known: Callable[[str], VerificationKey | None],
    *,
    now_s: int,
    has_body: bool,
    policy: SignaturePolicy = HOUSE_POLICY,
) -> Verified:
    """Judge the signature of a request by its head.

    Args:
        head: as the partner sent it.
        known: the key of an id, if it is known and in use now.
        now_s: our clock, in seconds of the epoch.
        has_body: whether content follows, or may follow.
        policy: what is asked of everybody; what one partner's profile asks besides, `demand` asks afterwards.

    Raises:
        SignatureRefused: whatever is wrong, with the words that the partner may hear.
    """
    components = Components(head)
    claims = _read_claims(components)
    needed = _needed(components, policy, has_body=has_body)
    possible: list[_Candidate] = []
    refusals: list[SignatureRefused] = []
    for claim in claims:
        try:
            possible.append(_read_candidate(claim, components, policy, needed, now_s))
        except SignatureRefused as refused:
            refusals.append(refused)
    if not possible:
        raise refusals[0]
    wrong: list[SignatureRefused] = []
    for candidate in possible:
        fault = _verify(candidate, known(candidate.verified.key_id))
        if fault is None:
            return candidate.verified
        wrong.append(fault)
    raise wrong[0]


def demand(verified: Verified, head: RequestHead, policy: SignaturePolicy, *, now_s: int, has_body: bool) -> None:
    """Ask a verified signature for what one partner's profile asks beyond the house.

    Only behind `verify_head`: whoever hears this answer has the key.

    Raises:
        SignatureRefused: cause COVERAGE or CLOCK.
    """
    _check_tag(verified.tag, verified.label, policy)
    _check_window(verified.created, verified.label, policy, now_s)
    _check_coverage(verified.covered, verified.label, _needed(Components(head), policy, has_body=has_body))


@dataclass(frozen=True, slots=True)
class _Claim:
    """A label with what stands under it in the two fields."""

    label: str
    covered: InnerList
    signature: bytes


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A claim that is in order in everything but, perhaps, the signature."""

    verified: Verified  # what it is once the signature is right
    alg: Algorithm | None
    base: bytes
    signature: bytes


def _read_claims(components: Components) -> list[_Claim]:
    inputs = _read_field(components, "Signature-Input", SIGNATURE_INPUT_CHARACTERS_MAX)
    signatures = _read_field(components, "Signature", SIGNATURE_CHARACTERS_MAX)
    if inputs.keys() != signatures.keys():
        odd = min(inputs.keys() ^ signatures.keys())
        raise malformed(f"The label {odd!r} stands in one of Signature-Input and Signature alone; it stands in both.")
    if len(inputs) > LABELS_MAX:
        raise malformed(f"A request has at most {LABELS_MAX} signatures.")
    claims = []
    for label, covered in inputs.items():
        signature = signatures[label]
        if len(label) > LABEL_CHARACTERS_MAX:
            raise malformed(f"A label has at most {LABEL_CHARACTERS_MAX} characters.")
        if not isinstance(covered, InnerList):
            raise malformed(f'Signature-Input: {label} is no list of components, such as {label}=("@method" "@path").')
        if not isinstance(signature, Item) or not isinstance(signature.value, bytes):
            raise malformed(f"Signature: {label} is not base64 between two colons, such as {label}=:MEUCIQ==:")
        claims.append(_Claim(label, covered, signature.value))
    return claims


def _read_field(components: Components, name: str, characters_max: int) -> Dictionary:
    value = components.joined(name.lower())
    if value is None:
        cause = Cause.MALFORMED if components.lines("signature") or components.lines("signature-input") else None
        raise SignatureRefused(
            cause or Cause.UNSIGNED,
            f"The request has no {name} field. Sign it with Signature-Input and Signature (RFC 9421).",
        )
    if len(value) > characters_max:
        raise malformed(f"{name} has more than {characters_max:,} characters.")
    try:
        read = parse_dictionary(value)
    except StructuredFieldError as error:
        raise malformed(f"{name}, {error} (RFC 9421, 4; RFC 8941, 3.2).") from None
    if not read:
        raise malformed(f"{name} is empty.")
    return read


def _read_candidate(
    claim: _Claim, components: Components, policy: SignaturePolicy, needed: Mapping[str, Coverage], now_s: int
) -> _Candidate:
    parameters, label = claim.covered.parameters, claim.label
    tag = _text(claim, "tag", 1, TAG_CHARACTERS_MAX) if "tag" in parameters else None
    _check_tag(tag, label, policy)
    covered = read_covered(claim.covered)
    key_id = _text(claim, "keyid", 1, KEY_ID_CHARACTERS_MAX)
    nonce = _text(claim, "nonce", NONCE_CHARACTERS_MIN, NONCE_CHARACTERS_MAX)
    created = _time(claim, "created")
    if created is None:
        raise malformed(f"The signature {label!r} has no created, which is the time in seconds at which it is made.")
    expires = _time(claim, "expires")
    if expires is not None and expires < created:
        raise malformed(f"The signature {label!r} expires before it is created.")
    _check_coverage(covered, label, needed)
    _check_window(created, label, policy, now_s)
    if expires is not None and now_s > expires:
        raise SignatureRefused(
            Cause.CLOCK,
            f"The signature {label!r} expired {now_s - expires} s ago; our clock shows {now_s}. Sign each request "
            "anew, and check the clock.",
        )
    horizon = created + policy.window_s
    return _Candidate(
        Verified(
            key_id=key_id,
            label=label,
            created=created,
            nonce=nonce,
            expires_at=horizon if expires is None else min(horizon, expires),
            digest=_digest(components, covered),
            covered=covered,
            tag=tag,
        ),
        alg=_algorithm(claim),
        base=signature_base(components, covered, parameters),
        signature=claim.signature,
    )


def _text(claim: _Claim, name: str, minimum: int, maximum: int) -> str:
    value = claim.covered.parameters.get(name)
    # A structured string holds printable ASCII alone; a token would be another type.
    if type(value) is not str or not minimum <= len(value) <= maximum:
        raise malformed(
            f"The signature {claim.label!r} needs {name}, a string in quotes of {minimum} to {maximum} characters."
        )
    return value


def _time(claim: _Claim, name: str) -> int | None:
    value = claim.covered.parameters.get(name)
    if value is None:
        return None
    if type(value) is not int or value < 0:
        raise malformed(f"The signature {claim.label!r}: {name} is a whole number, seconds since 1970.")
    return value


def _algorithm(claim: _Claim) -> Algorithm | None:
    value = claim.covered.parameters.get("alg")
    if value is None:
        return None
    if type(value) is not str or value not in _ALGORITHM_NAMES:
        raise malformed(
            f"The signature {claim.label!r}: alg is a string in quotes, one of {', '.join(_ALGORITHM_NAMES)}."
        )
    return _ALGORITHM_NAMES[value]


_ALGORITHM_NAMES: Final = {algorithm.value: algorithm for algorithm in Algorithm}


def _needed(components: Components, policy: SignaturePolicy, *, has_body: bool) -> Mapping[str, Coverage]:
    """The components that a policy asks for in this request, each with its pieces."""
    present = tuple([name for name in policy.present_components if components.lines(name)])
    return _asked(policy, present, has_body=has_body, has_query=components.has_query)


@lru_cache(maxsize=256)
def _asked(
    policy: SignaturePolicy, present: tuple[str, ...], *, has_body: bool, has_query: bool
) -> Mapping[str, Coverage]:
    names = (*policy.components, *(policy.body_components if has_body else ()), *present)
    without = frozenset[str]() if has_query else frozenset({"@query"})
    return {name: wanted for name in names if (wanted := pieces(name) - without)}


def _check_coverage(covered: Covered, label: str, needed: Mapping[str, Coverage]) -> None:
    missing = [name for name, wanted in needed.items() if not wanted <= covered.pieces]
    if missing:
        asked = " ".join([f'"{name}"' for name in needed])
        raise SignatureRefused(
            Cause.COVERAGE,
            f"The signature {label!r} does not cover {', '.join(missing)}. Send what is missing and cover ({asked}); "
            '"@target-uri" and "@request-target" stand for their parts.',
        )


def _check_tag(tag: str | None, label: str, policy: SignaturePolicy) -> None:
    if policy.tag is not None and tag != policy.tag:
        raise SignatureRefused(
            Cause.COVERAGE, f'The signature {label!r} does not say tag="{policy.tag}", which is what it has to be for.'
        )


def _check_window(created: int, label: str, policy: SignaturePolicy, now_s: int) -> None:
    age_s = now_s - created
    if abs(age_s) > policy.window_s:
        lies = f"{age_s} s ago" if age_s > 0 else f"{-age_s} s ahead of us"
        raise SignatureRefused(
            Cause.CLOCK,
            f"The signature {label!r} was created {lies}, and {policy.window_s} s are allowed. Our clock shows "
            f"{now_s}. Set yours, and sign each request when it is sent.",
        )


def _digest(components: Components, covered: Covered) -> ExpectedDigest | None:
    """What the body has to be, where the whole of Content-Digest is covered; one that is not covered says nothing."""
    value = components.joined("content-digest")
    if value is None or "content-digest" not in covered.pieces:
        return None
    return read_content_digest(value)


def _verify(candidate: _Candidate, key: VerificationKey | None) -> SignatureRefused | None:
    """Verify, or spend the time that it would have taken; None where the signature is right."""
    signature, base, alg = candidate.signature, candidate.base, candidate.alg
    possible = meant(alg, signature)
    real = None
    if key is not None and key.algorithm in possible and key.could_have_made(signature):
        if key.verifies(signature, base):
            return None
        real = key.algorithm
    for algorithm in possible:
        if algorithm is not real:
            pretend(algorithm, signature, base)
    if key is None:
        return not_verified(Cause.UNKNOWN_KEY, f"no key with the id {candidate.verified.key_id!r} is known and in use")
    if alg is not None and alg is not key.algorithm:
        return not_verified(
            Cause.OTHER_ALGORITHM,
            f"the key {key.id!r} is one for {key.algorithm.value}; the signature says {alg.value}",
        )
    return not_verified(
        Cause.WRONG_SIGNATURE, f"the signature {candidate.verified.label!r} is not one of the key {key.id!r}"
    )
