"""Signing a request (RFC 9421, 3.1): for clients that are copied from ours, for tests, for calls of our own."""

from collections.abc import Sequence

from gateway.signatures.components import (
    Component,
    Components,
    RequestHead,
    plain,
    read_covered,
    signature_base,
    signature_parameters,
)
from gateway.signatures.keys import SigningKey
from gateway.signatures.structured_fields import BareItem, InnerList, Item, serialize_dictionary
from gateway.signatures.verifying import HOUSE_POLICY

DEFAULT_LABEL = "sig1"


def query_param(name: str) -> Component:
    """One parameter of the query, its name as RFC 9421, 2.2.8 encodes it."""
    return Component("@query-param", {"name": name})


def components_to_cover(head: RequestHead) -> tuple[Component, ...]:
    """What our policy asks for of this request; with a body, what tells of it has to be among the fields already."""
    policy, components = HOUSE_POLICY, Components(head)
    fields = [name for name in (*policy.body_components, *policy.present_components) if components.lines(name)]
    derived = [name for name in policy.components if name != "@query" or components.has_query]
    return tuple([plain(name) for name in (*derived, *fields)])


def sign(
    head: RequestHead,
    key: SigningKey,
    *,
    created: int,
    nonce: str,
    components: Sequence[Component | str] | None = None,
    expires: int | None = None,
    tag: str | None = None,
    label: str = DEFAULT_LABEL,
    names_algorithm: bool = True,
) -> dict[str, str]:
    """The two fields to send along: ``Signature-Input`` and ``Signature``.

    Args:
        head: the request as it will be sent, Content-Digest included where there is a body.
        key: whose id goes along as `keyid`.
        created: now, in seconds of the epoch.
        nonce: drawn by chance for this request, 8 to 255 characters.
        components: what to cover; by default what `components_to_cover` says.
        expires: when the signature ends, in seconds of the epoch.
        tag: what the signature is for.
        label: its name in the two fields.
        names_algorithm: whether `alg` goes along, for receivers who want to read it.

    Raises:
        SignatureRefused: something that is to be covered is not there, or has no certain value.
        StructuredFieldError: a parameter holds what no field can hold.
    """
    chosen = components_to_cover(head) if components is None else components
    named = [Component(one, {}) if isinstance(one, str) else one for one in chosen]
    covered = read_covered(InnerList(tuple([Item(one.name, one.parameters) for one in named]), {}))
    parameters: dict[str, BareItem] = {"created": created}
    if expires is not None:
        parameters["expires"] = expires
    parameters |= {"nonce": nonce, "keyid": key.id}
    if names_algorithm:
        parameters["alg"] = key.algorithm.value
    if tag is not None:
        parameters["tag"] = tag
    signature = key.sign(signature_base(Components(head), covered, parameters))
    return {
        "Signature-Input": f"{label}={signature_parameters(covered, parameters)}",
        "Signature": serialize_dictionary({label: Item(signature, {})}),
    }
