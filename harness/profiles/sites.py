"""Names of allocation sites, as the author of a program knows them."""

from collections.abc import Mapping

from harness.profiles.pprof import Stack

_NOT_THE_PROGRAM = ("runtime.", "internal/", "runtime/internal/")
"""Packages that no program calls by itself, or that allocate for every one."""

_BEHIND = ", in "


def site(stack: Stack, module: str = "") -> str:
    """Name who allocates: ``main.serve``, or ``main.serve, in time.newTimer``.

    First the innermost function of the user's: of package main or of the main module. If there is
    none, that of another module, which lies nearest to it. Behind it the function outside the
    runtime that allocates, unless it is the same.
    """
    return site_and_callers(stack, module)[-1]


def site_and_callers(stack: Stack, module: str = "") -> Stack:
    """Put the site in the place of its function and all that this calls."""
    if not stack:
        return ("?",)
    places = range(len(stack) - 1, -1, -1)
    leaf = next((i for i in places if not stack[i].startswith(_NOT_THE_PROGRAM)), None)
    if leaf is None:
        return stack
    below = range(leaf, -1, -1)
    own = (i for i in below if _is_own(stack[i], module))
    foreign = (i for i in below if _is_foreign(stack[i]))
    place = next(own, next(foreign, leaf))
    name = stack[place] if place == leaf else f"{stack[place]}{_BEHIND}{stack[leaf]}"
    return (*stack[:place], name)


def owner_of(site: str) -> str:
    """Return the user's function of a site, without the one that allocates behind it."""
    return site.partition(_BEHIND)[0]


def function_behind(site: str) -> str:
    """Return the function that allocates for the user's; empty where that does it itself."""
    return site.partition(_BEHIND)[2]


def by_site(stacks: Mapping[Stack, float], module: str = "") -> dict[str, float]:
    """Sum what stacks hold by site."""
    result: dict[str, float] = {}
    for stack, size in stacks.items():
        name = site(stack, module)
        result[name] = result.get(name, 0.0) + size
    return result


def _is_foreign(function: str) -> bool:
    """Whether it is in no package of the standard library, none of which has a host's name."""
    host, slash, _ = function.partition("/")
    return bool(slash) and "." in host


def _is_own(function: str, module: str) -> bool:
    if function.startswith("main."):
        return True
    if not module:
        return False
    head, slash, last = module.rpartition("/")
    package = f"{head}{slash}{last.replace('.', '%2e')}"  # as the linker writes it
    return function.startswith((f"{package}.", f"{package}_test.", f"{module}/"))
