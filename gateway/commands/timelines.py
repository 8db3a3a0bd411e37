"""A timeline as a picture: one line a step, with the time since the step before, down to the published event."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from gateway.commands.output import STYLES, console, size, visible
from gateway.model.delivery import FETCHED_CHANNELS

# Steps that end something, well or badly; the others are on the way.
_STEP_STYLES = {
    "received": "cyan",
    "translated": "green",
    "published": "green",
    "event-published": "green",
    "acknowledged": "green",
    "rejected": "red",
    "parked": "red",
    "duplicate": "yellow",
    "wanted": "cyan",
    "fetched": "cyan",
    "delivered": "green",
    "failed": "yellow",
    "held": "yellow",
    "set-apart": "yellow",
    "test": "cyan",
    "receipt-overdue": "yellow",
    "refused": "red",
    "given-up": "red",
    "not-sendable": "red",
}
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_DURATION_STEPS = ((60_000, 1_000, "s"), (3_600_000, 60_000, "min"), (86_400_000, 3_600_000, "h"))


def print_timeline(view: Mapping[str, Any]) -> None:
    """The way of one message, as `gateway.flow.views.message_view` describes it."""
    target = console()
    target.print(_heading(view), soft_wrap=True)
    if profile := profile_version(view):
        target.print(Text(f"  profile {profile}", style="dim"), soft_wrap=True)
    if security := in_words(_shortened(view.get("security") or {})):
        target.print(Text(f"  {security}", style="dim"), soft_wrap=True)
    for line in lines(view["timeline"]):
        target.print(line, soft_wrap=True)


def profile_version(view: Mapping[str, Any]) -> str | None:
    """The version of the partner's profile that it goes by, as `gateway partner list` and the log name it."""
    digest = view.get("profile")
    return f"version {visible(digest)[:12]}" if digest else None


def _heading(view: Mapping[str, Any]) -> Text:
    by = f" over {visible(view['channel'])}" if view["channel"] else ""
    text = Text(f"{visible(view['id'])}  {visible(view['partner'])}{by}  ", style="bold")
    text.append(visible(view["status"]), style=STYLES.get(view["status"], ""))
    if view.get("reason"):
        text.append(f"  {visible(view['reason'])}", style="not bold")
    return text


def _shortened(security: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fingerprints by their beginning: whole they stand in `messages show`."""
    return {
        name: value[:16] if isinstance(value, str) and _FINGERPRINT.fullmatch(value) else value
        for name, value in security.items()
    }


def lines(steps: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """One line a step."""
    before: datetime | None = None
    for number, step in enumerate(steps):
        at = datetime.fromisoformat(step["at"])
        since = "" if before is None else f"+{duration(int((at - before).total_seconds() * 1_000))}"
        before = at
        branch = "└" if number == len(steps) - 1 else "├" if number else "┌"
        text = Text(f"  {branch} {at:%H:%M:%S}.{at.microsecond // 1_000:03d} {since:>9}  ", style="dim")
        text.append(f"{visible(step['step']):<17}", style=f"not dim {_STEP_STYLES.get(step['step'], '')}".strip())
        text.append(detail(step), style="not dim")
        text.rstrip()
        yield text


def detail(step: Mapping[str, Any]) -> str:
    """What a step says beside its name and time, in a sentence where we know one."""
    words = _SENTENCES.get(step["step"], _others)
    return words({name: value for name, value in step.items() if name not in {"at", "step"}})


def _received(step: Mapping[str, Any]) -> str:
    return f"{size(step['bytes'])} over {visible(step['channel'])}, kept before it was answered"


def _acknowledged(step: Mapping[str, Any]) -> str:
    return f"{' and '.join(map(visible, step['kinds']))}, our interchange {step['control_number']:09d}"


def _decided(step: Mapping[str, Any]) -> str:
    counted = f"{step['documents']} document{'' if step['documents'] == 1 else 's'}, {step['accepted']} accepted"
    if step.get("interchange"):
        counted += f", our interchange {step['interchange']:09d}"
    return f"{counted}: {visible(step['reason'])}" if step.get("reason") else counted


def _event_published(step: Mapping[str, Any]) -> str:
    return visible(step["event"])


def _wanted(step: Mapping[str, Any]) -> str:
    if step.get("repeats"):
        return f"{visible(step['repeats'])} is sent again, on the word of {visible(step['actor'])}"
    by = f" {visible(step['source_id'])} of {visible(step['source'])}" if step.get("source") else ""
    return f"{size(step['bytes'])} for {visible(step['partner'])} from {visible(step['actor'])}{by}"


def _queued(step: Mapping[str, Any]) -> str:
    if step["channel"] in FETCHED_CHANNELS:
        return f"{size(step['bytes'])} for their {step['channel']}"
    return f"{size(step['bytes'])} by {visible(step['channel'])} as {visible(step['transport_id'])}"


def _reason(step: Mapping[str, Any]) -> str:
    return visible(step["reason"])


def _held(step: Mapping[str, Any]) -> str:
    return visible(step["reason"]) if set(step) == {"reason"} else _others(step)


def _set_apart(step: Mapping[str, Any]) -> str:
    number = step["interchanges"]
    what = f"{number} interchange{'' if number == 1 else 's'} of {visible(step['partner'])}"
    return f"{what} as {visible(step['as'])}: {visible(step['reason'])}"


def _test(step: Mapping[str, Any]) -> str:
    numbers = [f"{visible(number)}" for number in step.get("although_production", ())]
    but = f", although ISA15 says production in interchange {', '.join(numbers)}" if numbers else ""
    return f"{visible(step['reason'])}{but}"


def _duplicate(step: Mapping[str, Any]) -> str:
    return f"came again from {visible(step['remote'])}; got the same answer, was not processed again"


def _published(_: Mapping[str, Any]) -> str:
    return "every event is confirmed"


def _packed(step: Mapping[str, Any]) -> str:
    """What protects it; the rest stands above the timeline."""
    if step.get("waits_in"):
        return f"nothing is sent: it waits in their {visible(step['waits_in'])}"
    said = [f"signed with {visible(step['signature_digest'])}"] if step.get("signature_digest") else []
    said += [f"encrypted with {visible(step['cipher'])}"] if step.get("cipher") else []
    said += [f"compressed {visible(step['compression'])}"] if step.get("compression") not in (None, "none") else []
    return f"{', '.join(said) or 'neither signed nor encrypted'}: kept, every attempt sends the same bytes"


def _others(step: Mapping[str, Any]) -> str:
    return in_words(_shortened(step))


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "received": _received,
    "acknowledged": _acknowledged,
    "translated": _decided,
    "rejected": _decided,
    "event-published": _event_published,
    "duplicate": _duplicate,
    "wanted": _wanted,
    "queued": _queued,
    "packed": _packed,
    "not-sendable": _reason,
    "held": _held,
    "set-apart": _set_apart,
    "test": _test,
    "published": _published,
}


def in_words(values: Mapping[str, Any]) -> str:
    """Names and values in a row; what is false, empty or absent is left out, what is true is said by its name."""
    words = []
    for name, value in values.items():
        label = visible(name).replace("_", " ")
        if value is True:
            words.append(label)
        elif isinstance(value, list):
            words += [f"{label} {', '.join(visible(item) for item in value)}"] if value else []
        elif isinstance(value, Mapping):
            inner = in_words(value)
            words += [f"{label} ({inner})"] if inner else []
        elif value not in (None, "", False):
            words.append(f"{label} {visible(value)}")
    return ", ".join(words)


def duration(elapsed_ms: int) -> str:
    """A time span in the unit that suits it."""
    if elapsed_ms < 1_000:  # noqa: PLR2004  # up to a second: milliseconds
        return f"{elapsed_ms} ms"
    for below, unit_ms, unit in _DURATION_STEPS:
        if elapsed_ms < below:
            return f"{elapsed_ms / unit_ms:.1f} {unit}"
    return f"{elapsed_ms / 86_400_000:.1f} d"
