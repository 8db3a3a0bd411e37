"""Files and folders of partners' servers as the store keeps them, in both databases."""

from dataclasses import replace

from gateway.store import remote_files, remote_folders
from gateway.store.remote_files import SeenFile
from gateway.store.remote_folders import Counts, StoredServer, Wanted

PATHS = [b"/out/a", b"/out/\xff\x00\n", b"/out/" + b"x" * 5_000]


def test_files_are_known_by_their_bytes(store):
    files = [SeenFile(path, 1 << 40, -1, 1, 2, reason="NUL \0") for path in PATHS]
    for file in (*files, replace(files[0], attempts=3)):
        store.write_now(lambda connection, file=file: remote_files.put(connection, "acme", "orders", file))
    known = store.read_now(lambda connection: remote_files.of_folder(connection, "acme", "orders"))
    assert list(map(known.get, PATHS)) == [
        replace(file, reason="NUL \\x00", attempts=3 if file is files[0] else 0) for file in files
    ]
    assert (
        store.read_now(lambda connection: remote_files.get(connection, "acme", "orders", PATHS[1])) == known[PATHS[1]]
    )
    stuck = store.read_now(lambda connection: remote_files.stuck(connection, "acme", "orders", 2))
    assert (stuck[0].path, len(stuck)) == (PATHS[0], 2)
    assert store.read_now(lambda connection: remote_files.count_stuck(connection, "acme", "orders")) == 3
    assert store.read_now(lambda connection: remote_files.of_folder(connection, "acme", "other")) == {}
    store.write_now(lambda connection: remote_files.forget(connection, "acme", "orders", PATHS[:2]))
    assert store.read_now(lambda connection: remote_files.get(connection, "acme", "orders", PATHS[0])) is None
    assert store.write_now(lambda connection: remote_files.purge(connection, 2)) == 0
    assert store.write_now(lambda connection: remote_files.purge(connection, 3)) == 1
    assert store.write_now(lambda connection: remote_files.purge(connection, 3)) == 0


def test_a_folder_whose_schedule_names_no_time_and_one_whose_claim_was_lost(store):
    def unit(connection):
        remote_folders.follow(
            connection, [Wanted("acme", "orders", "terms", 1_000), Wanted("acme", "never", "terms", None)]
        )
        [due] = remote_folders.due(connection, 1_000)
        assert due.name == "orders"
        assert remote_folders.due(connection, 999) == []
        assert remote_folders.claim(connection, due, "one", 1_000, 2_000)
        assert remote_folders.due(connection, 2_000) == []
        remote_folders.looked(connection, due, "another", 1_500, next_at_ms=9_000, counts=Counts(1, 2, 3, 4))
        assert remote_folders.get(connection, "acme", "orders").looked_at_ms is None
        remote_folders.looked(connection, due, "one", 1_500, next_at_ms=None, counts=Counts(1, 2, 3, 4), reason="a \0")
        done = remote_folders.get(connection, "acme", "orders")
        assert (done.next_look_at_ms, done.reason, done.files_stuck, done.claimed_by) == (None, "a \\x00", 3, "")
        return done

    store.write_now(unit)


def test_a_server_out_of_reach_keeps_its_folders_from_being_due(store):
    down = StoredServer("acme", 1, 1_000, 5_000, "no \0 route")

    def unit(connection):
        wanted = [Wanted("acme", "orders", "terms", 1_000), Wanted("other", "orders", "terms", 1_000)]
        remote_folders.follow(connection, wanted)
        remote_folders.unreachable(connection, down)
        remote_folders.unreachable(connection, replace(down, failures=2, failing_since_ms=4_000))
        assert remote_folders.get_server(connection, "acme") == replace(down, failures=2, reason="no \\x00 route")
        assert [folder.partner_id for folder in remote_folders.due(connection, 9_000)] == ["other"]
        assert remote_folders.due_servers(connection, 4_999) == []
        [due] = remote_folders.due_servers(connection, 5_000)
        assert remote_folders.claim_server(connection, due, 5_000, 8_000)
        assert not remote_folders.claim_server(connection, due, 5_000, 8_000)
        assert remote_folders.reached(connection, "acme")
        assert not remote_folders.reached(connection, "acme")
        assert len(remote_folders.due(connection, 9_000)) == 2
        # Other terms of one folder: most likely somebody put something right, so its server is tried at once.
        remote_folders.unreachable(connection, down)
        gone = remote_folders.follow(connection, [Wanted("acme", "orders", "others", 7_000)])
        assert [folder.partner_id for folder in gone] == ["other"]
        assert remote_folders.servers(connection) == []
        assert remote_folders.get(connection, "acme", "orders").next_look_at_ms == 7_000

    store.write_now(unit)
