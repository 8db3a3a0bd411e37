"""What holds for every command: help with an example, errors in two lines, exit codes, quick to start."""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.commands.output import visible
from gateway.commands.parsing import Parser
from gateway.commands.program import NOUNS, build, main
from tests.commands.conftest import Run
from tests.commands.stocked import Stocked

ROOT = Path(__file__).parents[2]


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield parser
    for action in below:
        for child in action.choices.values():
            yield from _leaves(child)


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_every_command_has_a_worked_example_and_says_what_it_does(noun: str):
    for leaf in _leaves(build(NOUNS[noun])):
        assert leaf.epilog is not None, leaf.prog
        assert leaf.prog in leaf.epilog, leaf.prog
        assert leaf.description, leaf.prog
        help_text = leaf.format_help()
        assert "==SUPPRESS==" not in help_text
        for action in leaf._actions:
            assert action.help, (leaf.prog, action.dest)


def test_the_examples_are_calls_that_parse():
    """An example that its own command would refuse teaches nonsense."""
    for noun in NOUNS.values():
        parser = build(noun)
        for leaf in _leaves(parser):
            assert leaf.epilog is not None
            calls = [line.strip().partition("#")[0].strip() for line in leaf.epilog.splitlines()[1:]]
            own = [call for call in calls if call.startswith(leaf.prog)]
            assert own or "$(" in leaf.epilog or "| gateway" in leaf.epilog, leaf.prog
            for call in own:
                words = call.partition("|")[0].partition(">")[0].partition("&&")[0].split()[2:]
                if not any(mark in call for mark in ("'", '"', "$")):
                    build(noun).parse(words)


def test_the_commands_of_the_readme_are_calls_that_parse(capsys: pytest.CaptureFixture[str]):
    text = (ROOT / "README.md").read_text()
    calls = [line.removeprefix("$ ") for line in text.splitlines() if re.match(r"(\$ )?gateway [a-z]+ ", line)]
    calls += re.findall(r"`(gateway [a-z]+ [^`]+)`", text.replace("\n", " "))
    assert len(calls) > 30
    parts = [part.strip() for call in calls for part in call.split("|")]
    for call in (part for part in parts if part.startswith("gateway ")):
        _, noun, *words = shlex.split(call.partition(">")[0], comments=True)
        if "DOCUMENT_TYPE" in words:
            continue
        try:
            build(NOUNS[noun]).parse(words)
        except SystemExit:
            # In a sentence a command may be named without what it is called with.
            assert "arguments are required" in capsys.readouterr().err, call


def test_help_is_grouped_and_names_every_command(run: Run):
    ended = run("--help")
    assert ended.code == 0
    for noun in NOUNS:
        assert f"\n  {noun} " in ended.out
    assert "exit codes:" in ended.out
    assert run().out == ended.out
    assert run("help").out == ended.out


def test_help_of_one_command_in_both_spellings(run: Run):
    assert run("help", "messages").out == run("messages", "--help").out
    assert "trace" in run("messages", "--help").out


def test_the_version_is_told(run: Run):
    assert run("--version").out.startswith("partner-gateway ")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("mesages", "list"), "did you mean messages?"),
        (("messages", "lst"), "did you mean list?"),
        (("messages", "list", "--formt", "json"), "did you mean --format?"),
        (("messages", "list", "--format", "jason"), "did you mean json?"),
        (("schema", "ship_notise"), "did you mean ship_notice?"),
        (("serve", "--role", "edgy"), "did you mean edge?"),
        (("quite", "else"), "unknown command 'quite'"),
        (("--config", "x", "serve"), "the command comes first"),
        (("validate",), "required: FILE"),
        (("messages", "list", "--limit", "0"), "no whole number"),
        (("messages", "list", "--since", "yesterday"), "30m, 2h, 7d"),
        (("acknowledge", "x", "--control-number", "1000000000"), "999999999"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_what_was_meant(run: Run, words: tuple[str, ...], hint: str):
    ended = run(*words)
    assert ended.code == 2
    assert hint in ended.err
    assert ended.err.count("\n") <= 2
    assert ended.out == ""


def test_settings_that_cannot_be_used_are_named_line_by_line(run: Run, tmp_path: Path):
    config = tmp_path / "gateway.yaml"
    config.write_text("edge_prot: 8080\nlimits: {body_bytes_max: 1}\n")
    ended = run("messages", "list", "--config", config)
    assert ended.code == 2
    assert "did you mean edge_port?" in ended.err
    assert "limits.body_bytes_max" in ended.err
    assert "Traceback" not in ended.err


def test_settings_are_found_by_the_variable_and_beside_the_caller(
    stocked: Stocked, run: Run, monkeypatch: pytest.MonkeyPatch
):
    assert run("partner", "list", "--format", "json").rows == []
    monkeypatch.setenv("GATEWAY_CONFIG", str(stocked.site.config))
    assert len(run("partner", "list", "--format", "json").rows) == 2
    monkeypatch.delenv("GATEWAY_CONFIG")
    monkeypatch.chdir(stocked.site.root)
    assert len(run("partner", "list", "--format", "json").rows) == 2


def test_without_a_database_a_reading_command_says_how_to_get_one(run: Run, tmp_path: Path):
    config = tmp_path / "gateway.yaml"
    config.write_text(f"data_dir: {tmp_path / 'nothing'}\n")
    for words in (("messages", "list"), ("events",), ("exceptions", "list"), ("backup", "x.tar.gz"), ("purge",)):
        ended = run(*words, "--config", config)
        assert ended.code == 2, words
        assert "there is no database" in ended.err
    assert not (tmp_path / "nothing").exists()


def test_an_unexpected_error_is_a_sentence_and_with_debug_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch):
    def fail(called: argparse.Namespace) -> int:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("gateway.commands.schema._print_list", fail)
    plain, debug = run("schema"), run("schema", "--debug")
    assert (plain.code, debug.code) == (2, 2)
    assert "--debug" in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err


def test_a_module_that_cannot_be_imported_is_a_sentence_too(run: Run, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gateway.commands.schema", None)
    ended = run("schema")
    assert ended.code == 2
    assert "Traceback" not in ended.err


def _gateway(*words: str, **options: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "gateway", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload]


def test_a_reader_that_has_enough_is_no_error():
    process = _gateway("schema", "purchase_order")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0
    assert said == b""


def test_no_colours_on_a_pipe_and_characters_that_cannot_be_shown_are_escaped(stocked: Stocked):
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin"}
    process = _gateway("messages", "trace", stocked.published, "--config", str(stocked.site.config), env=environment)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"\x1b" not in out
    assert b"received" in out


def test_help_imports_nothing_heavy():
    """Start-up time is import time: help and the door of the command line stay clear of the big libraries."""
    script = (
        "import sys; from gateway.commands.program import main; main(['--help']); "
        "heavy = {'sqlalchemy', 'aiohttp', 'pydantic', 'cryptography', 'aio_pika', 'rich', 'yaml', 'lxml'}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_validation_of_a_file_needs_neither_store_nor_network_libraries():
    script = (
        "import sys; from gateway.commands.program import NOUNS, build; build(NOUNS['validate']); "
        "heavy = {'sqlalchemy', 'aiohttp', 'pydantic', 'cryptography', 'aio_pika'}; "
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_what_partners_sent_cannot_drive_the_terminal():
    assert visible("a\x1b[31mb\x07\r\nc\x9b\u202ed") == "a\\x1b[31mb\\x07\\r\\nc\\x9b\\u202ed"
    assert visible("Grüße, 日本") == "Grüße, 日本"
    assert visible(None) == ""


def test_a_parser_of_ours_never_shortens_options():
    parser = Parser(prog="x")
    parser.add_argument("--format")
    with pytest.raises(SystemExit):
        parser.parse(["--form", "json"])


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch):
    def interrupted(called: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("gateway.commands.schema._print_list", interrupted)
    assert main(["schema"]) == 130
