"""Workloads that measure what an operation costs, against other engines."""
