"""HTTP Message Signatures (RFC 9421) and Digest Fields (RFC 9530): who sent a request, and that it is the one sent.

Pure: no I/O, no clock; time and chance are arguments. `verify_head` judges a request by its head and says what the
body has to be, `ExpectedDigest.check` looks at the body, `sign` signs. That a nonce comes once is the store's affair.
"""

from gateway.signatures.components import Component, RequestHead
from gateway.signatures.digests import DigestAlgorithm, ExpectedDigest, content_digest, read_content_digest
from gateway.signatures.keys import (
    Algorithm,
    KeyUnusable,
    SigningKey,
    VerificationKey,
    public_pem,
    read_public_key,
    read_signing_key,
    shared_secret,
)
from gateway.signatures.refusals import NOT_VERIFIED, Cause, SignatureRefused
from gateway.signatures.signing import components_to_cover, query_param, sign
from gateway.signatures.structured_fields import StructuredFieldError
from gateway.signatures.verifying import (
    HOUSE_POLICY,
    WINDOW_S,
    SignaturePolicy,
    Verified,
    demand,
    is_signed,
    verify_head,
)

__all__ = [
    "HOUSE_POLICY",
    "NOT_VERIFIED",
    "WINDOW_S",
    "Algorithm",
    "Cause",
    "Component",
    "DigestAlgorithm",
    "ExpectedDigest",
    "KeyUnusable",
    "RequestHead",
    "SignaturePolicy",
    "SignatureRefused",
    "SigningKey",
    "StructuredFieldError",
    "VerificationKey",
    "Verified",
    "components_to_cover",
    "content_digest",
    "demand",
    "is_signed",
    "public_pem",
    "query_param",
    "read_content_digest",
    "read_public_key",
    "read_signing_key",
    "shared_secret",
    "sign",
    "verify_head",
]
