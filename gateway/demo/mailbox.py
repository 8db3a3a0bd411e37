"""A supplier who comes by SFTP: it fetches an order from its mailbox, drops its answer, and reads what was wrong."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncssh

from gateway.demo.claims import NotSo, expect
from gateway.demo.orders import Ordered, Orders
from gateway.demo.premises import DELTA, LOOPBACK, SFTP_USER, sample
from gateway.demo.stage import POLL_S, SETTLED_WITHIN_S, Caller

NUMBER = "4500012420"
ACKNOWLEDGMENT = "DC-3301"
RESPONSE, BROKEN = "response-4500012420.edi", "response-4500012421.edi"
_REPORT = f"errors/{BROKEN}.report.txt"


@dataclass(slots=True)
class Mailbox:
    """What Delta's SFTP client does.

    Args:
        caller: asks the gateway.
        orders: what the ERP orders.
    """

    caller: Caller
    orders: Orders
    _order: Ordered | None = None

    async def ordered(self) -> str:
        """The order lies in outbox/, under a name that tells its number."""
        self._order = order = await self.orders.hand_over("castings-order.json", NUMBER, DELTA)
        async with self._logged_in() as client:
            names = await self._listed(client, "outbox", 1)
        expect(NUMBER in names[0] and order.delivery_id in names[0], f"outbox/ holds {names}")
        return f"nothing is sent: `ls outbox` shows {names[0]}"

    async def fetched(self) -> str:
        """Reading the whole file is what delivers it; then it lies in the archive."""
        if self._order is None:
            raise NotSo("the order is not in the mailbox")
        async with self._logged_in() as client:
            (name,) = await self._listed(client, "outbox", 1)
            content = await _read(client, f"outbox/{name}")
            archived = await self._listed(client, "outbox/archive", 1)
            left = await _names(client, "outbox")
        segments = content.split(b"~")
        expect(any(one.strip().startswith(b"BEG*00*SA*4500012420*") for one in segments), "it is not the order")
        expect(archived == [name] and left == ["archive"], f"outbox/ holds {left}, its archive {archived}")
        view = await self.caller.on_operator_port(f"/messages/{self._order.delivery_id}")
        expect(view["status"] == "delivered", f"for us it is {view['status']}")
        return f"850 of {len(content)} bytes, read to its end: delivered, and in outbox/archive/ from now on"

    async def answered(self) -> tuple[str, str]:
        """An upload under a temporary name is not looked at; renamed, it is taken once. Its id, and what was seen."""
        async with self._logged_in() as client:
            await _write(client, f"inbox/{RESPONSE}.part", sample("castings-response.edi"))
            early = await self._received()
            expect(not early, "a file under a temporary name was taken")
            await client.rename(f"inbox/{RESPONSE}.part", f"inbox/{RESPONSE}")
            message_id = await self._came(1)
            await _write(client, f"inbox/{RESPONSE}", sample("castings-response.edi"))
            expect(len(await self._received()) == 1, "the same file again was taken for another one")
        return message_id, f"kept as {message_id} before the rename was answered; the same file again changes nothing"

    async def broken(self) -> tuple[str, str]:
        """A file that cannot be accepted comes back with a report that people can read. Its id, and what was seen."""
        async with self._logged_in() as client:
            await _write(client, f"inbox/{BROKEN}", sample("castings-response-broken.edi"))
            message_id = await self._came(2)
            await self._listed(client, "errors", 2)
            report = (await _read(client, _REPORT)).decode()
            returned = await _read(client, f"errors/{BROKEN}")
        expect(returned == sample("castings-response-broken.edi"), "what came back is not what was sent")
        expect("BAK02" in report and message_id in report, f"the report says: {report[:200]}")
        return message_id, f"{_REPORT}: {next(line.strip() for line in report.splitlines() if 'BAK02' in line)}"

    async def acknowledged(self) -> str:
        """The 997s that both files earned."""
        async with self._logged_in() as client:
            names = await self._listed(client, "acknowledgments", 2)
            texts = [await _read(client, f"acknowledgments/{name}") for name in names]
        verdicts = sorted(segment[:5] for text in texts for segment in text.split(b"~") if segment.startswith(b"AK9*"))
        expect(verdicts == [b"AK9*A", b"AK9*R"], f"the 997s say {verdicts}")
        return f"{' and '.join(names)}: one accepts, one rejects"

    @asynccontextmanager
    async def _logged_in(self) -> AsyncIterator[asyncssh.SFTPClient]:
        stage = self.caller.stage
        hosts = [asyncssh.import_public_key(line) for line in stage.sftp_host_keys]
        async with (
            asyncssh.connect(
                LOOPBACK,
                stage.sftp_port,
                username=SFTP_USER,
                client_keys=[asyncssh.import_private_key(stage.premises.delta_key)],
                known_hosts=(hosts, [], []),
                config=None,
                agent_path=None,
            ) as connection,
            connection.start_sftp_client() as client,
        ):
            yield client

    async def _listed(self, client: asyncssh.SFTPClient, folder: str, count: int) -> list[str]:
        """The files of a folder, once there are as many."""
        end = asyncio.get_running_loop().time() + SETTLED_WITHIN_S
        while True:
            names = [name for name in await _names(client, folder) if name != "archive"]
            if len(names) >= count:
                return names
            expect(asyncio.get_running_loop().time() < end, f"{folder}/ holds {names or 'nothing'}")
            await asyncio.sleep(POLL_S)

    async def _came(self, count: int) -> str:
        """The newest message of Delta's, when that many are there."""
        found = await self._received()
        expect(len(found) == count, f"{len(found)} messages of {DELTA} came")
        return str(max(row["id"] for row in found))

    async def _received(self) -> Collection[Any]:
        listed = await self.caller.on_operator_port(f"/messages?direction=in&partner={DELTA}&limit=100")
        received: Collection[Any] = listed["messages"]
        return received


async def _names(client: asyncssh.SFTPClient, folder: str) -> list[str]:
    return sorted(str(name) for name in await client.listdir(folder) if name not in {".", ".."})


async def _read(client: asyncssh.SFTPClient, path: str) -> bytes:
    async with client.open(path, "rb") as file:
        content = await file.read()
    return content if isinstance(content, bytes) else content.encode()


async def _write(client: asyncssh.SFTPClient, path: str, content: bytes) -> None:
    async with client.open(path, "wb") as file:
        await file.write(content)
