"""Builds: one verified binary for each toolchain, settings and workload."""
