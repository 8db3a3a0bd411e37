"""The programs that partners have, at a mailbox of a whole gateway."""

import os

import pytest

from tests.edge.sftp.clients import get, mkdir, names, put, raw, remove, rename, resume_get, resume_put
from tests.edge.sftp.served import CROWDED, LATIN, served, until
from tests.flow.dispatching import order
from tests.site import acknowledgment_855

EVERY = ("sftp", "scp", "lftp", "curl", "paramiko")
RESUMING = ("sftp", "lftp", "curl", "paramiko")
RESUMING_A_GET = ("sftp", "lftp")
FILES_OF_THE_CROWDED = 10_000
# Slow enough to be stopped in the middle, and several of the largest blocks long.
LONG_BYTES, SLOWLY = 1_500_000, 600_000


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory):
    with served(tmp_path_factory.mktemp("mailbox"), FILES_OF_THE_CROWDED) as running:
        yield running


@pytest.mark.parametrize("name", EVERY)
def test_a_file_in_the_inbox_is_a_message_once(mailbox, name):
    file = mailbox.file(f"put-by-{name}.edi", acknowledgment_855(100 + EVERY.index(name)))
    for _again in range(2):
        done = mailbox.clients[name].call(put(file, f"/inbox/{file.name}")).run()
        assert done.code == 0, done.words
        (message,) = mailbox.taken(file.name)
        assert message.payload == file.read_bytes()
        assert message.filename == file.name
    with mailbox.looking() as session:
        assert session.stat(f"/inbox/{file.name}").st_size == len(message.payload)


TEMPORARY = {
    "sftp": ".part",
    "curl": ".tmp",
    "paramiko": ".filepart",  # as WinSCP
}


@pytest.mark.parametrize("name", TEMPORARY)
def test_a_file_under_a_temporary_name_is_complete_when_it_is_renamed(mailbox, name):
    file = mailbox.file(f"renamed-by-{name}.edi", acknowledgment_855(200 + EVERY.index(name)))
    there = f"/inbox/{file.name}"
    client = mailbox.clients[name]
    done = client.call(put(file, there + TEMPORARY[name])).run()
    assert done.code == 0, done.words
    assert mailbox.taken(file.name) == mailbox.taken(file.name + TEMPORARY[name]) == []
    done = client.call(rename(there + TEMPORARY[name], there)).run()
    assert done.code == 0, done.words
    (message,) = mailbox.taken(file.name)
    assert message.payload == file.read_bytes()


@pytest.mark.parametrize("settings", [["set xfer:temp-file-name *.part"], []], ids=["suffix", "its-own-prefix"])
def test_lftp_uses_temporary_names_by_itself(mailbox, settings):
    file = mailbox.file(f"renamed-by-lftp-{len(settings)}.edi", acknowledgment_855(210 + len(settings)))
    before = mailbox.message_count()
    using = ["set xfer:use-temp-file yes", *settings]
    done = mailbox.clients.lftp.call(put(file, f"/inbox/{file.name}"), settings=using).run()
    assert done.code == 0, done.words
    (message,) = mailbox.taken(file.name)
    assert message.payload == file.read_bytes()
    assert mailbox.message_count() == before + 1


ENDS = {
    "kill -9": lambda running: running.kill(),
    "kill -9 of the client, not of its ssh": lambda running: running.kill(whole_group=False),
    "Ctrl-C": lambda running: running.interrupt(),
}


@pytest.mark.parametrize(
    ("name", "end"),
    [*((name, "kill -9") for name in EVERY), ("sftp", "kill -9 of the client, not of its ssh")]
    + [(name, "Ctrl-C") for name in ("sftp", "scp", "lftp", "curl")],
)
def test_what_was_stopped_in_the_middle_is_no_message_and_can_be_gone_on_with(mailbox, name, end):
    file = mailbox.file(f"stopped-{name}-{list(ENDS).index(end)}.edi", os.urandom(LONG_BYTES))
    there = f"/inbox/{file.name}"
    client = mailbox.clients[name]
    running = client.call(put(file, there), bytes_per_second=SLOWLY).start()
    with mailbox.looking() as session:
        until(lambda: file.name in session.listdir("/inbox") and (session.stat(there).st_size or 0) > 0)
        assert not running.ended
        ENDS[end](running)
        assert mailbox.taken(file.name) == []
        assert 0 < (session.stat(there).st_size or 0) < LONG_BYTES
    # The gateway may not know yet that the first one is gone.
    step = resume_put if name in RESUMING else put
    until(lambda: client.call(step(file, there)).run().code == 0)
    (message,) = mailbox.taken(file.name)
    assert message.payload == file.read_bytes()


@pytest.fixture(scope="module")
def orders(mailbox):
    """Orders in the outbox: their delivery ids, by the client that fetches it and whether at once."""
    wanted = [(name, "whole") for name in EVERY] + [(name, "resumed") for name in RESUMING_A_GET]
    documents = [(f"{name}-{how}.json", order(f"PO-{name.upper()}-{how.upper()}")) for name, how in wanted]
    return dict(zip(wanted, mailbox.send(*documents), strict=True))


def file_of(session, delivery):
    (file,) = [file for file in session.listdir("/outbox") if delivery in file]
    return file


@pytest.mark.parametrize("name", EVERY)
def test_what_a_client_fetched_from_the_outbox_is_delivered(mailbox, orders, name):
    delivery = orders[name, "whole"]
    into = mailbox.root / f"fetched-by-{name}"
    with mailbox.looking() as session:
        file = file_of(session, delivery)
        done = mailbox.clients[name].call(get(f"/outbox/{file}", into)).run()
        assert done.code == 0, done.words
        assert f"PO-{name.upper()}-WHOLE".encode() in into.read_bytes()
        # lftp is gone before it has said that it has it.
        until(lambda: mailbox.delivery_state(delivery) == "delivered")
        assert file in session.listdir("/outbox/archive")
        assert file not in session.listdir("/outbox")


@pytest.mark.parametrize("name", RESUMING_A_GET)
def test_half_a_file_is_not_delivered_before_its_rest_was_fetched(mailbox, orders, name):
    delivery = orders[name, "resumed"]
    into = mailbox.root / f"resumed-by-{name}"
    with mailbox.looking() as session:
        file = file_of(session, delivery)
        with session.open(f"/outbox/{file}") as half:
            into.write_bytes(half.read(200))
        assert mailbox.delivery_state(delivery) != "delivered"
        assert file in session.listdir("/outbox")
        done = mailbox.clients[name].call(resume_get(f"/outbox/{file}", into)).run()
        assert done.code == 0, done.words
        until(lambda: mailbox.delivery_state(delivery) == "delivered")
        with session.open(f"/outbox/archive/{file}") as archived:
            assert archived.read() == into.read_bytes()


@pytest.mark.parametrize("name", EVERY)
def test_why_a_file_was_refused_can_be_read_beside_it(mailbox, name):
    file = mailbox.file(f"bad-by-{name}.edi", acknowledgment_855(300 + EVERY.index(name)).replace(b"SE*6", b"SE*7"))
    client = mailbox.clients[name]
    assert client.call(put(file, f"/inbox/{file.name}")).run().code == 0
    report = f"{file.name}.report.txt"
    with mailbox.looking() as session:
        until(lambda: report in session.listdir("/errors"))
    into = mailbox.root / report
    done = client.call(get(f"/errors/{report}", into)).run()
    assert done.code == 0, done.words
    assert "SE" in into.read_text()
    (message,) = mailbox.taken(file.name)
    assert message.id in into.read_text()
    assert client.call(get(f"/errors/{file.name}", into)).run().code == 0
    assert into.read_bytes() == file.read_bytes()


NO_FOLDERS = "folders here are fixed: inbox, outbox, errors, acknowledgments"
# Which program prints our words, and which its own for their code: curl alone never says ours.
REFUSED = {
    "a new folder": (mkdir("/inbox/new"), NO_FOLDERS, "Permission denied"),
    "a file where they fetch": (put("/etc/hostname", "/outbox/x"), "put files into inbox/", "Permission denied"),
    "a file in no folder": (put("/etc/hostname", "/x"), "put them into inbox/", "Permission denied"),
    "a file in an unknown folder": (put("/etc/hostname", "/other/x"), "", "o such file"),
    "to read what was sent": (get("/inbox/read-back", "/dev/null"), "cannot be read back", "Permission denied"),
    "to read another's": (get("/../../etc/passwd", "/dev/null"), "", "o such file"),
    "to remove a folder": (remove("/inbox"), "is a folder", "ailed"),
    "to move a folder": (rename("/inbox", "/other"), "is a folder", "ailed"),
}


@pytest.fixture(scope="module")
def taken(mailbox):
    """A file that was taken, and is shown."""
    file = mailbox.file("read-back", acknowledgment_855(400))
    assert mailbox.clients.sftp.call(put(file, "/inbox/")).run().code == 0


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("name", ["sftp", "lftp", "curl"])
def test_a_client_shows_why_it_was_refused(mailbox, taken, name, what):
    step, ours, codes = REFUSED[what]
    done = mailbox.clients[name].call(step).run()
    assert done.code != 0, done.words
    if name == "curl":
        assert codes in done.stderr, done.words
    else:
        assert ours in done.stderr, done.words


def test_what_changes_no_content_is_refused_in_the_clients_own_words(mailbox, taken):
    sftp, file = mailbox.clients.sftp, "/inbox/read-back"
    linked = sftp.call(raw(f"symlink /etc/passwd {file}-2")).run()
    assert (linked.code, "Operation unsupported" in linked.stderr) == (1, True)
    changed = sftp.call(raw(f"chmod 777 {file}")).run()
    assert (changed.code, "Permission denied" in changed.stderr) == (1, True)
    assert "the file itself is not affected" in changed.stderr
    assert sftp.call(names("/")).run().names == {"inbox", "outbox", "errors", "acknowledgments"}


def test_scp_without_sftp_is_told_what_is_spoken_here(mailbox):
    refused = mailbox.clients.scp.call(put("/etc/hostname", "/inbox/"), flags=["-O"]).run()
    assert refused.code == 1
    assert "this server speaks SFTP only" in refused.stderr


def test_folders_and_times_that_clients_keep_are_no_hindrance(mailbox):
    """`-p` and whole folders ask for more than a file: the file goes in, the rest is refused or there already."""
    file = mailbox.file("kept-times.edi", acknowledgment_855(410))
    for call in (
        mailbox.clients.sftp.call(raw(f"put -p {file} /inbox/")),
        mailbox.clients.scp.call(put(file, "/inbox/"), flags=["-p"]),
        mailbox.clients.lftp.call(raw(f"mirror -R {file.parent} /inbox")),
        mailbox.clients.curl.call(put(file, f"/inbox/{file.name}"), flags=["--ftp-create-dirs"]),
    ):
        done = call.run()
        assert done.code == 0, done.words
    (message,) = mailbox.taken(file.name)
    assert message.payload == file.read_bytes()


NOT_UTF_8 = "bestellung-\udce4\udcf6\udcfc"


@pytest.mark.parametrize("name", EVERY)
def test_a_name_that_is_not_utf_8_stays_as_it_is(mailbox, latin, name):
    file = mailbox.file("order.edi", os.urandom(1_000))
    there = f"{NOT_UTF_8}-{name}.edi"
    done = latin[name].call(put(file, f"/inbox/{there}")).run()
    assert done.code == 0, done.words
    (message,) = mailbox.taken(os.fsencode(there))
    assert message.payload == file.read_bytes()
    assert message.filename == rf"bestellung-\xe4\xf6\xfc-{name}.edi"
    for other in (latin.lftp, latin.curl):
        assert there in other.call(names("/inbox")).run().names
    # sftp shows such bytes by their numbers.
    shown = latin.sftp.call(names("/inbox")).run().stdout
    assert rf"bestellung-\344\366\374-{name}.edi" in shown


@pytest.fixture(scope="module")
def latin(mailbox):
    return mailbox.clients_of(LATIN)


@pytest.fixture(scope="module")
def crowded(mailbox):
    return mailbox.clients_of(CROWDED)


@pytest.mark.parametrize("name", RESUMING)
def test_ten_thousand_files_are_listed(crowded, name):
    listed = crowded[name].call(names("/inbox")).run()
    assert listed.code == 0, listed.words
    assert len(listed.names) == FILES_OF_THE_CROWDED


def test_the_second_session_that_writes_a_file_is_refused(mailbox):
    first = mailbox.file("twice.edi", os.urandom(LONG_BYTES))
    second = mailbox.file("twice.edi", acknowledgment_855(500))
    running = mailbox.clients.sftp.call(put(first, "/inbox/twice.edi"), bytes_per_second=SLOWLY).start()
    with mailbox.looking() as session:
        until(lambda: "twice.edi" in session.listdir("/inbox"))
    for name in ("scp", "lftp", "curl", "paramiko"):
        refused = mailbox.clients[name].call(put(second, "/inbox/twice.edi")).run()
        assert refused.code != 0, refused.words
    done = running.outcome()
    assert done.code == 0, done.words
    (message,) = mailbox.taken("twice.edi")
    assert message.payload == first.read_bytes()


def test_all_clients_at_once(mailbox):
    files = {name: mailbox.file(f"at-once-by-{name}.edi", acknowledgment_855(600)) for name in EVERY}
    running = {
        name: mailbox.clients[name].call(put(file, f"/inbox/{file.name}")).start() for name, file in files.items()
    }
    for name, client in running.items():
        done = client.outcome()
        assert done.code == 0, done.words
        (message,) = mailbox.taken(files[name].name)
        assert message.payload == files[name].read_bytes()
