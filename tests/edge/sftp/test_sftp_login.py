"""Who gets in: keys, passwords, addresses, days and algorithms, by real clients."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncssh
import paramiko
import pytest

from gateway.edge.sftp import bans as bans_module
from gateway.edge.sftp.algorithms import SIGNATURES
from gateway.edge.sftp.bans import HALF_LIFE_MS, Fault
from gateway.model.ssh_algorithms import MODERN
from tests.edge.house import until
from tests.edge.sftp.port import USER, Premises, client_key, open_premises, scrypt, with_mailbox

RSA = ("rsa", "ssh-rsa", 2_048)
# What cryptography says of the key exchanges of those who know no other.
OLD_MATHEMATICS = pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
WORDS = "correct horse battery"


async def lets_in(premises: Premises, user: str = USER, **options: Any) -> bool:
    """Whether a client that shows this gets a channel of SFTP."""
    try:
        async with premises.connect(user, **options) as client:
            channel, _ = await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
            channel.close()
            return True
    except asyncssh.Error:
        return False


async def causes(premises: Premises, number: int = 1) -> list[str]:
    """What the audit says of refused logins, the newest first."""
    await until(lambda: premises.house.metrics.sftp_logins.values.get(("refused",), 0) >= number)
    await premises.port.logins.close()
    return [str(act.detail["cause"]) for act in await premises.house.acts("refused.unauthenticated")]


async def test_a_key_opens_the_mailbox_and_its_use_is_noted(tmp_path: Path):
    async with open_premises(tmp_path) as premises:
        async with premises.connect() as client:
            channel, _ = await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
            visitor = premises.visits[0].visitor
            assert (visitor.partner.id, visitor.user, visitor.address) == ("acme-supply", USER, "127.0.0.1")
            assert visitor.security["sftp_key"] == "first"
            assert visitor.security["fingerprint"] == client_key().get_fingerprint()
            channel.close()
        uses = premises.house.edge.credential_uses.newest("acme-supply")
        assert set(uses) == {("sftp_key", "first")}
        await until(lambda: not len(premises.port.connections))
        assert premises.port.connections.of_partner("acme-supply") == 0


@pytest.mark.parametrize(
    ("terms", "key", "cause"),
    [
        pytest.param({}, "other", "a key that the profile does not have", id="wrong key"),
        pytest.param(
            {"key_terms": {"first": {"expires_on": "2026-01-01"}}}, "acme", "key first: not of today", id="expired"
        ),
        pytest.param(
            {"key_terms": {"first": {"valid_from": "2126-01-01"}}}, "acme", "key first: not of today", id="not yet"
        ),
        pytest.param({"status": "draft"}, "acme", "the partner is a draft", id="draft"),
        pytest.param({"networks": ["192.0.2.0/24"]}, "acme", "an address that the profile does not list", id="address"),
    ],
)
async def test_whoever_is_not_let_in_is_told_nothing_and_the_audit_all(
    tmp_path: Path, terms: dict[str, Any], key: str, cause: str
):
    profiles = [with_mailbox(**terms), with_mailbox("other", user="another", keys={"first": client_key("another")})]
    async with open_premises(tmp_path, *profiles) as premises:
        with pytest.raises(asyncssh.PermissionDenied) as refused:
            await premises.connect(key=client_key(key))
        with pytest.raises(asyncssh.PermissionDenied) as unknown:
            await premises.connect("nobody", key=client_key(key))
        assert str(unknown.value).replace("nobody", USER) == str(refused.value)
        assert await causes(premises, 2) == ["unknown user", cause]


async def test_a_suspended_partner_logs_in_and_so_does_one_from_a_listed_network(tmp_path: Path):
    profiles = [
        with_mailbox(status="suspended"),
        with_mailbox("near", user="near", keys={"first": client_key("near")}, networks=["127.0.0.0/8"]),
    ]
    async with open_premises(tmp_path, *profiles) as premises:
        assert await lets_in(premises)
        assert await lets_in(premises, "near", key=client_key("near"))


async def test_an_agent_may_try_several_keys_before_the_right_one(tmp_path: Path):
    async with open_premises(tmp_path) as premises:
        keys = [client_key(f"agent-{number}") for number in range(5)]
        assert await lets_in(premises, client_keys=[*keys, client_key()])
        await until(lambda: not len(premises.port.connections))
        assert ("refused",) not in premises.house.metrics.sftp_logins.values
        assert premises.port.bans.delay_s("127.0.0.1") == 0
        many = [client_key(f"agent-{number}") for number in range(13)]
        with pytest.raises(asyncssh.DisconnectError, match="too many keys"):
            await premises.connect(client_keys=many)


async def test_passwords(tmp_path: Path):
    item = {"label": "typed", "scrypt": scrypt(WORDS)}
    old = {"label": "old", "scrypt": scrypt("another password of old"), "expires_on": "2026-01-01"}
    profiles = [
        with_mailbox(passwords=[old, item]),
        with_mailbox("other", user="other", keys={"first": client_key("other")}),
    ]
    async with open_premises(tmp_path, *profiles) as premises:
        assert await lets_in(premises, password=WORDS)
        assert set(premises.house.edge.credential_uses.newest("acme-supply")) == {("sftp_password", "typed")}
        assert not await lets_in(premises, password="correct horse")
        assert not await lets_in(premises, password="another password of old")
        # Offered to everybody alike, and no good to those whose profile has none.
        assert not await lets_in(premises, "other", password=WORDS)
        assert not await lets_in(premises, "nobody", password=WORDS)
        assert await causes(premises, 4) == ["unknown user", *["a password that the profile does not have"] * 3]


async def test_while_too_many_guess_there_a_key_opens_and_no_password_does(tmp_path: Path):
    clock = [1_795_000_000_000]
    item = {"label": "typed", "scrypt": scrypt(WORDS)}
    async with open_premises(tmp_path, with_mailbox(passwords=[item]), now_ms=lambda: clock[0]) as premises:
        assert await lets_in(premises)
        bans = premises.port.bans
        while not bans.withholds_passwords("127.0.0.1"):
            bans.failed("127.0.0.1", "127.0.0.1", Fault.WRONG_PASSWORD)
        with patch.object(bans_module, "DELAY_S_MAX", 0.0):
            assert not await lets_in(premises, password=WORDS)
            assert await causes(premises, 1) == ["a password, and too many fail from there for any to be looked at"]
        clock[0] += HALF_LIFE_MS
        with patch.object(bans_module, "DELAY_S_MAX", 0.0):
            assert await lets_in(premises, password=WORDS)
        assert await lets_in(premises)


async def test_the_methods_tell_nobody_who_has_a_password(tmp_path: Path):
    plain = with_mailbox("plain", user="plain", keys={"first": client_key("plain")})
    async with open_premises(tmp_path, plain) as premises:
        offered = {user: await asyncio.to_thread(_methods, premises.number, user) for user in ("plain", "nobody")}
        assert offered == {"plain": ["publickey"], "nobody": ["publickey"]}
        premises.reload(plain, with_mailbox(passwords=[{"label": "typed", "scrypt": scrypt(WORDS)}]))
        offered = {user: await asyncio.to_thread(_methods, premises.number, user) for user in ("plain", USER, "nobody")}
        assert set(map(tuple, offered.values())) == {("publickey", "password")}


def _methods(port: int, user: str) -> list[str]:
    with socket.create_connection(("127.0.0.1", port)) as raw, paramiko.Transport(raw) as transport:
        transport.start_client(timeout=10)
        with pytest.raises(paramiko.BadAuthenticationType) as bad:
            transport.auth_none(user)
        return bad.value.allowed_types


async def test_rsa_keys_sign_with_sha2_and_weak_ones_do_not_open(tmp_path: Path):
    keys = {"strong": client_key(*RSA), "weak": client_key("weak", "ssh-rsa", 1_024)}
    async with open_premises(tmp_path, with_mailbox(keys=keys)) as premises:
        assert await lets_in(premises, key=keys["strong"])
        assert not await lets_in(premises, key=keys["weak"])
        # A client that was never told what we take signs over SHA-1.
        assert not await asyncio.to_thread(_signs_with_sha1, premises.number, keys["strong"])
        found = await causes(premises, 2)
        assert found == [
            "old algorithms that the profile does not name: ssh-rsa",
            "key weak: a kind or size of key that is not secure",
        ]


async def test_sha1_signatures_are_good_where_a_profile_names_them(tmp_path: Path):
    keys = {"strong": client_key(*RSA)}
    old = with_mailbox(keys=keys, algorithms=["ssh-rsa"], networks=["127.0.0.0/8"])
    async with open_premises(tmp_path, old) as premises:
        assert await asyncio.to_thread(_signs_with_sha1, premises.number, keys["strong"])


def _signs_with_sha1(port: int, key: asyncssh.SSHKey) -> bool:
    """Log in as old software does; whether it worked."""

    async def login() -> bool:
        pair = asyncssh.load_keypairs([key])[0]
        pair.set_sig_algorithm(b"ssh-rsa")
        pair.sig_algorithms = (b"ssh-rsa",)
        try:
            async with asyncssh.connect(
                "127.0.0.1",
                port,
                username=USER,
                client_keys=[pair],
                known_hosts=None,
                config=None,
                agent_path=None,
                signature_algs="ssh-rsa,rsa-sha2-256,ssh-ed25519",
                server_host_key_algs="ssh-ed25519",
            ):
                return True
        except asyncssh.PermissionDenied:
            return False

    return asyncio.run(login())


OLD_OFFER: dict[str, Any] = {
    "kex_algs": "diffie-hellman-group14-sha1",
    "encryption_algs": "aes128-cbc",
    "mac_algs": "hmac-sha1",
}


@OLD_MATHEMATICS
async def test_old_algorithms_are_for_those_whose_profile_names_them(tmp_path: Path):
    named = ["diffie-hellman-group14-sha1", "aes128-cbc", "hmac-sha1"]
    profiles = [
        with_mailbox(networks=["127.0.0.0/8"], algorithms=named),
        with_mailbox("other", user="other", keys={"first": client_key("other")}),
    ]
    async with open_premises(tmp_path, *profiles) as premises:
        assert await lets_in(premises, **OLD_OFFER)
        # From the same address, but not theirs.
        assert not await lets_in(premises, "other", key=client_key("other"), **OLD_OFFER)
        assert await lets_in(premises, "other", key=client_key("other"))
        words = ", ".join(sorted(named))
        assert await causes(premises) == [f"old algorithms that the profile does not name: {words}"]
        premises.reload(with_mailbox(networks=["192.0.2.0/24", "127.0.0.2"], algorithms=named))
        with pytest.raises(asyncssh.KeyExchangeFailed):
            await premises.connect(**OLD_OFFER)


@OLD_MATHEMATICS
@pytest.mark.parametrize(
    ("option", "names"),
    [
        pytest.param("kex_algs", [n for n in MODERN.key_exchanges if not n.startswith("sntrup")], id="key exchange"),
        pytest.param("encryption_algs", MODERN.ciphers, id="cipher"),
        pytest.param("mac_algs", MODERN.macs, id="mac"),
    ],
)
async def test_each_algorithm_that_is_offered_works(tmp_path: Path, option: str, names: tuple[str, ...]):
    async with open_premises(tmp_path) as premises:
        more = {"encryption_algs": "aes128-ctr"} if option == "mac_algs" else {}
        for name in names:
            assert await lets_in(premises, **{option: name}, **more), name


@pytest.mark.parametrize(
    "algorithm", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]
)
async def test_each_kind_of_key_works(tmp_path: Path, algorithm: str):
    assert algorithm in SIGNATURES
    key = client_key(algorithm, algorithm)
    async with open_premises(tmp_path, with_mailbox(keys={"only": key})) as premises:
        assert await lets_in(premises, key=key)


async def test_no_forwarding_no_commands_no_terminal(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as client:
        done = await client.run("cat /etc/passwd")
        assert done.exit_status == 1
        assert "SFTP only" in str(done.stderr)
        assert not done.stdout
        shell = await client.run()
        assert "SFTP only" in str(shell.stderr)
        with pytest.raises(asyncssh.ChannelOpenError):
            await client.open_connection("127.0.0.1", 22)
        with pytest.raises(asyncssh.ChannelListenError):
            await client.forward_remote_port("", 0, "127.0.0.1", 22)
        with pytest.raises(asyncssh.ChannelOpenError):
            await client.open_unix_connection("/tmp/none")
        with pytest.raises(asyncssh.ChannelOpenError):
            await client.create_session(asyncssh.SSHClientSession, subsystem="netconf")
        with pytest.raises(asyncssh.ChannelOpenError):
            await client.create_session(asyncssh.SSHClientSession, term_type="vt100")
        assert not premises.visits


async def test_a_few_channels_and_no_more(tmp_path: Path):
    async with open_premises(tmp_path) as premises, premises.connect() as client:
        channels = [
            (await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None))[0]
            for _ in range(4)
        ]
        with pytest.raises(asyncssh.ChannelOpenError):
            await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
        channels[0].close()
        await channels[0].wait_closed()
        await until(lambda: len(premises.visits) == 4)
        assert await client.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)


class Ending(asyncssh.SSHClient):
    """Notes how a connection ended."""

    def __init__(self, ended: list[Exception | None]) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.append(exc)


async def test_as_many_sessions_as_were_agreed_on(tmp_path: Path):
    async with open_premises(tmp_path, with_mailbox(sessions_max=2)) as premises:
        async with premises.connect(), premises.connect():
            ended: list[Exception | None] = []
            client = await premises.connect(client_factory=lambda: Ending(ended))
            await client.wait_closed()
            assert "are open already (2)" in str(ended[0])
        await until(lambda: not len(premises.port.connections))
        assert await lets_in(premises)
        # None of their failures: nothing counts against where they come from.
        assert premises.port.bans.delay_s("127.0.0.1") == 0
        assert ("refused",) not in premises.house.metrics.sftp_logins.values


async def test_sessions_end_when_what_they_logged_in_with_does_not_open_any_more(tmp_path: Path):
    keys = {"first": client_key(), "second": client_key("second")}
    async with open_premises(tmp_path, with_mailbox(keys=keys)) as premises:
        async with premises.connect() as first, premises.connect(key=keys["second"]) as second:
            await until(lambda: premises.port.connections.of_partner("acme-supply") == 2)
            premises.reload(with_mailbox(keys={"second": keys["second"]}))
            await premises.port.follow()
            await first.wait_closed()
            channel, _ = await second.create_session(asyncssh.SSHClientSession, subsystem="sftp", encoding=None)
            channel.close()
            premises.reload(with_mailbox(keys={"second": keys["second"]}, status="draft"))
            await premises.port.follow()
            await second.wait_closed()
        assert premises.port.connections.of_partner("acme-supply") == 0


async def test_more_than_anybody_has_to_say_before_the_login_ends_the_connection(tmp_path: Path):
    async with open_premises(tmp_path) as premises:
        reader, writer = await asyncio.open_connection("127.0.0.1", premises.number)
        assert (await reader.readline()).startswith(b"SSH-2.0-partner-gateway\r\n")
        writer.write(b"SSH-2.0-flood\r\n" + (b"\x00\x00\x00\x0c\x0a\x02" + bytes(10)) * 20_000)
        with suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        writer.close()
        await until(lambda: not len(premises.port.connections))
