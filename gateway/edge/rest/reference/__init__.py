"""The interface about itself: its OpenAPI document, the page that is made of it, schemas, kinds of problems."""

from gateway.edge.rest.reference.rooms import Reference

__all__ = ["Reference"]
