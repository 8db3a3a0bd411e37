"""What passes, and what it says: coverage that counts, the window, several labels, what a partner's profile adds."""

from dataclasses import replace

import pytest

from gateway.signatures import (
    HOUSE_POLICY,
    NOT_VERIFIED,
    Algorithm,
    Cause,
    SignaturePolicy,
    SignatureRefused,
    components_to_cover,
    content_digest,
    demand,
    is_signed,
    query_param,
)
from gateway.signatures.components import Component
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

POST_COVERAGE = ("@method", "@authority", "@path", "content-digest", "content-type")


def refused(head, cause: Cause, **choices) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        verified(head, **choices)
    assert caught.value.cause is cause, caught.value
    return caught.value


@pytest.mark.parametrize("algorithm", Algorithm, ids=lambda one: one.value)
@pytest.mark.parametrize("names_algorithm", [True, False], ids=["alg", "no alg"])
def test_a_signed_request_says_whose_it_is_and_what_its_body_is(algorithm, names_algorithm):
    found = verified(signed(post(), algorithm, names_algorithm=names_algorithm))
    assert (found.key_id, found.label, found.created, found.nonce) == (algorithm.value, "sig1", NOW_S, NONCE)
    assert found.expires_at == NOW_S + 300
    assert found.digest is not None
    found.digest.check(BODY)
    with pytest.raises(SignatureRefused):
        found.digest.check(BODY + b" ")


def test_a_request_without_a_body_needs_no_digest():
    found = verified(signed(get()))
    assert found.digest is None
    assert [one.name for one in found.covered.components] == ["@method", "@authority", "@path", "@query"]


def test_a_digest_that_is_covered_counts_though_no_body_follows():
    head = signed(replace(post(body=b""), method="DELETE"))
    found = verified(head)
    assert found.digest is not None
    assert found.digest.matches(b"")


def test_a_digest_that_is_not_covered_says_nothing():
    head = with_fields(get(), {"Content-Digest": content_digest(BODY)})
    assert verified(signed(head, components=["@method", "@target-uri"])).digest is None


@pytest.mark.parametrize(
    "covered",
    [
        ("@method", "@authority", "@path", "@query"),
        ("@method", "@target-uri"),
        ("@method", "@authority", "@request-target"),
        ("@query", "@path", "@authority", "@method", "host", "@scheme"),
    ],
    ids=" ".join,
)
def test_coverage_counts_by_its_pieces(covered):
    assert verified(signed(get(), components=covered)).key_id == "ed25519"


@pytest.mark.parametrize(
    ("covered", "missing"),
    [
        ((), "@method, @authority, @path, @query"),
        (("@method", "@authority", "@path"), "@query"),
        (("@method", "@authority", "@path", query_param("limit")), "@query"),
        (("@method", "@request-target"), "@authority"),
        (("@method", "host", "@request-target"), "@authority"),
        (("@target-uri",), "@method"),
    ],
    ids=["nothing", "no query", "a parameter of the query", "no host", "Host", "no method"],
)
def test_coverage_that_is_not_enough_is_told(covered, missing):
    detail = refused(signed(get(), components=covered), Cause.COVERAGE).detail
    assert f"does not cover {missing}." in detail
    assert '("@method" "@authority" "@path" "@query")' in detail


def test_the_body_is_covered_with_its_type():
    for left_out in ("content-digest", "content-type"):
        covered = [one for one in POST_COVERAGE if one != left_out]
        assert f"not cover {left_out}." in refused(signed(post(), components=covered), Cause.COVERAGE).detail
    member = Component("content-digest", {"key": "sha-256"})
    covered = [*POST_COVERAGE[:3], "content-type", member]
    assert "content-digest" in refused(signed(post(), components=covered), Cause.COVERAGE).detail
    assert verified(
        signed(post(), components=[*POST_COVERAGE[:3], "content-type", Component("content-digest", {"sf": True})])
    )


def test_a_content_coding_is_covered_where_there_is_one():
    head = with_fields(post(), {"Content-Encoding": "gzip"})
    assert "content-encoding" in [one.name for one in components_to_cover(head)]
    assert verified(signed(head))
    stripped = changed(signed(head), "Content-Encoding", None)
    assert "no such field" in refused(stripped, Cause.MALFORMED).detail
    added = with_fields(signed(post()), {"Content-Encoding": "gzip"})
    assert "does not cover content-encoding" in refused(added, Cause.COVERAGE).detail


@pytest.mark.parametrize("age_s", [-300, 0, 300])
def test_within_the_window(age_s):
    found = verified(signed(post(), created=NOW_S - age_s))
    assert found.expires_at == NOW_S - age_s + 300


@pytest.mark.parametrize(("age_s", "lies"), [(301, "301 s ago"), (-301, "301 s ahead of us"), (NOW_S, "s ago")])
def test_outside_the_window_our_time_is_told(age_s, lies):
    detail = refused(signed(post(), created=NOW_S - age_s), Cause.CLOCK).detail
    assert lies in detail
    assert f"Our clock shows {NOW_S}" in detail


def test_a_signature_may_end_sooner():
    head = signed(post(), created=NOW_S - 10, expires=NOW_S + 20)
    assert verified(head).expires_at == NOW_S + 20
    assert verified(head, now_s=NOW_S + 20).expires_at == NOW_S + 20
    assert "expired 1 s ago" in refused(head, Cause.CLOCK, now_s=NOW_S + 21).detail
    assert verified(signed(post(), expires=NOW_S + 90_000)).expires_at == NOW_S + 300
    assert "before it is created" in refused(signed(post(), expires=NOW_S - 1), Cause.MALFORMED).detail


def test_an_unsigned_request_is_told_how_to_sign():
    assert not is_signed(post())
    assert is_signed(signed(post()))
    assert "RFC 9421" in refused(post(), Cause.UNSIGNED).detail
    half = changed(signed(post()), "Signature", None)
    assert is_signed(half)
    assert "no Signature field" in refused(half, Cause.MALFORMED).detail
    half = changed(signed(post()), "Signature-Input", None)
    assert "no Signature-Input field" in refused(half, Cause.MALFORMED).detail


MALFORMED = {
    "no created": (";created=1800000000", "", "no created"),
    "created is text": ("created=1800000000", 'created="1800000000"', "whole number"),
    "created is negative": ("created=1800000000", "created=-1", "whole number"),
    "created is a boolean": ("created=1800000000", "created", "whole number"),
    "created has a fraction": ("created=1800000000", "created=1800000000.0", "whole number"),
    "no nonce": (f';nonce="{NONCE}"', "", "needs nonce"),
    "short nonce": (f'"{NONCE}"', '"1234567"', "8 to 255"),
    "long nonce": (f'"{NONCE}"', f'"{"1" * 256}"', "8 to 255"),
    "nonce is a number": (f'nonce="{NONCE}"', "nonce=12345678", "in quotes"),
    "nonce is a token": (f'nonce="{NONCE}"', "nonce=abcdefgh", "in quotes"),
    "no keyid": (';keyid="ed25519"', "", "needs keyid"),
    "empty keyid": ('keyid="ed25519"', 'keyid=""', "needs keyid"),
    "keyid is bytes": ('keyid="ed25519"', "keyid=:AAAA:", "needs keyid"),
    "alg is a token": ('alg="ed25519"', "alg=ed25519", "one of hmac-sha256"),
    "alg of no kind": ('alg="ed25519"', 'alg="none"', "one of hmac-sha256"),
    "alg that is not taken": ('alg="ed25519"', 'alg="rsa-v1_5-sha256"', "one of hmac-sha256"),
    "tag is a number": (';alg="ed25519"', ";tag=1", "needs tag"),
    "parameter twice": (";created=", ";created=1;created=", "second time"),
    "open": ('("@method"', '("@method', "Signature-Input, position"),
    "no list": ('("@method" "@authority" "@path" "content-digest" "content-type")', '"x"', "no list of components"),
    "component twice": ('"@path"', '"@path" "@path"', '"@path" is covered twice'),
    "component is a token": ('"@path"', "path", "strings in quotes"),
    "unknown component": ('"@path"', '"@body"', "no component of a request"),
    "its own parameters": ('"@path"', '"@signature-params"', "no component of a request"),
    "status": ('"@path"', '"@status"', "no component of a request"),
    "capitals": ('"content-type"', '"Content-Type"', "lower case"),
    "field that is not there": ('"content-type"', '"content-type" "x-missing"', "no such field"),
    "of the answered request": ('"@path"', '"@path";req', "cannot be covered"),
    "trailer": ('"content-type"', '"content-type";tr', "cannot be covered"),
    "unknown parameter": ('"content-type"', '"content-type";x=1', "cannot be covered"),
    "bs and sf": ('"content-digest"', '"content-digest";bs;sf', "together"),
    "bs is false": ('"content-type"', '"content-type";bs=?0', "wrong kind"),
    "sf of an unknown field": ('"content-type"', '"content-type";sf', "do not know"),
    "key of an unknown field": ('"content-type"', '"content-type";key="a"', "do not know"),
    "key that is not there": ('"content-digest"', '"content-digest";key="sha-512"', "not there"),
    "parameter of a derived one": ('"@path"', '"@path";bs', "takes no such parameter"),
    "query parameter without a name": ('"@path"', '"@query-param"', "parameter name"),
    "query parameter that is not there": ('"@path"', '"@query-param";name="x"', "no query parameter"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_not_written_as_it_should_be_is_told(name):
    """Whether or not the key is known: it is told before the key is looked for."""
    before, after, told = MALFORMED[name]
    head = signed(post())
    text = field(head, "Signature-Input")
    assert before in text
    head = changed(head, "Signature-Input", text.replace(before, after, 1))
    # What lies behind a fault of coverage is told once the coverage is right.
    loose = SignaturePolicy(components=(), body_components=())
    for keys in (known(), known(Algorithm.HMAC_SHA256)):
        assert told in refused(head, Cause.MALFORMED, keys=keys, policy=loose).detail


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("Signature", "sig1=abc", "base64 between two colons"),
        ("Signature", 'sig1="abc"', "base64 between two colons"),
        ("Signature", "sig1=:?:", "Signature, position 6"),
        ("Signature", "", "Signature is empty"),
        ("Signature", "sig2=:AAAA:", "'sig1' stands in one"),
        ("Signature", "sig1=:AAAA:, sig2=:AAAA:", "'sig2' stands in one"),
        ("Signature", "sig1=:" + "A" * 8_192 + ":", "8,192 characters"),
        ("Signature-Input", "sig1=()" + " " * 8_192, "8,192 characters"),
        ("Content-Digest", "sha-256=:AAAA:", "Content-Digest: sha-256"),
        ("Content-Digest", "md5=:AAAA:", "neither a sha-256"),
        ("Content-Type", "application/json\r\n", "line break"),
        ("Content-Type", "application/\x00", "line break"),
        ("Content-Type", "application/jsön", "outside ASCII"),
    ],
)
def test_fields_that_are_not_written_as_they_should_be(name, value, told):
    assert told in refused(changed(signed(post()), name, value), Cause.MALFORMED).detail


def test_limits_of_labels_and_components():
    key = signing_key(Algorithm.ED25519)
    fields = {f"x-{number}": "1" for number in range(40)}
    head = with_fields(get(), fields)
    covered = ["@method", "@target-uri", *fields]
    assert verified(signed(head, components=covered[:32]))
    with pytest.raises(SignatureRefused, match="at most 32 components"):
        signed(head, components=covered[:33])
    text = field(signed(head, components=covered[:32]), "Signature-Input").replace(")", ' "x-39")')
    many = changed(signed(head), "Signature-Input", text)
    assert "at most 32" in refused(many, Cause.MALFORMED).detail
    five = ", ".join(f"s{number}=:AAAA:" for number in range(5))
    head = with_fields(get(), {"Signature": five, "Signature-Input": five.replace(":AAAA:", "()")})
    assert "at most 4 signatures" in refused(head, Cause.MALFORMED).detail
    long = signed(get(), label="a" * 65, key=key)
    assert "at most 64 characters" in refused(long, Cause.MALFORMED).detail


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"target": "https://api.example.com/v1/documents"}, "target"),
        ({"target": "*"}, "target"),
        ({"target": "/a b"}, "target"),
        ({"target": "/ä"}, "target"),
        ({"target": "/a\nb"}, "target"),
        ({"authority": ""}, "Host"),
        ({"authority": "a b"}, "Host"),
        ({"authority": "exämple"}, "Host"),
        ({"method": "PO ST"}, "method"),
        ({"method": ""}, "method"),
    ],
)
def test_a_first_line_that_cannot_be_covered(change, told):
    assert told in refused(replace(signed(post()), **change), Cause.MALFORMED).detail


def test_field_lines_are_joined_and_single_fields_come_once():
    head = with_fields(get(), [("Accept", "a"), ("X-List", "1")])
    head = replace(head, fields=(*head.fields, ("Accept", " b ")))
    assert verified(signed(head, components=["@method", "@target-uri", "accept"]))
    twice = replace(signed(post()), fields=(*signed(post()).fields, ("Content-Type", "text/xml")))
    assert "comes 2 times" in refused(twice, Cause.MALFORMED).detail


def test_signatures_may_stand_on_several_lines():
    head = signed(signed(post()), label="sig2", nonce="another-nonce", algorithm=Algorithm.HMAC_SHA256)
    assert verified(head).label == "sig1"
    joined = changed(changed(head, "Signature", None), "Signature-Input", None)
    lines = {
        name: ", ".join(text for one, text in head.fields if one == name) for name in ("Signature-Input", "Signature")
    }
    assert verified(with_fields(joined, lines)).label == "sig1"
    assert verified(head, keys=known(Algorithm.HMAC_SHA256)).label == "sig2", "the one whose key is known"


def test_the_first_signature_that_is_right_counts():
    head = signed(signed(post()), label="sig2", nonce="another-nonce", algorithm=Algorithm.HMAC_SHA256)
    found = next(text for name, text in head.fields if name == "Signature")
    broken = replace(head, fields=tuple((n, "sig1=:" + "A" * 86 + "==:" if t == found else t) for n, t in head.fields))
    assert verified(broken).label == "sig2"
    assert refused(broken, Cause.WRONG_SIGNATURE, keys=known(Algorithm.ED25519)).detail == NOT_VERIFIED


def test_a_label_that_is_not_for_us_does_not_disturb():
    """A proxy's own signature, with less coverage and without a nonce, before and behind the partner's."""
    proxy = {"Signature-Input": 'proxy=("@method");created=1;keyid="ttrp"', "Signature": "proxy=:AAAA:"}
    assert verified(signed(with_fields(post(), proxy))).label == "sig1"
    assert verified(with_fields(signed(post()), proxy)).label == "sig1"
    assert "'proxy'" in refused(with_fields(post(), proxy), Cause.MALFORMED).detail


def test_a_tag_that_the_policy_names_selects():
    policy = SignaturePolicy(tag="orders")
    head = signed(signed(post(), tag="other"), label="sig2", nonce="another-nonce", tag="orders")
    assert verified(head, policy=policy).label == "sig2"
    assert 'tag="orders"' in refused(signed(post()), Cause.COVERAGE, policy=policy).detail


def test_what_one_partner_is_asked_besides():
    head = with_fields(post(), {"X-Trace": "1"})
    found = verified(signed(head, created=NOW_S - 100))
    ask = {"now_s": NOW_S, "has_body": True}
    demand(found, head, HOUSE_POLICY, **ask)
    for policy, cause in [
        (SignaturePolicy(components=("@method", "@target-uri")), Cause.COVERAGE),
        (SignaturePolicy(components=("x-trace",)), Cause.COVERAGE),
        (SignaturePolicy(window_s=60), Cause.CLOCK),
        (SignaturePolicy(tag="x"), Cause.COVERAGE),
    ]:
        with pytest.raises(SignatureRefused) as caught:
            demand(found, head, policy, **ask)
        assert caught.value.cause is cause
    demand(found, head, SignaturePolicy(components=("@path",), window_s=100), **ask)


@pytest.mark.parametrize("name", ["@query-param", "@status", "Content-Type", "", "a b"])
def test_a_policy_asks_for_what_can_be_covered(name):
    with pytest.raises(SignatureRefused):
        SignaturePolicy(components=(name,))
