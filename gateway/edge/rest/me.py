"""Who calls: what they showed, what else opens the door for them, how much they may ask for; never a secret."""

from functools import partial

from aiohttp import web

from gateway.api.operations import RateClass
from gateway.edge.bodies import Request
from gateway.edge.context import Edge
from gateway.edge.http import Routes, json_response
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.callers import Caller
from gateway.edge.throttling.throttle import DAILY
from gateway.flow.credentials import credentials_of
from gateway.store.credentials import uses
from partners.loader import LoadedProfile


class Me:
    """Answers for the caller.

    Args:
        edge: what it stands on.
        door: lets calls in, and knows what is left of the limits.
    """

    def __init__(self, edge: Edge, door: Door) -> None:
        self._edge = edge
        self._door = door

    def add_to(self, routes: Routes) -> None:
        """Put its route among the others."""
        self._door.add(routes, "get_caller", self.show)

    async def show(self, _request: Request, caller: Caller) -> web.Response:
        """The partner as we know it."""
        partner = caller.partner
        profile = partner.profile
        used = await self._edge.database.read(partial(uses.of_partner, partner_id=partner.id))
        # Another node may have seen a later use than the one noted here.
        for shown, at_ms in self._edge.credential_uses.newest(partner.id).items():
            used[shown] = max(at_ms, used.get(shown, 0))
        return json_response(
            {
                "partner": partner.id,
                "name": profile.name,
                "status": profile.status,
                "shown": [
                    {"means": item.means, "label": item.label, "scopes": list(item.scopes)}
                    for item in caller.credentials
                ],
                "required": list(profile.api.require),
                "credentials": [item.as_json() for item in credentials_of(profile, used) if item.opens_api],
                "limits": self._limits(partner),
            }
        )

    def _limits(self, partner: LoadedProfile) -> dict[str, object]:
        terms, body_bytes_max = partner.profile.throttling, self._edge.settings.limits.body_bytes_max
        rates = {name.value: getattr(terms, name.value) for name in RateClass}
        daily = next((limit.left for limit in self._door.throttle.state(partner) if limit.name == DAILY), None)
        return {
            "rates": {name: {"per_second": rate.per_second, "burst": rate.burst} for name, rate in rates.items()},
            "requests_per_second_max": partner.profile.limits.requests_per_second_max,
            "concurrent_max": terms.concurrent_max,
            "daily_max": terms.daily_max,
            "daily_left": daily,
            "body_bytes_max": min(partner.profile.limits.body_bytes_max or body_bytes_max, body_bytes_max),
        }
