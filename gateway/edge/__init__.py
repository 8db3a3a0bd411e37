"""Where bytes come in: the partner port (AS2, REST) and the operator port, each with limits before anything else.

connection   deadlines and caps      bodies   sizes, rates, memory      http   routes, refusals as answers, the end
as2, rest    what partners send: AS2 in a room of its own
operator, events, outbound   what our own people and programs ask
tls          what the ports show, and the one that asks for certificates
refusals     the one table: reason -> status, words, AS2 modifier
"""

from gateway.edge.context import Edge
from gateway.edge.http import HttpServer
from gateway.edge.ports import new_bodies, operator_port, partner_port
from gateway.edge.tls import MutualTls, tls_context

__all__ = ["Edge", "HttpServer", "MutualTls", "new_bodies", "operator_port", "partner_port", "tls_context"]
