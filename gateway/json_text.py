"""JSON for programs, whatever names stand in it: on Unix a file name may be no UTF-8."""

from collections.abc import Callable

import orjson


def json_bytes(value: object, *, default: Callable[[object], object] | None = None, option: int = 0) -> bytes:
    """The value as JSON; what UTF-8 has no form for is shown as its escape, as everywhere else."""
    try:
        return orjson.dumps(value, default=default, option=option)
    except TypeError:
        # Such a name reaches us with half a surrogate pair for each byte that is none.
        return orjson.dumps(_as_utf8(value), default=default, option=option)


def _as_utf8(value: object) -> object:
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case dict():
            return {_as_utf8(key): _as_utf8(held) for key, held in value.items()}
        case list() | tuple():
            return [_as_utf8(item) for item in value]
        case _:
            return value
