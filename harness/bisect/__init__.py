"""Bisection: from "it got worse between these two" to the release, flag, function and commit."""
