"""What all parts of a profile have in common."""

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from partners.problems import Location

Contradiction: TypeAlias = tuple[Location, str, str]  # field, what is wrong, what would be right


class Part(BaseModel):
    """A part of a profile: frozen, without unknown keys, each field described by the docstring below it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)
