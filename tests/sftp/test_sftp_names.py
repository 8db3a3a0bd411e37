"""Names are data: what a path means, what a file may be called, how a name is shown."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sftp import DIRECTORY, REGULAR_FILE, Attributes, absolute, listed, long_name, objection_to, resolve, shown

NOW_S = 1_790_000_000
pieces = st.lists(st.sampled_from([b"/", b"//", b".", b"..", b"inbox", b"a\\b", b"\xff", b" ", b"~", b"-rf"]))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (b"", ()),
        (b".", ()),
        (b"/", ()),
        (b"//", ()),
        (b"..", ()),
        (b"/../../..", ()),
        (b"inbox", (b"inbox",)),
        (b"/inbox/", (b"inbox",)),
        (b"./inbox//a.edi", (b"inbox", b"a.edi")),
        (b"/../inbox/../../outbox/a", (b"outbox", b"a")),
        (b"inbox/.../a", (b"inbox", b"...", b"a")),
        (b"~/a", (b"~", b"a")),
        (b"C:\\..\\a", (b"C:\\..\\a",)),
        (b"/inbox/\xff\x00", (b"inbox", b"\xff\x00")),
        (b"\xef\xbc\x8e\xef\xbc\x8e/a", (b"\xef\xbc\x8e\xef\xbc\x8e", b"a")),
        (b"..;/a", (b"..;", b"a")),
        (b"%2e%2e/a", (b"%2e%2e", b"a")),
    ],
    ids=range(17),
)
def test_what_a_path_means(path, names):
    assert resolve(path) == names


@given(pieces.map(b"".join) | st.binary(max_size=60))
def test_a_path_means_what_posix_says_with_the_mailbox_as_root(path):
    names = resolve(path)
    assert absolute(names) == posixpath.normpath(b"/" + path.lstrip(b"/"))
    assert resolve(absolute(names)) == names
    assert not {b"", b".", b".."} & set(names)
    assert all(b"/" not in name for name in names)


@pytest.mark.parametrize(
    "name",
    [
        *(b"a", b"-rf", b" ", b"CON", b"nul.txt", b"a\\b", b"a:b", b"...", b"~", b"*", b"\xff\xfe", b".hidden"),
        *("Ünïcödé".encode(), "\u202egnp.exe".encode(), "．．".encode(), b"x" * 255),  # noqa: RUF001 - lookalikes meant
    ],
    ids=range(16),
)
def test_names_that_files_may_have(name):
    assert objection_to(name) is None
    assert resolve(b"inbox/" + name) == (b"inbox", name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (b"", "needs a name"),
        (b".", '"." means a directory'),
        (b"..", '".." means a directory'),
        (b"a/b", "slash"),
        (b"a\x00b", "control character 0x00"),
        (b"a\nb", "control character 0x0a"),
        (b"\x1b[2J", "control character 0x1b"),
        (b"a\x7f", "control character 0x7f"),
        (b"x" * 256, "256 bytes is too long; use at most 255"),
    ],
    ids=range(9),
)
def test_names_that_files_may_not_have(name, words):
    assert words in objection_to(name)


@given(st.binary(max_size=300))
def test_an_objection_is_short_and_can_be_shown(name):
    objection = objection_to(name)
    assert objection is None or (objection.isprintable() and len(objection) < 120)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"order 1.edi", "order 1.edi"),
        ("Bestellung-Ü-訂單.xml".encode(), "Bestellung-Ü-訂單.xml"),
        (b"a\xffb\xc3", r"a\xffb\xc3"),
        (b"a\nb\x1b[2J\x7f", r"a\x0ab\x1b[2J\x7f"),
        ("exe.\u202egnp".encode(), r"exe.\xe2\x80\xaegnp"),
        ("a\u200bb\ufeff".encode(), r"a\xe2\x80\x8bb\xef\xbb\xbf"),
        ("a\u00a0b\u2028".encode(), r"a\xc2\xa0b\xe2\x80\xa8"),
        (rb"a\x0a", r"a\x5cx0a"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        (b"\xc0\xaf", r"\xc0\xaf"),
        (b"", ""),
    ],
    ids=range(11),
)
def test_how_names_are_shown(name, text):
    assert shown(name) == text


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
def test_what_is_shown_is_printable_and_tells_the_name(name):
    text = shown(name, 10_000)
    assert text.isprintable()
    parts = text.split("\\x")
    told = parts[0].encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in parts[1:])
    assert told == name


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
def test_what_is_shown_is_cut_with_a_mark_and_never_within_an_escape(name):
    whole = shown(name, 10_000)
    for length_max in (1, 2, 5, 20):
        text = shown(name, length_max)
        assert len(text) <= length_max
        if len(whole) <= length_max:
            assert text == whole
        else:
            assert text.endswith("…")
            assert whole.startswith(text[:-1])
            assert "\\" not in text[-4:-1] or text[-5:-3] == "\\x"


def test_a_very_long_name_is_shown_short():
    assert shown(b"\xf0\x9f\x93\x84" * 1_000, 10) == "📄" * 9 + "…"


@pytest.mark.parametrize(
    ("name", "attributes", "line"),
    [
        (
            *(b"a.edi", Attributes(5_000, 0, 0, REGULAR_FILE | 0o640, NOW_S, NOW_S - 60)),
            b"-rw-r-----    1 mailbox  mailbox      5000 Sep 21 14:12 a.edi",
        ),
        (
            *(b"inbox", Attributes(permissions=DIRECTORY | 0o755, modified_s=1_700_000_000)),
            b"drwxr-xr-x    1 mailbox  mailbox         0 Nov 14  2023 inbox",
        ),
        (
            *(b"from the future", Attributes(123_456_789_012, modified_s=2**32 - 1)),
            b"----------    1 mailbox  mailbox  123456789012 Feb  7  2106 from the future",
        ),
        (
            b"x\n-rw\x1b[2J\x7f\xff",
            Attributes(),
            b"----------    1 mailbox  mailbox         0 Jan  1  1970 x?-rw?[2J?\xff",
        ),
    ],
    ids=["recent", "old", "future", "controls"],
)
def test_the_line_of_a_listing(name, attributes, line):
    assert long_name(name, attributes, NOW_S) == line
    assert listed(name, attributes, NOW_S).long_name == line
