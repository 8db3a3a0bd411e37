"""Our key pairs as they are kept (`pairs`), and of all certificates when they were used and who was warned."""

from gateway.store.keys.pairs import StoredKey, add, change, count, every, lock

__all__ = ["StoredKey", "add", "change", "count", "every", "lock"]
