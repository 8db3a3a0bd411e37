"""The reference as Markdown, for the repository: `gateway schema profile --to markdown`."""

from collections.abc import Iterable

from gateway.onboarding.reference.entries import INTRODUCTION, KEYS, TITLE, Entry, Part, anchor

_HEAD = ("| key | value | default | example | meaning |", "|---|---|---|---|---|")


def as_markdown(parts: Iterable[Part]) -> str:
    """The whole reference; every key has an anchor of its own."""
    held = list(parts)
    lines = [
        f"# {TITLE}",
        "",
        "<!-- Made by `gateway schema profile --to markdown`; do not edit it. -->",
        "",
        INTRODUCTION,
        "",
        *[f"- [{part.heading}](#{anchor(part.of)})" for part in held if not part.same_as],
    ]
    for part in held:
        lines += ["", f'<a id="{anchor(part.of)}"></a>', "", f"## {part.heading}", "", part.meaning]
        if part.same_as:
            lines += ["", f"The keys are those of [{part.same_as}](#{anchor(part.same_as)})."]
        else:
            lines += ["", *_HEAD, *[_row(entry) for entry in part.entries]]
    return "\n".join(lines) + "\n"


def _row(entry: Entry) -> str:
    name = f'<a id="{anchor(entry.path)}.key"></a>`{entry.name}`' + (" (required)" if entry.required else "")
    default = _code(entry.default) if entry.default is not None else ""
    return f"| {name} | {_value(entry)} | {default} | {_code(entry.example)} | {_cell(entry.meaning)} |"


def _value(entry: Entry) -> str:
    if not entry.allowed:
        return entry.type.replace(KEYS, f"[{KEYS}](#{anchor(entry.part)})") if entry.part else _cell(entry.type)
    return _cell(f"{entry.type}: " + ", ".join(f"`{word}`" for word in entry.allowed))


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{_cell(text)}{fence}" if text else ""


def _cell(text: str) -> str:
    # A bar would end the cell, inside of code, too.
    return text.replace("|", "\\|")
