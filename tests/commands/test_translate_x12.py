"""`gateway translate --to x12`: under an agreement, or as a test."""

import json
from pathlib import Path

import pytest
import yaml

from tests.commands.conftest import Run
from tests.translators.x12.conftest import pieces_of
from translators.guide import ReadingRules
from translators.x12.reading import InterchangeOpened, SetRead, Status

X12 = Path(__file__).parents[1] / "fixtures" / "x12"
JSON = Path(__file__).parents[1] / "fixtures" / "written"
ORDER = JSON / "850-004010.json"


def opened_and_set(data: bytes, encoding: str = "latin-1") -> tuple[InterchangeOpened, SetRead]:
    pieces = pieces_of(data, ReadingRules(encoding=encoding))
    (opened,) = [piece for piece in pieces if isinstance(piece, InterchangeOpened)]
    (read,) = [piece for piece in pieces if isinstance(piece, SetRead)]
    return opened, read


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    """A site with a partner to whom we send orders."""
    site = tmp_path / "site"
    folder = site / "partners" / "acme-supply"
    folder.mkdir(parents=True)
    profile = {
        "id": "acme-supply",
        "name": "Acme Supply",
        "status": "suspended",
        "x12": {"qualifier": "01", "id": "123456789", "group_id": "ACMEAPP"},
        "framing": {"line_end": "lf", "usage": "test", "separators": {"element": "|"}, "version": "00501"},
        "agreements": [
            {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010VICS"]}
        ],
    }
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile))
    settings = {
        "data_dir": str(site / "data"),
        "partners_dir": str(site / "partners"),
        "identities": [{"name": "plant", "x12": {"qualifier": "ZZ", "id": "BIGCORP", "group_id": "BIGAPP"}}],
    }
    (site / "gateway.yaml").write_text(yaml.safe_dump(settings))
    return ["--config", str(site / "gateway.yaml")]


def test_json_becomes_x12_in_the_release_that_is_named(run: Run):
    ended = run("translate", "--to", "x12", "--release", "005010", "--control-number", "41", ORDER)
    assert ended.code == 0
    shown = ended.json
    assert (shown["document_type"], shown["status"]) == ("purchase_order", "accepted")
    opened, read = opened_and_set(shown["document"].encode("latin-1"))
    assert (opened.header.control_number, opened.header.usage, opened.header.version) == ("000000041", "T", "00501")
    assert (read.type, read.status) == ("850", Status.ACCEPTED)
    assert {"code", "pointer", "message", "severity"} <= set(shown["findings"][0])


def test_the_agreement_says_release_address_and_layout(run: Run, config: list[str]):
    ended = run(
        "translate", "--to", "x12", "--partner", "acme-supply", "--control-number", "7", "--raw", ORDER, *config
    )
    assert ended.code == 0, ended.err
    lines = ended.out.split("~\n")
    assert lines[0].startswith("ISA|00|          |00|          |ZZ|BIGCORP        |01|123456789      |")
    assert lines[0].endswith("|^|00501|000000007|0|T|>")
    assert lines[1].startswith("GS|PO|BIGAPP|ACMEAPP|")
    assert lines[1].endswith("|7|X|004010VICS")
    _, read = opened_and_set(ended.out.encode("latin-1"))
    assert read.status is Status.ACCEPTED


def test_an_agreement_has_its_own_layout_and_address(run: Run, config: list[str]):
    file = Path(config[1]).parent / "partners" / "acme-supply" / "profile.yaml"
    profile = yaml.safe_load(file.read_text())
    profile["agreements"][0]["framing"] = {"separators": {"element": "+"}, "trailing_separators": "all"}
    profile["x12"] = [
        {"qualifier": "01", "id": "987654321", "use": "inbound"},
        profile["x12"] | {"use": "outbound"},
    ]
    file.write_text(yaml.safe_dump(profile))
    ended = run("translate", "--to", "x12", "--partner", "acme-supply", "--raw", ORDER, *config)
    assert ended.code == 0, ended.err
    lines = ended.out.split("~\n")
    assert "+ZZ+BIGCORP        +01+123456789      +" in lines[0]
    beg = next(line for line in lines if line.startswith("BEG+"))
    assert beg.count("+") == 12  # BEG has twelve elements in 004010


def test_what_is_not_agreed_needs_a_release(run: Run, config: list[str]):
    invoice = JSON / "810-003040.json"
    refused = run("translate", "--to", "x12", "--partner", "acme-supply", invoice, *config)
    assert refused.code == 2
    assert "no outbound agreement on invoice" in refused.err
    assert (
        run("translate", "--to", "x12", "--partner", "acme-supply", "--release", "003040", invoice, *config).code == 0
    )


def test_x12_goes_through_the_canonical_form_into_another_release(run: Run):
    ended = run("translate", "--to", "x12", "--release", "006020", "--raw", X12 / "850-004010.edi")
    opened, read = opened_and_set(ended.out.encode("latin-1"))
    assert (opened.header.version, read.status) == ("00602", Status.ACCEPTED)
    same = run("translate", "--to", "x12", "--raw", X12 / "850-004010.edi")
    assert "*X*004010~" in same.out


def test_every_document_gets_the_next_number(run: Run):
    ended = run("translate", "--to", "x12", "--control-number", "5", X12 / "850-two-groups.edi")
    numbers = [opened_and_set(row["document"].encode("latin-1"))[0].header.control_number for row in ended.rows]
    assert numbers == [f"{5 + count:09}" for count in range(len(numbers))]
    assert len(numbers) > 1


def test_a_document_that_cannot_be_written_ends_with_1(run: Run, tmp_path: Path):
    order = json.loads(ORDER.read_text())
    del order["issued_on"]
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order))
    ended = run("translate", "--to", "x12", "--release", "004010", file)
    assert ended.code == 1
    assert (ended.json["document"], ended.json["status"]) == (None, "rejected")
    errors = [finding for finding in ended.json["findings"] if finding["severity"] == "error"]
    assert [(finding["pointer"], finding["segment"], finding["element"]) for finding in errors] == [
        ("/issued_on", "BEG", 5)
    ]
    raw = run("translate", "--to", "x12", "--release", "004010", "--raw", file)
    assert (raw.code, raw.out) == (1, "")
    assert "fill /issued_on" in raw.err
    text = run("translate", "--to", "x12", "--release", "004010", "--format", "text", file)
    assert "as X12: rejected" in text.out
    assert "/issued_on" in text.out


def test_people_see_the_interchange_below_its_findings(run: Run):
    ended = run("translate", "--to", "x12", "--release", "004010", "--format", "text", ORDER)
    assert ended.code == 0
    assert "purchase_order 4500012345 as X12: accepted" in ended.out
    assert "BEG*00*SA*4500012345" in ended.out


def test_what_was_rejected_in_reading_is_not_written(run: Run):
    ended = run("translate", "--to", "x12", X12 / "broken-850-elements.edi")
    assert ended.code == 1
    assert ended.json["document"] is None
    assert ended.json["findings"][-1]["code"] == "not-writable"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--to", "x12"], "name it with --release"),
        (["--to", "x12", "--release", "999999"], "has no tables"),
        (["--release", "004010"], "belongs to --to x12"),
        (["--to", "x12", "--release", "004010", "--control-number", "0"], "control-number"),
    ],
)
def test_a_call_that_lacks_something_says_what(run: Run, words: list[str], told: str):
    ended = run("translate", *words, ORDER)
    assert ended.code == 2
    assert told in ended.err
