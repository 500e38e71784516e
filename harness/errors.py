"""The one error class for mistakes that a user can mend."""


class HarnessError(Exception):
    """Something the user can put right; its text is the whole message and needs no traceback.

    The message says what happened, where, and what to do. ``gomatrix`` and pytest print it on one
    line and exit with a status of 2 or above.
    """
