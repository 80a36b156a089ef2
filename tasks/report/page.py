"""HTML pages that stand by themselves: no script, nothing loaded from anywhere, readable from a file."""

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_NUMBER = re.compile(r"[-+]?[\d.,]+%?|")


def render(template: str, **values: Any) -> str:
    """A page from one of the package's templates; every value is escaped unless it is markup already."""
    return _environment().get_template(template).render(values)


def style_sheet() -> str:
    """The colours and strokes of the charts, for a chart that is a file of its own."""
    return _environment().get_template("charts.css").render()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tasks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["numeric"] = lambda text: bool(_NUMBER.fullmatch(str(text)))
    return environment
