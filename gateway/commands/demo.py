"""`gateway demo`: a whole gateway on embedded defaults, suppliers and an ERP at work, and every claim checked."""

import argparse
import asyncio
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvloop
from aiohttp import ClientSession, DummyCookieJar
from sqlalchemy import Connection

from certs.keyring import KeyRingError
from gateway.app import CannotStart, Gateway
from gateway.commands.output import say
from gateway.commands.parsing import Parser, Unusable, leaf, port
from gateway.commands.storing import now_ms
from gateway.commands.timelines import print_timeline
from gateway.demo import story
from gateway.demo.claims import Act
from gateway.demo.premises import LOOPBACK, furnish, sample
from gateway.demo.scenario import Scenario
from gateway.demo.stage import Stage
from gateway.demo.story import Line
from gateway.demo.supplier import SupplierServer, reserve
from gateway.flow import traffic
from gateway.flow.views import message_view
from gateway.settings import load_settings
from gateway.store.oversight import operators
from gateway.store.oversight.operators import Role
from gateway.telemetry import configure_logging

EDGE_PORT, OPERATOR_PORT, SFTP_PORT = 8080, 8081, 2222
SAMPLES = (
    "order-response.edi",
    "order-response-broken.edi",
    "ship-notice.edi",
    "ship-notice.json",
    "purchase-order.json",
    "rush-order.json",
    "castings-response.edi",
)
LOG_FILE = "gateway.log"
TOKEN_BYTES = 32
TOKEN_LABEL = "demo"  # noqa: S105  # the name of a token


def build(parser: Parser) -> None:
    """Add the arguments."""
    leaf(
        parser,
        _run,
        "gateway demo            # look around while it stays up; ctrl-C ends it\n"
        "gateway demo --exit     # ends by itself; exit code 0 only if everything really happened",
    )
    parser.add_argument("--exit", action="store_true", help="end after the scenario: 0 if all of it happened, else 1")
    parser.add_argument("--keep", action="store_true", help="keep the demo's folder also with --exit")
    parser.add_argument(
        "--port", type=port, metavar="N", help=f"for partners (default: {EDGE_PORT} if it is free, else a free one)"
    )
    parser.add_argument(
        "--operator-port",
        type=port,
        metavar="N",
        help=f"for operators (default: {OPERATOR_PORT} if it is free, else a free one)",
    )
    parser.add_argument(
        "--sftp-port",
        type=port,
        metavar="N",
        help=f"for mailboxes (default: {SFTP_PORT} if it is free, else a free one)",
    )


def _run(called: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="partner-gateway-demo-"))
    keep = called.keep or not called.exit
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_demo(called, folder))
    except (CannotStart, KeyRingError) as error:
        keep = called.keep
        raise Unusable(str(error)) from error
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    if keep:
        say(f"everything stays in {folder}; remove it when you are done", style="dim")
    return code


async def _demo(called: argparse.Namespace, folder: Path) -> int:
    acme_port, harbor_port = reserve(), reserve()
    premises = furnish(
        folder,
        edge_port=_port(called.port, EDGE_PORT),
        operator_port=_port(called.operator_port, OPERATOR_PORT),
        sftp_port=_port(called.sftp_port, SFTP_PORT),
        acme_port=acme_port.getsockname()[1],
        harbor_port=harbor_port.getsockname()[1],
        now=datetime.now(UTC),
    )
    _lay_out_samples(folder)
    acme = SupplierServer(premises.acme, premises.ours, acme_port)
    harbor = SupplierServer(premises.harbor, premises.ours, harbor_port)
    # The demo says on the screen what happens; the log is for whoever wants to know more.
    with (folder / LOG_FILE).open("w") as log:
        configure_logging("info", "json", log)
        gateway = Gateway(load_settings(premises.config, {}).settings)
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        try:
            await gateway.start()
            await acme.open()
            stage = Stage(
                edge_url=f"http://{LOOPBACK}:{gateway.edge_port}",
                operator_url=f"http://{LOOPBACK}:{gateway.operator_port}",
                operator_token=await _new_token(gateway),
                sftp_port=gateway.sftp_port or 0,
                sftp_host_keys=tuple(key.public_key for key in await gateway.ssh_keys.host_keys()),
                premises=premises,
                acme=acme,
                harbor=harbor,
            )
            acts = await _play(gateway, stage, ended, stays=not called.exit)
            if not called.exit:
                await ended.wait()
        finally:
            await gateway.stop()
            await asyncio.gather(acme.close(), harbor.close())
    return 0 if acts and all(act.held for act in acts) else 1


async def _play(gateway: Gateway, stage: Stage, ended: asyncio.Event, *, stays: bool) -> list[Act]:
    _print(story.opening(stage))
    acts: list[Act] = []
    # Cookies have no place here, and a proxy of the machine must not come between.
    async with ClientSession(cookie_jar=DummyCookieJar(), trust_env=False) as client:
        scenario = Scenario(stage, client)
        async for act in scenario.play():
            acts.append(act)
            _print(story.told(len(acts), act))
            if ended.is_set():
                return acts
    for order in scenario.orders.ordered:
        _print(story.outgoing(order))
        delivery = await gateway.database.read(partial(traffic.view, item_id=order.delivery_id))
        if delivery is not None:
            print_timeline(delivery)
    for sent in scenario.sent:
        _print(story.heading(sent))
        view = await gateway.database.read(partial(message_view, message_id=sent.message_id))
        if view is not None:
            print_timeline(view)
            _print(story.contents(view))
    _print(story.verdict(acts))
    if stays:
        _print(story.what_next(stage, scenario.sent, scenario.orders.ordered))
    return acts


async def _new_token(gateway: Gateway) -> str:
    """A token with every right; it lives as long as the demo's store."""
    token = secrets.token_urlsafe(TOKEN_BYTES)

    def add(connection: Connection) -> None:
        operators.add(connection, operators.token_sha256(token), TOKEN_LABEL, Role.ADMIN, now_ms())

    await gateway.database.write(add)
    return token


def _print(lines: Iterable[Line]) -> None:
    for line in lines:
        say(line.text, style=line.style)


def _lay_out_samples(folder: Path) -> None:
    samples = folder / "samples"
    samples.mkdir()
    for name in SAMPLES:
        (samples / name).write_bytes(sample(name))


def _port(asked: int | None, usual: int) -> int:
    """The port asked for; else the usual one where nobody listens, else (and for 0) any that is free."""
    if asked:
        return asked
    for candidate in (usual, 0) if asked is None else (0,):
        with socket.socket() as trial:
            # As the server does: a port whose last connections still linger is free.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((LOOPBACK, candidate))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    return 0
