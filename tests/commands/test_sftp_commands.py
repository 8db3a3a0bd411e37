"""`gateway sftp`: host keys that follow each other, and what stands in a profile for a password."""

import io
import sqlite3
from contextlib import closing

import pytest
import yaml

from gateway.model.password_hash import matches
from gateway.settings import DATABASE_FILE
from gateway.store.database import Database
from gateway.store.oversight import audit
from partners.sftp_terms import SftpPassword
from tests.commands.conftest import Run
from tests.site import Site


@pytest.fixture
def site(tmp_path) -> Site:
    """A gateway that was never started: one that was has host keys."""
    made = Site(tmp_path)
    with closing(sqlite3.connect(made.data_dir / DATABASE_FILE)) as database, database:
        database.execute("DELETE FROM ssh_key")
    return made


@pytest.fixture
def host_keys(run: Run, site: Site):
    return lambda *words: run("sftp", "host-keys", *words, "--config", site.config)


def test_host_keys_follow_each_other(host_keys, database: Database):
    assert "no host keys yet" in host_keys("list").out
    first = host_keys("new", "--format", "json").json
    assert first["state"] == "signs"
    second = host_keys("new", "--from", "2126-01-31", "--format", "json").json
    assert (second["state"], second["signs_from"]) == ("announced", "2126-01-31T00:00:00.000Z")
    assert [row["state"] for row in host_keys("list", "--format", "json").rows] == ["signs", "announced"]
    refused = host_keys("retire", first["fingerprint"])
    assert (refused.code, "signs now" in refused.err) == (2, True)
    assert "signs now" in host_keys("use", second["fingerprint"][:12]).out
    ended = host_keys("retire", first["fingerprint"])
    assert (ended.code, "private part is gone" in ended.out) == (0, True)
    assert second["fingerprint"] in host_keys("list").out
    assert first["fingerprint"] not in host_keys("list").out
    assert "retired" in host_keys("list", "--all").out
    done = [act.action.rpartition(".")[2] for act in database.read_now(lambda c: audit.find(c, action="ssh_host_key"))]
    assert done == ["retire", "use_from", "new", "new"]


def test_host_keys_of_rsa(host_keys):
    made = host_keys("new", "--algorithm", "ssh-rsa", "--format", "json").json
    assert made["public_key"].startswith("ssh-rsa AAAA")


def test_without_a_passphrase_a_sentence_says_what_to_set(run: Run, tmp_path):
    config = tmp_path / "bare.yaml"
    config.write_text(f"data_dir: {tmp_path / 'bare'}\n")
    ended = run("sftp", "host-keys", "new", "--config", config)
    assert ended.code == 2
    assert "key_passphrase_file" in ended.err


def test_a_password_that_is_made_is_shown_once(run: Run):
    made = run("sftp", "password", "--make", "--label", "erp", "--format", "json").json
    assert len(made["password"]) >= 32
    assert made["password"] not in made["scrypt"]
    assert matches(made["password"], SftpPassword(label=made["label"], scrypt=made["scrypt"]).scrypt)
    assert not matches(made["password"] + "x", made["scrypt"])


def test_a_password_of_standard_input_becomes_the_lines_of_a_profile(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    ended = run("sftp", "password")
    (item,) = yaml.safe_load(ended.out)["passwords"]
    assert item["label"] == "first"
    assert matches("correct horse battery", item["scrypt"])


@pytest.mark.parametrize("typed", ["short", "", "p\u00e4ssword of twelve", "x" * 129])
def test_passwords_that_will_not_do(run: Run, monkeypatch: pytest.MonkeyPatch, typed: str):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
    ended = run("sftp", "password")
    assert (ended.code, ended.out) == (2, "")
    assert "12 to 128 printable ASCII characters" in ended.err
    assert run("sftp", "password", "--make", "--label", "No Label").code == 2


@pytest.mark.parametrize("written", ["", "$scrypt$", "$scrypt$ln=30,r=8,p=1$" + "A" * 22 + "$" + "A" * 43])
def test_what_is_no_hash_is_matched_by_nothing(written: str):
    assert not matches("anything", written)
