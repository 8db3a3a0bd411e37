"""Bytes that were damaged, in every way we know of: what must hold for any bytes holds for them."""

import random
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import MUTATIONS, mutated
from tests.fuzz.properties import LENIENT, PROPERTIES, STRICT
from tests.fuzz.seeds import FOUND, seeds
from tests.translators.x12.conftest import FIXTURES, interchange, isa
from translators.x12.reader import read

SEEDS = list(seeds())
OWN = list(seeds(with_corpus=False))
SHORT = sorted((data for data in OWN if len(data) < 500), key=len)
GROUP = "GS*PO*A*B*20260105*0930*7*X*004010~"
CHEAP = ("tokenizer", "reader", "validator", "acknowledgment")
DEAR = ("translation", "writer", "documents")


def holds(data: bytes, names=tuple(PROPERTIES)) -> None:
    for name in names:
        PROPERTIES[name](data)


@pytest.mark.parametrize("path", sorted(FOUND.glob("*.bin")), ids=lambda path: path.stem)
def test_what_was_found_once_is_not_found_again(path):
    holds(path.read_bytes())


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.edi")), ids=lambda path: path.stem)
def test_files_as_they_are(path):
    holds(path.read_bytes())


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__)
def test_files_damaged_in_one_way(mutate):
    chance = random.Random(mutate.__name__)
    for data in chance.sample(SEEDS, min(len(SEEDS), 60)):
        holds(mutate(data, chance), CHEAP)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(OWN), st.randoms(use_true_random=False))
def test_files_damaged_in_several_ways(data, chance):
    holds(mutated(data, chance))


@pytest.mark.parametrize("data", SHORT[:3], ids=len)
def test_files_cut_off_at_every_byte(data):
    for end in range(len(data)):
        holds(data[:end], ("tokenizer", "reader", "acknowledgment"))
        if end % 16 == 0:
            holds(data[:end], DEAR)


@pytest.mark.parametrize("data", SHORT[:2], ids=len)
def test_files_without_any_one_byte(data):
    for at in range(len(data)):
        holds(data[:at] + data[at + 1 :], ("reader", "acknowledgment"))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(OWN),
    st.permutations(list(range(5))),
    st.lists(st.sampled_from("*~>^|\n\r\x1c\x1d\x1e'!+:$é"), min_size=5, max_size=5),
)
def test_files_with_other_separators(data, order, separators):
    sent = [b"*", b"~", b">", b"^", b"\n"]
    table = bytes.maketrans(b"".join(sent), "".join(separators[at] for at in order).encode("latin-1"))
    holds(data.translate(table), CHEAP)


class Counted:
    """Bytes that count how many of them are asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.asked_for = 0

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, part: slice) -> bytes:
        found = self._data[part]
        self.asked_for += len(found)
        return found


def work(data: bytes, rules) -> tuple[int, int]:
    """How many bytes reading asks for, and how many calls it makes: counts, not seconds."""
    source, calls = Counted(data), 0

    def count(_frame, event, _argument) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        for _ in read(source, rules):
            pass
    finally:
        sys.setprofile(before)
    return source.asked_for, calls


HEAD = f"{isa()}{GROUP}ST*850*0001~BEG*00*SA*1**20260105~"
# What grows, and how one may make a file of it grow.
HOSTILE: dict[str, Callable[[int], str]] = {
    "nothing but ISA": lambda times: "ISA*" * times,
    "whole ISA segments": lambda times: isa() * (times // 8),
    "ISA without separators": lambda times: "ISA" * times,
    "empty interchanges": lambda times: (isa() + "IEA*0*000000001~") * (times // 8),
    "terminators": lambda times: HEAD + "~" * 4 * times,
    "line ends": lambda times: HEAD + "\r\n" * 2 * times,
    "blanks": lambda times: HEAD + " " * 4 * times,
    "a segment without end": lambda times: HEAD + "x" * 4 * times,
    "separators without end": lambda times: HEAD + "REF" + "*" * 4 * times,
    "components without end": lambda times: HEAD + "REF*DP*1**" + ">" * 4 * times + "~",
    "sets without SE": lambda times: isa() + GROUP + "ST*850*0001~" * times,
    "SE alone": lambda times: isa() + GROUP + "SE*1*0001~" * times,
    "groups without GE": lambda times: isa() + GROUP * (times // 4),
    "GE alone": lambda times: isa() + "GE*1*7~" * times,
    "IEA alone": lambda times: isa() + "IEA*1*1~" * times,
    "TA1": lambda times: isa() + "TA1*000000001*260105*0930*A*000~" * (times // 4),
    "segments too late": lambda times: HEAD + "PO1*1*1*EA~CUR*BY*USD~" * (times // 4),
    "loops without limit": lambda times: HEAD + "N1*ST*X~" * times,
    "segments nobody knows": lambda times: HEAD + "XYZ*1~" * times,
    "levels below each other": lambda times: (
        isa() + GROUP.replace("PO", "SH", 1) + "ST*856*0001~BSN*00*1*20260105*0930~"
        + "".join(f"HL*{number}*{number - 1}*I~" for number in range(1, times // 4))
    ),
    "levels without a parent": lambda times: (
        isa() + GROUP.replace("PO", "SH", 1) + "ST*856*0001~BSN*00*1*20260105*0930~" + "HL*1*9*I~" * (times // 2)
    ),
    "binary lengths that lead nowhere": lambda times: HEAD + "BIN*999999*x~" * (times // 2),
    "binary lengths that lead on": lambda times: HEAD + "BIN*4*~~~~~" * (times // 2),
    "a line many times": lambda times: HEAD + "PO1*1*1*EA*1~" * (times // 2),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("rules", [STRICT, LENIENT], ids=["strict", "lenient"])
def test_work_grows_no_faster_than_the_file(name, rules):
    small, large = (HOSTILE[name](times).encode("latin-1") for times in (4_000, 16_000))
    ratio = len(large) / len(small)
    for few, many in zip(work(small, rules), work(large, rules), strict=True):
        # Half as much again is room for windows that grow; twice would be the square.
        assert many <= few * ratio * 1.5 + 10_000


def test_a_sound_file_is_asked_for_but_few_times():
    data = interchange("BEG*00*SA*1**20260105~" + "PO1*1*1*EA*1~" * 20_000)
    asked_for, _ = work(data, STRICT)
    assert asked_for <= 6 * len(data)
