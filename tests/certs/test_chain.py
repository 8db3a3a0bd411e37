import subprocess
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.certificates import Certificate, KeyPair, read_certificate
from certs.chain import CHAIN_CERTIFICATES_MAX, SIGNATURES_MAX, Chain, Unchained, find_chain
from certs.trust import PINNED, Trust
from tests.certs.authorities import curve_key, family, issue, name, usage

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def chain(leaf: KeyPair, root: KeyPair, *between: KeyPair, **choices: object) -> tuple[Certificate, ...]:
    found = find_chain(
        leaf.certificate,
        authorities=[root.certificate],
        between=[pair.certificate for pair in between],
        **({"now": NOW} | choices),
    )
    assert isinstance(found, Chain), found
    return found.certificates


def reason(leaf: KeyPair, root: KeyPair, *between: KeyPair, **choices: object) -> str:
    found = find_chain(
        leaf.certificate,
        authorities=[root.certificate],
        between=[pair.certificate for pair in between],
        **({"now": NOW} | choices),
    )
    assert isinstance(found, Unchained), found
    return found.reason


def test_a_chain_leads_from_the_partner_over_the_authority_between_to_the_root():
    them = family(NOW)
    assert chain(them.leaf, them.root, them.middle) == (
        them.leaf.certificate,
        them.middle.certificate,
        them.root.certificate,
    )


def test_an_authority_is_trusted_as_it_is_given_also_when_another_issued_it():
    them = family(NOW)
    assert chain(them.leaf, them.middle) == (them.leaf.certificate, them.middle.certificate)


def test_a_certificate_that_is_itself_agreed_as_authority_ends_its_chain():
    alone = issue("alone", None, NOW)
    assert chain(alone, alone) == (alone.certificate,)


def test_what_nobody_agreed_on_issued_is_refused_with_the_names():
    them = family(NOW)
    assert "CN=partner was issued by CN=middle, which is none" in reason(them.leaf, them.root)


def test_a_self_signed_look_alike_with_the_right_subject_is_refused():
    them = family(NOW)
    alike = issue("partner", None, NOW, key=curve_key("attacker"))
    assert "issued by CN=partner" in reason(alike, them.root, them.middle)


def test_a_look_alike_that_names_the_right_issuer_is_refused_by_its_signature():
    them = family(NOW)
    forged = issue("partner", them.middle, NOW, signer=curve_key("attacker"))
    assert "the signature on it is another's" in reason(forged, them.root, them.middle)


def test_a_certificate_of_an_authority_of_the_same_name_with_another_key_is_no_authority():
    them = family(NOW)
    rogue = issue("root", None, NOW, key=curve_key("attacker"), ca=True)
    forged = issue("partner", rogue, NOW)
    assert "the signature on it is another's" in reason(forged, them.root, rogue)


@pytest.mark.parametrize("flag", [False, None])
def test_a_partner_cannot_issue_for_others_without_being_an_authority(flag):
    them = family(NOW)
    middle = issue("middle", them.root, NOW, ca=flag)
    victim = issue("victim", middle, NOW)
    assert "CN=middle is no certificate authority" in reason(victim, them.root, middle)


def test_an_authority_that_may_not_sign_certificates_is_refused():
    them = family(NOW)
    middle = issue("middle", them.root, NOW, ca=True, key_usage=usage(digital_signature=True))
    assert "may not issue certificates" in reason(issue("partner", middle, NOW), them.root, middle)


def test_an_expired_authority_between_is_refused():
    them = family(NOW)
    later = NOW + timedelta(days=30)
    middle = issue("middle", them.root, NOW, ca=True, ends=timedelta(days=10))
    leaf = issue("partner", middle, NOW)
    assert chain(leaf, them.root, middle)
    assert "CN=middle expired" in reason(leaf, them.root, middle, now=later)


def test_an_expired_root_is_refused_though_it_was_agreed_on():
    root = issue("root", None, NOW, ca=True, ends=timedelta(days=3))
    leaf = issue("partner", root, NOW)
    assert "CN=root expired" in reason(leaf, root, now=NOW + timedelta(days=4))


def test_an_expired_partner_is_refused():
    them = family(NOW)
    leaf = issue("partner", them.middle, NOW, ends=timedelta(days=1))
    assert "CN=partner expired" in reason(leaf, them.root, them.middle, now=NOW + timedelta(days=2))


def test_more_authorities_than_the_path_length_allows_are_refused():
    root = issue("root", None, NOW, ca=True, path_length=0)
    middle = issue("middle", root, NOW, ca=True)
    leaf = issue("partner", middle, NOW)
    assert "CN=root allows 0 authorities below it, the chain of CN=partner has 1" in reason(leaf, root, middle)


def test_what_an_authority_issued_to_itself_does_not_count_for_the_path_length():
    root = issue("root", None, NOW, ca=True, path_length=1)
    rolled = issue("root", root, NOW, ca=True, key=curve_key("rolled"))
    middle = issue("middle", rolled, NOW, ca=True)
    leaf = issue("partner", middle, NOW)
    assert len(chain(leaf, root, rolled, middle)) == 4


def test_a_signature_with_sha_1_links_nothing(tmp_path):
    root = issue("root", None, datetime.now(UTC), ca=True)
    key = root.private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "root.key").write_bytes(key)
    (tmp_path / "root.pem").write_bytes(root.certificate.pem())
    # Our own library makes none any more; partners' authorities of old still do.
    request = ["openssl", "req", "-new", "-key", "root.key", "-subj", "/CN=partner", "-out", "partner.csr"]
    signed = ["openssl", "x509", "-req", "-sha1", "-in", "partner.csr", "-CA", "root.pem", "-CAkey", "root.key"]
    subprocess.run(request, cwd=tmp_path, check=True, capture_output=True)
    subprocess.run([*signed, "-days", "90", "-out", "partner.pem"], cwd=tmp_path, check=True, capture_output=True)
    leaf = read_certificate((tmp_path / "partner.pem").read_bytes())
    found = find_chain(leaf, authorities=[root.certificate], now=leaf.not_before)
    assert isinstance(found, Unchained)
    assert "made with sha1" in found.reason


@pytest.mark.parametrize("where", ["leaf", "middle"])
def test_a_critical_extension_that_nobody_here_understands_is_not_passed_over(where):
    odd = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"), True)]
    root = issue("root", None, NOW, ca=True)
    middle = issue("middle", root, NOW, ca=True, extensions=odd if where == "middle" else ())
    leaf = issue("partner", middle, NOW, extensions=odd if where == "leaf" else ())
    assert "critical extension 1.2.3.4.5" in reason(leaf, root, middle)


def test_the_same_extension_uncritical_does_no_harm():
    odd = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"), False)]
    root = issue("root", None, NOW, ca=True)
    assert chain(issue("partner", root, NOW, extensions=odd), root)


def test_a_demanded_policy_is_refused_since_none_is_looked_at():
    demand = [(x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None), True)]
    root = issue("root", None, NOW, ca=True)
    middle = issue("middle", root, NOW, ca=True, extensions=demand)
    assert "critical extension 2.5.29.36" in reason(issue("partner", middle, NOW), root, middle)


@pytest.mark.parametrize(
    ("purpose", "allowed", "refused"),
    [
        ("signing", {"key_encipherment": True}, True),
        ("signing", {"digital_signature": True}, False),
        ("encryption", {"digital_signature": True}, True),
        ("encryption", {"key_agreement": True}, False),
    ],
)
def test_the_key_usage_must_allow_the_purpose(purpose, allowed, refused):
    root = issue("root", None, NOW, ca=True)
    leaf = issue("partner", root, NOW, key_usage=usage(**allowed))
    found = find_chain(leaf.certificate, authorities=[root.certificate], now=NOW, purpose=purpose)
    assert isinstance(found, Unchained) is refused


def test_a_certificate_for_other_uses_alone_is_refused():
    root = issue("root", None, NOW, ca=True)
    for use, accepted in ((ExtendedKeyUsageOID.CODE_SIGNING, False), (ExtendedKeyUsageOID.EMAIL_PROTECTION, True)):
        leaf = issue("partner", root, NOW, extensions=[(x509.ExtendedKeyUsage([use]), True)])
        found = find_chain(leaf.certificate, authorities=[root.certificate], now=NOW)
        assert isinstance(found, Chain) is accepted


def test_a_chain_longer_than_the_limit_is_refused():
    pairs = [issue("level 0", None, NOW, ca=True)]
    for level in range(1, CHAIN_CERTIFICATES_MAX + 2):
        pairs.append(issue(f"level {level}", pairs[-1], NOW, ca=True))
    assert "longer than" in reason(pairs[-1], pairs[0], *pairs[1:-1])


def test_certificates_that_multiply_paths_are_looked_at_no_longer_than_the_limit():
    root = issue("root", None, NOW, ca=True)
    crowd = [
        issue(f"crowd {level}", None, NOW, key=curve_key("crowd"), ca=True, serial=1000 * level + number)
        for level in range(4)
        for number in range(SIGNATURES_MAX)
    ]
    leaf = issue("partner", crowd[0], NOW)
    assert "too many certificates" in reason(leaf, root, *crowd)


def test_two_authorities_that_issued_each_other_end_the_search():
    one = issue("one", None, NOW, ca=True)
    other = issue("other", one, NOW, ca=True)
    crossed = issue("one", other, NOW, key=curve_key("one"), ca=True)
    root = issue("root", None, NOW, ca=True)
    assert reason(issue("partner", crossed, NOW), root, crossed, other)


def constrained(**trees: list[x509.GeneralName] | None) -> list[tuple[x509.ExtensionType, bool]]:
    fixed = {"permitted_subtrees": None, "excluded_subtrees": None}
    return [(x509.NameConstraints(**(fixed | trees)), True)]


def organization(common_name: str, of: str) -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, of), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


def mailed(address: str) -> x509.Name:
    parts = [(NameOID.COMMON_NAME, "a"), (NameOID.EMAIL_ADDRESS, address)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in parts])


NETWORK = x509.IPAddress(ip_network("10.0.0.0/8"))
ACME = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ACME")]))


@pytest.mark.parametrize(
    ("trees", "subject", "alternatives", "accepted"),
    [
        ({"permitted_subtrees": [ACME]}, organization("as2", "ACME"), [], True),
        ({"permitted_subtrees": [ACME]}, organization("as2", "GLOBEX"), [], False),
        ({"excluded_subtrees": [ACME]}, organization("as2", "ACME"), [], False),
        ({"excluded_subtrees": [ACME]}, organization("as2", "GLOBEX"), [], True),
        ({"permitted_subtrees": [x509.DNSName("acme.example")]}, name("a"), [x509.DNSName("x.acme.example")], True),
        ({"permitted_subtrees": [x509.DNSName("acme.example")]}, name("a"), [x509.DNSName("notacme.example")], False),
        ({"permitted_subtrees": [x509.DNSName("acme.example")]}, name("a"), [x509.RFC822Name("a@b.example")], True),
        (
            {"excluded_subtrees": [x509.RFC822Name(".evil.example")]},
            name("a"),
            [x509.RFC822Name("a@x.evil.example")],
            False,
        ),
        ({"permitted_subtrees": [x509.RFC822Name("b.example")]}, name("a"), [x509.RFC822Name("a@b.example")], True),
        (
            {"permitted_subtrees": [x509.RFC822Name("edi@acme.example")]},
            name("a"),
            [x509.RFC822Name("edi@acme.example")],
            True,
        ),
        (
            {"permitted_subtrees": [x509.RFC822Name("edi@acme.example")]},
            name("a"),
            [x509.RFC822Name("other@acme.example")],
            False,
        ),
        ({"permitted_subtrees": [x509.RFC822Name("acme.example")]}, mailed("edi@acme.example"), [], True),
        ({"excluded_subtrees": [x509.RFC822Name("acme.example")]}, mailed("edi@acme.example"), [], False),
        ({"permitted_subtrees": [NETWORK]}, name("a"), [x509.IPAddress(ip_address("10.1.2.3"))], True),
        ({"permitted_subtrees": [NETWORK]}, name("a"), [x509.IPAddress(ip_address("11.1.2.3"))], False),
        ({"excluded_subtrees": [NETWORK]}, name("a"), [x509.IPAddress(ip_address("10.1.2.3"))], False),
        ({"excluded_subtrees": [NETWORK]}, name("a"), [x509.IPAddress(ip_address("11.1.2.3"))], True),
        (
            {"permitted_subtrees": [x509.UniformResourceIdentifier(".acme.example")]},
            name("a"),
            [x509.UniformResourceIdentifier("https://acme.example/")],
            False,
        ),
    ],
)
def test_names_must_be_those_that_the_authority_may_give(trees, subject, alternatives, accepted):
    root = issue("root", None, NOW, ca=True)
    middle = issue("middle", root, NOW, ca=True, extensions=constrained(**trees))
    extra = [(x509.SubjectAlternativeName(alternatives), False)] if alternatives else []
    leaf = issue(subject, middle, NOW, extensions=extra)
    found = find_chain(leaf.certificate, authorities=[root.certificate], between=[middle.certificate], now=NOW)
    assert isinstance(found, Chain) is accepted, found
    if isinstance(found, Unchained):
        assert "CN=middle may not issue for the name" in found.reason


def test_what_an_authority_issued_to_itself_is_not_bound_by_names_but_the_end_is():
    root = issue("root", None, NOW, ca=True, extensions=constrained(permitted_subtrees=[ACME]))
    rolled = issue("root", root, NOW, ca=True, key=curve_key("rolled"))
    fine = issue(organization("as2", "ACME"), rolled, NOW)
    assert len(chain(fine, root, rolled)) == 3
    assert "may not issue for the name" in reason(issue("partner", rolled, NOW), root, rolled)


def test_more_name_constraints_than_the_limit_are_refused():
    crowd = [x509.DNSName(f"host{number}.example") for number in range(300)]
    root = issue("root", None, NOW, ca=True, extensions=constrained(permitted_subtrees=crowd))
    assert "more than 256 name constraints" in reason(issue("partner", root, NOW), root)


def test_pinned_trust_asks_for_nothing_and_takes_nothing_from_messages():
    them = family(NOW)
    assert PINNED.objection(them.leaf.certificate, "signing", NOW) is None
    assert PINNED.signers([them.leaf.certificate], [them.leaf.certificate], NOW) == ()


def test_a_certificate_in_a_message_counts_only_with_a_chain_and_the_very_subject():
    them = family(NOW)
    trust = Trust((them.root.certificate,), (them.middle.certificate,), from_messages=True)
    renewed = issue("partner", them.middle, NOW, key=curve_key("renewed"))
    other = issue("partner 2", them.middle, NOW)
    alike = issue("partner", None, NOW, key=curve_key("attacker"))
    agreed = [them.leaf.certificate]
    offered = [pair.certificate for pair in (other, alike, renewed)]
    assert trust.signers(agreed, offered, NOW) == (renewed.certificate,)
    pinned = Trust((them.root.certificate,), (them.middle.certificate,))
    assert pinned.signers(agreed, offered, NOW) == ()


def test_an_authority_between_may_come_in_the_message():
    them = family(NOW)
    trust = Trust((them.root.certificate,), from_messages=True)
    renewed = issue("partner", them.middle, NOW, key=curve_key("renewed"))
    agreed, offered = [them.leaf.certificate], [renewed.certificate, them.middle.certificate]
    assert trust.signers(agreed, offered, NOW) == (renewed.certificate,)
    assert trust.signers(agreed, offered[:1], NOW) == ()
