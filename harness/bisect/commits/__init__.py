"""Commit bisection: the commit between two toolchains that makes the change."""
