"""Control numbers looked up and not noted: the verdicts of the line, by few questions and without the writer."""

import random
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import event, func, select

from gateway.flow.number_lookup import KEYS_AT_ONCE, LookedUpNumbers, asked_for
from gateway.flow.repetitions import KeptNumbers, judge_all
from gateway.flow.terms import PartnerTerms, Terms
from gateway.flow.validating import Submitted, Validating, _message
from gateway.settings import Limits
from gateway.store.database import Database
from gateway.store.engine.statements import table_of
from gateway.store.tables import ControlNumberSeen, ControlNumberUse
from gateway.workers import WorkerPool
from partners.x12_terms import ControlNumbers
from tests.migrated import migrate
from tests.site import acknowledgment_855
from translators.guide import AcknowledgmentRules, ReadingRules, RepetitionRules
from translators.x12.reading import GroupHeader, InterchangeHeader, Status
from translators.x12.results import GroupResult, InterchangeResult, SetResult

DAY_MS = 86_400_000
NOW_MS = 1_800_000_000_000
ACTIONS = ["process", "accept_with_error", "reject"]
MANY = 1_500


@pytest.fixture
def database(store_url, tmp_path):
    database = Database(store_url or f"sqlite:///{tmp_path / 'store.db'}")
    migrate(database)
    yield database
    database.close()


def terms_by(rules):
    own = PartnerTerms("acme", rules, AcknowledgmentRules(), ControlNumbers())
    other = replace(own, partner_id="globex", repetitions=RepetitionRules(out_of_sequence="reject"))
    return Terms(ReadingRules(), own, {"ZZ/GLOBEX": other})


def message(name, now_ms):
    return _message(Submitted("acme", "", "rest", "", b""), name, now_ms)


def interchange(chance, numbers):
    sender = chance.choice(["ACME", "ACME", "GLOBEX", "a\0b"])
    header = InterchangeHeader(
        "ZZ", sender, "ZZ", "BIGCORP", "260105", "0930", "00401", f"{chance.choice(numbers):09d}", False, "P", 0
    )
    groups = []
    for _ in range(chance.randrange(3)):
        group = GroupHeader("PR", "A", "B", "20260105", "0930", str(chance.choice(numbers)), "X", "004010", 0)
        sets = tuple(
            SetResult("855", f"{chance.choice(numbers):04d}", "", Status.ACCEPTED)
            for _ in range(chance.randrange(1, 4))
        )
        groups.append(GroupResult(group, "004010", Status.ACCEPTED, len(sets), len(sets), len(sets), (), sets))
    code = chance.choice("AAAAAR")
    return InterchangeResult(header, Status.REJECTED if code == "R" else Status.ACCEPTED, code, groups=tuple(groups))


def looked_up(database, told, read, terms, now_ms):
    numbers = LookedUpNumbers(asked_for(read, terms))
    while database.read_now(numbers.look_up):
        pass
    return judge_all(numbers, told, read, terms, now_ms)


def rows(connection):
    return [connection.execute(select(table_of(table))).all() for table in (ControlNumberUse, ControlNumberSeen)]


@pytest.mark.parametrize("seed", range(4))
def test_a_look_up_earns_what_the_line_would_give_and_notes_nothing(database, seed):
    chance = random.Random(seed)
    judged_otherwise = 0
    for round_number in range(12):
        rules = RepetitionRules(*(chance.choice(ACTIONS) for _ in range(4)), window_days=chance.choice([1, 90]))
        terms = terms_by(rules)
        # The numbers of each round overlap with those before it; some lie behind the window.
        numbers = range(round_number + 1, round_number + 6)
        now_ms = NOW_MS + round_number * DAY_MS
        read = [interchange(chance, numbers) for _ in range(chance.randrange(1, 6))]
        told = message(f"M{round_number}", now_ms)
        before = database.read_now(rows)
        foretold = looked_up(database, told, read, terms, now_ms)
        assert database.read_now(rows) == before
        decided = database.write_now(
            lambda connection, told=told, read=read, terms=terms, now_ms=now_ms: judge_all(
                KeptNumbers(connection, told.id), told, read, terms, now_ms
            )
        )
        assert foretold == decided
        judged_otherwise += foretold != read
    assert judged_otherwise


async def test_very_many_interchanges_cost_few_questions_and_no_writer(database):
    terms = terms_by(RepetitionRules(group="reject", transaction_set="reject", out_of_sequence="accept_with_error"))
    body = b"".join(acknowledgment_855(number) for number in range(1, MANY + 1))
    statements = []
    for engine in {database.engine, database._reader_engine}:
        event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))

    async def terms_for(_message):
        return terms

    pool = WorkerPool(processes_max=1, memory_bytes_max=1_073_741_824, timeout_s=60)
    limits = Limits(inline_body_bytes_max=len(body))
    # The writer was never started: a unit for it would wait for ever.
    assert not database.is_started
    validating = Validating(database, pool, terms_for, limits)
    judged = await validating.judge(Submitted("acme", "", "rest", "application/edi-x12", body), "M", NOW_MS)
    assert len(judged.interchanges) == MANY
    asked = [text for text in statements if "control_number" in text]
    assert 0 < len(asked) <= 2 * (4 * MANY // KEYS_AT_ONCE + 1)
    assert all(text.split()[0] == "SELECT" for text in asked)
    counts = partial(_count, table=table_of(ControlNumberUse))
    assert database.read_now(counts) == 0


def _count(connection, table):
    return connection.scalar(select(func.count()).select_from(table))
