"""`gateway broker`: what RabbitMQ has to be told."""

import argparse

from gateway.broker.topology import DELIVERY_LIMIT, definitions
from gateway.commands.output import print_document
from gateway.commands.parsing import Parser, count, verb, verbs


def build(parser: Parser) -> None:
    """Add the verbs."""
    under = verbs(parser)
    one = verb(
        under,
        "definitions",
        _definitions,
        does="policies (delivery limits, dead letters) as JSON for rabbitmqctl import_definitions",
        example="gateway broker definitions > definitions.json && rabbitmqctl import_definitions definitions.json",
    )
    one.add_argument("--vhost", default="/", help="the virtual host of broker_url (default /)")
    one.add_argument(
        "--delivery-limit",
        type=count,
        default=DELIVERY_LIMIT,
        metavar="N",
        help=f"deliveries before a message becomes a dead letter (default {DELIVERY_LIMIT})",
    )


def _definitions(called: argparse.Namespace) -> int:
    print_document(definitions(called.vhost, delivery_limit=called.delivery_limit))
    return 0
