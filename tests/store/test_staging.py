"""Large bodies go in before their message: unseen until it is there, gone if it never comes."""

import random
from functools import partial

import pytest

from gateway.buffers import WINDOW_BYTES
from gateway.spool import SpoolFolder
from gateway.store import claims, messages
from gateway.store.messages import TransportIdReused, staging
from gateway.store.messages.staging import LEASE_MS, PIECE_BYTES, Piece, StagingLost, pieces_of, restored
from gateway.store.oversight import timeline
from tests.store.stock import message_id, new_message

OWNER = "reception:1"
SIZES = [0, 1, WINDOW_BYTES, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES + 7]
NOISE = random.Random(1).randbytes(2 * PIECE_BYTES + 7)
TEXT = b"PO1*1*10*EA*12.5~" * 200_000


def stage(stock, number, pieces, *, begins=True, owner=OWNER, now_ms=0):
    stock.do(partial(staging.stage, begins=begins), owner, message_id(number), pieces, now_ms)


@pytest.mark.parametrize("data", [NOISE, TEXT], ids=["noise", "text"])
@pytest.mark.parametrize("size", SIZES)
def test_pieces_give_back_what_they_were_made_of(tmp_path, data, size):
    spool = SpoolFolder(tmp_path).new()
    spool.write(data[:size])
    for buffers in ((data[:size],), (spool.view(),), (data[: size // 3], b"", spool.view()[size // 3 :])):
        pieces = list(pieces_of("payload", buffers))
        assert b"".join(restored(piece.part, piece.data) for piece in pieces) == data[:size]
        assert [piece.number for piece in pieces] == list(range(len(pieces)))
        assert all(len(restored(piece.part, piece.data)) == PIECE_BYTES for piece in pieces[:-1])


def test_what_deflates_well_is_kept_small_and_noise_as_it_is():
    assert {piece.part for piece in pieces_of("payload", (TEXT,))} == {"payload+zlib"}
    assert sum(len(piece.data) for piece in pieces_of("payload", (TEXT,))) < len(TEXT) / 10
    assert {piece.part for piece in pieces_of("wire", (b"From: header", NOISE))} == {"wire"}


@pytest.mark.parametrize("payload", [NOISE, TEXT], ids=["noise", "text"])
def test_a_staged_message_reads_like_any_other(stock, payload):
    pieces = [*pieces_of("payload", (payload,)), *pieces_of("wire", (b"head\r\n", payload[::-1]))]
    stage(stock, 1, pieces[:2])
    stage(stock, 1, pieces[2:], begins=False)
    assert stock.see(messages.get, message_id(1)) is None
    assert stock.claim_messages("one") == []
    stock.accept(1, payload=payload, wire=(b"ignored",), staged_by=OWNER)
    assert stock.see(messages.body, message_id(1), "payload") == payload
    assert stock.see(messages.body, message_id(1), "wire") == b"head\r\n" + payload[::-1]
    assert stock.see(messages.payloads, [message_id(1)]) == {message_id(1): payload}
    number, read = 0, b""
    while piece := stock.see(messages.piece, message_id(1), "payload", number):
        number, read = number + 1, read + piece
    assert read == payload
    assert stock.do(staging.sweep, 10 * LEASE_MS) == 0
    assert stock.see(messages.body, message_id(1), "payload") == payload


def test_a_step_that_is_run_twice_is_there_once(stock):
    pieces = list(pieces_of("payload", (NOISE,)))
    for _ in range(2):
        stage(stock, 1, pieces[:1])
    for _ in range(2):
        stage(stock, 1, pieces[1:], begins=False)
    stock.accept(1, payload=NOISE, staged_by=OWNER)
    assert stock.see(messages.body, message_id(1), "payload") == NOISE


def test_without_its_pieces_a_message_is_not_accepted(stock):
    with pytest.raises(StagingLost):
        stock.accept(1, payload=NOISE, staged_by=OWNER)
    assert stock.see(messages.get, message_id(1)) is None
    assert not stock.see(messages.is_known, "acme", "rest", "t-1")


def test_pieces_whose_claim_ran_out_are_swept_and_no_more_of_them_come(stock):
    stage(stock, 1, [Piece("payload", 0, b"a")], now_ms=0)
    stage(stock, 2, [Piece("payload", 0, b"b")], now_ms=LEASE_MS)
    assert stock.do(staging.sweep, LEASE_MS) == 0
    assert stock.do(staging.sweep, LEASE_MS + 1) == 1
    assert stock.see(messages.body, message_id(1), "payload") is None
    with pytest.raises(StagingLost):
        stage(stock, 1, [Piece("payload", 1, b"c")], begins=False, now_ms=LEASE_MS + 2)
    with pytest.raises(StagingLost):
        stock.accept(1, payload=b"ac", staged_by=OWNER)
    stock.accept(2, payload=b"b", staged_by=OWNER)
    assert stock.see(messages.body, message_id(2), "payload") == b"b"


def test_each_step_lengthens_the_claim(stock):
    stage(stock, 1, [Piece("payload", 0, b"a")], now_ms=0)
    stage(stock, 1, [Piece("payload", 1, b"b")], begins=False, now_ms=LEASE_MS - 1)
    assert stock.do(staging.sweep, LEASE_MS + 1) == 0


def test_a_duplicate_takes_its_pieces_with_it(stock):
    stock.accept(1, transport_id="t")
    stage(stock, 2, [Piece("payload", 0, b"a")])
    assert stock.accept(2, transport_id="t", payload=b"a", staged_by=OWNER).message_id == message_id(1)
    assert stock.see(messages.body, message_id(2), "payload") is None
    assert stock.do(staging.sweep, None) == 0
    assert [step.step for step in stock.see(timeline.of_message, message_id(1))] == ["duplicate"]


def test_pieces_of_an_id_that_was_used_for_other_content_are_discarded(stock):
    stock.accept(1, transport_id="t")
    stage(stock, 2, [Piece("payload", 0, b"a")])
    with pytest.raises(TransportIdReused):
        stock.accept(2, transport_id="t", payload=b"a", sha256="other", staged_by=OWNER)
    stock.do(staging.discard, "somebody else", message_id(2))
    assert stock.see(messages.body, message_id(2), "payload") == b"a"
    stock.do(staging.discard, OWNER, message_id(2))
    assert stock.see(messages.body, message_id(2), "payload") is None


def test_the_only_process_sweeps_everything_at_its_start_and_keeps_what_is_accepted(stock):
    stage(stock, 1, [Piece("payload", 0, b"a")], now_ms=10**15)
    stock.accept(2, payload=b"kept")
    stock.do(messages.release_claims, None, 5)
    assert stock.see(messages.body, message_id(1), "payload") is None
    assert stock.see(messages.body, message_id(2), "payload") == b"kept"


def test_the_end_of_a_process_leaves_claims_of_pieces_alone(stock):
    stage(stock, 1, [Piece("payload", 0, b"a")])
    stock.do(claims.drop, OWNER)
    stock.accept(1, payload=b"a", staged_by=OWNER)


async def test_messages_go_between_the_steps_of_a_large_one(writer):
    pieces = list(pieces_of("payload", (NOISE,)))
    id_ = message_id(1)
    for number, piece in enumerate(pieces):
        unit = partial(staging.stage, owner=OWNER, message_id=id_, pieces=[piece], now_ms=1, begins=number == 0)
        step = writer.submit(unit, durable=False)
        other = writer.submit(partial(messages.accept, new=new_message(10 + number)))
        await step
        assert not (await other).duplicate
    new = new_message(1, payload=NOISE, staged_by=OWNER)
    assert not (await writer.write(partial(messages.accept, new=new))).duplicate
    assert await writer.read(partial(messages.body, message_id=id_, part="payload")) == NOISE
