"""Every value of a profile as it holds, with the place it comes from: what was written, and the defaults around it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from partners.loader import LoadedProfile
from partners.problems import Location, Place, dotted


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One value.

    Attributes:
        location: of the value, such as ``("as2", "certificates", 0, "file")``.
        value: as the model holds it; a tuple of plain values is one value.
        origin: the file, line and column where it was written; None for a default.
        description: what the field means.
    """

    location: Location
    value: object
    origin: Place | None
    description: str

    @property
    def name(self) -> str:
        """The location as people write it."""
        return dotted(self.location)

    @property
    def plain(self) -> object:
        """The value as JSON has it."""
        return plain_value(self.value)

    @property
    def text(self) -> str:
        """The value as it would be written in a profile."""
        return written_value(self.value)


def effective_values(loaded: LoadedProfile) -> tuple[EffectiveValue, ...]:
    """Every value in the order of the model; what is neither written nor has a default is left out."""
    origins = loaded.origins()
    return tuple(_of_model(loaded.profile, (), (), origins))


def plain_value(value: object) -> object:
    """A value as JSON has it: days and exact numbers as text."""
    if isinstance(value, tuple):
        return [plain_value(item) for item in value]
    return value if isinstance(value, bool | int | str) else str(value)


def written_value(value: object) -> str:
    """A value as it would be written in a profile."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(written_value, value))}]"
    if isinstance(value, BaseModel):
        said = ((name, getattr(value, name)) for name in type(value).model_fields)
        return f"{{{', '.join(f'{name}: {written_value(item)}' for name, item in said if item is not None)}}}"
    return str(value)


def _of_model(
    model: BaseModel, location: Location, written_at: Location, origins: Mapping[Location, Place]
) -> Iterator[EffectiveValue]:
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if value is None:
            continue
        yield from _of_value(value, (*location, name), (*written_at, name), info.description or "", origins)


def _of_value(
    value: object, location: Location, written_at: Location, description: str, origins: Mapping[Location, Place]
) -> Iterator[EffectiveValue]:
    if isinstance(value, BaseModel):
        # A part may stand for one of its values, as a certificate's file name does for the certificate.
        shorthand = {
            (*written_at, name): origins[written_at] for name in value.model_fields_set if written_at in origins
        }
        yield from _of_model(value, location, written_at, {**origins, **shorthand} if shorthand else origins)
    elif isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        is_single = not any(_begins(place, (*written_at, 0)) for place in origins)
        for index, item in enumerate(value):
            below = written_at if is_single else (*written_at, index)
            yield from _of_value(item, (*location, index), below, description, origins)
    else:
        yield EffectiveValue(location, value, _origin(written_at, origins), description)


def _origin(written_at: Location, origins: Mapping[Location, Place]) -> Place | None:
    """Where a value stands; a list of plain values stands where its first one does."""
    return origins.get(written_at) or origins.get((*written_at, 0))


def _begins(location: Location, with_: Location) -> bool:
    return location[: len(with_)] == with_
