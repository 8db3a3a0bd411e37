"""What people do about deliveries, by command: retried with the same bytes or packed anew, given up, restored."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.model.delivery import DeliveryEvent
from gateway.settings import Settings, load_settings
from gateway.store import deliveries
from gateway.store.database import Database
from gateway.store.deliveries import claims as delivery_claims
from gateway.store.deliveries.claims import Share
from gateway.store.deliveries.rows import KeptParcel, NewDelivery, StoredDelivery
from gateway.store.oversight import audit, timeline
from tests.commands.conftest import Run
from tests.site import Site

KEY = "01J9ZK4T3M8Q6W2E7R5Y1X0ABC"


@dataclass
class Post:
    """A site with one delivery, moved by the units that sending uses."""

    site: Site
    settings: Settings

    def do(self, function, *arguments, **named):
        database = Database(self.settings.resolved_database_url())
        try:
            return database.write_now(lambda connection: function(connection, *arguments, **named))
        finally:
            database.close()

    def claim(self) -> StoredDelivery:
        now_ms = time.time_ns() // 1_000_000
        (claimed,) = self.do(
            delivery_claims.claim, "test", now_ms, lease_ms=60_000, limit=1, share_of=lambda name, _: Share(name, 1)
        )
        return claimed

    def end_with(self, event: DeliveryEvent, reason: str, **more: object) -> None:
        claimed = self.claim()
        self.do(delivery_claims.begin_attempt, claimed, 2, bearer_id="acme-supply", packed=KeptParcel(()), wire=b"wire")
        self.do(delivery_claims.settle, claimed, event, 3, reason=reason, **more)

    @property
    def delivery(self) -> StoredDelivery:
        found = self.do(deliveries.get, KEY)
        assert found is not None
        return found


@pytest.fixture
def post(tmp_path: Path) -> Post:
    site = Site(tmp_path / "site")
    post = Post(site, load_settings(site.config, {}).settings)
    new = NewDelivery(
        KEY, "acme-supply", "", "bigcorp", "as2", "file", "L", f"<{KEY}@us>", "", "order.edi", "", b"order", 1, 1
    )
    post.do(deliveries.enqueue, new)
    return post


@pytest.fixture
def call(post: Post, run: Run) -> Run:
    return lambda *words: run(*words, "--config", post.site.config)


def test_a_refused_delivery_is_listed_explained_and_packed_anew(post: Post, call: Run):
    post.end_with(DeliveryEvent.REFUSE, "their receipt says decryption-failed")
    (row,) = call("exceptions", "list", "--format", "json").rows
    assert (row["id"], row["kind"]) == (f"delivery_refused:{KEY}", "delivery_refused")
    shown = call("exceptions", "show", row["id"])
    assert "their receipt says decryption-failed" in shown.out
    assert "packs it anew under a new Message-ID" in " ".join(shown.out.split())
    assert call("exceptions", "retry", row["id"]).code == 0
    assert (post.delivery.state, post.delivery.transport_id) == ("queued", f"<{KEY}.p2@us>")
    (step,) = [step for step in post.do(timeline.of_message, KEY) if step.step == "retry"]
    assert step.detail["packed_anew_as"] == f"<{KEY}.p2@us>"
    again = call("exceptions", "retry", row["id"])
    assert again.code == 2
    assert "resolved" in again.err
    assert [act.action for act in post.do(audit.find)] == ["exception.retry"]


def test_a_delivery_that_was_given_up_goes_with_the_same_bytes(post: Post, call: Run):
    post.end_with(DeliveryEvent.GIVE_UP, "nothing listens there")
    assert call("exceptions", "retry", f"delivery_given_up:{KEY}", "--format", "json").json["retried"] is True
    assert (post.delivery.state, post.delivery.transport_id) == ("queued", f"<{KEY}@us>")
    assert post.do(deliveries.body, KEY, "wire") == b"wire"
    assert post.claim().parcel == KeptParcel(())


def test_a_delivery_that_is_given_up_for_good_is_cancelled(post: Post, call: Run):
    post.end_with(DeliveryEvent.REFUSE, "no")
    case = f"delivery_refused:{KEY}"
    assert call("exceptions", "resolve", case, "--reason", "sent by mail").code == 0
    assert (post.delivery.state, post.delivery.reason) == ("cancelled", "sent by mail")
    assert call("exceptions", "list", "--format", "json").rows == []
    (resolved,) = call("exceptions", "list", "--state", "resolved", "--format", "json").rows
    assert "sent by mail" in resolved["resolution"]
    (act,) = post.do(audit.find)
    assert (act.action, act.detail["delivery"]) == ("exception.resolve", KEY)
    assert "wire" in call("messages", "show", KEY, "--raw", "wire").out


def test_a_delivery_that_waits_is_tried_at_once_and_is_no_second_one(post: Post, call: Run):
    next_ms = time.time_ns() // 1_000_000 + 3_600_000
    post.end_with(DeliveryEvent.DEFER, "nothing listens there", due_at_ms=next_ms)
    ended = call("messages", "resend", KEY)
    assert (ended.code, ended.out.splitlines()[0]) == (0, f"{KEY} is tried again now, with the same bytes")
    assert post.delivery.next_attempt_at_ms < next_ms
    again = call("messages", "resend", KEY, "--format", "json")
    assert again.json == {"message": KEY, "delivery": KEY}
    assert [act.action for act in post.do(audit.find)] == ["message.resend"]
    assert [row.id for row in post.do(deliveries.find)] == [KEY]


def test_a_delivery_that_fails_until_somebody_acts_is_tried_at_once_by_its_case(post: Post, call: Run):
    next_ms = time.time_ns() // 1_000_000 + 3_600_000
    post.end_with(DeliveryEvent.DEFER, "the folder is not there", due_at_ms=next_ms, tells=True)
    case = f"delivery_failing:{KEY}"
    assert "correct the profile" in " ".join(call("exceptions", "show", case).out.split())
    assert call("exceptions", "retry", case).code == 0
    assert (post.delivery.state, post.delivery.next_attempt_at_ms < next_ms) == ("queued", True)
    (row,) = call("exceptions", "list", "--format", "json").rows
    assert row["id"] == case
    assert post.claim().parcel == KeptParcel(())


def test_what_is_being_looked_at_right_now_is_left_alone(post: Post, call: Run):
    post.end_with(DeliveryEvent.HOLD, "no certificate")
    post.do(delivery_claims.look_again, 5)
    post.do(deliveries.retry, KEY, 5, "operator:me")
    post.end_with(DeliveryEvent.HOLD, "no certificate")
    # Held ones are due when somebody looks again.
    post.do(lambda connection: connection.exec_driver_sql("UPDATE delivery SET next_attempt_at_ms = 1"))
    post.claim()
    ended = call("exceptions", "resolve", f"delivery_held:{KEY}", "--reason", "enough")
    assert ended.code == 2
    assert "sending right now" in ended.err
    (row,) = call("exceptions", "list", "--format", "json").rows
    assert row["state"] == "open"


def test_a_restored_delivery_goes_again_with_the_same_bytes(post: Post, call: Run, tmp_path: Path):
    post.end_with(DeliveryEvent.DEFER, "nothing listens there")
    post.do(lambda connection: connection.exec_driver_sql("UPDATE delivery SET next_attempt_at_ms = 1"))
    post.claim()
    assert call("backup", tmp_path / "backup.tar.gz").code == 0
    shutil.rmtree(post.site.data_dir)
    shutil.rmtree(post.site.partners_dir)
    ended = call("restore", tmp_path / "backup.tar.gz")
    assert ended.code == 0, ended.err
    assert (post.delivery.state, post.delivery.claim_owner) == ("queued", None)
    assert post.claim().parcel == KeptParcel(())
    assert post.do(deliveries.body, KEY, "payload") == b"order"
    assert post.do(deliveries.body, KEY, "wire") == b"wire"
