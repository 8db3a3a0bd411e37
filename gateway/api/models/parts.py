"""What all models share: how they are read and written, and the values that have a form of their own."""

from datetime import datetime
from typing import Annotated, Final, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, WithJsonSchema

from gateway.model.instants import rfc3339


def _written(at: datetime) -> str:
    return rfc3339(round(at.timestamp() * 1_000))


# Answers write it as text already; what a caller sends is read into a time with a zone.
Instant: TypeAlias = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T12:00:00.000Z"]})
]
AskedInstant: TypeAlias = Annotated[
    AwareDatetime,
    PlainSerializer(_written),
    Field(examples=["2026-03-01T12:00:00Z"]),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-03-01T12:00:00Z"]}),
]
# JSON whose members have another home: canonical documents, steps of a timeline.
Free: TypeAlias = dict[str, object]
SubmissionId: TypeAlias = Annotated[str, Field(pattern="^[0-9A-Z]{26}$", examples=["01JNPG7W3Q8Z5V4T2R1S0XKCDA"])]
DocumentId: TypeAlias = Annotated[
    str, Field(pattern="^[0-9A-Z]{26}-[0-9]{1,9}(-r[0-9]{1,9})?$", examples=["01JNPG7W3Q8Z5V4T2R1S0XKCDA-1"])
]
Address: TypeAlias = Annotated[str, Field(description="A path on this server.", examples=["/v1/documents"])]


# Of words in answers: later releases may know more of them, so that programs must expect others.
OPEN_WORDS: Final[dict[str, JsonValue]] = {"x-open": True}


class Told(BaseModel):
    """Something that is answered. Programs take members that they do not know: later releases add some."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, populate_by_name=True)


class Asked(BaseModel):
    """Something that a caller sends. A member that is not known is an error, so that none is misspelt unnoticed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class SelfLink(Told):
    """Where it stands."""

    self_: Annotated[Address, Field(alias="self")]
    """Its own address."""


class PageLinks(Told):
    """Where the list goes on."""

    next: Address | None
    """The next page; null on the last one. Follow it as it is: what its cursor holds may change."""


class Fault(Told):
    """One thing that is wrong with what was sent."""

    pointer: Annotated[str, Field(examples=["/lines/0/quantity"])]
    """Where, as JSON pointer (RFC 6901); empty for the whole."""
    code: Annotated[str, Field(examples=["missing"])]
    """What kind of fault; one word for programs."""
    message: Annotated[str, Field(examples=["is too small; it is more than 0"])]
    """What is wrong and what would be right, for people."""


class Problem(Told):
    """Why a call was refused (RFC 9457). Every refusal has this form, those of unknown addresses included."""

    type: Annotated[str, Field(examples=["urn:partner-gateway:problem:invalid-content"])]
    """The kind of problem: what programs go by."""
    title: Annotated[str, Field(examples=["Invalid content"])]
    """The kind in words; always the same."""
    status: Annotated[int, Field(ge=400, le=599, examples=[422])]
    """The HTTP status."""
    detail: Annotated[str, Field(examples=["/lines/0/quantity: is too small; it is more than 0"])]
    """What happened this time, and what to do."""
    remedy: Annotated[str, Field(examples=["Correct what `errors` names and send it again."])]
    """What to do about this kind of problem."""
    documentation: Annotated[str, Field(examples=["/v1/problems/invalid-content"])]
    """A page about this kind of problem."""
    instance: Annotated[str | None, Field(examples=["urn:partner-gateway:refusal:01JNPG7W3Q8Z5V4T2R1S0XKCDA"])] = None
    """This occurrence: name it when you ask us."""
    errors: list[Fault] | None = None
    """Everything that is wrong, where several things are."""
    errors_omitted: int | None = None
    """How many more there were."""
    server_time: Instant | None = None
    """Our clock, where yours may be wrong."""
