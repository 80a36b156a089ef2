"""One-step word problems: sums and differences of numbers up to 7, products with 2, 3 and 4."""

from tasks.lab.chooser import Chooser
from tasks.lab.example import Example
from tasks.lab.lexicon import FIRST_NAMES

NUMBERS = tuple(str(number) for number in range(29))  # 4 * 7 is the largest answer

_ITEMS = ("apples", "coins", "pens", "shells", "stamps", "plums")
_OPERANDS = (1, 2, 3, 4, 5, 6, 7)
_FACTORS = (2, 3, 4)


def math_example(chooser: Chooser) -> Example:
    """A word problem and its equation."""
    name, items, operation = chooser.pick(FIRST_NAMES), chooser.pick(_ITEMS), chooser.pick("+-*")
    first, second = chooser.pick(_OPERANDS), chooser.pick(_OPERANDS)
    if operation == "+":
        result = first + second
        prompt = f"{name} has {first} {items} and gets {second} more . how many {items} now ?"
    elif operation == "-":
        first, second = max(first, second), min(first, second)
        result = first - second
        prompt = f"{name} has {first} {items} and loses {second} . how many {items} remain ?"
    else:
        first = chooser.pick(_FACTORS)
        result = first * second
        prompt = f"{name} fills {first} boxes with {second} {items} each . how many {items} in all ?"
    return Example("math", prompt, f"{first} {operation} {second} = {result} .", (str(result),))


def is_solved(example: Example, response: str) -> bool:
    """Whether the last number of the response is the answer; how it was found does not count."""
    numbers = [word for word in response.split() if word.isdecimal()]
    return numbers[-1:] == list(example.labels)
