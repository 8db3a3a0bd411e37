"""`gateway certs`: a key's life from the command line, and that nothing private is ever shown."""

import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from certs.key_folder import TAKEN_OVER_FILE
from certs.keyring import HeldPair, ring_at, seal
from gateway.flow.certificates.keys import life_of, unlock
from gateway.model.notices import Notice
from gateway.settings import load_settings
from gateway.store import keys
from gateway.store.database import Database
from gateway.store.events import event_log, outbox
from gateway.store.keys import certificate_uses
from gateway.store.keys.certificate_uses import Use, identity_owner, partner_owner
from gateway.store.oversight import audit
from tests.certs.pairs import pair
from tests.commands.conftest import Ended, Run
from tests.site import PASSPHRASE, PROJECT, Site, key_pair

TODAY = datetime.now(UTC)
P12_SECRET = "a passphrase of the p12 tests"


def in_days(days: int) -> str:
    return f"{TODAY + timedelta(days=days):%Y-%m-%d}"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.fixture
def call(site: Site, run: Run):
    def call(*words: object) -> Ended:
        ended = run("certs", *words, "--config", site.config)
        assert "PRIVATE KEY" not in ended.out + ended.err
        assert PASSPHRASE not in ended.out + ended.err
        return ended

    return call


@pytest.fixture
def store(site: Site):
    database = Database(load_settings(site.config, {}).settings.resolved_database_url())
    yield database
    database.close()


def ring(store: Database, *, days: float = 0, passphrase: str = PASSPHRASE):
    stored = store.read_now(keys.every)
    held = [HeldPair(life_of(one), unlock(one, passphrase.encode())) for one in stored if one.wrapped_key]
    return ring_at(held, datetime.now(UTC) + timedelta(days=days))[0].keys_of("bigcorp")


def acts(store: Database) -> list[audit.Act]:
    return [act for act in store.read_now(audit.find) if act.action.startswith("key.")]


def own(rows: list[dict[str, object]]) -> dict[object, dict[str, object]]:
    return {row["fingerprint"]: row for row in rows if row["owner_kind"] == "identity"}


# --- making and rolling ----------------------------------------------------------------------------------------------


def test_a_new_key_decrypts_and_waits_until_it_is_rolled_to(call, site: Site, store: Database):
    ended = call("new", "bigcorp", "--common-name", "BigCorp AS2", "--days", "365")
    assert ended.code == 0, ended.err
    new = x509.load_pem_x509_certificate(ended.out.encode())
    assert new.subject.rfc4514_string() == "CN=BigCorp AS2"
    assert "certs roll" in ended.err
    held = ring(store)
    assert held.signing == site.ours
    assert len(held.decryption) == 2
    assert call("roll", "bigcorp", "--on", in_days(7)).code == 0
    assert ring(store, days=6).signing == site.ours
    assert ring(store, days=8).signing.certificate.parsed == new
    assert len(ring(store, days=8).decryption) == 2


def test_a_roll_makes_its_successor_and_tells_what_comes(call, site: Site, store: Database):
    words = ("roll", "bigcorp", "--new", "--on", in_days(10), "--decrypt-until", in_days(40))
    told = call(*words, "--format", "json").json
    new = told["to"]
    assert told["signs_from"].startswith(in_days(10))
    assert [step["what"].split(" ", 1)[1] for step in told["timeline"]][:3] == [
        f"signs; {new[:12]} and {site.ours.certificate.fingerprint[:12]} decrypt",
        f"signs instead of {site.ours.certificate.fingerprint[:12]}",
        "decrypts for the last time",
    ]
    certificate = ring(store, days=20).signing.certificate
    assert (certificate.fingerprint, certificate.subject) == (new, site.ours.certificate.subject)
    assert site.ours in ring(store, days=40).decryption
    assert site.ours not in ring(store, days=41.1).decryption
    text = call("list")
    assert f"signs from {in_days(10)}" in text.out
    assert f"{new[:12]} signs instead of" in text.out


def test_a_roll_that_fails_makes_no_key(call, store: Database):
    for words, said in (
        (("--on", "2020-01-01"), "is over"),
        (("--on", in_days(9_000)), "valid from"),
        (("--on", in_days(9), "--decrypt-until", in_days(3)), "before the cut-over"),
        (("--on", "someday"), "no day such as"),
    ):
        ended = call("roll", "bigcorp", "--new", *words)
        assert (ended.code, said in ended.err) == (2, True), ended.err
    assert store.read_now(keys.count) == 1
    assert acts(store) == []


def test_a_plan_takes_the_place_of_the_one_before(call, site: Site, store: Database):
    call("roll", "bigcorp", "--new", "--on", in_days(5))
    second = call("roll", "bigcorp", "--new", "--on", in_days(9), "--format", "json").json["to"]
    assert ring(store, days=7).signing == site.ours
    assert ring(store, days=10).signing.certificate.fingerprint == second
    back = call("roll", "bigcorp", "--to", site.ours.certificate.fingerprint[:8])
    assert back.code == 0, back.err
    assert ring(store, days=10).signing == site.ours
    again = call("roll", "bigcorp", "--to", site.ours.certificate.fingerprint[:8])
    assert (again.code, "already" in again.err) == (2, True)


def test_which_pair_is_meant_has_to_be_clear(call):
    assert "--new, or --to" in call("roll", "bigcorp").err
    call("new", "bigcorp", "--curve", "P-256")
    call("new", "bigcorp", "--curve", "P-384")
    ended = call("roll", "bigcorp")
    assert ended.code == 2
    assert "waiting: " in ended.err
    assert "no pair" in call("roll", "bigcorp", "--to", "abc").err


@pytest.mark.parametrize(("size", "key"), [(("--curve", "P-521"), "EC secp521r1"), (("--bits", "3072"), "RSA 3072")])
def test_keys_of_every_size(call, size: tuple[str, str], key: str):
    made = call("new", "bigcorp", *size, "--format", "json").json
    assert made["key"] == key
    assert made["use"] == "decryption"
    assert call("new", "bigcorp", "--curve", "P-256", "--bits", "2048").code == 2


def test_the_last_pair_that_partners_can_encrypt_to_stays(call, site: Site):
    ours = site.ours.certificate.fingerprint[:10]
    words = ("roll", "bigcorp", "--new", "--curve", "P-256")
    refused = call(*words, "--decrypt-until", in_days(30))
    assert (refused.code, "elliptic curve" in refused.err) == (2, True)
    assert call(*words).code == 0
    retired = call("retire", "bigcorp", ours)
    assert (retired.code, "last pair that partners can encrypt to" in retired.err) == (2, True)


def test_an_identity_that_the_settings_do_not_have_is_refused(call):
    ended = call("new", "bigcrop")
    assert ended.code == 2
    assert "did you mean bigcorp?" in ended.err


@pytest.mark.parametrize("verb", ["", "new", "import", "roll", "list", "export", "retire", "rewrap"])
def test_help_has_an_example(run: Run, verb: str):
    ended = run("certs", *([verb] if verb else []), "--help")
    assert ended.code == 0
    assert "example:" in ended.out or not verb


# --- bringing --------------------------------------------------------------------------------------------------------


def test_a_key_of_openssl_is_brought_and_goes_out_to_openssl(call, site: Site, store: Database, tmp_path: Path):
    old = pair(0)
    (tmp_path / "old.key").write_bytes(seal(old.private_key, b"old-secret"))
    (tmp_path / "old.crt").write_bytes(old.certificate.pem())
    (tmp_path / "old.pass").write_text("old-secret\n")
    files = ("--key", tmp_path / "old.key", "--certificate", tmp_path / "old.crt")
    refused = call("import", "bigcorp", *files)
    assert refused.code == 2
    assert "passphrase" in refused.err
    guards = "-passin pass:old-secret -passout pass:old-secret"
    openssl(f"pkcs12 -export -inkey old.key -in old.crt {guards} -out old.p12", tmp_path)
    ended = call(
        "import", "bigcorp", tmp_path / "old.p12", "--key-passphrase-file", tmp_path / "old.pass", "--format", "json"
    )
    assert ended.code == 0, ended.err
    assert ended.json["fingerprint"] == old.certificate.fingerprint
    assert {one.certificate for one in ring(store).decryption} == {site.ours.certificate, old.certificate}
    again = call("import", "bigcorp", *files, "--key-passphrase-file", tmp_path / "old.pass")
    assert (again.code, "already" in again.err) == (2, True)
    (tmp_path / "p12.pass").write_text(P12_SECRET)
    out = tmp_path / "out.p12"
    private = ("export", "bigcorp", "--fingerprint", old.certificate.fingerprint, "--private", "--p12", out)
    assert "all three" in call(*private).err
    exported = call(*private, "--p12-passphrase-file", tmp_path / "p12.pass")
    assert exported.code == 0, exported.err
    assert P12_SECRET not in exported.out + exported.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    openssl("pkcs12 -in out.p12 -passin file:p12.pass -nodes -nocerts -out opened.key", tmp_path)
    digest = openssl("pkey -in opened.key -pubout", tmp_path)
    assert digest == openssl("x509 -in old.crt -noout -pubkey", tmp_path)
    assert "exists" in call(*private, "--p12-passphrase-file", tmp_path / "p12.pass").err
    assert [act.action for act in acts(store)][::-1][:2] == ["key.import", "key.export-private"]
    assert pkcs12.load_pkcs12(out.read_bytes(), P12_SECRET.encode()).key is not None


def openssl(call: str, folder: Path) -> bytes:
    return subprocess.run(["openssl", *call.split()], cwd=folder, check=True, capture_output=True).stdout


@pytest.mark.parametrize(
    ("form", "reading"),
    [
        ("pem", "x509 -in out -noout -fingerprint -sha256"),
        ("der", "x509 -inform DER -in out -noout -fingerprint -sha256"),
        ("p7b", "pkcs7 -inform DER -in out -print_certs -out certs.pem"),
    ],
)
def test_what_is_exported_openssl_reads(site: Site, tmp_path: Path, form: str, reading: str):
    with (tmp_path / "out").open("wb") as out:
        command = [sys.executable, "-m", "gateway", "certs", "export", "bigcorp", "--format", form]
        command += ["--config", str(site.config)]
        subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=True, cwd=PROJECT)
    shown = openssl(reading, tmp_path)
    if form == "p7b":
        shown = openssl("x509 -in certs.pem -noout -fingerprint -sha256", tmp_path)
    assert shown.decode().strip().partition("=")[2].replace(":", "").lower() == site.ours.certificate.fingerprint


def test_the_sheet_has_what_partners_compare(call, site: Site):
    sheet = call("export", "bigcorp", "--format", "sheet").out
    facts = call("export", "bigcorp", "--format", "json").json
    for name in ("fingerprint", "fingerprint_sha1"):
        assert ":".join(facts[name][at : at + 2] for at in range(0, len(facts[name]), 2)).upper() in sheet
    assert facts["serial_number"] in sheet
    assert facts["pem"] == site.ours.certificate.pem().decode()
    call("roll", "bigcorp", "--new", "--on", in_days(9))
    assert f"from {in_days(9)} on" in call("export", "bigcorp").err


# --- retiring and the passphrase -------------------------------------------------------------------------------------


def test_a_pair_is_retired_once_nobody_uses_it(call, site: Site, store: Database):
    ours = site.ours.certificate.fingerprint
    assert "the pair that signs" in call("retire", "bigcorp", ours[:10]).err
    call("roll", "bigcorp", "--new")
    now_ms = int(datetime.now(UTC).timestamp() * 1_000)
    used = {(identity_owner("bigcorp"), ours, Use.DECRYPTION.value): now_ms - 3 * 86_400_000}
    store.write_now(lambda connection: certificate_uses.keep(connection, used))
    refused = call("retire", "bigcorp", ours[:10])
    assert (refused.code, "still encrypts to it" in refused.err) == (2, True)
    assert call("retire", "bigcorp", ours[:10], "--even-if-used").code == 0
    assert site.ours not in ring(store).decryption
    assert ours not in own(call("list", "--format", "json").rows)
    shown = own(call("list", "--all", "--format", "json").rows)[ours]
    assert (shown["status"], shown["last_used"]) == ("retired", {"decryption": shown["last_used"]["decryption"]})
    assert call("retire", "bigcorp", ours[:10]).code == 2
    erased = call("retire", "bigcorp", ours[:10], "--erase", "--format", "json").json
    assert erased == {"identity": "bigcorp", "retired": ours, "erased": True}
    assert [one.wrapped_key for one in store.read_now(keys.every) if one.fingerprint == ours] == [b""]
    assert "is retired" in call("roll", "bigcorp", "--to", ours[:10]).err


def test_another_passphrase_for_all_keys(call, site: Site, store: Database, tmp_path: Path):
    call("new", "bigcorp", "--curve", "P-256")
    (tmp_path / "next.pass").write_text("the next passphrase\n")
    ended = call("rewrap", "--new-passphrase-file", tmp_path / "next.pass")
    assert ended.code == 0, ended.err
    assert "2 private keys" in ended.out
    assert ring(store, passphrase="the next passphrase").signing == site.ours
    again = call("rewrap", "--new-passphrase-file", tmp_path / "next.pass")
    assert (again.code, "already" in again.err) == (2, True)
    wrong = call("new", "bigcorp", "--curve", "P-256")
    assert wrong.code == 2
    assert "wrong passphrase" in wrong.err
    assert call("list").code == 0  # needs none
    assert "the next passphrase" not in ended.out + ended.err + again.err + wrong.err


def test_without_a_passphrase_no_key_is_made(call, site: Site, tmp_path: Path):
    settings = yaml.safe_load(site.config.read_text())
    del settings["key_passphrase"]
    site.config.write_text(yaml.safe_dump(settings))
    ended = call("new", "bigcorp")
    assert ended.code == 2
    assert "key_passphrase_file" in ended.err
    assert len(call("list", "--format", "json").rows) == 2  # needs none
    site.config.write_text(yaml.safe_dump(settings | {"key_passphrase_file": "/nowhere/at-all"}))
    assert "/nowhere/at-all" in call("new", "bigcorp").err
    (tmp_path / "empty").write_text("\n")
    site.config.write_text(yaml.safe_dump(settings | {"key_passphrase_file": str(tmp_path / "empty")}))
    assert "1 to 1023 bytes" in call("new", "bigcorp").err


def test_every_act_is_audited_with_its_actor(call, site: Site, store: Database):
    call("roll", "bigcorp", "--new")
    call("retire", "bigcorp", site.ours.certificate.fingerprint[:10])
    found = acts(store)[::-1]
    assert [act.action for act in found] == ["key.new", "key.roll", "key.retire"]
    assert {act.subject for act in found} == {"bigcorp"}
    assert all(act.actor.startswith("command:") for act in found)


# --- listing ---------------------------------------------------------------------------------------------------------


def test_the_list_has_our_keys_and_the_partners_certificates(call, site: Site, store: Database):
    ours, theirs = site.ours.certificate.fingerprint, site.acme.certificate.fingerprint
    uses = {
        (identity_owner("bigcorp"), ours, Use.SIGNING.value): 1_700_000_000_000,
        (partner_owner("acme-supply"), theirs, Use.VERIFICATION.value): 1_700_000_000_000,
    }
    store.write_now(lambda connection: certificate_uses.keep(connection, uses))
    rows = {row["fingerprint"]: row for row in call("list", "--format", "json").rows}
    assert set(rows) == {ours, theirs}
    assert (rows[ours]["owner"], rows[ours]["uses"]) == ("bigcorp", ["signing", "encryption"])
    assert rows[theirs]["source"] == "profile: acme.pem"
    assert rows[theirs]["last_used"] == {"verification": "2023-11-14T22:13:20.000Z"}
    assert (rows[theirs]["status"], rows[theirs]["successor"]) == ("ok", False)
    text = call("list").out
    assert "signs and decrypts" in text
    assert "verification 2023-11-14" in text
    assert [row["owner"] for row in call("list", "acme-supply", "--format", "json").rows] == ["acme-supply"]
    assert call("list", "--expiring", "30", "--format", "json").rows == []
    assert len(call("list", "--expiring", "9000", "--format", "json").rows) == 2


def test_an_unreadable_certificate_is_named_and_the_others_listed(call, site: Site):
    (site.partners_dir / "acme-supply" / "acme.pem").write_text("nothing")
    ended = call("list", "--format", "json")
    assert ended.code == 0
    assert [row["owner"] for row in ended.rows] == ["bigcorp"]


def test_a_notice_is_among_the_events(site: Site, run: Run, store: Database):
    notice = Notice("certificate:x", "certificate", "expiring", "acme-supply", "CN=acme", {"days_ahead": 7})
    event_id = store.write_now(lambda connection: outbox.announce(connection, notice, 1_000))
    store.write_now(lambda connection: event_log.append(connection, event_id, 1_000))
    event = run("events", "--config", site.config, "--format", "json").json
    assert event["routing_key"] == "certificate.expiring.acme-supply"
    assert event["event"]["data"]["days_ahead"] == 7
    assert "documentid" not in event["event"]
    assert "certificate.expiring  CN=acme" in run("events", "--config", site.config).out


# --- the folder of earlier versions ----------------------------------------------------------------------------------


def test_keys_of_an_earlier_version_are_taken_over_by_the_first_call(call, site: Site, store: Database):
    folder = site.data_dir / "keys" / "bigcorp"
    folder.mkdir(parents=True)
    old = pair(1)
    stem = old.certificate.fingerprint
    (folder / f"{stem}.key").write_bytes(seal(old.private_key, PASSPHRASE.encode()))
    (folder / f"{stem}.crt").write_bytes(old.certificate.pem())
    listed = call("list", "--format", "json")
    assert stem in own(listed.rows)
    assert "in the database now" in listed.err
    assert (site.data_dir / "keys" / TAKEN_OVER_FILE).exists()
    assert call("list").err == ""
    assert key_pair("bigcorp") in ring(store).decryption
    assert acts(store)[0].detail["fingerprint"] == stem
