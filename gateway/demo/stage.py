"""Where the play is played: the gateway's ports, the suppliers' own servers, and how everybody speaks HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import ClientSession, ClientTimeout

from gateway.demo.claims import expect
from gateway.demo.premises import Premises
from gateway.demo.supplier import SupplierServer

ANSWER_TIMEOUT_S = 10.0
SETTLED_WITHIN_S = 20.0
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the players find the gateway, what lets them in, and where the gateway finds suppliers.

    Attributes:
        sftp_port: where mailboxes are, on the loopback address.
        sftp_host_keys: how the mailboxes' server proves that it is the gateway's, in OpenSSH's format.
        acme: its AS2 server, which is up.
        harbor: its AS2 server, which is down when the play begins.
    """

    edge_url: str
    operator_url: str
    operator_token: str
    sftp_port: int
    sftp_host_keys: tuple[str, ...]
    premises: Premises
    acme: SupplierServer
    harbor: SupplierServer


@dataclass(frozen=True, slots=True)
class Caller:
    """Asks the gateway, as partners, operators and the ERP do."""

    stage: Stage
    client: ClientSession

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of an answer."""
        timeout = ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with self.client.request(method, url, data=body, headers=headers, timeout=timeout) as answer:
            return answer.status, await answer.read(), answer.headers

    async def on_operator_port(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        status: int = 200,
    ) -> Mapping[str, Any]:
        """What the operator port says: to a GET, or to a POST where there is a body.

        Raises:
            NotSo: it answers with another status.
        """
        url = f"{self.stage.operator_url}{path}"
        fields = {**(headers or {}), "Authorization": f"Bearer {self.stage.operator_token}"}
        answered, said, _ = await self.ask("GET" if body is None else "POST", url, fields, body)
        expect(answered == status, f"{url} answered {answered}: {shortened(said)}")
        read: Mapping[str, Any] = orjson.loads(said)
        return read


def shortened(answered: bytes) -> str:
    """The beginning of an answer, for people."""
    return answered[:200].decode("utf-8", "replace")
