"""`gateway partner test`: a line for each sample, what differs below it, and the exit codes that CI goes by."""

import io
import json
from pathlib import Path

import pytest
import yaml

from gateway.commands.partner.tested import _sign
from gateway.demo.premises import sample as of_the_demo
from tests.commands.conftest import Ended, Run
from tests.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def call(site: Site, run: Run):
    def call(*words: object) -> Ended:
        return run("partner", "test", *words, "--config", site.config)

    return call


def lay(site: Site, name: str, **files: bytes) -> Path:
    folder = site.partners_dir / "acme-supply" / "samples" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file.replace("__", ".")).write_bytes(content)
    return folder


@pytest.fixture
def response(site: Site) -> Path:
    return lay(site, "order-response", received__edi=of_the_demo("order-response.edi"))


def test_recorded_it_passes(call, response: Path):
    first = call("acme-supply")
    assert first.code == 1
    assert "✗ order-response" in first.out
    assert "not recorded yet: acknowledgment.edi, documents.json" in first.out
    assert "gateway partner test acme-supply --record order-response" in first.out
    recorded = call("acme-supply", "--record")
    assert (recorded.code, "recorded acknowledgment.edi, documents.json" in recorded.out) == (0, True)
    again = call()
    assert (again.code, again.out.splitlines()[:2]) == (0, ["acme-supply", "  ✓ order-response  order response"])
    assert again.out.endswith("1 sample: 1 passed\n")


def test_what_differs_is_shown_before_it_is_recorded(call, response: Path):
    call("acme-supply", "--record")
    text = (response / "documents.json").read_text()
    (response / "documents.json").write_text(text.replace('"AC-1002"', '"AC-1009"'))
    failed = call("acme-supply")
    assert failed.code == 1
    place, expected, came = failed.out.splitlines()[2:5]
    assert place.strip().startswith("documents.json /0/lines/1/")
    assert (expected.split(), came.split()) == (["expected", '"AC-1009"'], ["came", '"AC-1002"'])
    recorded = call("acme-supply", "--record", "order-response")
    assert recorded.out.splitlines()[2:5] == [place, expected, came]
    assert (recorded.code, (response / "documents.json").read_text()) == (0, text)


def test_agreements_without_a_sample_are_a_warning(call, response: Path):
    ended = call("acme-supply", "--record")
    assert (ended.code, "no sample shows: inbound " in ended.out) == (0, True)


def test_a_sample_that_is_refused_is_told_as_such_and_shows_no_agreement(call, site: Site):
    profile = site.partners_dir / "acme-supply" / "profile.yaml"
    agreed = yaml.safe_load(profile.read_text())
    ordered = {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010"]}
    profile.write_text(yaml.safe_dump(agreed | {"agreements": [ordered]}))
    lay(site, "no-order", document__json=b'{"document_type": "purchase_order"}')
    before = call("acme-supply", "--record")
    assert before.code == 0, before.out
    passed = call("acme-supply")
    assert "  ✓ no-order  no order\n      refused: nothing is sent; findings.json says why\n" in passed.out
    assert "outbound purchase_order in x12" in passed.out
    assert call("acme-supply", "--format", "json").json["samples"][0]["refused"] is True


def test_as_json_for_programs(call, response: Path):
    (acme, northwind) = call("--format", "json").rows
    assert (acme["partner"], acme["passed"], northwind["samples"]) == ("acme-supply", False, [])
    (sample,) = acme["samples"]
    assert (sample["sample"], sample["direction"], sample["passed"]) == ("order-response", "inbound", False)
    assert sample["unrecorded"] == ["acknowledgment.edi", "documents.json"]
    assert {"document": "ship_notice", "direction": "inbound", "syntax": "x12"} in acme["agreements_without_sample"]
    recorded = call("acme-supply", "--record", "--format", "json").json
    assert (recorded["passed"], recorded["samples"][0]["recorded"]) == (True, sample["unrecorded"])


def test_a_broken_folder_is_located(call, site: Site, response: Path):
    folder = lay(site, "broken", sample__yaml=b"title: [", received__edi=b"ISA")
    ended = call("acme-supply")
    assert ended.code == 1
    assert f"{folder}/sample.yaml:" in ended.out
    assert ended.out.endswith("1 sample: 0 passed, 1 failed, 1 problem of sample folders\n")
    (partner,) = [row for row in call("--format", "json").rows if row["problems"]]
    assert (partner["passed"], partner["problems"][0]["file"]) == (False, f"{folder}/sample.yaml")


def test_a_warning_of_a_folder_fails_nothing(call, site: Site, response: Path):
    call("acme-supply", "--record")
    (response / "recieved.edi").touch()
    ended = call("acme-supply")
    assert (ended.code, "did you mean `received.edi`?" in ended.out) == (0, True)


def test_one_of_several(call, site: Site, response: Path):
    lay(site, "order", document__json=of_the_demo("purchase-order.json"))
    ended = call("acme-supply", "--sample", "order")
    assert ("order-response" in ended.out, "1 sample" in ended.out) == (False, True)
    assert json.loads(call("--sample", "order", "--format", "json").out)["partner"] == "acme-supply"


def test_no_samples_says_how_to_begin(call):
    ended = call()
    assert (ended.code, "samples/NAME/received.edi" in ended.out) == (0, True)
    assert "acme-supply" in call("acme-supply").out


def test_a_profile_that_does_not_load(call, site: Site, response: Path):
    call("acme-supply", "--record")
    (site.partners_dir / "northwind-parts" / "profile.yaml").write_text("id: [")
    ended = call()
    assert (ended.code, "gateway partner check" in ended.err, "1 passed" in ended.out) == (1, True, True)
    assert call("northwind-parts").code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("acme-suply",), "did you mean acme-supply?"),
        (("--record",), "gateway partner test ID --record"),
        (("acme-supply", "--record", "order-respons"), "did you mean order-response?"),
        (("acme-supply", "--sample", "x"), "there are order-response"),
        (("--sample", "x"), "no partner has a sample 'x'"),
        (("acme-supply", "--recrod"), "did you mean --record?"),
    ],
    ids=range(6),
)
def test_calls_that_cannot_be_used(call, response: Path, words: tuple[str, ...], said: str):
    ended = call(*words)
    assert (ended.code, said in ended.err) == (2, True), ended.err


def test_signs_that_a_terminal_cannot_show_are_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace"))
    assert [_sign(sign) for sign in "✓✗"] == ["ok", "FAILED"]
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert [_sign(sign) for sign in "✓✗"] == ["✓", "✗"]


def test_a_second_opinion(call, response: Path):
    call("acme-supply", "--record")
    ended = call("acme-supply", "--second-opinion")
    assert (ended.code, "judged 20 segments by the standard" in ended.out) == (0, True)
    (sample,) = call("acme-supply", "--second-opinion", "--format", "json").json["samples"]
    assert sample["second_opinion"]["disagreements"] == []
    assert call("acme-supply", "--live", "--second-opinion").code == 2
