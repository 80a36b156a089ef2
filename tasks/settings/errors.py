"""The one error family for what the user did; what we did wrong is an `AssertionError`."""


class UserError(ValueError):
    """Something the user gave cannot be used; the message is one sentence that says what would be right.

    The command line prints the message without a traceback and exits with 2.
    """
