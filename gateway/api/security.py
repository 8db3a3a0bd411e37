"""How callers say who they are, as the OpenAPI document tells it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, get_args

from gateway.api.operations import Operation
from gateway.api.promising import Schema
from partners.api_terms import Scope

_SIGNATURE: Final = (
    "HTTP message signatures (RFC 9421): the header fields `Signature-Input` and `Signature`, one signature in each. "
    "It covers `@method`, `@authority`, `@path`, `@query` (where there is one) and, where there is a body, "
    "`content-digest` (RFC 9530, sha-256 or sha-512) and `content-type`, beside the components that your profile "
    "names. Its parameters are `created` (within five minutes of our clock), `keyid`, `nonce` (each once) and, where "
    "agreed, `tag`. Algorithms: ed25519, ecdsa-p256-sha256, rsa-pss-sha512, hmac-sha256; the one of the key counts."
)
_RIGHTS: Final = {"read": "Ask about", "write": "Send, answer and change"}
SECURITY_SCHEMES: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "bearerKey": {
            "x-title": "API key",
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `Authorization: Bearer KEY`.",
        },
        "apiKey": {
            "x-title": "API key in a field of its own",
            "type": "apiKey",
            "in": "header",
            "name": "X-API-Key",
            "description": "The same API key in a header field of its own.",
        },
        "oauth2": {
            "x-title": "Access token",
            "type": "oauth2",
            "description": "A short-lived token for client credentials (RFC 6749 4.4): `Authorization: Bearer TOKEN`.",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": "/oauth/token",
                    "scopes": {
                        scope: f"{_RIGHTS[scope.rpartition(':')[2]]} {scope.partition(':')[0]}"
                        for scope in get_args(Scope)
                    },
                }
            },
        },
        "clientCertificate": {
            "x-title": "Client certificate",
            "type": "mutualTLS",
            "description": "A TLS client certificate that stands in your profile, whoever issued it.",
        },
        "signature": {
            "x-title": "Signed requests",
            "type": "apiKey",
            "in": "header",
            "name": "Signature",
            "description": _SIGNATURE,
        },
    }
)


def security_of(operation: Operation) -> list[Schema]:
    """Any one of these will do, unless the partner's profile requires several."""
    if operation.is_public:
        return []
    scopes = [operation.scope] if operation.scope is not None else []
    return [{name: scopes if name == "oauth2" else []} for name in SECURITY_SCHEMES]
