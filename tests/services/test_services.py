import subprocess
import sys

import pytest
from sqlalchemy import create_engine, text

from tests.services.processes import ServerProcess, StartFailed
from tests.services.rabbitmq import speaks_amqp


def test_the_broker_comes_back_after_a_kill_on_the_same_port(rabbitmq):
    rabbitmq.kill()
    assert not speaks_amqp("127.0.0.1", rabbitmq.port)
    rabbitmq.start()
    assert speaks_amqp("127.0.0.1", rabbitmq.port)


def test_each_test_gets_a_vhost_of_its_own(rabbitmq):
    assert rabbitmq.fresh_vhost() != rabbitmq.fresh_vhost()


def test_a_fresh_database_is_empty_and_flushes_to_disk(database_url):
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from pg_tables where schemaname = 'public'")).scalar() == 0
        assert connection.execute(text("show fsync")).scalar() == "on"
    engine.dispose()


def test_committed_rows_survive_a_kill(postgres, database_url):
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("create table kept (id int)"))
        connection.execute(text("insert into kept values (1)"))
    engine.dispose()
    postgres.kill()
    postgres.start()
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("select id from kept")).scalar() == 1
    engine.dispose()


def test_a_server_that_ends_at_once_is_reported_with_its_log(tmp_path):
    server = ServerProcess(tmp_path / "log")
    with pytest.raises(StartFailed, match="no such luck"):
        server.start(["/bin/sh", "-c", "echo no such luck"], environment={}, ready=lambda: False, seconds_max=10)
    assert not server.running


def test_a_server_does_not_outlive_tests_that_are_killed(tmp_path):
    script = f"""
import os, pathlib, signal
from tests.services.processes import ServerProcess
server = ServerProcess(pathlib.Path({str(tmp_path / "log")!r}))
server.start(["/bin/sleep", "1000"], environment={{}}, ready=lambda: True, seconds_max=5)
print(server._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=False)
    while is_alive(int(done.stdout)):  # the guard needs a moment; the suite's timeout is the limit
        pass


def is_alive(pid):
    """A zombie whose new parent has not fetched it yet is dead enough."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return state != "" and not state.startswith("Z")
