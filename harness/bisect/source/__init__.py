"""The source step of a bisection: which declarations of the standard library make the difference.

``search_source`` in ``search`` is the way in. ``used`` finds the files, ``split`` takes them apart,
``changes`` has their differences as edits, ``needs`` tells which edits go together, ``minimise``
is delta debugging, ``mixtures`` puts combinations of edits to the judge, ``patch`` says what was
found.
"""
