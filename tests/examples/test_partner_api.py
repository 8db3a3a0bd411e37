"""What suppliers are told of the API is what happens: the quickstart as it stands, and both clients."""

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.edge.refusals import catalogue
from gateway.onboarding.guide.facts import Facts
from gateway.onboarding.guide.rendering import guide_page
from gateway.settings import load_settings
from partners.loader import LoadedProfile, parse_profile
from tests.examples.supplier_client import Supplier
from tests.onboarding.guides import Page
from tests.site import API_KEY, PROJECT, RunningGateway, Site, ship_notice_json

QUICKSTART = PROJECT / "gateway" / "api" / "QUICKSTART.md"
EXAMPLES = Path(__file__).parent
SECRET = "a throw-away client secret of northwind"
SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"northwind").digest())
ORDER = json.loads((PROJECT / "gateway" / "demo" / "samples" / "purchase-order.json").read_text())
INBOUND = ("purchase_order_acknowledgment", "ship_notice", "invoice")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    profile = {
        "api": {
            "oauth_clients": [
                {"client_id": "northwind-erp", "secret_sha256": hashlib.sha256(SECRET.encode()).hexdigest()}
            ],
            "signatures": {"keys": [{"id": "northwind-1", "algorithm": "ed25519", "public_key": "signing.pem"}]},
        },
        "webhooks": {"hosts": ["127.0.0.1"], "without_tls": True, "private_networks": ["127.0.0.0/8"]},
        "agreements": [
            {"document": "purchase_order", "direction": "outbound", "syntax": "json"},
            *({"document": name, "direction": "inbound", "syntax": "json"} for name in INBOUND),
        ],
    }
    site = Site(tmp_path_factory.mktemp("site"), northwind_profile=profile)
    public = SIGNING_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (site.partners_dir / "northwind-parts" / "signing.pem").write_bytes(public)
    with RunningGateway(site).start() as running:
        yield running
        print("\n".join(running.log[-30:]))  # seen when the test failed


@pytest.fixture
def hook():
    """A server of the supplier's that takes what it is told."""
    told: list[dict[str, str]] = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            told.append(dict(self.headers))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Nothing to say."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/b2b", told
        server.shutdown()


def ask(url, key, body=None, **fields):
    """What an answer says."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"} | fields
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as response:
        return json.load(response)


def send_order(gateway, number):
    order = json.dumps(ORDER | {"number": number}).encode()
    url = f"{gateway.operator_url}/outbound?partner=northwind-parts"
    ask(url, gateway.token("operator"), order, **{"Idempotency-Key": hashlib.sha256(order).hexdigest()})


def run(command, folder, **environment):
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def blocks():
    return re.findall(r"^```sh\n(.*?)^```$", QUICKSTART.read_text(), re.DOTALL | re.MULTILINE)


def test_the_quickstart_runs_as_it_stands(gateway, tmp_path, hook):
    url, told = hook
    send_order(gateway, "4500012345")
    (tmp_path / "ship-notice.json").write_bytes(ship_notice_json(1))
    script = "set -euo pipefail\n" + "".join(f"{block}echo; echo '=== {n}'\n" for n, block in enumerate(blocks()))
    said = run(
        ["bash", "-c", script],
        tmp_path,
        GATEWAY=gateway.edge_url,
        KEY=API_KEY,
        CLIENT_ID="northwind-erp",
        CLIENT_SECRET=SECRET,
        HOOK=url,
    )
    assert "=== 10" in said
    assert json.loads((tmp_path / "order.json").read_text())["number"] == "4500012345"
    assert json.loads((tmp_path / "problem.json").read_text())["status"] == 422
    assert any("webhook-signature" in {name.lower() for name in fields} for fields in told)


def test_every_curl_of_the_quickstart_is_in_a_block_that_runs():
    text = QUICKSTART.read_text()
    assert text.count("\ncurl ") == sum(f"\n{block}".count("\ncurl ") for block in blocks()) > 15


def guide_calls(gateway, **api):
    """The calls that the guide of northwind shows: of its profile as it is, or with other terms of access."""
    folder = gateway.site.partners_dir / "northwind-parts"
    profile = yaml.safe_load((folder / "profile.yaml").read_text())
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["profile.yaml"] = yaml.safe_dump(profile | {"api": profile["api"] | api}).encode()
    loaded = parse_profile(files)
    assert isinstance(loaded, LoadedProfile), loaded
    settings = load_settings(gateway.site.config, {}).settings.model_copy(update={"public_url": gateway.edge_url})
    page = Page(guide_page(Facts(loaded, settings, datetime.now(UTC), problems=catalogue())))
    texts = ["".join(element.text) for element in page.at("rest").all() if element.tag == "pre"]
    return [text for text in texts if text.startswith("curl ")]


def test_every_call_of_the_guide_runs_as_it_stands(gateway, tmp_path):
    send_order(gateway, "guide-1")
    (tmp_path / "document.json").write_bytes(ship_notice_json(77))
    known = {"KEY": API_KEY, "NUMBER": "guide-1"}
    calls = guide_calls(gateway)
    for call in calls:
        said = run(["bash", "-c", call], tmp_path, **known)
        told = json.loads(said) if said else {}
        if call.split()[2].endswith("/v1/inbox"):
            (known["ID"],) = [item["id"] for item in told["documents"] if item["number"] == "guide-1"]
        else:
            known["ID"] = told.get("id", known.get("ID", ""))
    assert [path.name for path in tmp_path.iterdir() if path.name != "document.json"]
    order = ask(f"{gateway.edge_url}/v1/purchase-orders/guide-1", API_KEY)
    assert order["state"] == "invoiced"
    for path in ("documents", "inbox", "purchase-orders", "webhooks"):
        assert any(f"/v1/{path}" in call for call in calls)


def orders_call(calls):
    (call,) = [call for call in calls if call.split()[2].endswith("/v1/purchase-orders")]
    return call


def test_the_calls_of_a_guide_with_tokens_run(gateway, tmp_path):
    calls = guide_calls(gateway, require=["oauth", "api_key"])
    assert calls[0].split()[2].endswith("/oauth/token")
    token = run(["bash", "-c", calls[0]], tmp_path, CLIENT_ID="northwind-erp", CLIENT_SECRET=SECRET)
    known = {"KEY": API_KEY, "TOKEN": json.loads(token)["access_token"]}
    assert "purchase_orders" in json.loads(run(["bash", "-c", orders_call(calls)], tmp_path, **known))


def test_the_calls_of_a_guide_with_signatures_run(gateway, tmp_path):
    call = orders_call(guide_calls(gateway, require=["signature"]))
    assert "$KEY" not in call
    fields = Supplier(gateway.edge_url, "northwind-1", SIGNING_KEY).sign("GET", "/v1/purchase-orders", b"")
    (tmp_path / "signature.txt").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    assert "purchase_orders" in json.loads(run(["bash", "-c", call], tmp_path))


@pytest.mark.parametrize("client", ["shell", "python"])
def test_a_client_takes_keeps_confirms_and_accepts_every_order_once(gateway, tmp_path, client):
    numbers = [f"{client}-1", f"PO 7/{client} ä%2F"]
    for number in numbers:
        send_order(gateway, number)
    orders = tmp_path / "orders"
    if client == "shell":
        command, environment = (
            ["sh", EXAMPLES / "supplier_client.sh", orders],
            {"GATEWAY": gateway.edge_url, "KEY": API_KEY},
        )
    else:
        key = tmp_path / "signing-private.pem"
        key.write_bytes(SIGNING_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        command, environment = (
            [sys.executable, EXAMPLES / "supplier_client.py", gateway.edge_url, "northwind-1", key, orders],
            {},
        )
    said = run(command, tmp_path, **environment)
    assert [number in said for number in numbers] == [True, True]
    kept = list(orders.glob("*.json"))
    assert {json.loads(path.read_text())["number"] for path in kept} == set(numbers)
    assert run(command, tmp_path, **environment) == ""
    for number in numbers:
        order = ask(f"{gateway.edge_url}/v1/purchase-orders/{quote(number, safe='')}", API_KEY)
        assert order["state"] in {"received", "acknowledged"}
        answers = [item for item in order["history"] if item["document_type"] == "purchase_order_acknowledgment"]
        assert len(answers) == 1
