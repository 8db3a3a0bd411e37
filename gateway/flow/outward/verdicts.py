"""What the outcome of an attempt makes of its delivery: the event, when it is due again, and the class of a failure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.carriers.parcels import Awaited, Delivered, Failed, Held, Outcome, Refused
from gateway.model.backoff import delay_ms
from gateway.model.delivery import DeliveryEvent
from gateway.model.instants import DAY_MS
from partners.delivery_terms import DeliverySchedule

# What is held is looked at this often although nothing changed: certificates become valid with time.
HELD_LOOK_MS = 5 * 60_000
# Where nobody said how long an asynchronous receipt may take: what profiles have by themselves.
RECEIPT_WITHIN_S = 240 * 60
# However long they ask us to wait.
RETRY_AFTER_MS_MAX = DAY_MS
# Of what only a person cures: from then on one hears of it. The first may be a change that is under way there.
ATTEMPTS_UNTIL_TOLD = 2
# The classes of failures in the metrics; what a carrier calls otherwise is `other`, so that there are never more.
FAILURE_CLASSES = frozenset(
    {"dns", "tcp", "proxy", "tls", "write", "http", "status", "receipt", "signature", "mic", "spool", "internal"}
    | {"ssh", "host-key", "login", "sftp", "look", "read", "rename"}
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the delivery.

    Attributes:
        due_at_ms: the next attempt, the receipt's deadline, or the next look at what is held.
        gives_attempt_back: nothing was sent, so it does not count.
        failure: its class, for the metrics; None where nothing failed.
        tells: a person has to hear of it although it is tried again.
    """

    event: DeliveryEvent
    reason: str = ""
    receipt: bytes = b""
    facts: Mapping[str, object] = field(default_factory=dict)
    due_at_ms: int | None = None
    gives_attempt_back: bool = False
    failure: str | None = None
    tells: bool = False


def verdict_of(
    outcome: Outcome,
    attempts: int,
    schedule: DeliverySchedule,
    *,
    now_ms: int,
    chance: float,
    receipt_within_s: int | None = None,
) -> Verdict:
    """What an outcome means after that many attempts, this one included.

    Args:
        outcome: of the attempt.
        attempts: at least 1.
        schedule: of the partner.
        now_ms: the clock.
        chance: 0 <= chance < 1, spreads retries.
        receipt_within_s: how long an asynchronous receipt may take, as the parcel says.
    """
    match outcome:
        case Delivered():
            return Verdict(DeliveryEvent.CONFIRM, receipt=outcome.receipt, facts=outcome.facts)
        case Awaited():
            within_ms = (receipt_within_s or RECEIPT_WITHIN_S) * 1_000
            return Verdict(DeliveryEvent.AWAIT, facts=outcome.facts, due_at_ms=now_ms + within_ms)
        case Refused():
            return Verdict(DeliveryEvent.REFUSE, outcome.reason, outcome.receipt, outcome.facts, failure="refused")
        case Held():
            return Verdict(DeliveryEvent.HOLD, outcome.reason, due_at_ms=now_ms + HELD_LOOK_MS, gives_attempt_back=True)
        case Failed():
            return _failed(outcome, attempts, schedule, now_ms, chance)


def _failed(outcome: Failed, attempts: int, schedule: DeliverySchedule, now_ms: int, chance: float) -> Verdict:
    named = outcome.facts.get("step")
    # On the timeline `step` is the name of the entry.
    facts = {"failed_at" if name == "step" else name: value for name, value in outcome.facts.items()}
    failure = named if isinstance(named, str) and named in FAILURE_CLASSES else "other"
    if attempts >= schedule.attempts_max:
        reason = f"{outcome.reason} (the last of {schedule.attempts_max} attempts)"
        return Verdict(DeliveryEvent.GIVE_UP, reason, outcome.receipt, facts, failure=failure)
    wait_ms = delay_ms(
        attempts, chance, base_ms=schedule.first_retry_after_s * 1_000, cap_ms=schedule.retry_after_s_max * 1_000
    )
    if outcome.retry_after_s is not None:
        # They know best when they can take it; never earlier, and never for ever.
        wait_ms = max(wait_ms, min(int(outcome.retry_after_s * 1_000), RETRY_AFTER_MS_MAX))
    return Verdict(
        DeliveryEvent.DEFER,
        outcome.reason,
        outcome.receipt,
        facts,
        due_at_ms=now_ms + wait_ms,
        failure=failure,
        tells=outcome.needs_person and attempts >= ATTEMPTS_UNTIL_TOLD,
    )
