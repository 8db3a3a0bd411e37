"""Where we are reached, how much we take at once, and what documents are called on their way."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.tables import Fact
from gateway.onboarding.guide.words import byte_words, counted

TO_BE_TOLD: Final = "not settled yet; we will tell you"
MEDIA_TYPES: Final = {"x12": "application/EDI-X12", "json": "application/json", "xml": "application/xml"}
_HTTPS_PORT: Final = 443


def url(facts: Facts, path: str, name: str, note: str = "") -> Fact:
    """An address of ours."""
    base = facts.settings.public_url
    if base is None:
        return Fact(name, TO_BE_TOLD, note, is_open=True)
    return Fact(name, base.rstrip("/") + path, note, is_code=True)


def base_url(facts: Facts) -> str:
    """What the addresses in calls begin with."""
    return (facts.settings.public_url or "https://OUR-HOST").rstrip("/")


def certificate_url(facts: Facts) -> str | None:
    """Where TLS asks for certificates of partners' programs; None where nobody has said so yet."""
    settings = facts.settings
    if settings.public_url is None:
        return None
    if not settings.edge_mtls_port:
        return base_url(facts) if settings.trusted_proxies else None
    host = urlsplit(settings.public_url).hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = "" if settings.edge_mtls_port == _HTTPS_PORT else f":{settings.edge_mtls_port}"
    return f"https://{host}{port}"


def sizes(facts: Facts) -> Iterator[Fact]:
    """How much we take at once, and how often."""
    limits, ours = facts.profile.limits, facts.settings.limits
    body = min(limits.body_bytes_max or ours.body_bytes_max, ours.body_bytes_max)
    unpacked = min(limits.decompressed_bytes_max or ours.decompressed_bytes_max, ours.decompressed_bytes_max)
    yield Fact("Largest message", byte_words(body), f"unpacked {byte_words(unpacked)}; split what is larger")
    if limits.requests_per_second_max is not None:
        rate = counted(limits.requests_per_second_max, "request")
        yield Fact("Rate", f"{rate} a second on average", "what is more is answered with 429 and a time to wait")


def media_types(facts: Facts) -> str:
    """What documents are called in Content-Type."""
    syntaxes = dict.fromkeys(item.syntax for item in facts.profile.agreements) or {"x12": None}
    return ", ".join(MEDIA_TYPES[syntax] for syntax in syntaxes)


def we_send(facts: Facts) -> bool:
    """Whether documents go to them."""
    return any(item.direction == "outbound" for item in facts.profile.agreements)
