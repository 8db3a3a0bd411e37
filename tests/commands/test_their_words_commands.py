"""Commands with `--partner`: files are read, validated and written in the partner's words."""

import json
from pathlib import Path

import pytest
import yaml

from tests.commands.conftest import Run
from tests.site import Site, acknowledgment_855

WORDS = {
    "tables": [{"file": "items.csv", "of": "product_ids", "theirs": "VP", "ours": "BP", "missing": "reject"}],
    "units": [{"theirs": "CA", "ours": "EA", "factor": "12"}],
}
SENT = acknowledgment_855(1).replace(b"*10*EA", b"*10*CA").replace(b"BP*AX-100*", b"")


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    site = Site(tmp_path / "site", acme_profile={"vocabulary": WORDS})
    folder = site.partners_dir / "acme-supply"
    (folder / "items.csv").write_bytes(b"theirs,ours\nACME-7,000123\n")
    profile = yaml.safe_load((folder / "profile.yaml").read_text())
    order = {"document": "purchase_order", "direction": "outbound", "syntax": "x12", "releases": ["004010"]}
    profile["agreements"].append(order)
    (folder / "profile.yaml").write_text(yaml.safe_dump(profile))
    return ["--config", str(site.config), "--partner", "acme-supply"]


def test_what_they_sent_is_translated_validated_and_acknowledged_by_their_words(
    run: Run, config: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "answer.edi"
    file.write_bytes(SENT)
    (line,) = run("translate", *config, file).json["document"]["lines"]
    assert (line["quantity"], line["quantity_as_sent"], line["product_ids"][1]["id"]) == ("120", "10", "000123")
    assert run("validate", *config, "--format", "json", file).json["accepted"]

    file.write_bytes(SENT.replace(b"ACME-7", b"ACME-8"))
    ended = run("validate", *config, "--format", "json", file)
    assert (ended.code, ended.json["accepted"]) == (1, False)
    (read,) = ended.json["interchanges"][0]["groups"][0]["transaction_sets"]
    assert read["status"] == "rejected"
    first = read["findings"][0]
    assert (first["segment"], first["element"], first["code"], first["value"]) == ("PO1", 7, "7", "ACME-8")
    shown = run("validate", *config, file)
    assert "the item VP ACME-8 is not known here" in shown.out
    assert "AK4*7*234*7*ACME-8" in run("acknowledge", *config, file).out
    assert run("translate", *config, file).code == 1


def test_what_we_send_is_written_in_their_words(run: Run, config: list[str], tmp_path: Path) -> None:
    order = {
        "document_type": "purchase_order",
        "schema_version": "1.0",
        "number": "4500",
        "issued_on": "2026-03-01",
        "lines": [
            {"line_id": "1", "quantity": "24", "unit": "EA", "product_ids": [{"qualifier": "BP", "id": "000123"}]}
        ],
    }
    file = tmp_path / "order.json"
    file.write_text(json.dumps(order))
    assert "PO1*1*2*CA***VP*ACME-7~" in run("translate", "--to", "x12", "--raw", *config, file).out
    order["lines"][0]["quantity"] = "30"
    file.write_text(json.dumps(order))
    ended = run("translate", "--to", "x12", *config, file)
    assert (ended.code, ended.json["document"]) == (1, None)
    assert [finding["code"] for finding in ended.json["findings"] if finding["severity"] == "error"] == [
        "quantity-uneven"
    ]
