"""A broker that somebody else runs: a vhost for each test through its management API."""

import base64
import json
import os
import secrets
import urllib.error
import urllib.request
from urllib.parse import quote, urlsplit

from tests.services.install import ServiceUnavailable

API_SECONDS_MAX = 10


def fresh_external_vhost(broker_url: str) -> str:
    """The URL of a new vhost on the broker; its user must be allowed to administer it.

    Raises:
        ServiceUnavailable: the management API does not answer or refuses.
    """
    parts = urlsplit(broker_url)
    user, password = parts.username or "guest", parts.password or "guest"
    api = os.environ.get("GATEWAY_TEST_BROKER_API", f"http://{parts.hostname}:15672")
    vhost = f"t-{secrets.token_hex(6)}"
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    for path, body in ((f"/api/vhosts/{vhost}", {}), (f"/api/permissions/{vhost}/{quote(user, safe='')}", everything)):
        request = urllib.request.Request(api + path, json.dumps(body).encode(), method="PUT")
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
        request.add_header("Content-Type", "application/json")
        try:
            urllib.request.urlopen(request, timeout=API_SECONDS_MAX).close()
        except (urllib.error.URLError, OSError) as error:
            raise ServiceUnavailable(
                f"GATEWAY_TEST_BROKER_URL names a broker, but its management API at {api} said: {error}. "
                "Tests make a vhost each: enable the management plugin and name it in GATEWAY_TEST_BROKER_API, "
                "or unset GATEWAY_TEST_BROKER_URL."
            ) from error
    return parts._replace(path=f"/{vhost}").geturl()
