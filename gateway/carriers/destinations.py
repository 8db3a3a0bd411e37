"""Where we may send for a partner: the `url` of its profile, and for asynchronous receipts what it lists besides."""

import re
from dataclasses import dataclass

from yarl import URL

from partners.as2_terms import As2

URL_CHARACTERS_MAX = 2_048
# No quotes, brackets and backslashes: two readers of a URL must not find two hosts in it (RFC 3986 2).
_URL = re.compile(r"https?://[A-Za-z0-9.\[\]:_~%!$&'()*+,;=/?@-]+", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL that can be connected to, read once; `host` in lower case, an IPv6 address without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What credentials belong to (RFC 6454 4)."""
        return self.scheme, self.host, self.port

    @property
    def shown(self) -> str:
        """For people and logs: without the query, in which some keep secrets."""
        return str(URL(self.url, encoded=True).with_query(None).with_fragment(None))


def read_url(text: str) -> Destination | str:  # noqa: PLR0911 - one for each thing that can be wrong
    """A URL that we could send to, or why it is none."""
    if len(text) > URL_CHARACTERS_MAX:
        return f"longer than {URL_CHARACTERS_MAX} characters"
    if not _URL.fullmatch(text):
        return "no http or https URL"
    authority = re.split(r"[/?]", text.split("://", 1)[1], maxsplit=1)[0]
    if "@" in authority:
        return "a URL with a user or password in it"
    try:
        url = URL(text, encoded=True)
        host, port = url.host, url.port
    except ValueError:
        return "no http or https URL"
    if not host or port is None or not 0 < port < 65_536:  # noqa: PLR2004 - ports have 16 bits
        return "a URL without host or port"
    written = authority.rpartition(":")[0] if re.search(r":[0-9]*$", authority) else authority
    if not _HOST.fullmatch(written):
        return "a URL whose host is not plain"
    return Destination(text, url.scheme.lower(), host.lower().rstrip("."), port, url.raw_path)


def receipt_objection(url: str, as2: As2) -> str | None:
    """Why an asynchronous receipt must not go to a URL that a message asks for; None when it may.

    It may go to the host of the profile's `url` and to those that `receipts_to` lists: a host alone stands for every
    URL on it, a URL for itself with any query. Without TLS it goes only where `url` is without, or to a URL listed so.
    """
    wanted = read_url(url)
    if isinstance(wanted, str):
        return f"the receipt address is {wanted}"
    # Without TLS only where the profile itself goes without it: what is named as a host alone says nothing of that.
    may_be_plain = as2.url is not None and as2.url.lower().startswith("http:")
    is_fit = wanted.scheme == "https" or may_be_plain
    for target in ((as2.url,) if as2.url else ()) + as2.receipts_to:
        if "://" not in target:
            if is_fit and wanted.host == target.lower().rstrip("."):
                return None
            continue
        listed = read_url(target)
        if isinstance(listed, str):
            continue
        whole_host = target == as2.url
        if whole_host and is_fit and wanted.host == listed.host:
            return None
        if wanted.origin == listed.origin and wanted.path == listed.path:
            return None
    return (
        f"receipts may not go to {wanted.host}: it is neither the host of the profile's `url` nor in `receipts_to`; "
        "add it there if it is theirs"
    )
