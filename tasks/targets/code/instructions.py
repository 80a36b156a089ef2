"""The instruction pool of the target `coding`: requests for a function, in general words."""

GRAMMAR: tuple[tuple[str, ...], ...] = (
    ("Write", "Give me", "Show me", "Please write", "I need", "Make up"),
    (
        "a Python function",
        "a short Python function",
        "an example of a Python function",
        "a useful Python helper function",
        "a small Python exercise with its solution, a function",
        "a Python function from a programming course",
    ),
    (
        "that works on a list of numbers.",
        "that works on strings.",
        "that works on dictionaries.",
        "that uses a loop.",
        "that uses recursion.",
        "that sorts or searches.",
        "that computes something from number theory.",
        "that converts one format to another.",
        "that checks a condition.",
        "that counts something.",
        "that works on tuples or sets.",
        "that uses a regular expression.",
        "of your own choice.",
    ),
    ("", "Answer with the code alone.", "Explain it in one sentence.", "Put the code in a block."),
)
"""Slots in the order of the sentence; 1,872 instructions."""
