import asyncio

import pytest

from tests.edge.house import ACME_KEY
from tests.services.chromium import Tab, find_or_install_chromium, tab_of

STORED = "JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage), document.cookie])"


@pytest.fixture(scope="module")
def chromium() -> str:
    return find_or_install_chromium()


async def type_into(tab: Tab, selector: str, text: str) -> None:
    """As a person does: focus, then keys."""
    assert await tab.value_of(
        f"(document.querySelector({selector!r}).focus(), document.activeElement.matches({selector!r}))"
    )
    await tab.call("Input.insertText", text=text)


async def answer_of(tab: Tab, call: str) -> tuple[str, str]:
    """Status line and body, once they are there."""
    async with asyncio.timeout(20):
        while await tab.value_of(f"document.querySelector('#{call} .outcome').hidden"):
            await asyncio.sleep(0.02)
    part = f"document.querySelector('#{call} .outcome [data-%s]').textContent"
    return await tab.value_of(part % "line"), await tab.value_of(part % "answer")


async def test_calls_are_found_tried_and_answered(house, chromium):
    async with tab_of(chromium) as tab:
        await tab.open(f"{house.url}/v1/reference")
        assert await tab.value_of("document.documentElement.scrollWidth <= window.innerWidth")

        # The slash leads to the search, which leaves what was asked for.
        await tab.call("Input.dispatchKeyEvent", type="keyDown", key="/", text="/")
        assert await tab.value_of("document.activeElement.id") == "find"
        await tab.call("Input.insertText", text="in any syntax post")
        assert await tab.value_of("document.getElementById('found').textContent") == "1 call"
        shown = "[...document.querySelectorAll('.call')].filter((one) => !one.hidden).map((one) => one.id).join()"
        assert await tab.value_of(shown) == "submit_document"

        # Without a key it is refused, and the page says why.
        await tab.value_of("document.querySelector('#submit_document .try').open = true")
        await tab.value_of("document.querySelector('#submit_document .trial').requestSubmit()")
        line, told = await answer_of(tab, "submit_document")
        assert line.startswith("401 ")
        assert '"documentation": "/v1/problems/unauthenticated"' in told

        # With a key, by keyboard alone.
        await type_into(tab, "#key", ACME_KEY)
        await tab.value_of("document.querySelector('#submit_document .outcome').hidden = true")
        await tab.value_of("document.querySelector('#submit_document [data-fresh]').click()")
        await tab.value_of("document.querySelector('#submit_document-body').focus()")
        await tab.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", modifiers=2)
        line, told = await answer_of(tab, "submit_document")
        assert line.startswith("202 "), told
        assert '"status": "received"' in told
        curl = await tab.value_of("document.querySelector('#submit_document [data-curl]').textContent")
        assert f"curl '{house.url}/v1/documents'" in curl
        assert '-H "Authorization: Bearer $KEY"' in curl
        assert ACME_KEY not in curl
        assert "-H 'Idempotency-Key: " in curl
        assert await tab.value_of(STORED) == '[[],[],""]'
        assert tab.faults == [fault for fault in tab.faults if "401" in fault]
        assert all(request.startswith(house.url) for request in tab.requests), tab.requests


async def test_what_an_answer_holds_is_shown_and_never_run(house, chromium):
    async with tab_of(chromium) as tab:
        await tab.open(f"{house.url}/v1/reference#get_schema")
        await tab.value_of("document.querySelector('#get_schema .try').open = true")
        hostile = "<img src=x onerror='window.caught=1'>"
        await type_into(tab, "#get_schema-name", hostile)
        await tab.value_of("document.querySelector('#get_schema .trial').requestSubmit()")
        line, _ = await answer_of(tab, "get_schema")
        assert line.startswith("404 ")
        assert await tab.value_of("document.querySelector('#get_schema [data-curl]').textContent.includes('%3Cimg')")
        # Script that got into the page all the same is not let run.
        await tab.value_of("document.body.insertAdjacentHTML('beforeend', `<img src=/x onerror='window.caught=1'>`)")
        await tab.value_of("new Promise((done) => setTimeout(done, 100))")
        assert await tab.value_of("window.caught") is None


async def test_the_page_can_be_dark(house, chromium):
    background = "getComputedStyle(document.body).backgroundColor"
    async with tab_of(chromium) as tab:
        await tab.open(f"{house.url}/v1/reference")
        light = await tab.value_of(background)
        await tab.value_of("document.getElementById('theme').click()")
        dark = await tab.value_of(background)
        assert light != dark
        await tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        await tab.open(f"{house.url}/v1/reference")
        assert await tab.value_of(background) == dark
