"""Log lines that machines read, metrics that Prometheus reads."""

import io
import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings import load_settings
from gateway.telemetry import LATENCY_BOUNDS_S, JsonFormatter, Metrics, TextFormatter, configure_logging

SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"')


def parse(text):
    """The Prometheus text exposition format 0.0.4, strictly: {name: kind}, {(name, labels): value}."""
    assert text.endswith("\n")
    kinds, helps, samples = {}, set(), {}
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helps
            helps.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helps
            kinds[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            family = re.sub("_(bucket|sum|count)$", "", match[1]) if match[1] not in kinds else match[1]
            assert family in kinds, "a sample stands behind the type of its family"
            labels = {
                name: re.sub(r"\\(.)", lambda escaped: {"n": "\n"}.get(escaped[1], escaped[1]), value)
                for name, value in LABEL.findall(match[2] or "")
            }
            key = (match[1], tuple(sorted(labels.items())))
            assert key not in samples, "no sample comes twice"
            samples[key] = float(match[3])
    return kinds, samples


def test_metrics_of_a_fresh_process_are_valid():
    kinds, samples = parse(Metrics().expose())
    assert kinds["gateway_messages_accepted_total"] == "counter"
    assert samples["gateway_events_published_total", ()] == 0


def test_counters_keep_all_their_digits():
    metrics = Metrics()
    metrics.published.add(amount=12_345_678)
    metrics.published.add()
    metrics.gauge("gateway_database_bytes", "Size.", 123_456_789.5)
    _, samples = parse(metrics.expose())
    assert samples["gateway_events_published_total", ()] == 12_345_679
    assert samples["gateway_database_bytes", ()] == 123_456_789.5


@given(st.lists(st.floats(0, 1_000), max_size=30))
def test_histograms_count_each_observation_in_every_bucket_above_it(observations):
    metrics = Metrics()
    for seconds in observations:
        metrics.answer_seconds.observe("as2", seconds)
    _, samples = parse(metrics.expose())
    if not observations:
        return
    channel = ("channel", "as2")
    buckets = [
        samples["gateway_answer_seconds_bucket", (channel, ("le", str(bound)))] for bound in (*LATENCY_BOUNDS_S, "+Inf")
    ]
    expected = [sum(seconds <= bound for seconds in observations) for bound in LATENCY_BOUNDS_S]
    assert buckets == [*expected, len(observations)]
    assert samples["gateway_answer_seconds_count", (channel,)] == len(observations)
    assert samples["gateway_answer_seconds_sum", (channel,)] == pytest.approx(sum(observations))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_label_value_comes_back_whole(value):
    metrics = Metrics()
    metrics.refused.add("rest", value)
    _, samples = parse(metrics.expose())
    assert samples["gateway_refusals_total", (("channel", "rest"), ("reason", value))] == 1


def raised():
    with pytest.raises(ValueError, match="broken") as caught:
        raise ValueError("broken")
    return caught.value


def record(message="kept", *, error=None, **extra):
    exc_info = (type(error), error, error.__traceback__) if error is not None else None
    made = logging.makeLogRecord(
        {"name": "gateway.flow", "levelno": 20, "levelname": "INFO", "msg": message, "exc_info": exc_info} | extra
    )
    made.created = 1772357400.125
    return made


def test_a_json_line_holds_the_extra_and_what_it_says_of_itself():
    line = JsonFormatter().format(record("kept %s", args=("M-1",), message_id="M-1", bytes=3))
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2026-03-01T09:30:00.125+00:00",
        "level": "info",
        "logger": "gateway.flow",
        "message": "kept M-1",
        "message_id": "M-1",
        "bytes": 3,
    }


def test_a_json_line_holds_the_exception():
    entry = json.loads(JsonFormatter().format(record(error=raised())))
    assert entry["exception"].splitlines()[-1] == "ValueError"
    assert "in raised" in entry["exception"]


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_a_line_holds_no_text_of_an_exception_as_it_may_be_what_a_partner_sent(formatter):
    sent, missing = "canary".upper(), FileNotFoundError(2, "No such file", "/data/x")
    try:
        try:
            int(sent)
        except ValueError as error:
            raise KeyError(sent) from error
    except KeyError as error:
        line = formatter.format(record(error=error))
    assert sent not in line
    assert line.index("ValueError") < line.index("KeyError")
    assert "FileNotFoundError: [Errno 2] No such file: '/data/x'" in formatter.format(record(error=missing))


def test_an_extra_does_not_take_the_place_of_the_line_itself():
    entry = json.loads(JsonFormatter().format(record(level="fatal", time="never", logger="somebody")))
    assert (entry["level"], entry["logger"]) == ("info", "gateway.flow")
    assert entry["time"].startswith("2026")


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.text(st.characters())
        | st.integers()
        | st.binary()
        | st.floats()
        | st.dictionaries(st.integers(), st.text()),
    )
)
def test_whatever_the_extra_is_the_line_is_json(extra):
    entry = json.loads(JsonFormatter().format(record(**extra)))
    assert entry["message"] == "kept"
    assert extra.keys() <= entry.keys()


@given(st.text(st.characters()))
def test_what_a_partner_named_never_begins_a_line_of_its_own(filename):
    line = TextFormatter().format(record(filename_sent=filename))
    assert len(line.splitlines()) == 1


def test_a_text_line_holds_the_exception_below_it():
    lines = TextFormatter().format(record(error=raised())).splitlines()
    assert lines[0] == "09:30:00.125 info    kept"
    assert lines[-1] == "ValueError"


@pytest.fixture
def root_logger():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield root
    root.handlers[:], root.level = before


@pytest.mark.parametrize("line_format", ["json", "text"])
def test_no_secret_of_the_settings_gets_into_a_line(root_logger, line_format):
    canary = "canary-3f9a"
    environment = {
        "GATEWAY_DATABASE_URL": f"postgresql://u:{canary}@h/db",
        "GATEWAY_BROKER_URL": f"amqp://u:{canary}@h",
        "GATEWAY_KEY_PASSPHRASE": canary,
    }
    loaded = load_settings(None, environment)
    stream = io.StringIO()
    configure_logging("debug", line_format, stream)
    log = logging.getLogger("gateway.canary")
    log.info("settings %s", loaded.settings, extra={"settings": loaded.settings, "loaded": loaded})
    log.info("url", extra={"database_url": loaded.settings.database_url, "all": loaded.settings.model_dump()})
    assert len(stream.getvalue().splitlines()) == 2
    assert canary not in stream.getvalue()


def test_levels_are_obeyed_and_chatty_libraries_kept_quiet(root_logger):
    stream = io.StringIO()
    configure_logging("info", "json", stream)
    logging.getLogger("gateway").debug("hidden")
    logging.getLogger("aiohttp.access").info("GET /v1/documents?token=x")
    logging.getLogger("gateway").info("shown")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["shown"]
