"""What attackers try: nothing covered, half covered, another algorithm, other bytes, guesses at key ids."""

from base64 import b64encode
from dataclasses import replace

import pytest

from gateway.signatures import (
    NOT_VERIFIED,
    Algorithm,
    Cause,
    RequestHead,
    SignatureRefused,
    SigningKey,
    VerificationKey,
    content_digest,
    decoys,
    public_pem,
    sign,
    verifying,
)
from gateway.signatures.components import Component, Components
from tests.signatures.requests import (
    BODY,
    NONCE,
    NOW_S,
    changed,
    field,
    get,
    known,
    post,
    signed,
    signing_key,
    verified,
    with_fields,
)

PUBLIC_ALGORITHMS = [one for one in Algorithm if one is not Algorithm.HMAC_SHA256]


def refused(head: RequestHead, cause: Cause, **choices) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        verified(head, **choices)
    assert caught.value.cause is cause, caught.value
    return caught.value


def test_a_right_signature_over_nothing():
    assert "does not cover @method" in refused(signed(post(), components=[]), Cause.COVERAGE).detail


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"authority": "other.example.com"},
        {"target": "/v1/orders"},
        {"target": "/v1/documents?partner=other"},
        {"target": "/v1/documents/"},
        {"target": "/v1/Documents"},
    ],
    ids=str,
)
def test_a_request_that_was_changed_underway(change):
    head = signed(post())
    if "?" in change.get("target", ""):
        # The query that was not there when it was signed is a coverage that is missing now.
        assert "@query" in refused(replace(head, **change), Cause.COVERAGE).detail
    else:
        assert refused(replace(head, **change), Cause.WRONG_SIGNATURE).detail == NOT_VERIFIED


@pytest.mark.parametrize(
    ("name", "value"),
    [("Content-Type", "application/xml"), ("Content-Digest", content_digest(b"other")), ("Content-Type", "")],
)
def test_a_field_that_was_changed_underway(name, value):
    refused(changed(signed(post()), name, value), Cause.WRONG_SIGNATURE)


def test_a_body_that_was_changed_underway():
    digest = verified(signed(post())).digest
    assert digest is not None
    for body in (b"", BODY + b"\n", BODY.replace(b"4500012345", b"4500012346")):
        assert not digest.matches(body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (NONCE, "another-nonce"),
        (f"created={NOW_S}", f"created={NOW_S + 1}"),
        ('alg="ed25519"', 'alg="ed25519";tag="x"'),
        (';alg="ed25519"', ""),
        ('"@authority" "@path"', '"@path" "@authority"'),
    ],
    ids=["nonce", "created", "tag", "alg left out", "order"],
)
def test_parameters_that_were_changed_underway(before, after):
    head = signed(post())
    text = field(head, "Signature-Input")
    assert before in text
    refused(changed(head, "Signature-Input", text.replace(before, after)), Cause.WRONG_SIGNATURE)


@pytest.mark.parametrize("claimed", Algorithm, ids=lambda one: f"says {one.value}")
@pytest.mark.parametrize("own", Algorithm, ids=lambda one: f"is {one.value}")
def test_the_algorithm_is_the_key_s_and_no_request_s(own, claimed):
    """A right signature that claims another algorithm than its key has."""
    if own is claimed:
        return
    key = signing_key(own)
    covered = ["@method", "@target-uri"]
    head = get()
    text = sign(head, key, created=NOW_S, nonce=NONCE, components=covered)["Signature-Input"]
    base = verifying.signature_base(
        Components(head),
        verifying.read_covered(verifying.parse_dictionary(text)["sig1"]),
        {"created": NOW_S, "nonce": NONCE, "keyid": key.id, "alg": claimed.value},
    )
    fields = {
        "Signature-Input": text.replace(own.value + '"', claimed.value + '"').replace(
            f'keyid="{claimed.value}"', f'keyid="{own.value}"'
        ),
        "Signature": signature_field(key.sign(base)),
    }
    assert refused(with_fields(head, fields), Cause.OTHER_ALGORITHM).detail == NOT_VERIFIED


def signature_field(signature: bytes) -> str:
    return f"sig1={_colons(signature)}"


def _colons(data: bytes) -> str:
    return f":{b64encode(data).decode()}:"


@pytest.mark.parametrize("names_algorithm", [True, False], ids=["alg", "no alg"])
@pytest.mark.parametrize(
    "own", [one for one in Algorithm if one is not Algorithm.HMAC_SHA256], ids=lambda one: one.value
)
def test_a_public_key_as_the_secret_of_an_hmac(own, names_algorithm):
    """The oldest confusion: everybody has the public key, in every form in which it is written down."""
    real = signing_key(own).public
    for secret in (public_pem(real), public_pem(real).strip(), real.id.encode().ljust(32, b"\0")):
        forged = object.__new__(SigningKey)
        for name, value in {"id": real.id, "algorithm": Algorithm.HMAC_SHA256, "material": secret}.items():
            object.__setattr__(forged, name, value)
        head = signed(post(), key=forged, names_algorithm=names_algorithm)
        assert refused(head, Cause.OTHER_ALGORITHM if names_algorithm else Cause.WRONG_SIGNATURE).detail == NOT_VERIFIED


def test_a_digest_that_the_signature_does_not_cover():
    """The body is exchanged together with its digest, which is not covered."""
    covered = ["@method", "@target-uri", "content-type"]
    head = changed(signed(post(), components=covered), "Content-Digest", content_digest(b"other"))
    assert "content-digest" in refused(head, Cause.COVERAGE).detail


def test_a_digest_of_two_lines_that_disagree():
    head = signed(post())
    head = replace(head, fields=(*head.fields, ("Content-Digest", content_digest(b"other"))))
    assert "second time" in refused(head, Cause.MALFORMED).detail


def test_a_line_break_in_a_value_makes_no_second_line():
    """A value that looks like two lines of a signature base (RFC 9421, 7.5.1)."""
    injected = 'application/json\n"content-length": 5'
    for value in (injected, injected.replace("\n", "\r\n "), "a\x0bb", "a\x85b"):
        head = with_fields(get(), {"Content-Type": value})
        for component in ("content-type", Component("content-type", {"bs": True})):
            if value == "a\x85b" and component != "content-type":
                continue  # no line break of HTTP's, and its bytes are covered as bytes
            with pytest.raises(SignatureRefused, match="line break"):
                signed(head, components=["@method", component])
    for target in ("/a\n@authority: x", "/a?b=%0A\n"):
        with pytest.raises(SignatureRefused, match="target"):
            Components(get(target))
    encoded = Components(get("/a?x=1%0A%22%40path%22%3A%20/b")).value(Component("@query-param", {"name": "x"}))
    assert encoded == "1%0A%22%40path%22%3A%20%2Fb"


def test_values_that_could_stand_at_another_place():
    """A list in one field line and the same in two are one value for a signature, and so they are for HTTP."""
    one = with_fields(get(), [("Accept", "a, b")])
    two = replace(get(), fields=(*get().fields, ("Accept", "a"), ("Accept", "b")))
    covered = ["@method", "@target-uri", "accept"]
    assert sign(one, signing_key(Algorithm.ED25519), created=1, nonce=NONCE, components=covered) == sign(
        two, signing_key(Algorithm.ED25519), created=1, nonce=NONCE, components=covered
    )
    wrapped = [Components(head).value(Component("accept", {"bs": True})) for head in (one, two)]
    assert wrapped[0] != wrapped[1], "as bytes they are told apart"


def test_a_query_parameter_that_comes_twice_has_no_value():
    components = Components(get("/a?x=1&x=2&y=3"))
    with pytest.raises(SignatureRefused, match="or more than one"):
        components.value(Component("@query-param", {"name": "x"}))
    assert components.value(Component("@query-param", {"name": "y"})) == "3"
    with pytest.raises(SignatureRefused, match="more than 256 parameters"):
        Components(get("/a?" + "x=1&" * 300)).value(Component("@query-param", {"name": "x"}))


def guesses() -> dict[str, RequestHead]:
    """Signatures of an attacker: of every length, with and without `alg`."""
    found = {}
    for size in (0, 10, 32, 64, 255, 256, 384, 512, 600):
        for alg in (None, *Algorithm):
            text = field(signed(get(), names_algorithm=False), "Signature-Input").replace('"ed25519"', '"KEY"')
            fields = {
                "Signature-Input": text + (f';alg="{alg.value}"' if alg else ""),
                "Signature": signature_field(b"\x7f" * size),
            }
            found[f"{size} bytes, {alg and alg.value}"] = with_fields(get(), fields)
    return found


@pytest.mark.parametrize("name", guesses())
def test_a_guess_at_a_key_id_learns_nothing(name, monkeypatch):
    """Unknown or known, of whichever algorithm: the same words, and verifications of the same kinds."""
    told, spent = set(), set()
    for key_id in ("nobody", *(one.value for one in Algorithm)):
        head = guesses()[name]
        head = changed(head, "Signature-Input", field(head, "Signature-Input").replace("KEY", key_id))
        work: list[str] = []
        with monkeypatch.context() as watched:
            watch(watched, work)
            with pytest.raises(SignatureRefused) as caught:
                verified(head)
        told.add(caught.value.detail)
        spent.add(tuple(sorted(work)))
        assert caught.value.cause is not Cause.UNKNOWN_KEY or key_id == "nobody"
    assert told == {NOT_VERIFIED}
    assert len(spent) == 1, spent


def watch(patch: pytest.MonkeyPatch, work: list[str]) -> None:
    """Note of each verification its algorithm, and whether the library turns the signature away at once."""
    verifies = VerificationKey.verifies

    def noting(key: VerificationKey, signature: bytes, base: bytes) -> bool:
        work.append(f"{key.algorithm.value} {key.could_have_made(signature)}")
        return verifies(key, signature, base)

    patch.setattr(VerificationKey, "verifies", noting)


def test_a_second_label_of_one_s_own_tells_nothing_of_the_first():
    """Whoever has a key adds a guess to it: it passes, whether the guessed key exists or not."""
    for key_id in ("nobody", Algorithm.ECDSA_P256_SHA256.value):
        guess = {
            "Signature-Input": f'guess=("@method" "@target-uri");created={NOW_S};nonce="12345678";keyid="{key_id}"',
            "Signature": f"guess={_colons(bytes(64))}",
        }
        found = verified(signed(with_fields(get(), guess), components=["@method", "@target-uri"]))
        assert found.label == "sig1"
        assert found.key_id == "ed25519"


def test_nothing_is_accepted_of_a_decoy(monkeypatch):
    """Not even when a decoy's verification says yes."""
    head = changed(signed(get()), "Signature", signature_field(bytes(64)))
    asked = []
    monkeypatch.setattr(decoys, "_decoy", lambda algorithm: asked.append(algorithm) or YesMan())
    refused(head, Cause.UNKNOWN_KEY, keys={}.get)
    assert asked == [Algorithm.ED25519]


class YesMan:
    def verifies(self, signature: bytes, base: bytes) -> bool:
        return True


def test_the_audit_knows_what_the_partner_is_not_told():
    head = signed(get())
    unknown = refused(head, Cause.UNKNOWN_KEY, keys=known(Algorithm.HMAC_SHA256))
    assert "no key with the id 'ed25519'" in unknown.audit
    wrong = refused(changed(head, "Signature", signature_field(bytes(64))), Cause.WRONG_SIGNATURE)
    assert "not one of the key 'ed25519'" in wrong.audit
    assert unknown.detail == wrong.detail == NOT_VERIFIED
    assert len(str(refused(changed(head, "Signature-Input", "a" * 8_000), Cause.MALFORMED))) < 700
