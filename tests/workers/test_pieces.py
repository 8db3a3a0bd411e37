"""Large bodies reach a worker piece by piece: the same result, and nothing of them stays in this process."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from gateway.workers import PiecedBody, WorkerFailed, WorkerPool
from gateway.workers.frames import Call, encode
from tests.workers.orders import purchase_orders
from translators.catalog import TranslationResult, translate
from translators.guide import ReadingRules

X12 = "application/edi-x12"


@pytest.fixture
async def pool(tmp_path):
    made = WorkerPool(processes_max=1, memory_bytes_max=1_073_741_824, timeout_s=60, spool_dir=tmp_path / "spool")
    yield made
    await made.close()


class PurgedError(Exception):
    pass


async def pieces(data, size, *, fails_at=None):
    for start in range(0, len(data), size):
        if fails_at is not None and start >= fails_at:
            raise PurgedError
        yield data[start : start + size]


async def collect(pool, body, content_type=X12):
    documents, results = [], []
    async with aclosing(pool.translate(body, ReadingRules(), content_type)) as translated:
        async for found in translated:
            if isinstance(found, TranslationResult):
                results.append(found)
            else:
                documents += found
    return documents, results


def inline(data, content_type=X12):
    items = list(translate(data, ReadingRules(), content_type=content_type))
    return items[:-1], items[-1:]


@pytest.mark.parametrize("size", [7_000, 10_000_000])
async def test_pieces_are_translated_like_the_whole(pool, tmp_path, size):
    for data, content_type in (
        (purchase_orders(sets=300), X12),
        (purchase_orders(sets=3)[:-40], X12),
        (b'{"document_type": "ship_notice"}', "application/json"),
        (b"<order/>", "application/xml"),
        (b"", "application/octet-stream"),
    ):
        body = PiecedBody(len(data), pieces(data, size))
        assert await collect(pool, body, content_type) == inline(data, content_type)
    assert list((tmp_path / "spool").iterdir()) == []


async def test_pieces_that_stop_coming_end_the_job_and_leave_the_next_alone(pool):
    data = purchase_orders(sets=300)
    with pytest.raises(PurgedError):
        await collect(pool, PiecedBody(len(data), pieces(data, 1_000, fails_at=9_000)))
    assert await collect(pool, PiecedBody(len(data), pieces(data, 1_000))) == inline(data)


@pytest.mark.parametrize("wrong", [-1, 1, 500])
async def test_a_body_of_another_length_than_said_ends_the_job(pool, wrong):
    data = purchase_orders(sets=30)
    with pytest.raises(WorkerFailed, match="another length"):
        await collect(pool, PiecedBody(len(data) + wrong, pieces(data, 1_000)))


async def test_a_worker_without_room_for_a_body_says_so(tmp_path, pool):
    (tmp_path / "spool").write_bytes(b"no folder")
    data = purchase_orders(sets=3)
    with pytest.raises(WorkerFailed, match="SpoolUnavailable"):
        await collect(pool, PiecedBody(len(data), pieces(data, 1_000)))


async def test_what_a_partner_sent_is_never_taken_for_a_job(tmp_path, pool):
    (tmp_path / "spool").write_bytes(b"no folder")
    touched = tmp_path / "touched"
    data = encode(Call(Path.touch, (touched,))) * 2_000
    with pytest.raises(WorkerFailed, match="SpoolUnavailable"):
        await collect(pool, PiecedBody(len(data), pieces(data, 10_000)))
    assert not touched.exists()
    await pool.call(Path.touch, touched)
    assert touched.exists()


def resident_bytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1_024


async def test_this_process_does_not_grow_with_what_it_hands_over(pool):
    """Blanks before ISA are a warning, and many of them a large body that is translated in no time."""
    order = purchase_orders(sets=1)
    blank = b"\n" * 1_048_576
    grown = []

    async def large():
        before = resident_bytes()
        for _ in range(64):
            grown.append(resident_bytes() - before)
            yield blank
            await asyncio.sleep(0)
        yield order

    _, (result,) = await collect(pool, PiecedBody(64 * len(blank) + len(order), large()))
    assert result.bytes_total == 64 * len(blank) + len(order)
    assert max(grown) < 24 * 1_048_576
