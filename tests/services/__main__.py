"""``python -m tests.services rabbitmq|postgres|all [--install-only]``: install them, or start them to look at."""

import argparse
import signal
from contextlib import ExitStack

from tests.services.install import ServiceUnavailable
from tests.services.postgres import PostgresServer, find_or_install_postgres
from tests.services.rabbitmq import RabbitNode, find_or_install_rabbitmq


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.services", description=__doc__)
    parser.add_argument("service", choices=["rabbitmq", "postgres", "all"])
    parser.add_argument("--install-only", action="store_true", help="install what is missing and end")
    call = parser.parse_args()
    wanted = ["rabbitmq", "postgres"] if call.service == "all" else [call.service]
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
        if not call.install_only:
            print("running; end with Ctrl-C", flush=True)
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except ServiceUnavailable as missing:
        raise SystemExit(f"tests.services: {missing}") from None
