"""Questions to a person at a terminal, or answers out of a call's options, for `partner new` and `init`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from rich.text import Text

from gateway.commands.output import console, note, visible
from gateway.commands.parsing import Unusable
from gateway.onboarding.founding.questions import NONE, Question
from gateway.onboarding.founding.values import Objection

T = TypeVar("T")

ANSWER_CHARACTERS_MAX: Final = 4_096
_HELP: Final = "?"


def can_ask(*, no_questions: bool) -> bool:
    """Whether a person sits there to answer."""
    return not no_questions and sys.stdin.isatty() and sys.stderr.isatty()


class Asking:
    """Puts questions: what an option answered is not asked; where nobody sits, defaults hold.

    Attributes:
        missing: the options that would have answered what nobody did.
    """

    def __init__(self, given: Mapping[str, Sequence[str]], *, at_terminal: bool) -> None:
        self._given = given
        self._at_terminal = at_terminal
        self._greeted = False
        self.missing: list[str] = []

    def __call__(self, question: Question[T]) -> tuple[T, ...]:
        """The answers to a question, by option, by person or by default."""
        given = self._given.get(question.flag, ())
        if given:
            return self._of_options(question, given)
        if self._at_terminal:
            return self._of_person(question)
        if question.default:
            return _read(question, question.default)
        if question.required:
            self.missing.append(question.flag)
        return ()

    def refuse_gaps(self, does: str) -> None:
        """End the call where something is missing, naming every option that would give it."""
        if self.missing:
            options = ", ".join(self.missing)
            raise Unusable(f"nobody is here to be asked; {does} also with {options}")

    def _of_options(self, question: Question[T], given: Sequence[str]) -> tuple[T, ...]:
        try:
            found = tuple(value for text in given for value in _read(question, text))
        except Objection as objection:
            raise Unusable(f"{question.flag}: {objection}") from None
        return found if question.many else found[-1:]

    def _of_person(self, question: Question[T]) -> tuple[T, ...]:
        if not self._greeted:
            note(f"`{_HELP}` explains a question, an empty answer takes what stands in brackets, ctrl-C ends")
            self._greeted = True
        while True:
            text = _line(_prompt(question))
            if text == _HELP:
                _explain(question.help)
            elif not text and not question.default:
                if not question.required:
                    return ()
                _object("it has to be known; `?` explains it")
            else:
                try:
                    return _read(question, text or question.default)
                except Objection as objection:
                    _object(str(objection))


def yes(asks: str, help_: str, *, at_terminal: bool, otherwise: bool) -> bool:
    """A question that is answered by yes or no; `otherwise` where nobody sits."""
    if not at_terminal:
        return otherwise
    while True:
        text = _line(f"{asks} [{'yes' if otherwise else 'no'}]: ").lower()
        if text == _HELP:
            _explain(help_)
        elif text in {"", "y", "yes", "n", "no"}:
            return otherwise if not text else text.startswith("y")
        else:
            _object("answer yes or no")


def _read(question: Question[T], text: str) -> tuple[T, ...]:
    """One answer, or several with commas between them, or none; a comma inside of one is let be."""
    if text == NONE and not question.required:
        return ()
    try:
        return (question.read(text),)
    except Objection:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not question.many or len(parts) < 2:  # noqa: PLR2004  # there is nothing to part
            raise
        return tuple(question.read(part) for part in parts)


def _explain(text: str) -> None:
    for line in text.splitlines():
        note(f"  {line}")


def _object(text: str) -> None:
    console(sys.stderr).print(Text(f"  {visible(text)}", style="yellow"), soft_wrap=True)


def _prompt(question: Question[T]) -> str:
    several = " (several: with commas)" if question.many else ""
    kept = question.default or ("" if question.required else "none")
    return f"{question.asks}{several}" + (f" [{kept}]: " if kept else ": ")


def _line(prompt: str) -> str:
    sys.stderr.write(visible(prompt))
    sys.stderr.flush()
    text = sys.stdin.readline(ANSWER_CHARACTERS_MAX)
    if not text:
        raise Unusable("the answers ended before the questions did; nothing was written")
    return "".join(character for character in text if character.isprintable()).strip()
