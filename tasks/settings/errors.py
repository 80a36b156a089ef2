"""The one error family for what the user did; what we did wrong is an `AssertionError`."""


class UserError(ValueError):
    """Something the user gave cannot be used; the message is one sentence that says what would be right.

    The command line prints the message without a traceback and exits with 2.
    """


def reason(error: Exception) -> str:
    """Why something could not be read, in a few words that fit into a sentence: never what was read.

    The text of a `UnicodeDecodeError` is the whole file, and a file may be the one to forget.
    """
    if isinstance(error, UnicodeDecodeError):
        return f"no UTF-8 text at byte {error.start}"
    if isinstance(error, UnicodeEncodeError):
        return "half a character in it"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
