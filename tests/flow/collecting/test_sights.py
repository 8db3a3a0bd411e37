"""What a listing means, over histories of files that grow, rest, change and go."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.carriers.sftp_connection import RemoteEntry
from gateway.flow.collecting.sights import (
    Sight,
    below,
    choose,
    choose_folders,
    parent_and_pattern,
    plan_of,
)
from gateway.store.remote_files import SeenFile
from partners.sftp_server_terms import SftpFetch

NAMES = st.sampled_from([b"a.edi", b"b.edi", b"c.xml", b"d.part", b"..", b"x/y", b"\xff.edi"])
SIGHTS = st.builds(
    lambda name, size, modified_s: Sight(b"/out/" + name, name, size, modified_s),
    st.sampled_from([b"a", b"b", b"c", b"d"]),
    st.integers(0, 3),
    st.integers(0, 2),
)
LOOKS = st.lists(
    st.tuples(st.lists(SIGHTS, unique_by=lambda sight: sight.path), st.integers(1, 20)), min_size=1, max_size=12
)


def terms(**fields) -> SftpFetch:
    return SftpFetch(**{"name": "orders", "folder": "/out"} | fields)


@settings(max_examples=60)
@given(LOOKS, st.sampled_from([0, 5, 10]), st.sampled_from(["delete", "leave"]))
def test_what_is_fetched_was_at_rest_and_is_fetched_once(looks, stable_s, then):
    known: dict[bytes, SeenFile] = {}
    unchanged: dict[bytes, tuple[Sight, int]] = {}
    fetched: set[tuple[bytes, int, int]] = set()
    now_ms = 1_000_000
    for sights, passed_s in looks:
        now_ms += passed_s * 1_000
        there = {sight.path: sight for sight in sights}
        unchanged = {
            path: unchanged[path] if path in unchanged and unchanged[path][0] == sight else (sight, now_ms)
            for path, sight in there.items()
        }
        plan = plan_of(sights, known, terms(stable_s=stable_s, then=then), now_ms, bytes_max=2, is_whole=True)
        groups = [{sight.path for sight in plan.fetch}, {sight.path for sight, _ in plan.clear}]
        groups.append({file.path for file in plan.too_large})
        assert not groups[0] & groups[1]
        assert not groups[0] & groups[2]
        assert plan.fetch == sorted(plan.fetch, key=lambda sight: (sight.modified_s, sight.path))
        assert set().union(*groups, {file.path for file in plan.notes}) <= set(there)
        assert plan.rested_at_ms is None or plan.rested_at_ms > now_ms
        assert (plan.growing > 0) == (plan.rested_at_ms is not None)
        for file in (*plan.notes, *plan.too_large):
            known[file.path] = file
        for path in plan.forget:
            del known[path]
        for sight in plan.fetch:
            since_ms = unchanged[sight.path][1]
            assert 0 < sight.size <= 2
            assert now_ms - since_ms >= stable_s * 1_000
            identity = sight.path, sight.size, sight.modified_s
            if then == "leave":
                fetched.add(identity)
            known[sight.path] = SeenFile(*identity, now_ms, now_ms, message_id="id")
        for sight, seen in plan.clear:
            assert sight.is_as(seen)
            assert seen.message_id


def test_what_was_not_looked_at_is_not_gone():
    seen = SeenFile(b"/out/a", 1, 1, 0, 0, attempts=1)
    assert plan_of([], {b"/out/a": seen}, terms(), 1_000, bytes_max=9, is_whole=False).forget == []
    assert plan_of([], {b"/out/a": seen}, terms(), 1_000, bytes_max=9, is_whole=True).forget == [b"/out/a"]


@given(st.lists(st.builds(RemoteEntry, NAMES, st.sampled_from([None, 0, 1]), st.none(), st.booleans(), st.booleans())))
def test_chosen_are_files_that_lie_in_the_folder(entries):
    chosen = choose(b"/out", entries, terms(files=["*.edi", "???", ".."]))
    for sight in chosen.sights:
        assert sight.path == b"/out/" + sight.name
        assert b"/" not in sight.name
        assert sight.name.endswith(b".edi")


def folder(name: bytes, *, is_link: bool = False) -> RemoteEntry:
    return RemoteEntry(name, 0, 0, is_folder=True, is_link=is_link)


def test_folders_of_a_pattern():
    assert parent_and_pattern("/out") is None
    assert parent_and_pattern("/out/*") == (b"/out", "*")
    assert parent_and_pattern("/acme-?/") == (b"/", "acme-?")
    assert parent_and_pattern("*") == (b".", "*")
    names = [b"b", b"a", b".hidden", b"..", b"x/y", b"done"]
    entries = [*map(folder, names), folder(b"link", is_link=True), RemoteEntry(b"file", 1, 1, is_folder=False)]
    moving = terms(folder="/out/*", then="move", move_to="/out/done/")
    assert choose_folders(b"/out", "*", entries, moving) == [b"/out/a", b"/out/b"]
    assert choose_folders(b".", "?", entries, moving) == [b"a", b"b"]
    assert choose_folders(b"/", ".*", entries, moving) == [b"/.hidden"]
    many = [folder(b"%05d" % number) for number in range(1_000)]
    assert len(choose_folders(b"/out", "*", many, terms())) == 256
    assert below(b"/", b"a") == b"/a"
