"""A page as PDF, printed by a browser that runs without a window, without the network and in a folder of its own."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
BROWSER_VARIABLE: Final = "CHROME"
SECONDS_MAX: Final = 120
_SAID_CHARACTERS_MAX: Final = 600
_MARK: Final = b"%PDF-"
_KEPT_VARIABLES: Final = ("PATH", "LANG", "LC_ALL", "FONTCONFIG_PATH", "FONTCONFIG_FILE", "LD_LIBRARY_PATH")
_FLAGS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",  # containers have little of it
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page of ours asks for nothing; nor may the browser
)


class CannotPrint(Exception):  # noqa: N818  # told to the caller
    """There is no browser, or it made no PDF; the text says why and what to do next."""


def find_browser(environment: Mapping[str, str] = os.environ) -> str:
    """The browser that prints: the one in the variable CHROME, else the first of those known by name.

    Raises:
        CannotPrint: there is none.
    """
    named = environment.get(BROWSER_VARIABLE)
    if named:
        found = shutil.which(named)
        if found is None:
            raise CannotPrint(
                f"{BROWSER_VARIABLE} names {named!r}, which is no program here; name a Chromium or Chrome"
            )
        return found
    for name in BROWSERS:
        found = shutil.which(name, path=environment.get("PATH"))
        if found is not None:
            return found
    raise CannotPrint(
        "a PDF is printed by Chromium or Chrome, and neither is here: install one (Debian: apt-get install chromium), "
        f"or name it in the variable {BROWSER_VARIABLE}; or open the HTML page in any browser and print it"
    )


def print_pdf(page: bytes, browser: str, seconds_max: float = SECONDS_MAX) -> bytes:
    """The page as PDF.

    Raises:
        CannotPrint: the browser ended without one, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="partner-guide-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        source, target = folder / "guide.html", folder / "guide.pdf"
        source.write_bytes(page)
        call = [browser, *_FLAGS, f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={target}", source.as_uri()]
        if os.geteuid() == 0:
            call.insert(1, "--no-sandbox")  # its sandbox refuses root; the page is ours
        said = _run(call, folder, seconds_max)
        with suppress(OSError):
            printed = target.read_bytes()
            if printed.startswith(_MARK):
                return printed
    raise CannotPrint(f"{browser} made no PDF{said}; open the HTML page in a browser and print it there")


def _run(call: list[str], folder: Path, seconds_max: float) -> str:
    """Run the browser to its end, or end it with all its helpers; returns what it said, for an error."""
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    # What a browser keeps for its user (settings, caches, crash reports) goes with the folder.
    environment |= {"HOME": str(folder), "TMPDIR": str(folder)}
    log = folder / "said.txt"
    with log.open("wb") as said:
        try:
            running = subprocess.Popen(  # noqa: S603  # the operator's own browser
                call,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotPrint(f"{call[0]} cannot be started: {error.strerror}") from None
        try:
            running.wait(seconds_max)
        except subprocess.TimeoutExpired:
            raise CannotPrint(f"{call[0]} took longer than {seconds_max:g} s; try again, or print the page") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    words = log.read_bytes()[-_SAID_CHARACTERS_MAX:].decode("utf-8", "replace").strip()
    return f" and said: {words}" if words else ""
