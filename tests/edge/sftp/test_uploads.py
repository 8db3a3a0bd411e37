"""Uploads: accepted exactly once, when they are complete."""

import os

from tests.edge.sftp.mailboxes import Taken, open_office

LARGE = os.urandom(3_000_000)


async def test_a_small_file_is_taken_once_it_is_closed(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        async with client.open(b"/inbox/order.edi", "wb") as file:
            await file.write(b"ISA*")
            assert await office.taken() == []
            assert (await client.stat(b"/inbox/order.edi")).size == 4
            await file.write(b"00~")
        assert await office.taken() == [Taken("order.edi", b"ISA*00~", "received")]
        assert (await client.stat(b"/inbox/order.edi")).size == 7
        assert office.parts() == []


async def test_a_large_file_is_taken(tmp_path):
    async with open_office(tmp_path) as office, office.session() as client:
        async with client.open(b"/inbox/large.edi", "wb") as file:
            await file.write(LARGE)
        (taken,) = await office.taken()
        assert taken.payload == LARGE
        await office.mailboxes.settled()
        assert office.parts() == []
