import os
from pathlib import Path

import pytest
import yaml

from tests.commands.conftest import Ended, Run
from tests.onboarding.guides import Page
from tests.site import PASSPHRASE, Site, acknowledgment_855


@pytest.fixture
def site(tmp_path: Path) -> Site:
    settings = {"company": "BigCorp", "contacts": [{"name": "EDI desk"}], "public_url": "https://b2b.bigcorp.example"}
    made = Site(tmp_path / "site", settings)
    profile = made.partners_dir / "acme-supply" / "profile.yaml"
    held = yaml.safe_load(profile.read_text())
    held["agreements"] = [one for one in held["agreements"] if one["document"].endswith("acknowledgment")]
    profile.write_text(yaml.safe_dump(held))
    return made


@pytest.fixture
def call(site: Site, run: Run):
    def call(*words: object) -> Ended:
        return run("partner", "guide", *words, "--config", site.config)

    return call


def test_the_guide_is_written_beside_us(call, site: Site):
    sample = site.partners_dir / "acme-supply" / "samples" / "a-response"
    sample.mkdir(parents=True)
    (sample / "received.edi").write_bytes(acknowledgment_855(7))
    ended = call("acme-supply")
    assert (ended.code, ended.out, ended.err) == (0, "acme-supply-guide.html\n", "")
    page = Page(Path("acme-supply-guide.html").read_text())
    words = page.at("certificates").words.replace(":", "")
    for pair in (site.ours, site.acme):
        assert pair.certificate.fingerprint.upper() in words
    assert "PO-7" in page.words
    assert PASSPHRASE not in page.html
    assert [path.name for path in Path.cwd().iterdir()] == ["acme-supply-guide.html"]


def test_to_standard_output_and_over_an_older_one(call, tmp_path: Path):
    ended = call("northwind-parts", "-o", "-")
    assert ended.code == 0
    page = Page(ended.out)
    assert "Northwind Parts Ltd." in page.words
    assert "urn:partner-gateway:problem:unauthenticated" in page.words
    assert not list(Path.cwd().iterdir())
    older = tmp_path / "guide.html"
    older.write_text("older")
    told = call("northwind-parts", "-o", older, "--format", "json").json
    assert told == told | {"partner": "northwind-parts", "status": "live", "html": str(older), "samples": []}
    assert older.read_text().startswith("<!DOCTYPE html>")


def test_a_draft_has_a_guide_and_a_broken_profile_has_none(call, site: Site):
    folder = site.partners_dir / "newcomer"
    folder.mkdir()
    (folder / "profile.yaml").write_text("id: newcomer\nname: Newcomer\nstatus: draft\n")
    ended = call("newcomer", "-o", "-")
    assert ended.code == 0
    assert "Draft: not in force yet" in ended.out
    (folder / "profile.yaml").write_text("id: newcomer\nnmae: Newcomer\n")
    ended = call("newcomer")
    assert ended.code == 2
    assert "did you mean `name`" in ended.err


def test_a_partner_behind_a_connection_reads_the_name_of_it(call, site: Site):
    for name, more in {
        "van": {
            "name": "Tradewind VAN",
            "api_keys": [{"label": "van", "sha256": "cd" * 32}],
            "speaks_for": {"qualifier": "12", "id": "5035550142"},
        },
        "mill": {"name": "Mill", "via": "van", "x12": {"qualifier": "12", "id": "5035550142"}},
    }.items():
        (site.partners_dir / name).mkdir()
        (site.partners_dir / name / "profile.yaml").write_text(yaml.safe_dump({"id": name, **more}))
    ended = call("mill", "-o", "-")
    assert ended.code == 0
    assert "By way of Tradewind VAN" in Page(ended.out).at("connection").words


def test_what_the_settings_do_not_say_is_told_to_the_operator(call, site: Site):
    held = yaml.safe_load(site.config.read_text())
    site.config.write_text(
        yaml.safe_dump({key: value for key, value in held.items() if key not in {"company", "public_url"}})
    )
    ended = call("northwind-parts", "-o", "-")
    assert ended.code == 0
    assert "`company`, `public_url`" in ended.err
    assert "`contacts`" not in ended.err


def test_a_sample_that_cannot_be_read_is_told_of(call, site: Site):
    (site.partners_dir / "northwind-parts" / "samples" / "nothing").mkdir(parents=True)
    ended = call("northwind-parts", "-o", "-")
    assert ended.code == 0
    assert "samples/nothing" in ended.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nobody"], "there is no partner 'nobody'"),
        (["northwind-parts", "-o", "-", "--format", "json"], "name a file with -o"),
        (["northwind-parts", "-o", "-", "--open"], "name a file with -o"),
        (["northwind-parts", "-o", "no/such/folder/guide.html"], "cannot be written"),
        (["northwind-parts", "-o", "."], "cannot be written"),
        (["northwind-parts", "--pdf", "guide.pdf"], "is no program here"),
    ],
)
def test_a_call_that_cannot_be_done_says_why(call, monkeypatch: pytest.MonkeyPatch, words: list[str], says: str):
    monkeypatch.setenv("CHROME", "/no/such/browser")
    ended = call(*words)
    assert ended.code == 2
    assert says in ended.err
    assert not list(Path.cwd().iterdir())


def test_what_is_no_file_is_not_replaced_by_one(call, tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    ended = call("northwind-parts", "-o", tmp_path / "pipe")
    assert (ended.code, "no regular file" in ended.err) == (2, True)
    assert (tmp_path / "pipe").is_fifo()


def test_a_pdf_alone_needs_no_page_beside_it(call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    printing = tmp_path / "browser"
    printing.write_text(
        '#!/bin/sh\nfor word in "$@"; do\n'
        'case $word in --print-to-pdf=*) printf %s %PDF-1.4 > "${word#*=}";; esac\ndone\n'
    )
    printing.chmod(0o755)
    monkeypatch.setenv("CHROME", str(printing))
    assert call("northwind-parts", "--pdf", "guide.pdf").out == "guide.pdf\n"
    assert [path.name for path in Path.cwd().iterdir()] == ["guide.pdf"]
    assert Path("guide.pdf").read_bytes() == b"%PDF-1.4"
