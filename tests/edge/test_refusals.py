import orjson
import pytest

from gateway.as2.disposition import Modifier
from gateway.edge.refusals import ANSWERS, REASON_OF, bare_problem, problem
from gateway.model.refusals import Reason, Refused


def test_the_table_answers_every_reason_and_every_modifier():
    assert set(ANSWERS) == set(Reason)
    assert set(REASON_OF) == set(Modifier)


def test_reasons_and_modifiers_agree():
    for modifier, reason in REASON_OF.items():
        if reason.value == modifier.value:
            assert ANSWERS[reason].modifier is modifier


def test_what_a_sender_may_retry_is_told_by_the_status():
    """No AS2 product retries on 4xx but 408 and 429, so whatever passes by itself is one of those or a 5xx."""
    passing = {
        Reason.STORE_UNAVAILABLE,
        Reason.HOLDS_TOO_MUCH,
        Reason.OVERLOADED,
        Reason.TOO_MANY_CONNECTIONS,
        Reason.SHUTTING_DOWN,
        Reason.INTERNAL,
        Reason.TOO_MANY_REQUESTS,
        Reason.RESTART_FAILED,
        Reason.BODY_TOO_SLOW,
        Reason.HEADERS_TOO_SLOW,
    }
    for reason, answer in ANSWERS.items():
        assert (answer.status >= 500 or answer.status in {408, 429}) == (reason in passing), reason


def test_problem_details_cannot_be_spoken_over():
    refused = Refused(Reason.BODY_EMPTY, "nothing came", extra={"status": 200, "errors": [{"pointer": "/a"}]})
    told = orjson.loads(problem(refused, "01X"))
    assert told["status"] == 400
    assert told["instance"] == "urn:partner-gateway:refusal:01X"
    assert told["errors"] == [{"pointer": "/a"}]
    assert told["remedy"]


def test_the_audits_words_stay_there():
    told = problem(Refused(Reason.UNAUTHENTICATED, "no such key", audit="the key of ACME is expired"), "01X")
    assert b"expired at" not in told
    assert b"ACME" not in told


@pytest.mark.parametrize("reason", list(Reason))
def test_a_bare_answer_is_whole(reason):
    head, _, body = bare_problem(reason, "detail").partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Connection: close" in head
    assert orjson.loads(body)["status"] == ANSWERS[reason].status
