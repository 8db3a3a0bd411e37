"""``python -m tests.services SERVICE [--install-only]``: install, or start to look at; `all` for every one."""

import argparse
import signal
from contextlib import ExitStack

from tests.services.chromium import find_or_install_chromium, find_or_install_pdftotext
from tests.services.install import ServiceUnavailable
from tests.services.openssh import SshServer, find_or_install_curl, find_or_install_lftp, find_or_install_openssh
from tests.services.postgres import PostgresServer, find_or_install_postgres
from tests.services.rabbitmq import RabbitNode, find_or_install_rabbitmq
from tests.services.strace import find_or_install_strace

SERVICES = ("rabbitmq", "postgres", "strace", "chromium", "openssh")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.services", description=__doc__)
    parser.add_argument("service", choices=[*SERVICES, "all"])
    parser.add_argument("--install-only", action="store_true", help="install what is missing and end")
    call = parser.parse_args()
    wanted = list(SERVICES) if call.service == "all" else [call.service]
    with ExitStack() as running:
        if "rabbitmq" in wanted:
            sbin = find_or_install_rabbitmq()
            print(f"rabbitmq: {sbin}")
            if not call.install_only:
                node = RabbitNode(sbin)
                running.callback(node.close)
                node.start()
                print(f"rabbitmq: {node.fresh_vhost()}", flush=True)
        if "postgres" in wanted:
            binaries = find_or_install_postgres()
            print(f"postgres: {binaries}")
            if not call.install_only:
                server = PostgresServer(binaries)
                running.callback(server.close)
                server.start()
                print(f"postgres: {server.url}", flush=True)
        if "strace" in wanted:
            print(f"strace: {find_or_install_strace()}")
        if "chromium" in wanted:
            print(f"chromium: {find_or_install_chromium()}, {find_or_install_pdftotext()}")
        if "openssh" in wanted:
            openssh = find_or_install_openssh()
            print(f"openssh: {openssh.sshd}, {find_or_install_lftp()}, {find_or_install_curl()}")
            if not call.install_only:
                sshd = SshServer(openssh)
                running.callback(sshd.close)
                sshd.start()
                hosts = f"-o UserKnownHostsFile={sshd.known_hosts}"
                print(f"openssh: sftp -P {sshd.port} -i {sshd.client_key} {hosts} {sshd.user}@127.0.0.1", flush=True)
        if not call.install_only:
            print("running; end with Ctrl-C", flush=True)
            # Only now: the services would inherit the mask and never hear a SIGTERM.
            ending = {signal.SIGINT, signal.SIGTERM}
            signal.pthread_sigmask(signal.SIG_BLOCK, ending)
            signal.sigwait(ending)
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except ServiceUnavailable as missing:
        raise SystemExit(f"tests.services: {missing}") from None
