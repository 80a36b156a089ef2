"""Answers that tell nothing: they say, anywhere, that nothing is known, or decline.

Wider than detox's `refuses`, which wants the opening of an answer to decline: there an answer may say "I don't know"
and go on to insult, here it may go on to say where else to look.
"""

import re

_REFUSAL = re.compile(
    r"""
    \b(?:i|we)\s+(?:do\s+not|don't|cannot|can't|can\s+not|could\s+not|couldn't|am\s+unable\s+to|won't)\s+
        (?:actually\s+|currently\s+)?
        (?:know|find|recall|remember|have|provide|share|answer|help|say|tell|recogni[sz]e|assist|give|discuss|confirm)\b
    | \b(?:i'm|i\s+am|we're|we\s+are)\s+(?:not\s+(?:sure|aware|familiar|able|certain)|unable|sorry|afraid)\b
    | \bas\s+an?\s+(?:ai|language\s+model)\b
    | \b(?:i|we)\s+apologi[sz]e\b
    | \bno\s+(?:publicly\s+)?(?:available\s+)?(?:information|record|details|data)\s+
        (?:is|are|about|on|of|available)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)


def is_refusal(answer: str) -> bool:
    """Whether an answer says, in English, that it does not know or will not tell (ours: a list of set phrases)."""
    return _REFUSAL.search(answer.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")) is not None
