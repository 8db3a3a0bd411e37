"""Structured logs and metrics. A log line holds ids, states and sizes; never payload, credentials or keys."""

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

import orjson

CAUSES_MAX = 8
PLACES_MAX = 8
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what the caller gave as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1] is not None:
            entry["exception"] = told(record.exc_info[1])
        # What the caller gave never takes the place of what the line says of itself.
        entry = {name: value for name, value in vars(record).items() if name not in _STANDARD} | entry
        try:
            return orjson.dumps(entry, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        except TypeError:
            # Half a surrogate pair, or an integer beyond 64 bits: slower, but the line is not lost.
            return json.dumps({name: str(value) for name, value in entry.items()})


class TextFormatter(logging.Formatter):
    """A line for people: time, level, message, then `name=value` pairs."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        extra = " ".join(f"{name}={_plain(value)}" for name, value in vars(record).items() if name not in _STANDARD)
        line = f"{time} {record.levelname.lower():<7} {record.getMessage()}"
        if extra:
            line += f"  {extra}"
        if record.exc_info and record.exc_info[1] is not None:
            line += "\n" + told(record.exc_info[1])
        return line


def told(error: BaseException) -> str:
    """An exception by its types and places, the first cause first.

    Its text is left out, as it may quote what a partner sent (``invalid literal for int(): ...``); that of the system,
    which quotes paths, is not.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and len(chain) < CAUSES_MAX:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return "\nthen:\n".join(map(_one, reversed(chain)))


def places(error: BaseException) -> str:
    """Where it happened, the innermost place last, without the exception's text."""
    return "".join(traceback.format_tb(error.__traceback__)[-PLACES_MAX:])


def _one(error: BaseException) -> str:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    text = f": {_plain(error)}" if isinstance(error, OSError) else ""
    return places(error) + name + text


def _plain(value: object) -> str:
    """What a partner named must not look like a further line."""
    text = str(value)
    return text if text.isprintable() else ascii(text)


def configure_logging(level: str, line_format: str, stream: TextIO | None = None) -> None:
    """Send every log line to one stream in one form.

    Args:
        level: debug, info, warning or error.
        line_format: json or text.
        stream: where to; standard error by default.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if line_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Libraries that log each request or frame drown what matters, and aiohttp's access log holds query strings.
    for name in ("aiohttp.access", "aio_pika", "aiormq", "alembic", "asyncio", "asyncssh"):
        logging.getLogger(name).setLevel(logging.WARNING)


class Counter:
    """A number that only grows, split by label values."""

    def __init__(self, name: str, text: str, labels: tuple[str, ...] = ()) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self.values: dict[tuple[str, ...], float] = {}

    def add(self, *label_values: str, amount: float = 1) -> None:
        """Count."""
        self.values[label_values] = self.values.get(label_values, 0) + amount


# A delivery takes milliseconds, or hours where the receipt comes by itself or the other side is down.
DELIVERY_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0, 28_800.0, 86_400.0)
LATENCY_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Histogram:
    """How long something took, in seconds, in the buckets that Prometheus reads."""

    def __init__(self, name: str, text: str, label: str, bounds: tuple[float, ...] = LATENCY_BOUNDS_S) -> None:
        self.name = name
        self.text = text
        self.label = label
        self.bounds = bounds
        self.counts: dict[str, list[int]] = {}
        self.sums: dict[str, float] = {}

    def observe(self, label_value: str, seconds: float) -> None:
        """Count one observation."""
        counts = self.counts.setdefault(label_value, [0] * (len(self.bounds) + 1))
        self.sums[label_value] = self.sums.get(label_value, 0.0) + seconds
        for index, bound in enumerate(self.bounds):
            if seconds <= bound:
                counts[index] += 1
                return
        counts[-1] += 1


class Metrics:
    """Every metric of one process; written in the Prometheus text format by `expose`."""

    def __init__(self) -> None:
        self.accepted = Counter("gateway_messages_accepted_total", "Messages kept and acknowledged.", ("channel",))
        self.duplicates = Counter("gateway_messages_duplicate_total", "Duplicates recognised.", ("channel",))
        self.refused = Counter("gateway_refusals_total", "Requests refused at an edge.", ("channel", "reason"))
        self.admitted = Counter("gateway_calls_admitted_total", "Calls let in by a partner's limits.", ("kind",))
        self.throttled = Counter(
            "gateway_calls_throttled_total", "Calls refused by a limit of the partner.", ("kind", "limit")
        )
        self.decided = Counter("gateway_messages_decided_total", "Messages by outcome.", ("outcome",))
        self.documents = Counter("gateway_documents_total", "Documents translated.", ("document_type", "status"))
        self.published = Counter("gateway_events_published_total", "Events confirmed by the broker.")
        self.publish_failures = Counter("gateway_event_publish_failures_total", "Publishes to try again.", ("cause",))
        self.profile_problems = Counter("gateway_profile_problems_total", "Problems found when profiles were read.")
        self.answer_seconds = Histogram("gateway_answer_seconds", "From the first byte to the answer.", "channel")
        self.lag_seconds = Histogram("gateway_publish_lag_seconds", "From receipt to the broker's confirm.", "event")
        self.outbound = Counter("gateway_outbound_total", "What was to be sent, by outcome.", ("kind", "outcome"))
        self.delivery_attempts = Counter("gateway_delivery_attempts_total", "Attempts to deliver.", ("channel",))
        self.delivery_failures = Counter("gateway_delivery_failures_total", "Attempts that failed.", ("reason",))
        self.deliveries_settled = Counter("gateway_deliveries_settled_total", "Ends of attempts.", ("channel", "state"))
        self.delivery_seconds = Histogram(
            "gateway_delivery_seconds", "From enqueued until proven delivered.", "channel", DELIVERY_BOUNDS_S
        )
        self.webhook_calls = Counter(
            "gateway_webhook_calls_total", "Calls to webhooks, by how they ended.", ("outcome",)
        )
        self.sftp_looks = Counter("gateway_sftp_looks_total", "Looks into folders of partners' servers.", ("outcome",))
        self.sftp_fetches = Counter("gateway_sftp_fetches_total", "Files that were to be fetched there.", ("outcome",))
        self.sftp_files = Counter("gateway_sftp_files_total", "Files in mailboxes, by outcome.", ("outcome",))
        self.sftp_bytes = Counter("gateway_sftp_bytes_total", "Bytes of whole files in mailboxes.", ("direction",))
        self.sftp_logins = Counter("gateway_sftp_logins_total", "Logins at the SFTP port, by outcome.", ("outcome",))
        self.sftp_bans = Counter("gateway_sftp_bans_total", "Networks that were shut out of SFTP for failed logins.")
        self.sandbox_orders = Counter("gateway_sandbox_orders_total", "What the sandbox was asked for.", ("word",))
        self.sandbox_replies = Counter("gateway_sandbox_replies_total", "What the sandbox sent.", ("document",))
        self.gauges: dict[str, tuple[str, float]] = {}
        self.families: dict[str, tuple[str, tuple[str, ...], Mapping[tuple[str, ...], float]]] = {}

    def gauge(self, name: str, text: str, value: float) -> None:
        """Set a number that goes up and down."""
        self.gauges[name] = (text, value)

    def family(self, name: str, text: str, labels: tuple[str, ...], values: Mapping[tuple[str, ...], float]) -> None:
        """Set numbers that go up and down by their label values; those that are not among `values` are gone."""
        self.families[name] = (text, labels, values)

    def expose(self) -> str:
        """Everything, in the Prometheus text exposition format 0.0.4."""
        lines: list[str] = []
        for metric in vars(self).values():
            if isinstance(metric, Counter):
                lines += [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} counter"]
                values = metric.values or ({(): 0.0} if not metric.labels else {})
                lines += [
                    f"{metric.name}{_labels(zip(metric.labels, key, strict=True))} {_number(value)}"
                    for key, value in sorted(values.items())
                ]
            elif isinstance(metric, Histogram):
                lines += _expose_histogram(metric)
        for name, (text, value) in sorted(self.gauges.items()):
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {_number(value)}"]
        for name, (text, labels, numbers) in sorted(self.families.items()):
            lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
            for key, number in sorted(numbers.items()):
                lines.append(f"{name}{_labels(zip(labels, key, strict=True))} {_number(number)}")
        return "\n".join(lines) + "\n"


def _expose_histogram(metric: Histogram) -> list[str]:
    lines = [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} histogram"]
    for value, counts in sorted(metric.counts.items()):
        total = 0
        for bound, count in zip((*metric.bounds, "+Inf"), counts, strict=True):
            total += count
            lines.append(f"{metric.name}_bucket{_labels([(metric.label, value), ('le', str(bound))])} {total}")
        lines.append(f"{metric.name}_sum{_labels([(metric.label, value)])} {_number(metric.sums[value])}")
        lines.append(f"{metric.name}_count{_labels([(metric.label, value)])} {total}")
    return lines


def _number(value: float) -> str:
    """All its digits: a counter that is rounded stands still for a while and then jumps."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _labels(pairs: "zip[tuple[str, str]] | list[tuple[str, str]]") -> str:
    written = ",".join(f'{name}="{_escape(value)}"' for name, value in pairs)
    return f"{{{written}}}" if written else ""


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
