"""One property under atheris: ``python -m tests.fuzz.target NAME [libFuzzer's arguments]``; started by `tests.fuzz`."""

import sys

import atheris

with atheris.instrument_imports(include=["translators", "gateway.as2", "gateway.buffers", "gateway.sftp", "partners"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    holds = TARGETS[sys.argv.pop(1)].holds
    # Half of the inputs are longer than the file they come from: what atheris adds should not be cut away again.
    atheris.Setup(sys.argv, holds)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
