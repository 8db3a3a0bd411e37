"""The examples of RFC 9421, appendix B, and of its text: the same signature bases, and their signatures verify."""

from dataclasses import replace

import pytest

from gateway.signatures import SignatureRefused, sign
from gateway.signatures.components import (
    Component,
    Components,
    RequestHead,
    plain,
    read_covered,
    signature_base,
    signature_parameters,
)
from gateway.signatures.structured_fields import InnerList, Item, parse_dictionary
from tests.signatures.rfc9421 import (
    PROXIED,
    REQUEST,
    SHA512_OF_REQUEST,
    SHA512_OF_RESPONSE,
    TRANSFORMED,
    ed25519_key,
    public_keys,
)

DIGEST_LINE = f'"content-digest": sha-512=:{SHA512_OF_REQUEST}:'
# name: request, Signature-Input, Signature, the lines of the base before its last
EXAMPLES = {
    "B.2.1": (
        REQUEST,
        'sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
        (
            "sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsck"
            "zXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+"
            "O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bL"
            "hdxO5Nyt8C8ssinQ98Xw9Q==:"
        ),
        [],
    ),
    "B.2.2": (
        REQUEST,
        (
            'sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;'
            'keyid="test-key-rsa-pss";tag="header-example"'
        ),
        (
            "sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSo"
            "wOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh"
            "62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb"
            "0rQl3/XaVe4bXTugEjHSw==:"
        ),
        ['"@authority": example.com', DIGEST_LINE, '"@query-param";name="Pet": dog'],
    ),
    "B.2.3": (
        REQUEST,
        (
            'sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")'
            ';created=1618884473;keyid="test-key-rsa-pss"'
        ),
        (
            "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768"
            "ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9"
            "o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL"
            "2FUo5fTIztsDZKEgM4cUA==:"
        ),
        [
            '"date": Tue, 20 Apr 2021 02:07:55 GMT',
            '"@method": POST',
            '"@path": /foo',
            '"@query": ?param=Value&Pet=dog',
            '"@authority": example.com',
            '"content-type": application/json',
            DIGEST_LINE,
            '"content-length": 18',
        ],
    ),
    "B.2.5": (
        REQUEST,
        'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
        "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
        [
            '"date": Tue, 20 Apr 2021 02:07:55 GMT',
            '"@authority": example.com',
            '"content-type": application/json',
        ],
    ),
    "B.2.6": (
        REQUEST,
        (
            'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;'
            'keyid="test-key-ed25519"'
        ),
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
        [
            '"date": Tue, 20 Apr 2021 02:07:55 GMT',
            '"@method": POST',
            '"@path": /foo',
            '"@authority": example.com',
            '"content-type": application/json',
            '"content-length": 18',
        ],
    ),
    "B.3": (
        PROXIED,
        'ttrp=("@path" "@query" "@method" "@authority" "client-cert");created=1618884473;keyid="test-key-ecc-p256"',
        "ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:",
        [
            '"@path": /foo',
            '"@query": ?param=Value&Pet=dog',
            '"@method": POST',
            '"@authority": service.internal.example',
            f'"client-cert": {dict(PROXIED.fields)["Client-Cert"]}',
        ],
    ),
    "B.4": (
        TRANSFORMED,
        'transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"',
        "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:",
        [
            '"@method": GET',
            '"@path": /demo',
            '"@authority": example.org',
            '"accept": application/json, */*',
        ],
    ),
}


def parts(text: str) -> tuple[str, InnerList]:
    ((label, covered),) = parse_dictionary(text).items()
    assert isinstance(covered, InnerList)
    return label, covered


def base_of(head: RequestHead, covered: InnerList) -> bytes:
    return signature_base(Components(head), read_covered(covered), covered.parameters)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_base_is_the_one_of_the_rfc_and_the_signature_verifies(name):
    head, field, signature, lines = EXAMPLES[name]
    label, covered = parts(field)
    base = base_of(head, covered)
    assert base.decode() == "\n".join([*lines, f'"@signature-params": {field.partition("=")[2]}'])
    assert f"{label}={signature_parameters(read_covered(covered), covered.parameters)}" == field
    key = public_keys()[str(covered.parameters["keyid"])]
    signed = parse_dictionary(signature)[label]
    assert isinstance(signed, Item)
    assert isinstance(signed.value, bytes)
    assert key.could_have_made(signed.value)
    assert key.verifies(signed.value, base)
    assert not key.verifies(signed.value, base + b" ")


def test_a_response_is_signed_by_the_same_key_but_is_no_request():
    """B.2.4: the signature verifies over the base as printed; @status is of no request."""
    base = (
        '"@status": 200\n"content-type": application/json\n'
        f'"content-digest": sha-512=:{SHA512_OF_RESPONSE}:\n"content-length": 23\n'
        '"@signature-params": ("@status" "content-type" "content-digest" "content-length")'
        ';created=1618884473;keyid="test-key-ecc-p256"'
    )
    member = parse_dictionary(
        "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:"
    )["sig-b24"]
    assert public_keys()["test-key-ecc-p256"].verifies(member.value, base.encode())
    with pytest.raises(SignatureRefused, match="no component of a request"):
        plain("@status")


@pytest.mark.parametrize(
    ("change", "verifies"),
    [
        ({"fields": (*TRANSFORMED.fields, ("Accept-Language", "en-US,en;q=0.5"))}, True),
        ({"fields": (("Accept", "application/json, */*"),)}, True),
        ({"target": "/demo?name1=Value1&Name2=value2&param=added"}, True),
        ({"authority": "Example.ORG:443"}, True),
        ({"method": "POST"}, False),
        ({"authority": "example.com"}, False),
        ({"fields": (("Accept", "*/*"), ("Accept", "application/json"))}, False),
    ],
    ids=["field added", "lines joined", "query changed", "host in capitals", "method", "host", "order"],
)
def test_which_transformations_a_signature_outlives(change, verifies):
    """B.4."""
    _, field, signature, _ = EXAMPLES["B.4"]
    label, covered = parts(field)
    base = base_of(replace(TRANSFORMED, **change), covered)
    assert public_keys()["test-key-ed25519"].verifies(parse_dictionary(signature)[label].value, base) is verifies


def test_ed25519_signs_the_same_bytes_as_the_rfc():
    """B.2.6 and B.4 are deterministic, so signing can be compared as well."""
    key = ed25519_key()
    for name in ("B.2.6", "B.4"):
        head, field, signature, _ = EXAMPLES[name]
        label, covered = parts(field)
        signed = key.sign(base_of(head, covered))
        assert signed == parse_dictionary(signature)[label].value


def test_what_sign_writes_has_the_order_of_its_arguments():
    key = ed25519_key()
    fields = sign(REQUEST, key, created=1, nonce="12345678", components=["@method", "date"], tag="x", expires=9)
    assert fields["Signature-Input"] == (
        'sig1=("@method" "date");created=1;expires=9;nonce="12345678";keyid="test-key-ed25519";alg="ed25519";tag="x"'
    )


def head(target: str = "/path", **fields: str) -> RequestHead:
    return RequestHead("GET", "https", "www.example.com", target, [(n.replace("_", "-"), v) for n, v in fields.items()])


VALUES = [
    # RFC 9421, 2.1: white space around values, values of several lines, an empty value
    ("cache-control", {}, "max-age=60, must-revalidate"),
    ("x-ows-header", {}, "Leading and trailing whitespace."),
    ("x-empty-header", {}, ""),
    # 2.1.3
    ("example-header", {"bs": True}, ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:"),
    # 2.2
    ("@method", {}, "GET"),
    ("@authority", {}, "www.example.com"),
    ("@scheme", {}, "https"),
    ("@target-uri", {}, "https://www.example.com/path?param=value&foo=bar&baz=batman&qux="),
    ("@request-target", {}, "/path?param=value&foo=bar&baz=batman&qux="),
    ("@path", {}, "/path"),
    ("@query", {}, "?param=value&foo=bar&baz=batman&qux="),
    # 2.2.8
    ("@query-param", {"name": "baz"}, "batman"),
    ("@query-param", {"name": "qux"}, ""),
    ("@query-param", {"name": "param"}, "value"),
]
EXAMPLE = RequestHead(
    "GET",
    "https",
    "www.Example.com:443",
    "/path?param=value&foo=bar&baz=batman&qux=",
    (
        ("Host", "www.example.com"),
        ("X-OWS-Header", "   Leading and trailing whitespace.          "),
        ("Cache-Control", "max-age=60"),
        ("Cache-Control", "   must-revalidate"),
        ("X-Empty-Header", ""),
        ("Example-Header", "value, with, lots"),
        ("Example-Header", "of, commas"),
    ),
)


@pytest.mark.parametrize(("name", "parameters", "value"), VALUES, ids=[f"{n}-{p}" for n, p, _ in VALUES])
def test_the_examples_of_the_text(name, parameters, value):
    assert Components(EXAMPLE).value(Component(name, parameters)) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("var", "this%20is%20a%20big%0Amultiline%20value"),
        ("bar", "with%20plus%20whitespace"),
        ("fa%C3%A7ade%22%3A%20", "something"),
    ],
)
def test_query_parameters_are_encoded_anew(name, value):
    """2.2.8, the example with every kind of encoding."""
    target = (
        "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace"
        "&fa%C3%A7ade%22%3A%20=something"
    )
    assert Components(head(target)).value(Component("@query-param", {"name": name})) == value


def test_without_a_query_its_value_is_a_question_mark():
    for target in ("/path", "/path?"):
        assert Components(head(target)).value(plain("@query")) == "?"
        assert not Components(head(target)).has_query


def test_members_of_a_dictionary():
    """2.1.2, with a field that we know as a dictionary; `sf` writes it in its strict form (2.1.1)."""
    request = head(priority="  a=1,    b=2;x=1;y=2,   c=(a   b   c), d")
    components = Components(request)
    for key, value in {"a": "1", "d": "?1", "b": "2;x=1;y=2", "c": "(a b c)"}.items():
        assert components.value(Component("priority", {"key": key})) == value
    assert components.value(Component("priority", {"sf": True})) == "a=1, b=2;x=1;y=2, c=(a b c), d"
