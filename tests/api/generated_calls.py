"""Calls that schemathesis makes up from our OpenAPI document, against a whole gateway.

`python -m tests.api.generated_calls --seconds 300` makes as many as one likes.

Every answer must be one that the document promises, whatever was sent; the seed makes a run repeatable.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from gateway.api.operations import RateClass
from tests.flow.dispatching import order
from tests.site import API_KEY, PROJECT, RunningGateway, Site

HERE = Path(__file__).parent
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "positive_data_acceptance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
)
ORDERS = 10
STOCKED_WITHIN_S = 30
_UNLIMITED = {"per_second": 100_000, "burst": 1_000_000}


def open_site(root: Path) -> Site:
    """A gateway whose supplier may ask as often as it likes."""
    return Site(
        root,
        # Of its own proxies it believes where a call came from; see `schemathesis_hooks`.
        settings={"trusted_proxies": ["127.0.0.0/8"]},
        northwind_profile={
            "api_keys": [{"label": "tests", "sha256": hashlib.sha256(API_KEY.encode()).hexdigest()}],
            "throttling": {kind.value: _UNLIMITED for kind in RateClass},
            "agreements": [
                *(
                    {"document": name, "direction": "inbound", "syntax": "json"}
                    for name in ("purchase_order_acknowledgment", "ship_notice", "invoice")
                ),
                {"document": "purchase_order", "direction": "outbound", "syntax": "json"},
            ],
            # That of the examples; nobody has it (RFC 6761 6.5).
            "webhooks": {"hosts": ["hooks.acme.example"]},
        },
    )


def stock(gateway: RunningGateway) -> None:
    """Orders for the supplier, the first of them that of the examples, until they lie in the inbox."""
    numbers = ["4500012345", *(f"PO-{number}" for number in range(ORDERS - 1))]
    for number in numbers:
        request = urllib.request.Request(
            f"{gateway.operator_url}/outbound?partner=northwind-parts",
            data=order(number),
            headers={"Authorization": f"Bearer {gateway.token('operator')}", "Idempotency-Key": number},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 202
    inbox = urllib.request.Request(f"{gateway.edge_url}/v1/inbox?limit=200", headers={"X-API-Key": API_KEY})
    deadline = time.monotonic() + STOCKED_WITHIN_S
    while True:
        with urllib.request.urlopen(inbox, timeout=30) as answer:
            if len(json.load(answer)["documents"]) == len(numbers):
                return
        assert time.monotonic() < deadline, "the orders do not lie in the inbox"
        time.sleep(0.1)


def run(
    gateway: RunningGateway, *, seconds: int, examples: int, report: Path, phases: str = "examples,coverage,fuzzing"
) -> subprocess.CompletedProcess[str]:
    """One run of schemathesis; its exit code is 0 where nothing was found.

    Args:
        seconds: that it may take at most, to start with new calls.
        examples: of each call and phase.
        report: where the calls of failures are kept.
        phases: of schemathesis; ``stateful`` follows the links from answer to call.
    """
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{gateway.edge_url}/v1/openapi.json", "--url", gateway.edge_url),
        *("--header", f"X-API-Key: {API_KEY}", "--checks", ",".join(CHECKS), "--seed", "1"),
        *("--max-examples", str(examples), "--phases", phases, "--request-timeout", "20"),
        *("--max-time", str(seconds), "--no-color", "--report-junit-path", str(report)),
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks", "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        command,
        cwd=gateway.site.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 300,
    )


def main() -> int:
    """A run as long as one likes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--examples", type=int, default=100)
    called = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gateway-generated-calls-") as folder:
        with RunningGateway(open_site(Path(folder))) as gateway:
            stock(gateway)
            done = run(
                gateway,
                seconds=called.seconds,
                examples=called.examples,
                report=Path(folder) / "report.xml",
                phases="examples,coverage,fuzzing,stateful",
            )
        print(done.stdout, done.stderr)
        return done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
