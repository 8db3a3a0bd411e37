"""`gateway send`, and what `gateway messages` shows of it: without a server, and with one that a partner answers."""

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.commands.serving import is_served
from gateway.flow import traffic
from gateway.model.delivery import DeliveryEvent
from gateway.settings import load_settings
from gateway.store import deliveries, messages
from gateway.store.database import Database
from tests.commands.conftest import Ended, Run
from tests.flow.dispatching import NOTICE, order
from tests.flow.two_houses import two_houses, until
from tests.site import PROJECT, Site, acknowledgment_855
from translators.catalog import TranslationResult, translate
from translators.guide import ReadingRules

AS2 = {"id": "ACME-AS2", "certificate": "acme.pem", "url": "https://as2.acme.example/as2"}
AGREEMENTS = [
    {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010"]},
    {"document": "ship_notice", "direction": "outbound", "syntax": "json"},
]
ISA_OF_OURS = b"*ZZ*BIGCORP        *ZZ*ACMESUPPLY     *"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    profile = {"as2": AS2, "agreements": AGREEMENTS}
    return Site(tmp_path / "site", settings={"limits": {"body_bytes_max": 3_000_000}}, acme_profile=profile)


@pytest.fixture
def call(run: Run, site: Site) -> Run:
    def call(*words: object) -> Ended:
        return run(*words, "--config", site.config)

    return call


@pytest.fixture
def send(call: Run) -> Run:
    def send(*words: object) -> Ended:
        return call("send", *words, "--partner", "acme-supply")

    return send


def file(tmp_path: Path, data: bytes, name: str = "order.json") -> Path:
    made = tmp_path / name
    made.write_bytes(data)
    return made


def test_a_document_is_translated_by_the_agreement_and_waits_for_a_server(send, call, tmp_path):
    ended = send(file(tmp_path, order("PO-7")))
    assert ended.code == 0
    assert "purchase_order PO-7 for acme-supply, interchange 000000001" in ended.out
    assert "no gateway runs here now: it goes out once `gateway serve` does" in ended.err

    (row,) = call("messages", "list", "--direction", "out", "--format", "json").rows
    assert (row["direction"], row["status"], row["number"]) == ("out", "queued", "PO-7")
    shown = call("messages", "show", row["id"], "--payload")
    *items, result = translate(shown.out.encode(), ReadingRules())
    assert isinstance(result, TranslationResult)
    assert result.accepted
    assert json.loads(items[0].document)["number"] == "PO-7"
    assert call("messages", "show", row["id"], "--document").out.encode() == order("PO-7")

    text = call("messages", "show", row["id"]).out
    for words in ("purchase_order PO-7", "interchange 1", "queued", "command:", '"number": "PO-7"'):
        assert words in text
    trace = call("messages", "trace", row["id"]).out
    for words in ("wanted", "translated", "our interchange 000000001", "queued"):
        assert words in trace
    for part in ("wire", "receipt"):
        ended = call("messages", "show", row["id"], f"--{part}")
        assert ended.code == 2
        assert f"has no {part} in the store" in ended.err


def test_several_files_each_with_its_own_end(send, tmp_path):
    good = file(tmp_path, order("PO-1"))
    bad = file(tmp_path, order(number=None), "bad.json")
    ended = send(good, bad, tmp_path / "absent.json", "--format", "json")
    assert ended.code == 2
    assert [(row["status"], row["duplicate"]) for row in ended.rows] == [("queued", False), ("refused", False)]
    assert "absent.json" in ended.err
    assert send(bad).code == 1


def test_what_cannot_be_sent_is_a_case_that_can_be_retried(send, call, site, tmp_path):
    invoice = json.dumps(NOTICE | {"document_type": "receipt", "lines": []}).encode()
    ended = send(file(tmp_path, invoice))
    assert ended.code == 1
    assert "not sent: acme-supply has no outbound agreement on receipt" in ended.out
    assert "what was to be sent cannot be" not in ended.err  # a line of the server's log
    (case,) = call("exceptions", "list", "--format", "json").rows
    assert (case["kind"], case["partner"]) == ("outbound_refused", "acme-supply")
    (row,) = call("messages", "list", "--format", "json", "--state", "refused").rows
    assert row["id"] == case["message"]
    assert "exceptions retry" in call("messages", "show", row["id"]).out
    assert "not-sendable" in call("messages", "trace", row["id"]).out
    assert call("exceptions", "retry", case["id"]).code == 0
    (row,) = call("messages", "list", "--format", "json", "--direction", "out").rows
    assert row["status"] == "received"


def test_x12_goes_as_it_is_to_whom_it_is_addressed(send, call, tmp_path):
    data = acknowledgment_855(1).replace(b"*ZZ*ACMESUPPLY     *ZZ*BIGCORP        *", ISA_OF_OURS)
    ended = send(file(tmp_path, data, "order response.edi"), "--format", "json")
    assert (ended.code, ended.json["filename"], ended.json["kind"]) == (0, "order response.edi", "file")
    assert call("messages", "show", ended.json["id"], "--payload").out.encode() == data

    foreign = file(tmp_path, acknowledgment_855(1), "foreign.edi")
    for options in ((), ("--as-is",)):
        ended = send(foreign, *options)
        assert ended.code == 1
        assert "addressed to ZZ/BIGCORP (ISA07, ISA08)" in ended.out
        assert "the addresses of acme-supply are ZZ/ACMESUPPLY" in ended.out


def test_any_other_file_wants_to_be_sent_as_it_is(send, call, tmp_path):
    price_list = file(tmp_path, b"%PDF-1.7 \x00\xff" * 200_000, "prices.pdf")
    ended = send(price_list)
    assert ended.code == 2
    assert "--as-is" in ended.err
    options = ("--as-is", "--content-type", "application/pdf", "--filename", "list.pdf", "--subject", "Prices")
    sent = send(price_list, *options, "--format", "json").json
    assert (sent["content_type"], sent["filename"], sent["subject"]) == ("application/pdf", "list.pdf", "Prices")
    assert sent["bytes"] == price_list.stat().st_size
    canonical = file(tmp_path, order())
    sent = send(canonical, "--as-is", "--format", "json").json
    assert (sent["kind"], sent["content_type"]) == ("file", "application/json")
    assert call("messages", "show", sent["id"], "--payload").out.encode() == order()


def test_a_repetition_under_the_same_id_changes_nothing(send, call, tmp_path):
    made = file(tmp_path, order("PO-1"))
    first, again = (send(made, "--id", "run-1", "--format", "json").json for _ in range(2))
    assert (first["id"], first["duplicate"], again["duplicate"]) == (again["id"], False, True)
    assert len(call("messages", "list", "--format", "json").rows) == 1
    ended = send(file(tmp_path, order("PO-2")), "--id", "run-1")
    assert ended.code == 2
    assert "the id was used before" in ended.err
    assert send(made, made, "--id", "run-1").code == 2


@pytest.mark.parametrize(("data", "words"), [(b"", "is empty"), (b"x" * 3_000_001, "more than 3000000 bytes")])
def test_files_that_cannot_be_used(send, tmp_path, data, words):
    ended = send(file(tmp_path, data), "--as-is")
    assert ended.code == 2
    assert words in ended.err


def test_a_large_file_waits_for_room_on_the_disk(send, tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_LIMITS_DISK_FREE_BYTES_MIN", str(1 << 60))
    ended = send(file(tmp_path, b"x" * 2_000_000), "--as-is")
    assert ended.code == 2
    assert "the disk of the spool folder is low" in ended.err


def test_an_unknown_partner_is_a_wrong_call(call, tmp_path):
    ended = call("send", file(tmp_path, order()), "--partner", "acme-suply")
    assert ended.code == 2
    assert "did you mean acme-supply?" in ended.err


def test_what_is_not_over_is_not_sent_again(send, call, tmp_path):
    sent = send(file(tmp_path, order()), "--format", "json").json
    ended = call("messages", "resend", sent["id"])
    assert ended.code == 2
    assert "is queued and goes on under its own id" in ended.err
    assert call("messages", "resend", "01J9ZK4T3M8Q6W2E7R5Y1X0ABC").code == 2


def test_what_lies_in_a_mailbox_is_told_by_its_name(send, call, site, tmp_path):
    change(site.partners_dir / "acme-supply" / "profile.yaml", sftp={"user": "acme"}, delivery={"way": "mailbox"})
    made = file(tmp_path, order("PO-7"))
    sent = send(made, "--format", "json").json
    path = f"outbox/purchase_order-PO-7-{sent['id']}.edi"
    assert (sent["channel"], sent["status"], sent["lies_in"]) == ("mailbox", "queued", path)
    (there,) = call("sftp", "mailbox", "acme-supply", "--folder", "outbox", "--format", "json").rows
    assert f"outbox/{there['name']}" == path
    again = send(made, "--id", "run-1")
    assert (again.code, again.out.count("it lies in outbox/ as purchase_order-PO-7-")) == (0, 1)
    assert path in call("messages", "show", sent["id"]).out
    assert call("messages", "show", sent["id"], "--format", "json").json["lies_in"] == path
    waited = send(made, "--id", "run-1", "--wait", "1")
    assert (waited.code, waited.out.count("until they fetch it"), "queued" in waited.out) == (1, 1, False)

    database = Database(load_settings(site.config, {}).settings.resolved_database_url())
    try:
        apply = partial(deliveries.apply, delivery_id=sent["id"], now_ms=1_764_000_000_000)
        database.write_now(partial(apply, event=DeliveryEvent.CONFIRM))
    finally:
        database.close()
    assert call("messages", "show", sent["id"], "--format", "json").json["lies_in"] is None


# --- with a server, and a partner's -----------------------------------------------------------------------------------


async def gateway(root: Path, *words: object) -> tuple[int, str, str]:
    """A command as a process of its own, beside the gateways that run here."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *map(str, words), "--config", str(root / "gateway.yaml")),
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace"), err.decode()


def change(path: Path, **fields: Any) -> None:
    held = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(held | fields))


async def test_it_is_followed_to_its_receipt_and_can_be_sent_again(tmp_path):
    async with two_houses(tmp_path) as (us, them):
        change(
            us.root / "partners" / "acme" / "profile.yaml",
            agreements=AGREEMENTS,
            x12={"qualifier": "ZZ", "id": "ACME"},
        )
        x12 = {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}
        change(us.root / "gateway.yaml", identities=[{"name": "bigcorp", "as2_id": "BIGCORP", "x12": x12}])
        assert is_served(load_settings(us.root / "gateway.yaml", {}).settings) is True

        made = file(tmp_path, order("PO-7"))
        words = ("send", made, "--partner", "acme", "--wait", "60", "--format", "json")
        code, out, err = await gateway(us.root, *words)
        assert code == 0, (out, err)
        sent = json.loads(out)
        assert (sent["status"], sent["attempts"]) == ("delivered", 1)
        assert "no gateway runs" not in err

        _, shown, _ = await gateway(us.root, "messages", "show", sent["id"], "--payload")
        receipt, wire = [
            await us.read(deliveries.body, delivery_id=sent["id"], part=part) for part in ("receipt", "wire")
        ]
        assert shown.startswith("ISA*")
        assert b"disposition-notification" in receipt.lower()
        assert wire
        steps = [step["step"] for step in (await us.read(traffic.view, item_id=sent["id"]))["timeline"]]
        assert [step in steps for step in ("wanted", "translated", "queued", "attempt", "delivered")] == [True] * 5

        code, out, _ = await gateway(us.root, "messages", "resend", sent["id"], "--format", "json")
        assert code == 0
        again = json.loads(out)["delivery"]

        async def delivered() -> dict[str, Any] | None:
            view = await us.read(traffic.view, item_id=again)
            return view if view["status"] == "delivered" else None

        view = await until(delivered)
        assert view["repeats"] == sent["id"]
        assert view["transport_id"] != sent["transport_id"]
        arrived = await them.read(traffic.rows, wanted=traffic.Wanted(direction="in"), limit=9)
        assert [message["transport_id"] for message in arrived] == [view["transport_id"], sent["transport_id"]]
        assert (await them.read(messages.body, message_id=arrived[0]["id"], part="payload")).decode() == shown


async def test_a_partner_who_says_no_ends_it_with_one(tmp_path):
    # They know another AS2 id of ours, so they refuse.
    async with two_houses(tmp_path, theirs={"id": "SOMEBODY-ELSE"}) as (us, _):
        change(us.root / "partners" / "acme" / "profile.yaml", agreements=AGREEMENTS[1:])
        made = file(tmp_path, json.dumps(NOTICE).encode())
        code, out, _ = await gateway(us.root, "send", made, "--partner", "acme", "--wait", "60")
        assert code == 1
        assert "refused" in out
