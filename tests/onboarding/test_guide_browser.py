import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.onboarding.guide.printing import BROWSER_VARIABLE, CannotPrint, find_browser, print_pdf
from gateway.onboarding.guide.rendering import guide_page
from tests.onboarding.guides import NOTICE, RESPONSE, facts, loaded, sample
from tests.services.chromium import find_or_install_chromium, find_or_install_pdftotext, tab_of
from tests.site import acknowledgment_855

HOSTILE = "<script>window.caught = 1</script>"


@pytest.fixture(scope="module")
def page() -> bytes:
    held = loaded(name=f"ACME {HOSTILE}", agreements=[RESPONSE, NOTICE])
    return guide_page(facts(held, sample(acknowledgment_855(1), title=HOSTILE))).encode()


@pytest.fixture(scope="module")
def chromium() -> str:
    return find_or_install_chromium()


def test_the_pdf_has_pages_and_text(chromium: str, page: bytes, tmp_path: Path):
    pdf = print_pdf(page, chromium)
    file = tmp_path / "guide.pdf"
    file.write_bytes(pdf)
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) > 10
    done = subprocess.run(
        [find_or_install_pdftotext(), "-layout", file, "-"], capture_output=True, text=True, check=True
    )
    pages = done.stdout.split("\f")
    assert "IMPLEMENTATION GUIDE" in pages[0]
    assert "Contents" in pages[1]
    assert "Purchase Order Acknowledgment" in done.stdout
    assert "lines[].quantity" in done.stdout
    assert re.search(rf"{len(pages) - 1} / {len(pages) - 1}", pages[-2]), "no page number on the last page"
    assert HOSTILE in done.stdout


async def test_it_runs_without_an_error_and_asks_for_nothing(chromium: str, page: bytes, tmp_path: Path):
    file = tmp_path / "guide.html"
    file.write_bytes(page)
    async with tab_of(chromium) as tab:
        await tab.open(file.as_uri())
        assert await tab.value_of("document.title") == f"Implementation guide: BigCorp Industries and ACME {HOSTILE}"
        assert await tab.value_of("window.caught") is None
        assert await tab.value_of("document.styleSheets.length") == 1
        assert await tab.value_of("document.documentElement.scrollWidth <= window.innerWidth")
        found = await tab.value_of(
            "(() => { const box = document.getElementById('find'); box.value = 'BAK03';"
            " box.dispatchEvent(new Event('input')); return document.getElementById('found').textContent; })()"
        )
        assert re.fullmatch(r"[1-9][0-9]* places?", found)
        shown = "[...document.querySelectorAll('.segment')].filter((one) => !one.hidden).length"
        assert 0 < await tab.value_of(shown) < await tab.value_of("document.querySelectorAll('.segment').length")
        target = await tab.value_of("document.querySelector('details.also .segment').id")
        opened = await tab.value_of(
            f"new Promise((done) => {{ const target = document.getElementById('{target}');"
            " addEventListener('hashchange', () => done(target.closest('details').open), {once: true});"
            f" location.hash = '#{target}'; }})"
        )
        assert opened
        assert await tab.value_of("document.getElementById('find').value") == ""
        assert tab.faults == []
        assert tab.requests == [file.as_uri()]


def test_without_a_browser_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with pytest.raises(CannotPrint, match="apt-get install chromium"):
        find_browser({"PATH": str(tmp_path)})
    with pytest.raises(CannotPrint, match="is no program here"):
        find_browser({BROWSER_VARIABLE: str(tmp_path / "none")})
    assert find_browser({BROWSER_VARIABLE: sys.executable}) == sys.executable


def program(folder: Path, text: str) -> str:
    file = folder / "browser"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return str(file)


def test_a_browser_that_makes_no_pdf_is_quoted(tmp_path: Path):
    with pytest.raises(CannotPrint, match="made no PDF and said: no such flag"):
        print_pdf(b"<p>", program(tmp_path, "echo no such flag >&2; exit 1"))
    with pytest.raises(CannotPrint, match="cannot be started"):
        print_pdf(b"<p>", str(tmp_path / "nothing"))


def is_alive(number: int) -> bool:
    """Whether a process runs: one that ended and that nobody has asked after is dead."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_browser_that_hangs_is_ended_with_all_its_helpers(tmp_path: Path):
    noted = tmp_path / "helper"
    with pytest.raises(CannotPrint, match="took longer than 1 s"):
        print_pdf(b"<p>", program(tmp_path, f"sleep 300 & echo $! > {noted}; wait"), seconds_max=1)
    deadline = time.monotonic() + 10
    while is_alive(int(noted.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_nothing_of_ours_reaches_the_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GATEWAY_KEY_PASSPHRASE", "the-secret")
    noted = tmp_path / "environment"
    with pytest.raises(CannotPrint):
        print_pdf(b"<p>", program(tmp_path, f"env > {noted}"))
    assert "the-secret" not in noted.read_text()
    home = re.search(r"^HOME=(.*)$", noted.read_text(), re.MULTILINE)
    assert home is not None
    assert not Path(home[1]).exists()
