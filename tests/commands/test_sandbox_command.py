"""`gateway sandbox`: the table for people and programs, and orders that `gateway send` takes."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from gateway.sandbox.words import ORDER_CHARACTERS_MAX, TABLE, magic_of
from tests.commands.conftest import Run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    us = {"name": "bigcorp", "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGCORP"}}
    (tmp_path / "partner-profiles").mkdir()
    settings = {
        "data_dir": str(tmp_path / "data"),
        "partners_dir": str(tmp_path / "partner-profiles"),
        "sandbox": True,
        "identities": [us],
    }
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path / "gateway.yaml"


def test_the_words_are_listed_for_people_and_programs(run: Run):
    text = run("sandbox")
    assert text.code == 0
    assert all(word.name in text.out and word.order in text.out and word.change in text.out for word in TABLE)
    rows = run("sandbox", "--format", "json").rows
    assert [(row["word"], row["order"], row["change"]) for row in rows] == [
        (word.name, word.order, word.change) for word in TABLE
    ]


@pytest.mark.parametrize("word", ["HALF", "timeout-2", "INVOICE-TOO-HIGH", "half-late-30"])
def test_an_order_bears_its_word_and_finds_room_in_x12(run: Run, word: str):
    ended = run("sandbox", "order", word)
    order = json.loads(ended.out)
    assert (ended.code, order["document_type"]) == (0, "purchase_order")
    assert magic_of(order["number"]) == magic_of(word)
    assert len(order["number"]) <= ORDER_CHARACTERS_MAX


def test_a_change_names_the_order_that_it_changes(run: Run):
    change = json.loads(run("sandbox", "change", "REJECT", "--number", "PO-7-REJECT").out)
    assert (change["document_type"], change["purchase_order_number"]) == ("purchase_order_change", "PO-7-REJECT")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("order", "HAFL"), "did you mean HALF?"),
        (("order", "4711"), "`gateway sandbox` lists them"),
        (("order", "INVOICE-TOO-HIGH", "--number", "PO-123456-INVOICE-TOO-HIGH"), "X12 takes 22"),
        (("order", "HALF", "--number", "PO-7"), "does not ask for HALF"),
        (("ordr", "HALF"), "did you mean order?"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_line(run: Run, words: tuple[str, ...], said: str):
    ended = run("sandbox", *words)
    assert ended.code == 2
    assert said in ended.err


def test_an_order_is_piped_to_the_sandbox(run: Run, config: Path, monkeypatch: pytest.MonkeyPatch):
    order = run("sandbox", "order", "HALF").out.encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(order)))
    sent = run("send", "-", "--partner", "sandbox", "--format", "json", "--config", config)
    assert sent.code == 0, sent.err
    assert (sent.json["partner"], sent.json["channel"], sent.json["status"]) == ("sandbox", "sandbox", "queued")
    assert sent.json["number"] == json.loads(order)["number"]


def test_the_built_in_partner_is_there_only_where_it_is_on(run: Run, config: Path):
    shown = run("partner", "list", "--format", "json", "--config", config)
    assert [row["id"] for row in shown.rows] == ["sandbox"]
    config.write_text(config.read_text().replace("sandbox: true", "sandbox: false"))
    ended = run("send", "-", "--partner", "sandbox", "--config", config)
    assert ended.code == 2
    assert "there is no partner 'sandbox'" in ended.err


def test_a_ping_says_that_there_is_nothing_to_reach(run: Run, config: Path):
    ended = run("partner", "ping", "sandbox", "--url-only", "--config", config)
    assert ended.code == 1
    assert "the sandbox plays them" in ended.out


def test_a_folder_of_its_name_and_who_claims_its_address_are_told_by_check(run: Run, config: Path):
    partners = config.parent / "partner-profiles"
    for name, more in (("sandbox", ""), ("acme", "x12: {qualifier: ZZ, id: SANDBOX}\n")):
        (partners / name).mkdir()
        (partners / name / "profile.yaml").write_text(f"id: {name}\nname: X\nstatus: suspended\n{more}")
    ended = run("partner", "check", "--config", config)
    assert ended.code == 1
    assert "sandbox is the name of a partner that is built in" in ended.out
    assert "the X12 address ZZ/SANDBOX is also claimed by gateway/sandbox/profile/profile.yaml" in ended.out
    config.write_text(config.read_text().replace("sandbox: true", "sandbox: false"))
    assert run("partner", "check", "--config", config).code == 0
