import os
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.onboarding.samples import reading
from gateway.onboarding.samples.reading import Sample, read_samples
from partners.problems import Problem


@pytest.fixture
def partner(tmp_path: Path) -> Path:
    folder = tmp_path / "acme-supply"
    folder.mkdir()
    return folder


def lay(partner: Path, name: str, **files: bytes) -> Path:
    """Files of one sample; `__` in a name stands for its dot."""
    folder = partner / "samples" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file.replace("__", ".")).write_bytes(content)
    return folder


def read(partner: Path) -> dict[str, Sample]:
    samples, problems = read_samples(partner)
    assert problems == ()
    return {sample.name: sample for sample in samples}


def only_problem(partner: Path) -> Problem:
    samples, problems = read_samples(partner)
    assert (samples, len(problems)) == ((), 1), problems
    return problems[0]


def test_partner_without_samples(partner: Path) -> None:
    assert read(partner) == {}


def test_both_directions(partner: Path) -> None:
    lay(partner, "order-response", received__edi=b"ISA", documents__json=b"[]", acknowledgment__edi=b"ISA*")
    order = lay(partner, "order", document__json=b"{}", sent__xml=b"<a/>", findings__json=b"[]")
    (order / "sample.yaml").write_text("title: An order\nabout: |\n  Two lines.\nrequired: false\n")
    found = read(partner)
    response = found["order-response"]
    assert (response.direction, response.content, response.content_name) == ("inbound", b"ISA", "received.edi")
    assert dict(response.expected) == {"documents.json": b"[]", "acknowledgment.edi": b"ISA*"}
    assert (response.title, response.about, response.required) == ("order response", "", True)
    order_sample = found["order"]
    assert (order_sample.direction, order_sample.content_path) == ("outbound", order / "document.json")
    assert dict(order_sample.expected) == {"sent.xml": b"<a/>", "findings.json": b"[]"}
    assert (order_sample.title, order_sample.about, order_sample.required) == ("An order", "Two lines.", False)


def test_what_editors_leave_is_no_sample(partner: Path) -> None:
    folder = lay(partner, "order", document__json=b"{}")
    (folder / "document.json~").touch()
    (folder / ".DS_Store").touch()
    (partner / "samples" / ".git").mkdir()
    assert list(read(partner)) == ["order"]


def test_a_name_that_was_meant(partner: Path) -> None:
    folder = lay(partner, "order", document__json=b"{}", sent__x12=b"ISA")
    samples, problems = read_samples(partner)
    assert [sample.name for sample in samples] == ["order"]
    assert [str(problem) for problem in problems] == [
        f"{folder}/sent.x12:1:1: warning: `sent.x12` means nothing in a sample; did you mean `sent.xml`?"
    ]


@pytest.mark.parametrize(
    ("files", "named", "what"),
    [
        ({"sample__yaml": b"title: x"}, "", "nothing that goes in"),
        ({"received__edi": b"I", "document__json": b"{}"}, "received.edi", "`document.json` and `received.edi` in one"),
        ({"received__edi": b"I", "sent__edi": b"I"}, "sent.edi", "`sent.edi` says nothing about `received.edi`"),
        ({"document__json": b"{}", "sent__edi": b"I", "sent__xml": b"I"}, "sent.xml", "beside `sent.edi`"),
        ({"received__edi": b""}, "received.edi", "`received.edi` is empty"),
        ({"received__edi": b"I", "documents__json": b"{}"}, "documents.json", "`documents.json` holds no list"),
        (
            {"document__json": b'{"document":{"document_type":"invoice"},"status":"accepted"}\n'},
            "document.json",
            "`document.json` holds what `gateway translate` says",
        ),
        ({"received__edi": b"I", "sample__yaml": b"titel: x"}, "sample.yaml", "`titel` means nothing here"),
        ({"received__edi": b"I", "sample__yaml": b"required: yes"}, "sample.yaml", "`required` is neither true nor"),
        ({"received__edi": b"I", "sample__yaml": b"title: [x]"}, "sample.yaml", "`title` is no text"),
        ({"received__edi": b"I", "sample__yaml": b"title: " + b"x" * 201}, "sample.yaml", "`title` has more than 200"),
        ({"received__edi": b"I", "sample__yaml": b"- x"}, "sample.yaml", "the file holds no keys"),
    ],
    ids=lambda value: value.replace(" ", "-")[:30] if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_folder(partner: Path, files: dict[str, bytes], named: str, what: str) -> None:
    folder = lay(partner, "order", **files)
    problem = only_problem(partner)
    assert problem.file == str(folder / named)
    assert problem.what.startswith(what)
    assert problem.would_be_right


def test_json_is_wrong_at_a_line_and_column(partner: Path) -> None:
    folder = lay(partner, "order", received__edi=b"I", findings__json=b'[\n  {"code": }\n]')
    assert str(only_problem(partner)).startswith(f"{folder}/findings.json:2:12: `findings.json` is no JSON: ")


def test_key_is_wrong_at_a_line_and_column(partner: Path) -> None:
    folder = lay(partner, "order", received__edi=b"I", sample__yaml=b"title: x\nabout: y\nrequire: true\n")
    assert str(only_problem(partner)) == (
        f"{folder}/sample.yaml:3:1: `require` means nothing here; did you mean `required`?"
    )


def test_names_of_samples_are_those_of_urls(partner: Path) -> None:
    folder = lay(partner, "Order 7", received__edi=b"I")
    assert only_problem(partner).file == str(folder)


def test_links_stay_inside(partner: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.edi"
    secret.write_bytes(b"ISA")
    folder = lay(partner, "order")
    (folder / "received.edi").symlink_to(secret)
    assert only_problem(partner).what == "`received.edi` is a link that leaves the partner's folder"
    (folder / "received.edi").unlink()
    (partner / "shared.edi").write_bytes(b"ISA inside")
    (folder / "received.edi").symlink_to(partner / "shared.edi")
    assert read(partner)["order"].content == b"ISA inside"


def test_linked_folder_stays_inside(partner: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "received.edi").write_bytes(b"ISA")
    (partner / "samples").mkdir()
    (partner / "samples" / "order").symlink_to(outside)
    assert "is a link that leaves" in only_problem(partner).what
    (partner / "samples" / "order").unlink()
    (partner / "samples").rmdir()
    (partner / "samples").symlink_to(outside)
    assert "is a link that leaves" in only_problem(partner).what


def test_what_is_no_file_is_not_waited_for(partner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lay(partner, "order")
    os.mkfifo(folder / "received.edi")
    assert only_problem(partner).what == "`received.edi` is no regular file"
    (folder / "received.edi").unlink()
    (folder / "received.edi").mkdir()
    assert only_problem(partner).what == "`received.edi` is no regular file"
    (folder / "received.edi").rmdir()
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(folder)  # the path of a socket has 107 characters at most
        bound.bind("received.edi")
        assert only_problem(partner).what.startswith("`received.edi` cannot be read")


def test_a_file_in_the_place_of_a_folder(partner: Path) -> None:
    (partner / "samples").write_bytes(b"")
    assert only_problem(partner).what == "samples is no folder"
    (partner / "samples").unlink()
    (partner / "samples").mkdir()
    (partner / "samples" / "order.edi").write_bytes(b"ISA")
    assert only_problem(partner).what == "`order.edi` is no folder"


def test_limits(partner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CONTENT_BYTES_MAX", 4)
    lay(partner, "order", received__edi=b"ISA*0")
    assert only_problem(partner).what == "`received.edi` has more than 4 bytes"
    monkeypatch.setattr(reading, "FILES_MAX", 2)
    lay(partner, "order", documents__json=b"[]", findings__json=b"[]")
    assert only_problem(partner).what == "`order` holds more than 2 files"
    monkeypatch.setattr(reading, "SAMPLES_MAX", 0)
    assert only_problem(partner).what == "samples holds more than 0 files"


def test_all_samples_together_are_held_in_memory(partner: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        lay(partner, name, **{"received.json": b"{}" * 50, "documents.json": b"[]" + b" " * 98})
    monkeypatch.setattr(reading, "ALL_BYTES_MAX", 400)
    samples, (problem,) = read_samples(partner)
    assert [sample.name for sample in samples] == ["a", "b"]
    assert (problem.file, "more than 400 bytes together" in problem.what) == (str(partner / "samples" / "c"), True)


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.dictionaries(
        st.sampled_from(["title", "about", "required", "x"]), st.sampled_from(["a", "[1]", "{}", "true", "'", "&a *a"])
    ).map(lambda keys: "\n".join(f"{key}: {value}" for key, value in keys.items()).encode())
)
def test_any_sample_file_is_read_or_located(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    partner = tmp_path_factory.mktemp("partner")
    lay(partner, "order", received__edi=b"ISA", sample__yaml=data)
    samples, problems = read_samples(partner)
    assert bool(samples) != bool(problems)
    assert all(problem.file.endswith("sample.yaml") and problem.line >= 1 <= problem.column for problem in problems)
