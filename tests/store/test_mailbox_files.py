"""What partners are shown of the files that they dropped, on both databases."""

from gateway.store import mailbox_files
from gateway.store.mailbox_files import AcceptedFile


def _note(store, name, message_id, at_ms, partner="acme", size=5):
    store.write_now(
        lambda connection: mailbox_files.note(
            connection, partner, name, message_id, bytes_count=size, received_at_ms=at_ms
        )
    )


def _shown(store, since_ms=0, partner="acme", limit=500):
    pages: list[AcceptedFile] = []
    while True:
        after = pages[-1] if pages else None
        page = store.read_now(
            lambda connection, after=after: mailbox_files.shown(connection, partner, since_ms, after=after, limit=limit)
        )
        pages += page
        if len(page) < limit:
            return [(file.name, file.message_id) for file in pages]


def _find(store, name, since_ms=0, partner="acme"):
    return store.read_now(lambda connection: mailbox_files.find(connection, partner, name, since_ms))


def test_each_name_is_shown_once_as_it_came_last(store):
    _note(store, b"a", "M1", 10)
    _note(store, b"a", "M2", 20)
    _note(store, b"b\xff", "M3", 20)
    _note(store, b"a", "M4", 20, partner="other")
    assert _shown(store, limit=1) == [(b"b\xff", "M3"), (b"a", "M2")]
    assert _find(store, b"a") == AcceptedFile("M2", b"a", 5, 20)
    assert _find(store, b"b") is None


def test_what_comes_again_is_shown_as_it_came_again(store):
    _note(store, b"a", "M1", 10)
    _note(store, b"a", "M2", 20)
    _note(store, b"a", "M1", 30)  # a duplicate of the first
    assert _shown(store) == [(b"a", "M1")]
    assert _find(store, b"a") == AcceptedFile("M1", b"a", 5, 30)


def test_what_is_old_is_not_shown(store):
    _note(store, b"a", "M1", 10)
    assert _shown(store, since_ms=11) == []
    assert _find(store, b"a", since_ms=11) is None
    assert _find(store, b"a", since_ms=10) is not None


def test_what_was_removed_is_gone_until_it_comes_again(store):
    _note(store, b"a", "M1", 10)
    _note(store, b"a", "M2", 20)
    assert store.write_now(lambda connection: mailbox_files.remove(connection, "acme", b"a", 25))
    assert not store.write_now(lambda connection: mailbox_files.remove(connection, "acme", b"a", 26))
    assert not store.write_now(lambda connection: mailbox_files.remove(connection, "acme", b"none", 26))
    assert _shown(store) == []
    assert _find(store, b"a") is None
    _note(store, b"a", "M2", 30)
    assert _shown(store) == [(b"a", "M2")]


def test_many_names_in_pages(store):
    for number in range(25):
        _note(store, b"f%d" % number, f"M{number:03}", 10)
    assert len(set(_shown(store, limit=7))) == 25
