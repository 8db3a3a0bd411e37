"""The reference as one HTML page that needs nothing else and prints well: `gateway schema profile --to html`."""

import re
from collections.abc import Iterable
from html import escape
from typing import Final

from gateway.onboarding.reference.entries import INTRODUCTION, KEYS, TITLE, Entry, Part, anchor

_STYLE: Final = """\
:root { color-scheme: light dark; --line: #8885; --quiet: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 1.5rem; }
code { font: 0.9em/1.4 ui-monospace, monospace; background: var(--quiet); padding: 0 0.25em; border-radius: 3px;
  overflow-wrap: anywhere; }
nav ul { columns: 3 14rem; padding-left: 1.2rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th, td { border-top: 1px solid var(--line); padding: 0.4rem 0.6rem 0.4rem 0; text-align: left; vertical-align: top; }
th:nth-child(1) { width: 19%; } th:nth-child(2) { width: 24%; } th:nth-child(3) { width: 22%; }
tr:target { background: #fd83; }
td a:not(.part) { color: inherit; text-decoration: none; }
td a:not(.part):hover::after { content: " #"; }
h2 { margin-top: 2.2rem; border-bottom: 2px solid var(--line); }
.required { font-size: 0.8em; font-weight: bold; display: block; }
.default { display: block; }
@media print {
  :root { color-scheme: light; }
  @page { margin: 15mm; }
  body { font-size: 9pt; max-width: none; padding: 0; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
  nav { break-after: page; }
}"""


def as_page(parts: Iterable[Part], version: str) -> str:
    """The whole reference; every key has an anchor of its own, such as #as2-sending-receipt."""
    held = list(parts)
    contents = "\n".join(f'<li><a href="#{_of(part)}">{escape(part.heading)}</a></li>' for part in held)
    sections = "\n".join(_section(part) for part in held)
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(TITLE)}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<h1>{escape(TITLE)}</h1>
<p>{_prose(INTRODUCTION)}</p>
<nav aria-label="contents">
<ul>
{contents}
</ul>
</nav>
{sections}
<footer><p>partner-gateway {escape(version)}, <code>gateway schema profile --to html</code></p></footer>
</body>
</html>
"""


def _of(part: Part) -> str:
    return f"part-{anchor(part.of)}"


def _section(part: Part) -> str:
    head = f'<section id="{_of(part)}">\n<h2>{escape(part.heading)}</h2>\n<p>{_prose(part.meaning)}</p>'
    if part.same_as:
        target = f"part-{anchor(part.same_as)}"
        return f'{head}\n<p>The keys are those of <a href="#{target}">{escape(part.same_as)}</a>.</p>\n</section>'
    rows = "\n".join(_row(entry) for entry in part.entries)
    return f"""{head}
<table>
<thead><tr><th>key</th><th>value</th><th>example</th><th>meaning</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</section>"""


def _row(entry: Entry) -> str:
    at = anchor(entry.path)
    required = '<span class="required">required</span>' if entry.required else ""
    link = f'<a class="part" href="#part-{anchor(entry.part)}">{KEYS}</a>'
    kind = escape(entry.type).replace(KEYS, link) if entry.part else escape(entry.type)
    words = ": " + ", ".join(_code(word) for word in entry.allowed) if entry.allowed else ""
    default = f'<span class="default">default {_code(entry.default)}</span>' if entry.default is not None else ""
    return (
        f'<tr id="{at}"><td><a href="#{at}">{_code(entry.name)}</a>{required}</td>'
        f"<td>{kind}{words}{default}</td><td>{_code(entry.example)}</td>"
        f"<td>{_prose(entry.meaning)}</td></tr>"
    )


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>" if text else ""


def _prose(text: str) -> str:
    """Words with `code` and *emphasis* as pages have them."""
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))
