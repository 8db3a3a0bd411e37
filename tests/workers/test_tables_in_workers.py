"""Tables of identifiers and workers: each worker is given a table once, however many messages name it."""

import json
from contextlib import aclosing
from decimal import Decimal

import pytest

from gateway.workers import WorkerPool, pool
from gateway.workers.frames import Job, encode, encode_naming
from tests.workers.orders import purchase_orders
from translators.catalog import TranslatedDocument, TranslationResult
from translators.guide import Guide, ReadingRules
from translators.vocabulary.values import IdentifierRule, IdentifierTable, UnitRule, Vocabulary

ROWS = 20_000


def reading_rules(name: str) -> ReadingRules:
    pairs = {f"{name}-{number}": f"{number:06}" for number in range(ROWS)}
    table = IdentifierTable(name, pairs, {ours: theirs for theirs, ours in pairs.items()})
    vocabulary = Vocabulary((IdentifierRule("parties", (table,), None, "91"),), (UnitRule("EA", "H87", Decimal(2)),))
    return ReadingRules(guides=(Guide("purchase_order", "x12", vocabulary=vocabulary),))


@pytest.fixture
async def workers():
    made = WorkerPool(processes_max=1, memory_bytes_max=1_073_741_824, timeout_s=60)
    yield made
    await made.close()


async def quantities(made: WorkerPool, rules: ReadingRules) -> set[tuple[str, str]]:
    documents: list[TranslatedDocument] = []
    async with aclosing(made.translate(purchase_orders(sets=2), rules, "application/edi-x12")) as translated:
        async for found in translated:
            if not isinstance(found, TranslationResult):
                documents += found
    lines = [line for document in documents for line in json.loads(document.document or b"{}")["lines"]]
    return {(line["unit"], str(Decimal(line["quantity"]) / Decimal(line["quantity_as_sent"]))) for line in lines}


def test_a_job_names_its_tables_and_does_not_hold_them() -> None:
    job = Job(b"body", reading_rules("A"), "")
    frame, tables = encode_naming(job)
    assert list(tables) == ["A"]
    assert len(frame) < 2_000
    assert len(encode(job)) > 200_000


async def test_a_worker_is_given_a_table_once(workers: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    send = pool._write

    async def counted(worker, data):
        written.append(len(data))
        await send(worker, data)

    monkeypatch.setattr(pool, "_write", counted)
    rules = reading_rules("A")
    for _ in range(3):
        assert await quantities(workers, rules) == {("H87", "2")}
    assert len(workers._all) == 1
    assert sum(size > 200_000 for size in written) == 1


async def test_a_worker_gives_up_tables_where_they_get_too_many(
    workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "TABLE_ROWS_HELD_MAX", ROWS + 1)
    for name in ("A", "B", "A", "A"):
        assert await quantities(workers, reading_rules(name)) == {("H87", "2")}
        assert list(workers._all.values()) == [{name: ROWS}]
