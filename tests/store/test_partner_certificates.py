"""Exchanged certificates and our requests, on both databases."""

from dataclasses import replace
from functools import partial

import pytest

from gateway.model.certificate_exchange import CertificateEvent, CertificateState, RequestState
from gateway.model.machine import IllegalTransition
from gateway.store.oversight import audit
from gateway.store.partners import certificates as partner_certificates
from gateway.store.partners.certificates import StoredCertificate, StoredRequest

ROW = StoredCertificate(
    id="01M-certificate-1",
    partner_id="acme",
    identity="bigcorp",
    fingerprint="ab" * 32,
    certificate=b"\x30\x00\xff",
    beside=b"",
    serial_number="1234567890123456789012345678901234567890",
    issuer="CN=Zertifizierungsstelle \u00fc\U0001f511",
    usages="digitalSignature keyEncipherment",
    valid_from_ms=None,
    request_id="r\x00equest",
    message_id="01M",
    respond_by_ms=5,
    state="pending",
    reason="",
    decided_by="",
    decided_at_ms=None,
    created_at_ms=1,
)
REQUEST = StoredRequest(
    request_id="r-1",
    partner_id="acme",
    identity="bigcorp",
    fingerprint="cd" * 32,
    serial_number="7",
    usages="digitalSignature",
    delivery_id="01D",
    respond_by_ms=None,
    state="waiting",
    reason="",
    answer_message_id=None,
    answered_at_ms=None,
    created_at_ms=1,
)


def test_a_certificate_is_kept_once_and_comes_back_as_it_was(store):
    assert store.write_now(partial(partner_certificates.add, row=ROW))
    assert not store.write_now(partial(partner_certificates.add, row=replace(ROW, state="accepted")))
    # A NUL is made visible, since PostgreSQL holds none.
    assert store.read_now(partial(partner_certificates.get, certificate_id=ROW.id)) == replace(
        ROW, request_id="r\\x00equest"
    )
    assert store.read_now(partial(partner_certificates.get, certificate_id="other")) is None


def test_only_what_is_accepted_is_in_force(store):
    store.write_now(partial(partner_certificates.add, row=ROW))
    assert store.read_now(partner_certificates.in_force) == []
    decide = partial(partner_certificates.decide, certificate_id=ROW.id, now_ms=9, actor="command:anna")
    after = store.write_now(partial(decide, event=CertificateEvent.ACCEPT, valid_from_ms=7))
    assert (after.state, after.decided_by, after.decided_at_ms, after.valid_from_ms) == (
        "accepted",
        "command:anna",
        9,
        7,
    )
    assert [row.id for row in store.read_now(partner_certificates.in_force)] == [ROW.id]
    with pytest.raises(IllegalTransition):
        store.write_now(partial(decide, event=CertificateEvent.ACCEPT))
    store.write_now(partial(decide, event=CertificateEvent.REJECT, reason="leaked"))
    assert store.read_now(partner_certificates.in_force) == []
    found = store.read_now(partial(partner_certificates.find, state=CertificateState.WITHDRAWN, partner_id="acme"))
    assert [row.reason for row in found] == ["leaked"]
    missing = partial(partner_certificates.decide, certificate_id="other", now_ms=9, actor="x")
    assert store.write_now(partial(missing, event=CertificateEvent.ACCEPT)) is None


def test_a_request_is_kept_once_and_takes_the_last_answer(store):
    assert store.write_now(partial(partner_certificates.ask, row=REQUEST))
    assert not store.write_now(partial(partner_certificates.ask, row=REQUEST))
    answer = partial(partner_certificates.answer, request_id="r-1", now_ms=5, message_id="01M")
    store.write_now(partial(answer, state=RequestState.REJECTED, reason="no\x00"))
    store.write_now(partial(answer, state=RequestState.ACCEPTED, reason=""))
    (found,) = store.read_now(partial(partner_certificates.requests, identity="bigcorp"))
    assert (found.state, found.answer_message_id, found.answered_at_ms) == ("accepted", "01M", 5)
    assert store.read_now(partial(partner_certificates.requests, identity="other")) == []
    assert store.read_now(partial(partner_certificates.request, request_id="r\x00")) is None


def test_the_audit_is_found_by_what_it_is_about(store):
    for subject, detail in (("<1@acme>", {}), ("other", {"message_id": "01M"}), ("x", {"of": 'q"uote%_'}), ("y", {})):
        store.write_now(partial(audit.record, act=audit.Act(1, "unknown", "a", subject, "", detail)))

    def about(*words: str) -> list[str]:
        return [act.subject for act in store.read_now(partial(audit.about, words=words))]

    assert about("01M", "<1@acme>") == ["<1@acme>", "other"]
    assert about('q"uote%_') == ["x"]
    assert about("%") == []
    assert about("") == []
    for actor in ("partner:acme", "partner:other"):
        store.write_now(partial(audit.record, act=audit.Act(2, actor, "a", "<2@acme>", "", {"partner": actor})))
    chosen = partial(audit.about, words=(), chosen=("partner:acme", "<2@acme>"))
    assert [act.actor for act in store.read_now(chosen)] == ["partner:acme"]
    assert store.read_now(partial(audit.about, words=(), chosen=("partner:acme", ""))) == []
