"""The two ports: which doors each of them has."""

from collections.abc import Callable

from gateway.edge.as2.door import As2
from gateway.edge.as2.parts import Parts
from gateway.edge.audit_gate import AuditGate
from gateway.edge.bodies import Bodies
from gateway.edge.context import Edge
from gateway.edge.events import EventFeed
from gateway.edge.http import HttpServer, Routes, health_routes
from gateway.edge.operator import Desk
from gateway.edge.operator_webhooks import OperatorWebhooks
from gateway.edge.outbound import OutboundDoor
from gateway.edge.rest.contents import Contents
from gateway.edge.rest.documents import Documents
from gateway.edge.rest.door import Door
from gateway.edge.rest.identity.api_keys import ApiKeys
from gateway.edge.rest.identity.callers import Identity
from gateway.edge.rest.identity.certificates import ClientCertificates
from gateway.edge.rest.identity.proxies import Proxies
from gateway.edge.rest.identity.signatures import SignedRequests
from gateway.edge.rest.identity.tokens import Tokens
from gateway.edge.rest.inbox import Inbox
from gateway.edge.rest.me import Me
from gateway.edge.rest.oauth import OAuth
from gateway.edge.rest.order_answers import OrderAnswers
from gateway.edge.rest.order_contents import OrderContents
from gateway.edge.rest.orders import Orders
from gateway.edge.rest.reference import Reference
from gateway.edge.rest.submitting import Submitting
from gateway.edge.rest.validate import Validate
from gateway.edge.rest.webhooks import Webhooks
from gateway.edge.throttling import Strangers, Throttle
from gateway.settings import Settings
from gateway.spool import SpoolFolder


def new_bodies(settings: Settings, now_ms: Callable[[], int]) -> Bodies:
    """The one body budget of a process, and the one keeper of parts."""
    limits = settings.limits
    spools = SpoolFolder(settings.spool_dir, limits.disk_free_bytes_min)
    return Bodies(limits, spools, Parts(settings.spool_dir, limits, now_ms))


def partner_port(edge: Edge, bodies: Bodies) -> HttpServer:
    """What partners reach: AS2, REST and health."""
    routes, gate, throttle = Routes(), _gate(edge), edge.throttle or Throttle(edge.now_ms, edge.metrics)
    strangers, tokens = Strangers(edge.now_ms), Tokens(edge)
    as2 = As2(edge, bodies, throttle, gate)
    as2.add_to(routes)
    door = _add_rest(edge, bodies, throttle, routes, lambda: server.draining, tokens)
    OAuth(edge, door, bodies=bodies, throttle=throttle, strangers=strangers, gate=gate, tokens=tokens).add_to(routes)
    health_routes(edge, routes)
    proxies = Proxies(edge.settings.trusted_proxies)
    server = HttpServer("edge", edge, routes, bodies, gate, as2.close, strangers, proxies)
    return server


def _add_rest(
    edge: Edge, bodies: Bodies, throttle: Throttle, routes: Routes, ending: Callable[[], bool], tokens: Tokens
) -> Door:
    identity = Identity(
        edge, [ApiKeys(edge).find, tokens.find, ClientCertificates(edge).find, SignedRequests(edge).find]
    )
    door = Door(edge, bodies, identity, throttle)
    submitting = Submitting(edge, door, ending)
    Documents(edge, door, submitting).add_to(routes)
    Contents(edge, door).add_to(routes)
    Validate(edge, door).add_to(routes)
    Inbox(edge, door).add_to(routes)
    Webhooks(edge, door).add_to(routes)
    order_contents = OrderContents()
    Orders(edge, door, order_contents).add_to(routes)
    OrderAnswers(edge, door, submitting, order_contents).add_to(routes)
    Reference(edge).add_to(routes, door)
    Me(edge, door).add_to(routes)
    return door


def operator_port(edge: Edge, bodies: Bodies) -> HttpServer:
    """What our own people and programs reach, each with a token: metrics, events, messages, exceptions."""
    routes = Routes()
    server = HttpServer("operator", edge, routes, bodies, _gate(edge))
    desk = Desk(edge, bodies)
    desk.add_to(routes)
    OutboundDoor(edge, bodies, desk).add_to(routes)
    OperatorWebhooks(edge, bodies, desk).add_to(routes)
    EventFeed(edge, desk, lambda: server.draining).add_to(routes)
    Reference(edge).add_problems_to(routes)
    health_routes(edge, routes)
    return server


def _gate(edge: Edge) -> AuditGate:
    return AuditGate(edge.reception, edge.metrics, edge.now_ms)
