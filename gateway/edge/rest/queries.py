"""What may stand in the query of a call: a filter that nobody knows would be one that is not applied."""

from collections.abc import Collection

from gateway.api.operations import Operation
from gateway.api.promises import PROMISES
from gateway.api.reading import did_you_mean
from gateway.edge.bodies import Request
from gateway.model.refusals import Reason, Refused

NAME_CHARACTERS_MAX = 64


def query_names(operation: Operation) -> frozenset[str]:
    """What a call knows in its query."""
    promise = PROMISES.get(operation.id)
    parameters = promise.parameters if promise is not None else ()
    return frozenset(parameter.name for parameter in parameters if parameter.where == "query")


def refuse_unknown(request: Request, known: Collection[str]) -> None:
    """Refuse a query that asks for something else.

    Raises:
        Refused: INVALID_REQUEST, with what there is.
    """
    unknown = next((name for name in request.query if name not in known), None)
    if unknown is None:
        return
    there_are = did_you_mean(unknown, sorted(known)) or "; it has none at all"
    raise Refused(
        Reason.INVALID_REQUEST,
        f"there is no `{unknown[:NAME_CHARACTERS_MAX]}` in the query of this call{there_are}",
    )
