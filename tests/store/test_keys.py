"""Our keys, uses and warnings as they are kept: each once, by whichever node, and never backwards."""

from gateway.store import keys
from gateway.store.keys import StoredKey, certificate_uses, certificate_warnings
from gateway.store.keys.certificate_uses import LastUses, Use


def stored(identity="plant", fingerprint="ab" * 32, **fields):
    return StoredKey(
        **(
            {"identity": identity, "fingerprint": fingerprint, "certificates": b"pem", "wrapped_key": b"sealed"}
            | fields
        ),
        created_at_ms=1,
    )


def test_a_pair_is_kept_once_and_changed_alone(stock):
    assert stock.do(keys.add, stored())
    assert stock.do(keys.add, stored(identity="office", signs_from_ms=7))
    assert not stock.do(keys.add, stored(wrapped_key=b"other"))
    assert stock.see(keys.every) == [stored(identity="office", signs_from_ms=7), stored()]
    stock.do(keys.lock)
    stock.do(keys.change, "plant", "ab" * 32, {"retired_at_ms": 9, "wrapped_key": b""})
    assert stock.see(keys.every)[1] == stored(retired_at_ms=9, wrapped_key=b"")
    assert stock.see(keys.count) == 2


def test_the_latest_use_of_all_nodes_counts(stock):
    one, other = LastUses(), LastUses()
    one.ours("plant", "f", Use.SIGNING, 100)
    one.ours("plant", "f", Use.SIGNING, 200)
    other.ours("plant", "f", Use.SIGNING, 150)
    other.theirs("acme", "g", Use.VERIFICATION, 50)
    other.theirs("acme", None, Use.ENCRYPTION, 50)
    for uses in (one, other):
        stock.do(certificate_uses.keep, uses.take())
        assert uses.take() == {}
    assert stock.see(certificate_uses.every) == {
        ("identity:plant", "f", "signing"): 200,
        ("partner:acme", "g", "verification"): 50,
    }


def test_what_could_not_be_written_down_waits_and_newer_uses_stay():
    uses = LastUses()
    uses.ours("plant", "f", Use.SIGNING, 1)
    uses.ours("plant", "f", Use.DECRYPTION, 1)
    taken = uses.take()
    uses.ours("plant", "f", Use.SIGNING, 2)
    uses.put_back(taken)
    assert sorted(uses.take().values()) == [1, 2]


def test_a_warning_is_given_once_until_it_is_forgotten(stock):
    assert stock.do(certificate_warnings.add, ("partner:acme", "abcd", 30), 1)
    assert not stock.do(certificate_warnings.add, ("partner:acme", "abcd", 30), 2)
    assert stock.do(certificate_warnings.add, ("partner:acme", "abcd", 14), 2)
    stock.do(certificate_warnings.add, ("partner:acme", "ef%d", 14), 2)
    stock.do(certificate_warnings.forget, "partner:acme", "ab")
    stock.do(certificate_warnings.forget, "partner:acme", "e%")
    assert stock.see(certificate_warnings.given) == {("partner:acme", "ef%d", 14)}
