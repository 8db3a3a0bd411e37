"""A gateway that does not flush its commits, started as `gateway serve` is: what the trace test must notice."""

import argparse
import asyncio
from functools import partial
from pathlib import Path

import uvloop

from gateway import app
from gateway.settings import load_settings


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    settings = load_settings(parser.parse_args().config).settings
    app.Gateway = partial(app.Gateway, database_synchronous="OFF")  # type: ignore[misc,assignment]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(app.serve(settings))


if __name__ == "__main__":
    raise SystemExit(main())
