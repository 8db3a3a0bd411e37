"""Chromium: prints guides and runs their script; spoken to as its own tools do (DevTools protocol)."""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from gateway.onboarding.guide.printing import CannotPrint, find_browser
from tests.services.install import ServiceUnavailable, apt_install, can_install

SECONDS_MAX = 60


def find_or_install_chromium() -> str:
    """Where the browser is that guides are printed with.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    with suppress(CannotPrint):
        return find_browser()
    if can_install():
        apt_install("chromium")
        apt_install("fonts-dejavu-core")  # without any font it prints nothing
    try:
        return find_browser()
    except CannotPrint as missing:
        raise ServiceUnavailable(f"{missing} (apt-get as root could not bring it here)") from None


def find_or_install_pdftotext() -> str:
    """Where the program is that reads the text of a PDF.

    Raises:
        ServiceUnavailable: neither there nor to be installed.
    """
    if shutil.which("pdftotext") is None and can_install():
        apt_install("poppler-utils")
    found = shutil.which("pdftotext")
    if found is None:
        raise ServiceUnavailable(
            "pdftotext is not installed here, and apt-get as root cannot bring it: install poppler"
        )
    return found


class Tab:
    """One page of a running browser.

    Attributes:
        requests: the address of everything it asked for.
        faults: what its console and its script complained of.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._loaded = False
        self.requests: list[str] = []
        self.faults: list[str] = []

    async def open(self, address: str) -> None:
        """Go there and wait until everything is loaded."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        self._loaded = False
        await self.call("Page.navigate", url=address)
        while not self._loaded:
            self._note(await self._receive())

    async def value_of(self, expression: str) -> Any:
        """What an expression is worth in the page."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def call(self, method: str, **parameters: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._receive()
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message)

    async def _receive(self) -> Any:
        return await asyncio.wait_for(self._socket.receive_json(), SECONDS_MAX)

    def _note(self, message: Any) -> None:
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            case "Runtime.exceptionThrown":
                self.faults.append(str(message["params"]["exceptionDetails"]))
            case "Log.entryAdded":
                self.faults.append(message["params"]["entry"]["text"])
            case "Runtime.consoleAPICalled" if message["params"]["type"] in {"error", "warning", "assert"}:
                self.faults.append(str(message["params"]["args"]))


@asynccontextmanager
async def tab_of(browser: str) -> AsyncIterator[Tab]:
    """A tab of a browser without a window, in a folder of its own; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gateway-chromium-", ignore_cleanup_errors=True) as folder:
        running = _started(browser, folder)
        try:
            port = await _port(Path(folder) / "profile" / "DevToolsActivePort", running)
            async with aiohttp.ClientSession() as http:
                async with http.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    (page,) = [one for one in await answer.json() if one["type"] == "page"]
                async with http.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Tab(socket)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def _started(browser: str, folder: str) -> subprocess.Popen[bytes]:
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return subprocess.Popen(
        [
            *(browser, "--headless", *sandbox, "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={folder}/profile", "--remote-debugging-port=0", "about:blank"),
        ],
        env=os.environ | {"HOME": folder},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


async def _port(file: Path, running: subprocess.Popen[bytes]) -> int:
    """The port that the browser chose; it writes it down once it listens."""
    async with asyncio.timeout(SECONDS_MAX):
        while True:
            assert running.poll() is None, "the browser ended at once"
            if (port := _written_port(file)) is not None:
                return port
            await asyncio.sleep(0.05)


def _written_port(file: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int(file.read_text().split()[0])
    return None
