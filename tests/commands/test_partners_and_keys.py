"""Profiles, API keys, schemas, broker definitions, effective settings."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from gateway.commands.parsing import Unusable
from gateway.commands.serve import run as serve
from gateway.model.notices import NOTICES
from gateway.settings import Settings
from tests.commands.conftest import Ended, Run
from tests.site import PASSPHRASE, Site
from translators.documents import DOCUMENTS


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def call(site: Site, run: Run):
    def call(*words: object) -> Ended:
        return run(*words, "--config", site.config)

    return call


def test_partners_are_listed_with_their_ways_in(call):
    rows = call("partner", "list", "--format", "json").rows
    assert [(row["id"], row["ways_in"]) for row in rows] == [
        ("acme-supply", ["as2 ACME-AS2"]),
        ("northwind-parts", ["rest (1 key)"]),
    ]
    assert "ZZ/ACMESUPPLY" in call("partner", "list").out


def test_a_partner_shows_certificates_and_agreements_and_no_key(call, site: Site):
    shown = call("partner", "show", "acme-supply", "--format", "json").json
    assert shown["certificates"][0]["fingerprint"] == site.acme.certificate.fingerprint
    assert shown["agreements"][0]["document"] == "purchase_order"
    text = call("partner", "show", "acme-supply").out
    assert "ship_notice" in text
    assert "acme.pem" in text
    assert "tests" in call("partner", "show", "northwind-parts").out


@pytest.mark.parametrize("name", ["acme-suply", "../site", "", "UPPER"])
def test_an_unknown_partner_ends_with_2(call, name: str):
    for words in (("show", name), ("check", name), ("key", name, "--label", "x")):
        ended = call("partner", *words)
        assert ended.code == 2, words
        assert "there is no partner" in ended.err
    if name == "acme-suply":
        assert "did you mean acme-supply?" in ended.err


def test_check_names_file_and_line_and_ends_with_1(call, site: Site):
    assert call("partner", "check").code == 0
    profile = site.partners_dir / "acme-supply" / "profile.yaml"
    profile.write_text(profile.read_text() + "encodingg: utf-8\n")
    ended = call("partner", "check")
    assert ended.code == 1
    line = len(profile.read_text().splitlines())
    assert f"{profile}:{line}:" in ended.out
    (problem,) = call("partner", "check", "--format", "json").rows
    assert (problem["file"], problem["severity"]) == (str(profile), "error")
    assert call("partner", "check", "northwind-parts").code == 0
    assert "gateway partner check" in call("partner", "list").err
    shown = call("partner", "show", "acme-supply")
    assert shown.code == 2
    assert "encoding" in shown.err


def test_a_key_opens_the_door_once_its_digest_is_in_the_profile(call, site: Site):
    ended = call("partner", "key", "northwind-parts", "--label", "next-2027", "--expires-on", "2030-01-31")
    key, _, *lines = ended.out.splitlines()
    assert "only time" in ended.err
    added = yaml.safe_load("\n".join(lines))["api_keys"]
    assert added[0]["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    assert len(key) == 43
    profile = site.partners_dir / "northwind-parts" / "profile.yaml"
    held = yaml.safe_load(profile.read_text())
    assert key not in profile.read_text()
    profile.write_text(yaml.safe_dump(held | {"api_keys": held["api_keys"] + added}))
    assert call("partner", "check").code == 0
    again = call("partner", "key", "northwind-parts", "--label", "next-2027")
    assert again.code == 2
    assert "already" in again.err


def test_a_key_as_json(call):
    made = call("partner", "key", "acme-supply", "--label", "first", "--format", "json").json
    assert made["api_keys"] == [{"label": "first", "sha256": hashlib.sha256(made["key"].encode()).hexdigest()}]


def test_an_oauth_client_and_a_signing_secret(call, site: Site, monkeypatch):
    profile = site.partners_dir / "northwind-parts" / "profile.yaml"
    held = yaml.safe_load(profile.read_text())
    ended = call("partner", "key", "northwind-parts", "--for", "oauth", "--label", "northwind-erp")
    secret, _, *lines = ended.out.splitlines()
    client = yaml.safe_load("\n".join(lines))["api"]["oauth_clients"]
    sha256 = hashlib.sha256(secret.encode()).hexdigest()
    assert client == [{"client_id": "northwind-erp", "secret_sha256": sha256}]
    ended = call("partner", "key", "northwind-parts", "--for", "signature", "--label", "nw:2027")
    secret, _, *lines = ended.out.splitlines()
    keys = yaml.safe_load("\n".join(lines))["api"]["signatures"]["keys"]
    reference = "SIGNING_NORTHWIND_PARTS_NW_2027"
    assert keys == [{"id": "nw:2027", "algorithm": "hmac-sha256", "secret": f"env:{reference}"}]
    assert reference in ended.err
    profile.write_text(yaml.safe_dump(held | {"api": {"oauth_clients": client, "signatures": {"keys": keys}}}))
    checked = call("partner", "check", "northwind-parts")
    assert checked.code == 0
    assert f"the variable {reference} is not set" in checked.out
    monkeypatch.setenv(reference, secret)
    assert "signatures" not in call("partner", "check", "northwind-parts").out
    monkeypatch.setenv(reference, "short")
    assert call("partner", "check", "northwind-parts").code == 1
    for kind, label in (("oauth", "northwind-erp"), ("signature", "nw:2027")):
        again = call("partner", "key", "northwind-parts", "--for", kind, "--label", label)
        assert (again.code, "already" in again.err) == (2, True)
    made = call("partner", "key", "acme-supply", "--for", "signature", "--label", "a", "--format", "json").json
    assert made["api"]["signatures"]["keys"][0]["id"] == "a"
    assert len(made["secret"]) == 43
    assert made["secret"] not in str(made["api"])


@pytest.mark.parametrize(
    "more",
    [
        ("--label", "No Slug"),
        ("--label", "prod-"),
        ("--label", "x", "--expires-on", "tomorrow"),
        ("--label", "x", "--expires-on", "2020-12-31"),
        (),
    ],
)
def test_a_key_needs_a_label_and_real_days(call, more: tuple[str, ...]):
    assert call("partner", "key", "acme-supply", *more).code == 2


# --- schemas, broker, settings ---------------------------------------------------------------------------------------


def test_every_schema_that_is_listed_is_given_and_is_one(run: Run):
    names = [row["name"] for row in run("schema", "--format", "json").rows]
    assert names == [*DOCUMENTS, *NOTICES, "profile", "profile-layer", "asyncapi", "openapi"]
    for name in names:
        given = json.loads(run("schema", name).out)
        if name == "asyncapi":
            assert given["asyncapi"] == "3.0.0"
        else:
            jsonschema.Draft202012Validator.check_schema(given)
    assert "ship_notice" in run("schema").out


def test_an_older_release_of_the_partner_api_is_compared(run: Run, tmp_path: Path):
    file = tmp_path / "older.json"
    file.write_text(run("schema", "openapi", "--server", "https://b2b.bigcorp.example").out)
    assert json.loads(file.read_text())["servers"] == [{"url": "https://b2b.bigcorp.example"}]
    assert "breaks no program" in run("schema", "openapi", "--compare", file).out

    older = json.loads(file.read_text())
    older["paths"]["/v1/gone"] = older["paths"]["/v1/me"]
    file.write_text(json.dumps(older))
    broken = run("schema", "openapi", "--compare", file, "--format", "json")
    assert broken.code == 1
    assert [(row["rule"], row["where"]) for row in broken.rows] == [("operation-removed", "GET /v1/gone")]
    assert "operation-removed" in run("schema", "openapi", "--compare", file).out


@pytest.mark.parametrize("content", ["{", "[]", '{"openapi": "3.0.0"}', '{"openapi": "3.1.0", "paths": []}', None])
def test_what_cannot_be_compared_is_told(run: Run, tmp_path: Path, content: str | None):
    file = tmp_path / "older.json"
    if content is not None:
        file.write_text(content)
    assert run("schema", "openapi", "--compare", file).code == 2
    assert run("schema", "invoice", "--compare", file).code == 2


def test_what_translate_prints_fits_the_schema(run: Run):
    schema = json.loads(run("schema", "purchase_order_acknowledgment").out)
    fixture = Path(__file__).parents[1] / "fixtures" / "x12" / "855-004010.edi"
    jsonschema.validate(run("translate", fixture).json["document"], schema)


def test_broker_definitions_are_what_rabbitmq_imports(run: Run):
    given = json.loads(run("broker", "definitions", "--vhost", "b2b", "--delivery-limit", "7").out)
    assert {policy["vhost"] for policy in given["policies"]} == {"b2b"}
    assert {policy["definition"]["delivery-limit"] for policy in given["policies"]} == {7}


def test_settings_are_shown_with_their_origin_and_without_secrets(call, site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GATEWAY_LIMITS_CONNECTIONS_MAX", "77")
    rows = {row["name"]: row for row in call("serve", "--print-settings", "--format", "json").rows}
    assert rows["limits.connections_max"] == {
        "name": "limits.connections_max",
        "value": "77",
        "origin": "GATEWAY_LIMITS_CONNECTIONS_MAX",
    }
    assert rows["data_dir"]["origin"] == str(site.config)
    assert rows["log_level"]["origin"] == "default"
    assert PASSPHRASE not in call("serve", "--print-settings").out


def test_serve_says_what_keeps_it_from_starting(site: Site):
    settings = Settings(data_dir=site.data_dir, partners_dir=site.partners_dir)
    with pytest.raises(Unusable, match="passphrase"):
        serve(settings)


def test_serve_takes_roles(run: Run):
    ended = run("serve", "--role", "edge,", "--print-settings", "--format", "json")
    assert ended.code == 0
    assert run("serve", "--role", ",").code == 2


def test_what_commands_write_is_for_their_user_alone(tmp_path):
    (tmp_path / "gateway.yaml").write_text("identities: [{name: bigcorp, as2_id: BIGCORP-AS2}]\n")
    command = [sys.executable, "-m", "gateway", "operator", "token", "new", "--label", "me", "--role", "viewer"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "data").rglob("*")}
    assert modes
    assert not any(modes.values()), modes
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_the_reference_of_profiles_as_a_page_and_as_markdown(run: Run):
    assert run("schema", "profile", "--to", "html").out.startswith("<!doctype html>")
    assert run("schema", "profile", "--to", "markdown").out.startswith("# Every key of a partner's profile")
    refused = run("schema", "ship_notice", "--to", "html")
    assert (refused.code, refused.out) == (2, "")
    assert "leave out --to" in refused.err
