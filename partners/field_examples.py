"""An example of each field of a profile, as it is written there, for editors and for the reference page.

Fields that choose among words or between true and false need none here: their example is what is not the default.
"""

from collections.abc import Mapping
from typing import Any, Final

_ACME: Final = {"qualifier": "ZZ", "id": "ACMESUPPLY"}
_TABLE: Final = {"file": "items.csv", "of": "product_ids", "theirs": "VN", "ours": "BP"}
_UNIT: Final = {"theirs": "CA", "ours": "EA", "factor": 12}
_QUALIFIER: Final = {"of": "references", "theirs": "ZZ", "field": "purchase_order_number"}
_DIGEST: Final = "0a9ac114b90666d73c8d11f38c8685ba881024516c7f313b50d981b8fad3c7ac"
_NUMBERS: Final = {"min": 1, "max": 99_999}
_CERTIFICATE: Final = {"file": "acme-as2-2027.pem", "valid_from": "2027-03-01"}

_SIGNATURE_KEY: Final = {"id": "acme-2027", "algorithm": "ed25519", "public_key": "acme-signing.pem"}
_HMAC_KEY: Final = {"id": "acme-hmac", "algorithm": "hmac-sha256", "secret": "env:ACME_SIGNING_SECRET"}
_WEBHOOK: Final = {"name": "orders", "url": "https://hooks.acme.example/b2b", "secrets": ["env:ACME_WEBHOOK_KEY"]}
_OAUTH: Final = {"client_id": "acme-erp", "secret_sha256": _DIGEST}
_SOME_DAYS: Final = {"valid_from": "2027-03-01", "expires_on": "2027-06-30"}

FIELD_EXAMPLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "Profile": {
        "id": "acme-supply",
        "name": "ACME Supply Inc.",
        "extends": "as2-x12",
        "contacts": [{"name": "Jane Doe", "role": "edi", "email": "edi@acme.example"}],
        "as2": {"id": "ACME-AS2", "url": "https://as2.acme.example/as2", "certificate": "acme-as2.pem"},
        "api_keys": [{"label": "production", "sha256": _DIGEST}],
        "api": {"signatures": {"keys": [_SIGNATURE_KEY]}, "require": ["signature"]},
        "webhooks": {"hosts": ["hooks.acme.example"], "subscriptions": [_WEBHOOK]},
        "sftp": {"user": "acme", "keys": [{"label": "first", "file": "acme.pub"}]},
        "x12": {**_ACME, "group_id": "ACMESUPPLY"},
        "via": "tradewind-van",
        "speaks_for": [_ACME],
        "tolerances": ["isa-padding", "trailing-separators"],
        "validation": {"character_set": "extended"},
        "duplicates": {"action": "accept_with_error", "window_days": 30},
        "acknowledgment": {"functional": "999", "expected_within_hours": 24},
        "control_numbers": {"interchange": _NUMBERS},
        "framing": {"line_end": "lf", "usage": "test"},
        "processing": {"on_bad_set": "reject_group"},
        "delivery": {"first_retry_after_s": 300, "attempts_max": 12},
        "vocabulary": {"tables": [_TABLE]},
        "business_tolerances": {"quantity_over_percent": 5, "date_late_days": 2},
        "required_samples": ["order-accepted", "order-with-less"],
        "throttling": {"submit": {"per_second": 20, "burst": 200}, "daily_max": 50_000},
        "limits": {"body_bytes_max": 20_000_000},
        "agreements": [{"document": "ship_notice", "direction": "inbound", "syntax": "x12", "releases": ["004010"]}],
        "testing": {"as2": {"url": "https://test.acme.example/as2"}},
    },
    "Person": {"name": "Jane Doe", "email": "edi@acme.example", "phone": "+1 503 555 0142"},
    "As2": {
        "id": "ACME-AS2",
        "our_identity": "bigcorp",
        "certificate": "acme-as2.pem",
        "certificates": [{"file": "acme-as2.pem", "not_after": "2027-03-31"}, _CERTIFICATE],
        "authorities": ["acme-ca.pem"],
        "revocation_lists": ["acme-ca.crl"],
        "url": "https://as2.acme.example/as2",
        "digests": ["sha-256", "sha-1"],
        "ciphers": ["aes256-cbc", "3des-cbc"],
        "key_transports": ["rsa-oaep"],
        "signatures": ["rsa-pss"],
        "receipts_to": ["receipts.acme.example"],
        "sending": {"cipher": "aes256-gcm", "compress": "before-signing"},
        "connection": {"username": "bigcorp", "password": "env:ACME_AS2_PASSWORD"},
    },
    "CertificateFile": {"file": "acme-as2.pem", "valid_from": "2027-03-01", "not_after": "2027-03-31"},
    "As2Sending": {
        "receipt_digests": ["sha-256"],
        "receipt_within_minutes": 60,
        "content_type": "application/edi-x12",
        "subject": "Purchase orders of BigCorp",
        "timeout_s": 300,
    },
    "As2Connection": {
        "username": "bigcorp",
        "password": "env:ACME_AS2_PASSWORD",
        "server_certificate": "acme-tls.pem",
        "authorities": "acme-tls-ca.pem",
        "client_certificate": "bigcorp",
        "proxy": "http://proxy.bigcorp.example:3128",
        "proxy_username": "bigcorp",
        "proxy_password": "file:/run/secrets/proxy-password",
        "private_networks": ["10.20.0.0/16"],
    },
    "ApiKey": {"label": "production", "sha256": _DIGEST, "scopes": ["documents:write", "orders:read"], **_SOME_DAYS},
    "Api": {
        "oauth_clients": [_OAUTH],
        "certificates": [{"label": "plant-1", "file": "acme-client.pem"}],
        "signatures": {"keys": [_SIGNATURE_KEY], "components": ["idempotency-key"]},
        "require": ["oauth", "signature"],
    },
    "OAuthClient": {
        "client_id": "acme-erp",
        "secret_sha256": _DIGEST,
        "scopes": ["documents:write", "documents:read"],
        **_SOME_DAYS,
    },
    "ClientCertificate": {"label": "plant-1", "file": "acme-client.pem", "scopes": ["inbox:read"], **_SOME_DAYS},
    "Signatures": {
        "keys": [_SIGNATURE_KEY, _HMAC_KEY],
        "components": ["idempotency-key"],
        "tag": "acme-orders",
        "window_s": 120,
    },
    "SignatureKey": {
        "id": "acme-2027",
        "algorithm": "ed25519",
        "public_key": "acme-signing.pem",
        "secret": "env:ACME_SIGNING_SECRET",
        "scopes": ["documents:write"],
        **_SOME_DAYS,
    },
    "Throttling": {
        "submit": {"per_second": 20, "burst": 200},
        "read": {"per_second": 20, "burst": 200},
        "change": {"per_second": 5, "burst": 50},
        "validate_only": {"per_second": 2, "burst": 10},
        "token": {"per_second": 1, "burst": 5},
        "concurrent_max": 16,
        "daily_max": 50_000,
    },
    "Rate": {"per_second": 20, "burst": 200},
    "Webhooks": {
        "hosts": ["hooks.acme.example"],
        "subscriptions": [_WEBHOOK],
        "private_networks": ["10.20.0.0/16"],
        "authorities": "acme-tls-ca.pem",
        "timeout_s": 10,
        "pause_after_hours": 24,
    },
    "Webhook": {
        "name": "orders",
        "url": "https://hooks.acme.example/b2b",
        "events": ["inbox.available", "document.rejected"],
        "secrets": ["env:ACME_WEBHOOK_KEY", "file:/run/secrets/acme-webhook-next"],
    },
    "Sftp": {
        "user": "acme",
        "keys": [{"label": "first", "file": "acme.pub"}],
        "networks": ["198.51.100.0/24"],
    },
    "SftpKey": {"label": "first", "file": "acme.pub", "expires_on": "2027-06-30"},
    "X12Address": {**_ACME, "group_id": "ACMEORDERS"},
    "InterchangeAddress": {"qualifier": "12", "id": "5035550142"},
    "Duplicates": {"window_days": 30},
    "Acknowledgment": {"expected_within_hours": 24},
    "DocumentAcknowledgment": {"expected_within_hours": 4},
    "ControlNumbers": {"interchange": _NUMBERS, "group": _NUMBERS, "transaction_set": _NUMBERS},
    "NumberRange": {"min": 1, "max": 99_999},
    "Framing": {
        "separators": {"component": ":"},
        "replacement": ".",
        "version": "00501",
    },
    "Separators": {"element": "|", "terminator": "\x1c", "component": ":", "repetition": "!"},
    "DeliverySchedule": {
        "attempts_max": 12,
        "first_retry_after_s": 300,
        "retry_after_s_max": 7_200,
        "concurrent_max": 4,
        "webhook": "orders",
        "confirm_within_hours": 24,
    },
    "Limits": {
        "body_bytes_max": 20_000_000,
        "decompressed_bytes_max": 100_000_000,
        "requests_per_second_max": 20,
    },
    "Vocabulary": {"tables": [_TABLE], "units": [_UNIT], "qualifiers": [_QUALIFIER]},
    "CrossReference": {"file": "items.csv", "theirs": "VN", "ours": "BP"},
    "UnitConversion": {"theirs": "CA", "ours": "EA", "factor": 12, "decimals": 3, "product": "4711"},
    "QualifierMapping": {"theirs": "ZZ", "ours": "PO", "field": "purchase_order_number"},
    "BusinessTolerances": {
        "quantity_over_percent": 5,
        "quantity_under_percent": 2.5,
        "date_early_days": 3,
        "date_late_days": 2,
        "price_over_percent": 1,
        "price_under_percent": 10,
    },
    "Agreement": {
        "releases": ["004010"],
        "group_code": "SC",
        "tolerances": ["unknown-segments"],
        "rules": [{"segment": "REF", "loop": "PO1", "usage": "required"}, {"element": "BEG02", "codes": ["NE", "RO"]}],
        "our_identity": "bigcorp",
        "validation": {"spaces": "trim"},
        "framing": {"line_end": "crlf"},
        "acknowledgment": {"functional": "none"},
        "vocabulary": {"units": [_UNIT]},
        "business_tolerances": {"quantity_over_percent": 10},
    },
    "Rule": {
        "segment": "REF",
        "loop": "PO1/N1",
        "qualifier": "ST",
        "element": "BEG02",
        "extra_segment": "ZA",
        "after": "PO1/PID",
        "max_use": 5,
        "repeat_max": 3,
        "codes": ["NE", "RO"],
        "codes_added": ["ZB"],
        "length_min": 3,
        "length_max": 12,
    },
}
