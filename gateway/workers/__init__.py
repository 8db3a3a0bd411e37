"""Processes for heavy work: killable, limited in time and memory, so that one large file hurts nobody else."""

from gateway.workers.pool import PiecedBody, WorkerFailed, WorkerPool

__all__ = ["PiecedBody", "WorkerFailed", "WorkerPool"]
