"""Source bisection: which declarations of the standard library make the difference.

``search_source`` in ``search`` is the entry point. ``used`` finds the files, ``split`` parses them,
``changes`` holds their differences as edits, ``needs`` tells which edits need which, ``hybrids``
makes toolchains with some of them, ``grouptest`` and ``minimise`` search, ``patch`` describes what
was found.
"""
