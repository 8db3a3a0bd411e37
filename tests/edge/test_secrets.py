"""Canaries: what partners send and who they are must not turn up where people and programs read."""

import logging
from pathlib import Path

import orjson

from gateway.as2.message import MdnRequest, Signing
from gateway.store.oversight.operators import Role
from gateway.telemetry import JsonFormatter
from tests.edge.house import ACME_KEY, message, open_house, stranger_keys

CANARY = "canary7f3a"


async def test_no_payload_and_no_credential_is_logged_audited_or_sent_back(tmp_path: Path, client, caplog):
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    async with open_house(tmp_path, body_bytes_max=5_000, header_timeout_s=0.3) as house:

        async def post(path: str, body: bytes, headers: dict[str, str]) -> None:
            async with client.post(house.url + path, data=body, headers=headers) as answer:
                told.append(f"{answer.headers} {(await answer.read()).decode('latin-1')}")

        payload = f'{{"secret": "{CANARY}"}}'.encode()
        key = {"X-API-Key": ACME_KEY}
        await post("/v1/documents", payload, {"Authorization": f"Bearer {CANARY}"})
        await post("/v1/documents", payload, {"X-API-Key": CANARY})
        await post("/v1/documents", payload, key | {"Content-Encoding": CANARY})
        await post("/v1/documents", payload, key)
        await post("/v1/documents", payload, key | {"Idempotency-Key": f"{CANARY}\u00e9"})
        await post("/v1/documents", CANARY.encode(), key)
        await post("/v1/documents", payload * 1_000, key)
        await post(f"/{CANARY}?{CANARY}", payload, key)
        for sent in (
            message(payload),
            message(payload, signing=Signing(stranger_keys())),
            message(payload, signing=None, encryption=None),
            # Of an address that is not agreed the audit names the host; what stands behind it may be a secret.
            message(
                payload, mdn_request=MdnRequest("a@b", delivery_url=f"https://elsewhere.example/{CANARY}?{CANARY}")
            ),
            message(
                payload, mdn_request=MdnRequest("a@b", delivery_url=f"https://{CANARY}:{CANARY}@elsewhere.example/")
            ),
        ):
            await post("/as2", sent.body, dict(sent.headers) | {"Authorization": f"Basic {CANARY}", "Cookie": CANARY})
        chunked = "Transfer-Encoding: chunked\r\n\r\n"
        for raw in (
            f"GET / HTTP/1.1\r\nHost: x\r\n{CANARY}\x00: y\r\n\r\n",
            f"{CANARY} / HTTP/1.1\r\nHost: x\r\n\r\n",
            f"POST /v1/documents HTTP/1.1\r\nHost: x\r\nX-API-Key: {ACME_KEY}\r\n{chunked}{CANARY}\r\n",
        ):
            answered = await house.raw(raw.encode(), timeout_s=3)
            told.append(answered.decode("latin-1"))
        async with client.get(
            f"{house.operator_url}/messages", headers={"Authorization": f"Bearer {CANARY}"}
        ) as answer:
            told.append(await answer.text())
        async with client.get(f"{house.operator_url}/metrics", headers=await house.token(Role.VIEWER)) as answer:
            told.append(await answer.text())
        audited = orjson.dumps(await house.acts()).decode()
        with house.database.engine.connect() as connection:
            timeline = str(connection.exec_driver_sql("SELECT * FROM timeline").all())
            rows = str(connection.exec_driver_sql("SELECT * FROM message").all())
    logged = "\n".join(JsonFormatter().format(record) for record in caplog.records if record.name != "asyncio")
    assert len(await _ids(audited)) > 3
    for where, text in {"log": logged, "audit": audited, "timeline": timeline, "message": rows}.items():
        assert CANARY not in text.replace(f"POST /{CANARY}", ""), where
        assert ACME_KEY not in text, where
    for answer in told:
        assert CANARY not in answer
        assert ACME_KEY not in answer


async def _ids(audited: str) -> list[str]:
    return [act["action"] for act in orjson.loads(audited)]
