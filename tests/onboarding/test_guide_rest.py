"""What the guide tells partners who call the API: all that holds for them, nothing else, and no secret."""

import re

import pytest

from gateway.edge.rest import waiting
from gateway.onboarding.certificate_facts import colons
from gateway.onboarding.guide import rest
from gateway.onboarding.guide.steps import checklist_of, open_points_of, steps_of
from gateway.onboarding.guide.transport import transports_of
from tests.as2.parties import partner
from tests.onboarding.guides import NOTICE, ORDER, RESPONSE, facts, loaded, page_of

SECRET = "cd" * 32
CLIENT = {"client_id": "acme-erp", "secret_sha256": SECRET, "scopes": ["orders:read", "orders:write"]}
CERTIFICATE = {"label": "erp", "file": "acme.pem", "expires_on": "2026-05-31"}
PUBLIC = {"id": "acme-1", "algorithm": "rsa-pss-sha512", "public_key": "acme.pem"}
SHARED = {"id": "acme-2", "algorithm": "hmac-sha256", "secret": "env:ACME_SIGNING"}
JSON_ORDER = ORDER | {"syntax": "json", "releases": []}
JSON_RESPONSE = RESPONSE | {"syntax": "json", "releases": []}
INVOICE = NOTICE | {"document": "invoice"}
HOOK = {"name": "erp", "url": "https://hooks.acme.example/in?token=hush", "secrets": "env:ACME_HOOK"}


def section(settings=None, **changes):
    held = facts(loaded(**({"as2": None, "x12": None, "agreements": [NOTICE]} | changes)), settings=settings)
    (way,) = transports_of(held)
    return way


def told(settings=None, **changes):
    """Name -> fact of every table of the section."""
    return {fact.name: fact for table in section(settings, **changes).tables for fact in table.facts}


def calls(settings=None, **changes):
    return [call.text for call in section(settings, **changes).calls]


def test_where_everything_else_is_written():
    facts_ = told()
    assert facts_["Base URL"].value == "https://b2b.bigcorp.example"
    assert facts_["Reference"].value == "https://b2b.bigcorp.example/v1/reference"
    assert facts_["OpenAPI 3.1"].value == "https://b2b.bigcorp.example/v1/openapi.json"
    assert told({"public_url": None})["Reference"].is_open
    assert facts_["Submit"].note == "the document is the body: JSON"
    assert "400 days" in facts_["Repetitions"].note
    assert "7 days" in told({"retention": {"duplicates_days": 7}})["Repetitions"].note
    assert rest.WAIT_S_MAX == waiting.WAIT_S_MAX
    assert f"{waiting.WAIT_S_MAX} at most" in facts_["The result at once"].note


def test_one_way_of_showing_who_they_are_is_told_without_the_others():
    (who,) = [table for table in section().tables if table.caption == "Who you are"]
    assert [fact.name for fact in who.facts] == ["API key", "Your keys"]
    assert who.facts[1].value == ("portal",)


def test_tokens_are_told_without_their_secrets():
    facts_ = told({"token_lifetime_s": 600}, api_keys=None, api={"oauth_clients": [CLIENT]})
    assert facts_["Token endpoint"].value == "https://b2b.bigcorp.example/oauth/token"
    assert facts_["Your clients"].value == ("acme-erp, for orders:read and orders:write alone",)
    assert "10 minutes" in facts_["A token"].value
    assert "API key" not in facts_
    assert "90 seconds" in told({"token_lifetime_s": 90}, api={"oauth_clients": [CLIENT]})["A token"].value
    first, second, *_ = calls(api_keys=None, api={"oauth_clients": [CLIENT]})
    assert first.startswith("curl --fail-with-body https://b2b.bigcorp.example/oauth/token")
    assert "Bearer $TOKEN" in second


MTLS = {"edge_mtls_port": 8443, "edge_tls_certificate": "edge.pem", "edge_tls_key": "edge.key"}


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        (MTLS, "https://b2b.bigcorp.example:8443"),
        (MTLS | {"edge_mtls_port": 443}, "https://b2b.bigcorp.example"),
        (MTLS | {"public_url": "https://[2001:db8::1]:8080/b2b"}, "https://[2001:db8::1]:8443"),
        ({"trusted_proxies": ["10.0.0.0/8"]}, "https://b2b.bigcorp.example"),
    ],
    ids=["port", "443", "ipv6", "proxy"],
)
def test_certificates_are_told_with_where_they_are_shown(settings, where):
    facts_ = told(settings, api_keys=None, api={"certificates": [CERTIFICATE]})
    assert facts_["Show them at"].value == where
    (line,) = facts_["Your client certificates"].value
    assert line == f"erp, until 31 May 2026: SHA-256 {colons(partner().certificate.fingerprint)}"
    send, *_ = calls(settings, api_keys=None, api={"certificates": [CERTIFICATE]})
    assert send.startswith(f"curl --fail-with-body {where}/v1/documents")
    assert "--cert client.pem" in send


def test_a_certificate_ends_when_it_ends_itself_and_an_open_place_is_said():
    held = loaded(as2=None, api={"certificates": [CERTIFICATE | {"expires_on": "2999-01-01"}]})
    (way,) = transports_of(facts(held))
    facts_ = {fact.name: fact for table in way.tables for fact in table.facts}
    assert "2999" not in str(facts_["Your client certificates"].value)
    assert facts_["Show them at"].is_open
    assert "Who you are: Show them at" in open_points_of(facts(held))
    assert "Our certificate will be sent" not in page_of(held).at("certificates").words


def test_signatures_are_told_with_what_they_must_cover():
    terms = {"keys": [PUBLIC, SHARED], "components": ["idempotency-key"], "tag": "bigcorp", "window_s": 60}
    facts_ = told(api_keys=None, api={"signatures": terms})
    assert facts_["Your keys that sign"].value == ("acme-1 (rsa-pss-sha512)", "acme-2 (hmac-sha256)")
    covered = " ".join(facts_["A signature covers"].value)
    for name in ("@method", "@authority", "@path", "@query", "content-digest", "content-type", "idempotency-key"):
        assert name in covered
    assert facts_["Its parameters"].value == 'created, keyid, nonce, tag="bigcorp"'
    assert "60 seconds" in facts_["Its parameters"].note
    assert "The shared secret of hmac-sha256" in facts_
    assert "The shared secret of hmac-sha256" not in told(api={"signatures": {"keys": [PUBLIC]}})
    assert "-H @signature.txt" in calls(api_keys=None, api={"signatures": terms})[0]
    assert "signature.txt" in section(api_keys=None, api={"signatures": terms}).about
    assert "signature.txt" not in section().about


def test_what_is_required_together_is_said_and_shown():
    api = {"oauth_clients": [CLIENT], "signatures": {"keys": [PUBLIC]}}
    assert told(api=api)["With each call"].value == "any one: an API key, an access token or a signature"
    facts_ = told(api=api | {"require": ["api_key", "oauth"]})
    assert facts_["With each call"].value == "an API key and an access token, all of it"
    assert facts_["API key"].value == "X-API-Key: KEY"
    send = calls(api=api | {"require": ["api_key", "oauth"]})[1]
    assert "X-API-Key: $KEY" in send
    assert "Bearer $TOKEN" in send


def test_what_is_over_is_left_out_and_what_begins_later_says_when():
    keys = [
        {"label": "old", "sha256": "ab" * 32, "expires_on": "2026-02-28"},
        {"label": "now", "sha256": "ac" * 32, "expires_on": "2026-03-01"},
        {"label": "next", "sha256": "ad" * 32, "valid_from": "2026-04-01"},
    ]
    assert told(api_keys=keys)["Your keys"].value == ("now, until 1 March 2026", "next, from 1 April 2026")
    assert told(api_keys=keys[:1])["Credentials"].is_open


def test_orders_are_answered_with_what_is_agreed_in_json():
    agreed = [JSON_ORDER, JSON_RESPONSE, NOTICE, INVOICE]
    facts_ = told(agreements=agreed)
    assert facts_["Accept, change or reject it"].value == "POST /v1/purchase-orders/NUMBER/acknowledgment"
    texts = [text for text in calls(agreements=agreed) if "/v1/purchase-orders/$NUMBER/" in text]
    assert [re.search(r"NUMBER/([a-z-]+)", text)[1] for text in texts] == [
        "acknowledgment",
        "ship-notices",
        "invoices",
    ]
    assert all("Idempotency-Key" in text and "Prefer: wait=10" in text for text in texts)
    by_edi = told(agreements=[JSON_ORDER, RESPONSE], x12={"qualifier": "ZZ", "id": "ACMESUPPLY"})
    assert "Those that are open" in by_edi
    assert "Accept, change or reject it" not in by_edi
    assert "Those that are open" not in told()


def test_who_sends_nothing_is_not_told_how():
    facts_ = told(agreements=[JSON_ORDER])
    assert "Submit" not in facts_
    assert not [text for text in calls(agreements=[JSON_ORDER]) if "/v1/documents" in text]
    assert not [line for line in facts_["Calls a second"].value if "documents" in line]


def test_limits_are_those_of_the_profile():
    throttling = {"submit": {"per_second": 7, "burst": 70}, "concurrent_max": 3, "daily_max": 20_000}
    facts_ = told(throttling=throttling, limits={"body_bytes_max": 2_097_152})
    assert facts_["Calls a second"].value[0] == "sending documents: 7 in the long run, 70 at once"
    assert facts_["At the same time"].value == "3 calls"
    assert facts_["A day"].value == "20,000 documents"
    assert facts_["Largest message"].value == "2 MB"
    assert "A day" not in told()
    assert not [line for line in told()["Calls a second"].value if line.startswith("tokens")]


def test_webhooks_are_told_as_the_profile_allows_them():
    terms = {"hosts": ["hooks.acme.example"], "timeout_s": 9, "pause_after_hours": 48}
    facts_ = told(webhooks=terms)
    assert facts_["We call"].value == ("hooks.acme.example",)
    assert facts_["Set up by you"].value == "POST /v1/webhooks"
    assert "purchase_order.changed" in facts_["Events"].value
    assert facts_["Your answer"].value == "2xx within 9 seconds"
    assert "Nothing but failures for 48 hours" in facts_
    assert facts_["After a failure"].value.startswith("again after 5 seconds, 5 minutes, 30 minutes, 2 hours")
    assert facts_["After a failure"].value.endswith("20 hours, then once a day")
    subscribe, test = calls(webhooks=terms)[-2:]
    assert '"url": "https://hooks.acme.example/b2b"' in subscribe
    assert test.endswith('/v1/webhooks/$ID/test \\\n  -H "Authorization: Bearer $KEY"')
    ours = terms | {"by_api": False, "subscriptions": [HOOK | {"events": ["document.rejected"]}]}
    facts_ = told(webhooks=ours)
    assert facts_["Set up by us"].value == ("erp: https://hooks.acme.example/in (document.rejected)",)
    assert facts_["Events"].value == ("document.rejected",)
    assert "Set up by you" not in facts_
    assert not [text for text in calls(webhooks=ours) if "webhooks" in text]
    posted = told(webhooks=ours, delivery={"way": "webhook", "webhook": "erp"}, agreements=[JSON_ORDER])
    assert "posted to erp" in posted["Documents for you"].value
    assert "We call" not in told()


def test_no_secret_and_no_reference_to_one_is_told():
    api = {
        "oauth_clients": [CLIENT],
        "certificates": [CERTIFICATE],
        "signatures": {"keys": [PUBLIC, SHARED]},
    }
    webhooks = {"hosts": "hooks.acme.example", "subscriptions": [HOOK], "private_networks": "10.20.0.0/16"}
    page = page_of(loaded(api=api, webhooks=webhooks))
    for ours in ("ab" * 32, SECRET, "ACME_SIGNING", "ACME_HOOK", "token=hush", "10.20.0.0"):
        assert ours not in page.html
    assert len(page.ids) == len(set(page.ids))


def test_steps_and_checks_name_what_is_handed_over():
    api = {"oauth_clients": [CLIENT], "certificates": [CERTIFICATE], "signatures": {"keys": [PUBLIC, SHARED]}}
    webhooks = {"hosts": "hooks.acme.example", "subscriptions": [HOOK]}
    held = facts(loaded(api=api, webhooks=webhooks))
    steps = [(step.who, step.what) for step in steps_of(held)]
    for who, what in (
        ("BigCorp Industries", "client id"),
        ("ACME Supply Inc.", "TLS certificate"),
        ("ACME Supply Inc.", "public key of your signatures"),
        ("BigCorp Industries", "shared secret"),
        ("BigCorp Industries", "verify our webhooks"),
    ):
        assert [one for one in steps if one[0] == who and what in one[1]]
    checks = " ".join(checklist_of(held, ()))
    assert "/v1/me" in checks
    assert "webhooks" in checks
    assert "webhooks" not in " ".join(checklist_of(facts(), ()))
