"""`check` of what lies beside a profile, of mailboxes and of ways out; looking again, and what changed since."""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

import gateway.onboarding.checking.checker as checker_module
from gateway.onboarding.checking.checker import Checker, check, compare
from gateway.onboarding.checking.profiles import check_profile
from partners.loader import LoadedProfile, parse_profile
from partners.problems import Problem
from tests.onboarding.test_agreements import BIGCORP, NOW, PLANT
from tests.onboarding.test_check import GOOD
from tests.onboarding.test_shipped_templates import PUBLIC_KEY
from tests.partners.profiles import ACME, NORTHWIND, write

SFTP = "sftp: {user: acme, keys: [{label: laptop, file: acme.pub}]}\n"
PASSWORD = f"{{label: old, scrypt: '$scrypt$ln=15,r=8,p=1${'A' * 22}${'A' * 43}'"


def checked(partners_dir: Path, environment: str | None = None, **named: object) -> list[str]:
    found = check(partners_dir, identities=[BIGCORP], now=NOW, environment=environment, **named)  # type: ignore[arg-type]
    return [str(problem).replace(f"{partners_dir}/", "") for problem in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path, "acme-supply", ACME, acme_pem=GOOD)


class TestFiles:
    def test_what_nobody_names(self, folder: Path) -> None:
        for name in ("acme-old.pem", "README.md", ".hidden", "profile.yaml~", "#profile.yaml#"):
            (folder / name).write_text("x")
        (folder / "samples").mkdir()
        (folder / "tables").mkdir()
        right = "so it is of no use; name it in the profile, or remove it"
        assert checked(folder.parent) == [
            f"acme-supply/{name}:1:1: warning: nothing names `{name}`, {right}" for name in ("acme-old.pem", "tables")
        ]

    def test_what_only_another_environment_names_is_named(self, folder: Path) -> None:
        (folder / "profile.production.yaml").write_text("as2: {certificate: real.pem}\n")
        (folder / "real.pem").write_bytes(GOOD)
        assert checked(folder.parent) == []
        assert checked(folder.parent, "staging") == []

    def test_an_overlay_that_is_a_pipe_or_a_link_out_of_the_folder_is_not_read(self, folder: Path) -> None:
        (folder / "left.pem").write_bytes(GOOD)
        os.mkfifo(folder / "profile.production.yaml")
        (folder.parent / "secret").write_text("as2: {certificate: left.pem}\n")
        (folder / "profile.staging.yaml").symlink_to("../secret")
        (told,) = checked(folder.parent)
        assert "nothing names `left.pem`" in told

    def test_a_draft_whose_file_has_another_name(self, folder: Path) -> None:
        (folder / "profile.yaml").write_text(ACME + "status: draft\n")
        (folder / "acme.pem").rename(folder / "acmee.pem")
        found = checked(folder.parent)
        assert [line.split("; ")[-1] for line in found if "nothing names" in line] == ["did you mean `acme.pem`?"]
        assert all(": warning: " in line for line in found)

    def test_overlays_that_nothing_lays_over(self, folder: Path) -> None:
        (folder / "profile.stagng.yaml").write_text("name: X\n")
        (folder / "profile.production.yaml").write_text("name: X\n")
        (folder / "profile.Test.yaml").write_text("name: X\n")
        (folder / "profile.staging.yml").write_text("name: X\n")
        found = checked(folder.parent, "staging")
        nobodys = "is the overlay of no environment; name it profile.ENVIRONMENT.yaml, as `environment` stands in "
        not_laid = "is not laid over the profile: the environment here is `staging`; did you mean "
        assert [line.split(": ", 2)[2] for line in found] == [
            f"`profile.Test.yaml` {nobodys}gateway.yaml",
            f"`profile.staging.yml` {nobodys}gateway.yaml",
            f"`profile.stagng.yaml` {not_laid}`profile.staging.yaml`?",
        ]
        (folder / "profile.staging.yaml").write_text("name: X\n")
        assert not any("stagng" in line for line in checked(folder.parent, "staging"))

    def test_required_samples_that_are_not_there(self, folder: Path) -> None:
        (folder / "profile.yaml").write_text(ACME + "required_samples: [asn-one, asn-two]\n")
        (folder / "samples" / "asn-one").mkdir(parents=True)
        (found,) = checked(folder.parent)
        assert found.startswith("acme-supply/profile.yaml:10:29: there is no sample `asn-two` in ")
        assert found.endswith("did you mean `asn-one`?")


def rsa_key(bits: int) -> bytes:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=bits)
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


def private_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


class TestMailbox:
    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda: rsa_key(1_024), "`acme.pub`: the RSA key has 1024 bits; ask for an ed25519 key, or 2048 bits"),
            (private_key, "`acme.pub`: the file holds a private key; delete it everywhere"),
            (lambda: b"ssh-ed25519 AAAA", "`acme.pub`: the file holds no readable public key; ask for the line"),
            (lambda: b"\xff\xfe\x00", "`acme.pub`: the file holds no readable public key; ask for the line"),
            (lambda: b"", "`acme.pub`: the file holds 0 lines with keys; ask for the line"),
            (lambda: PUBLIC_KEY * 2, "`acme.pub`: the file holds 2 lines with keys; put each key into a file"),
            (
                lambda: b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n",
                "`acme.pub`: the file holds a public key, but not as OpenSSH's one line; `ssh-keygen -i -f acme.pub > ",
            ),
            (lambda: b"-----BEGIN PUBLIC KEY-----\nAAAA\n", "`acme.pub`: the file holds a public key, but"),
            (lambda: b"PuTTY-User-Key-File-3: ssh-ed25519\n", "`acme.pub`: the file holds a private key; delete it"),
        ],
        ids=["weak", "private", "cut", "binary", "empty", "two", "rfc4716", "pem", "putty"],
    )
    def test_a_key_that_opens_nothing(self, tmp_path: Path, make: Callable[[], bytes], words: str) -> None:
        write(tmp_path, "acme-supply", ACME + SFTP, acme_pem=GOOD, acme_pub=make())
        (wrong,) = checked(tmp_path)
        assert wrong.startswith(f"acme-supply/profile.yaml:10:49: {words}")

    @pytest.mark.parametrize(
        ("days", "words"),
        [
            (-1, ["nothing opens the mailbox any more", "the SFTP key `laptop` expired on"]),
            (29, ["the SFTP key `laptop` expires on"]),
            (31, []),
        ],
    )
    def test_a_key_that_ends(self, tmp_path: Path, days: int, words: list[str]) -> None:
        ends = (NOW + timedelta(days=days)).date()
        text = ACME + SFTP.replace("acme.pub}", f"acme.pub, expires_on: {ends}}}")
        write(tmp_path, "acme-supply", text, acme_pem=GOOD, acme_pub=b"# theirs\n" + PUBLIC_KEY)
        found = checked(tmp_path)
        assert [f"warning: {said}" in line for said, line in zip(words, found, strict=True)] == [True] * len(words)

    def test_a_mailbox_without_a_key(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", ACME + "sftp: {user: acme}\n", acme_pem=GOOD)
        assert "a mailbox without a key that opens it" in " ".join(checked(tmp_path))

    def test_a_key_whose_day_has_not_come(self, tmp_path: Path) -> None:
        day = (NOW + timedelta(days=3)).date()
        text = ACME + SFTP.replace("acme.pub}", f"acme.pub, valid_from: {day}}}")
        write(tmp_path, "acme-supply", text, acme_pem=GOOD, acme_pub=PUBLIC_KEY)
        (found,) = checked(tmp_path)
        assert f"warning: nothing opens the mailbox before {day}" in found

    def test_passwords_end_as_keys_do_and_open_as_well(self, tmp_path: Path) -> None:
        soon = (NOW + timedelta(days=3)).date()
        text = ACME + f"sftp: {{user: acme, passwords: [{PASSWORD}, expires_on: {soon}}}]}}\n"
        write(tmp_path, "acme-supply", text, acme_pem=GOOD)
        (found,) = checked(tmp_path)
        assert f"warning: the SFTP password `old` expires on {soon}" in found

    def test_old_algorithms_are_told(self, tmp_path: Path) -> None:
        text = ACME + SFTP.replace("}]}", "}], networks: 192.0.2.0/24, algorithms: [ssh-rsa, hmac-sha1]}")
        write(tmp_path, "acme-supply", text, acme_pem=GOOD, acme_pub=PUBLIC_KEY)
        (found,) = checked(tmp_path)
        assert "warning: old SSH algorithms are offered to the addresses of `networks`: ssh-rsa, hmac-sha1" in found

    def test_a_user_name_that_two_claim(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            write(
                tmp_path,
                name,
                f"id: {name}\nname: N\nsftp: {{user: acme, keys: [{{label: a, file: a.pub}}]}}\n"
                "agreements: [{document: invoice, direction: inbound, syntax: json}]\n",
                a_pub=PUBLIC_KEY,
            )
        found = [line for line in checked(tmp_path) if "warning" not in line]
        assert [line.split(": ", 1)[0] for line in found] == ["one/profile.yaml:3:14", "two/profile.yaml:3:14"]
        assert "the SFTP user `acme` is also claimed by two/profile.yaml:3" in found[0]


class TestWaysOut:
    AGREED = "  - {document: purchase_order, direction: outbound, syntax: x12, releases: [004010]}\n"
    WITHOUT_URL = ACME.replace("  url: https://as2.acme.example/as2\n", "")

    def test_what_is_sent_needs_a_way(self, tmp_path: Path) -> None:
        write(tmp_path, "acme-supply", self.WITHOUT_URL + self.AGREED, acme_pem=GOOD)
        (found,) = checked(tmp_path)
        assert found == (
            "acme-supply/profile.yaml:9:43: we are to send purchase_order, but there is no way to them; "
            "add `as2.url`, `sftp` or `sftp_server.push`, or `api_keys` so that they can fetch it by the API, or name "
            "a connection in `via`"
        )

    def test_a_connection_may_be_the_way(self, tmp_path: Path) -> None:
        small = "id: small\nname: S\nvia: acme-supply\nx12: {qualifier: ZZ, id: SMALL}\nagreements:\n" + self.AGREED
        speaks = "speaks_for: {qualifier: ZZ, id: SMALL}\n"
        write(tmp_path, "acme-supply", ACME + speaks, acme_pem=GOOD)
        write(tmp_path, "small", small)
        assert checked(tmp_path) == []
        write(tmp_path, "acme-supply", self.WITHOUT_URL + speaks, acme_pem=GOOD)
        (found,) = checked(tmp_path)
        assert found.endswith(
            "there is no way to them; add `as2.url`, `sftp` or `sftp_server.push` to the connection `acme-supply`, or "
            "`delivery: {way: inbox}` here, if they fetch by the API themselves"
        )

    def test_who_calls_the_api_fetches(self, tmp_path: Path) -> None:
        keys = f"api_keys: [{{label: main, sha256: {'0' * 64}}}]\n"
        agreed = "agreements: [{document: purchase_order, direction: outbound, syntax: json}]\n"
        write(tmp_path, "northwind", f"id: northwind\nname: N\n{keys}{agreed}")
        assert checked(tmp_path) == []

    def test_who_fetches_has_to_know_which_of_us_writes(self) -> None:
        keys = f"api_keys: [{{label: main, sha256: {'0' * 64}}}]\n"
        agreed = "agreements: [{document: purchase_order, direction: outbound, syntax: json}]\n"
        loaded = parse_profile({"profile.yaml": f"id: northwind\nname: N\n{keys}{agreed}".encode()})
        assert isinstance(loaded, LoadedProfile)
        (found,) = check_profile(loaded, identities=[BIGCORP, PLANT], now=NOW)
        assert "nothing says which of us sends them purchase_order" in found.what
        assert found.would_be_right == "add `our_identity:` with one of: bigcorp, plant"


class TestDrafts:
    def test_nothing_of_a_draft_is_an_error(self, tmp_path: Path) -> None:
        text = (
            "id: acme-supply\nname: A\nstatus: draft\nas2: {id: ACME-AS2, our_identity: nobody, certificate: no.pem}\n"
        )
        write(tmp_path, "acme-supply", text)
        found = checked(tmp_path)
        assert any("no identity named `nobody`" in line for line in found)
        assert any("the file `no.pem` is missing" in line for line in found)
        assert all(": warning: " in line for line in found)

    def test_a_draft_takes_no_id_from_a_live_one(self, tmp_path: Path, folder: Path) -> None:
        draft = ACME.replace("acme-supply", "copied") + "status: draft\n"
        write(tmp_path, "copied", draft, acme_pem=GOOD)
        found = checked(tmp_path)
        assert [line.split(": ")[:2] for line in found] == [
            ["copied/profile.yaml:4:7", "warning"],
            ["copied/profile.yaml:7:26", "warning"],
        ], "the live one has done nothing wrong"


class TestPlaces:
    """A value is told where it was written: in the profile, its overlay, or the template below."""

    @pytest.mark.parametrize(
        ("where", "place"),
        [
            ("own", "acme-supply/profile.yaml:11:12: "),
            ("overlay", "acme-supply/profile.staging.yaml:2:12: "),
            ("template", "_templates/house/profile.yaml:3:12: "),
        ],
    )
    def test_a_wrong_word(self, folder: Path, where: str, place: str) -> None:
        wrong, template = "encoding:  utf8\n", folder.parent / "_templates" / "house" / "profile.yaml"
        template.parent.mkdir(parents=True)
        template.write_text("# ours\n\n" + (wrong if where == "template" else "limits: {body_bytes_max: 5_000}\n"))
        (folder / "profile.yaml").write_text(ACME + "extends: house\n" + (wrong if where == "own" else ""))
        (folder / "profile.staging.yaml").write_text("# staging\n" + (wrong if where == "overlay" else "name: S\n"))
        (found,) = checked(folder.parent, "staging")
        assert found.startswith(place + "`encoding` is `utf8`; did you mean `utf-8`?")
        assert checked(folder.parent, "staging", only=["acme-supply"]) == [found], "wherever the place lies"

    def test_one_template_that_is_wrong_for_many_is_told_once(self, tmp_path: Path) -> None:
        template = tmp_path / "_templates" / "house" / "profile.yaml"
        template.parent.mkdir(parents=True)
        template.write_text("stauts: live\n")
        for name in ("one", "two", "three"):
            write(tmp_path, name, f"id: {name}\nname: N\nextends: house\n")
        (found,) = checked(tmp_path)
        assert found.startswith("_templates/house/profile.yaml:1:1: there is no key `stauts`")

    def test_an_unknown_template(self, tmp_path: Path) -> None:
        write(tmp_path, "one", "id: one\nname: N\nextends: as2-x21\n")
        (found,) = checked(tmp_path)
        assert found == "one/profile.yaml:3:10: there is no template `as2-x21`; did you mean `as2-x12`?"


class TestLookingAgain:
    def test_only_what_changed_is_checked_again(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        write(folder.parent, "northwind-parts", NORTHWIND)
        seen: list[str] = []
        really = checker_module.check_profile

        def check_profile(loaded, **named):
            seen.append(loaded.id)
            return really(loaded, **named)

        monkeypatch.setattr(checker_module, "check_profile", check_profile)
        checker = Checker(folder.parent)
        first = checker.look([BIGCORP], NOW)
        assert sorted(seen) == ["acme-supply", "northwind-parts"]
        seen.clear()
        assert checker.look([BIGCORP], NOW) == first
        assert seen == []
        (folder / "left.pem").write_bytes(b"")
        assert len(checker.look([BIGCORP], NOW)) == len(first) + 1
        assert seen == ["acme-supply"]
        seen.clear()
        checker.look([BIGCORP], NOW + timedelta(days=1))
        assert len(seen) == 2, "another day, other certificates"

    def test_one_partner_of_many(self, folder: Path) -> None:
        write(
            folder.parent, "rival", ACME.replace("acme-supply", "rival").replace("ACMESUPPLY", "RIVAL"), acme_pem=GOOD
        )
        write(folder.parent, "broken", "id: [")
        (found,) = checked(folder.parent, only=["rival"])
        assert found.startswith("rival/profile.yaml:4:7: the AS2 id `ACME-AS2` is also claimed by acme-supply/")


def test_what_changed_between_two_looks() -> None:
    one = Problem("a.yaml", 1, 1, "x", "wrong", "mend it")
    moved, other = replace(one, line=5), replace(one, what="also wrong")
    assert not compare([one], [moved])
    changed = compare([one, one, other], [moved])
    assert (len(changed.new), changed.solved) == (0, (one, other))
    assert compare([], [one, one]).new == (one, one)
