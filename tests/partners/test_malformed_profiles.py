"""Whatever stands in any layer of a profile: problems with their place, in bounded memory, never an exception."""

import copy
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.commands.program import main
from partners.loader import LoadedProfile
from partners.nodes import NODES_MAX, PROFILE_BYTES_MAX
from tests.fuzz.profile_properties import LAYERS, RICH, WORDS, profile_seeds, read_in, told
from tests.partners.profiles import ACME, write

EACH_LAYER = range(len(LAYERS))
WRONG: list[Any] = [
    *(None, True, 7, -1, 1.5, "", " ", "~", "no", "x" * 300, "\x00", "\u202e", "../../etc/passwd", "https://u:p@h/"),
    *([], [None], [[]], [{}], ["a", "a"], {}, {"x": 1}, {"": None}, {"id": {"id": {"id": 1}}}, "0" * 40),
]


@pytest.mark.parametrize("seed", [pytest.param(seed, id=str(n)) for n, seed in enumerate(profile_seeds())])
def test_the_seeds_hold(seed: bytes) -> None:
    told(seed)


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(EACH_LAYER))
def test_values_of_the_wrong_kind_anywhere(data: st.DataObject, layer: int) -> None:
    tree = yaml.load(RICH, Loader=yaml.BaseLoader)
    for _ in range(data.draw(st.integers(1, 3))):
        _spoil(tree, data)
    told(bytes([layer]) + yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode())


def _spoil(tree: Any, data: st.DataObject) -> None:
    """Put something wrong somewhere: another value, another key, or something twice or not at all."""
    here = tree
    while isinstance(here, dict | list) and here:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = data.draw(st.sampled_from(keys))
        inner = here[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            here = inner
            continue
        way = data.draw(st.sampled_from(["value", "key", "drop"]))
        if way == "value":
            here[key] = copy.deepcopy(data.draw(st.sampled_from(WRONG)))
        elif way == "drop":
            del here[key]
        elif isinstance(here, dict):
            here[data.draw(st.sampled_from(["stauts", "ID", "", "as3", "x" * 80, "\x07", "Name"]))] = here.pop(key)
        return


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(EACH_LAYER),
    st.lists(st.tuples(st.integers(0, len(RICH)), st.integers(0, 30), st.sampled_from(WORDS)), max_size=4),
)
def test_text_that_was_damaged(layer: int, changes: list[tuple[int, int, str]]) -> None:
    text = RICH
    for at, removed, put in changes:
        text = text[:at] + put + text[at + removed :]
    told(bytes([layer]) + text.encode())


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(EACH_LAYER), st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode()))
def test_any_bytes(layer: int, data: bytes) -> None:
    told(bytes([layer]) + data)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(EACH_LAYER), st.sampled_from(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-7"]))
def test_other_encodings(layer: int, encoding: str) -> None:
    told(bytes([layer]) + RICH.replace("Ann", "Ännchen").encode(encoding))


BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(ord('b') + n)}: &{chr(ord('b') + n)} [{', '.join(['*' + chr(ord('a') + n)] * 9)}]\n" for n in range(9)
)
BOMBS: dict[str, Callable[[], str]] = {
    "aliases": lambda: BILLION,
    "aliases in keys": lambda: "a: &a {x: 1}\n" + "".join(f"k{n}: {{<<: *a, y: *a}}\n" for n in range(5_000)),
    "one alias often": lambda: "a: &a [" + "x, " * 2_000 + "x]\nb: [" + "*a, " * 2_000 + "*a]\n",
    "many anchors": lambda: "".join(f"k{n}: &n{n} {n}\n" for n in range(12_000)),
    "circle": lambda: "a: &a [*a]\n",
    "deep lists": lambda: "a: " + "[" * 100_000,
    "deep keys": lambda: "a: " + "{a: " * 50_000,
    "deep dashes": lambda: "a:\n  " + "- " * 100_000,
    "deep questions": lambda: "? " * 100_000,
    "wide": lambda: "a: [" + "x," * (NODES_MAX + 1) + "x]\n",
    "many keys": lambda: "".join(f"k{n}: 1\n" for n in range(20_000)),
    "many wrong values": lambda: "tolerances: [" + "x," * 15_000 + "x]\n",
    "same key": lambda: "name: x\n" * 20_000,
    "long key": lambda: "k" * 200_000 + ": 1\n",
    "long value": lambda: "encoding: " + "v" * 200_000 + "\n",
    "long pattern": lambda: "as2: {id: " + "a " * 100_000 + "}\n",
    "no values": lambda: "".join(f"k{n}:\n" for n in range(15_000)),
    "too large": lambda: "#" * (PROFILE_BYTES_MAX + 1),
    "long comment": lambda: "name: x #" + "#" * 200_000,
    "long quoted": lambda: 'name: "' + "\\x41" * 50_000 + "\n",
    "many documents": lambda: "---\na: 1\n" * 20_000,
    "tabs": lambda: "as2:\n\tid: x\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_told_in_bounded_memory(name: str, request: pytest.FixtureRequest) -> None:
    text = BOMBS[name]()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for layer in EACH_LAYER:
        told(bytes([layer]) + text.encode())
    assert not isinstance(read_in(0, text.encode()), LoadedProfile)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000, "kilobytes"


@pytest.fixture
def gateway_yaml(tmp_path: Path) -> Path:
    config = tmp_path / "gateway.yaml"
    settings = {
        "data_dir": str(tmp_path / "data"),
        "partners_dir": str(tmp_path / "partners"),
        "environment": "staging",
    }
    config.write_text(json.dumps(settings | {"identities": [{"name": "us", "as2_id": "US"}]}))
    write(tmp_path / "partners", "acme-supply", ACME + "extends: house\n")
    template = tmp_path / "partners" / "_templates" / "house" / "profile.yaml"
    template.parent.mkdir(parents=True)
    template.write_text("encoding: utf-8\n")
    return config


@pytest.mark.parametrize(
    "layer", ["acme-supply/profile.yaml", "acme-supply/profile.staging.yaml", "_templates/house/profile.yaml"]
)
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name: x\nname: y\n", ":2:1: the key `name` stands twice here"),
        (b"as2:\n\tid: x\n", ":2:1: not YAML"),
        (b"encoding:\n", ":1:"),
        (b"\xff\xfea\x00", ":1:1: byte 0xff is not UTF-8"),
        (b"a: &a [*a]\n", ":1:8: *a stands inside what it repeats"),
        (b"processing: {on_bad_set: [x]}\n", ":1:14: `processing.on_bad_set` holds no single word"),
        (b"limits: [x]\n", ":1:1: `limits` holds no keys"),
        (b"encodng: utf-8\n", ":1:1: there is no key `encodng`; did you mean `encoding`?"),
        (b"name: \x07\n", ":1:7: not YAML: "),
        (b"- a\n", ":1:1: the file holds no keys"),
        (b"a: " + b"[" * 50_000, ":1:15: nested deeper"),
        (BILLION.encode(), ": more than 20000 values"),
    ],
    ids=["twice", "tab", "null", "utf16", "circle", "keys", "list", "typo", "control", "no-keys", "deep", "billion"],
)
def test_the_command_tells_it_and_ends_with_1(
    gateway_yaml: Path, capsys: pytest.CaptureFixture[str], layer: str, content: bytes, words: str
) -> None:
    file = gateway_yaml.parent / "partners" / layer
    file.write_bytes(content)
    assert main(["partner", "check", "acme-supply", "--config", str(gateway_yaml)]) == 1
    said = capsys.readouterr()
    assert f"{file}:" in said.out
    assert words in said.out
    assert "Traceback" not in said.out + said.err
    assert main(["partner", "list", "--config", str(gateway_yaml)]) == 0
    assert "broken" in capsys.readouterr().out


def test_a_process_of_its_own_says_no_more(gateway_yaml: Path) -> None:
    profile = gateway_yaml.parent / "partners" / "acme-supply" / "profile.yaml"
    profile.write_text("a: " + "[" * 100_000)
    words = [sys.executable, "-m", "gateway", "partner", "check", "--config", str(gateway_yaml)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.splitlines()[0].endswith("nested deeper than 12 levels; no field of a profile lies so deep")
