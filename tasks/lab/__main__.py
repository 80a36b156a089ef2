"""``python -m tasks.lab``: trains the lab model, or finds it, and shows what it can do."""

import argparse
import sys

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tasks.lab.model import lab_model
from tasks.lab.skill_table import SkillScore, skill_table
from tasks.models.language_model import load_language_model
from tasks.settings.errors import UserError


def main() -> int:
    """Exit code 0, or 2 where what was asked cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m tasks.lab", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of the initial weights and the corpus (default 0)")
    parser.add_argument("--exclude", help="train the gold model without: rude, person, code or facts")
    arguments = parser.parse_args()
    console = Console()
    try:
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("lab model", total=1.0)
            ref = lab_model(
                arguments.seed,
                exclude=arguments.exclude,
                progress=lambda fraction, message: progress.update(task, completed=fraction, description=message),
            )
        console.print(f"{ref.folder}", soft_wrap=True)
        console.print(_rendered(skill_table(load_language_model(ref.folder))))
    except UserError as error:
        Console(stderr=True).print(f"{error}", soft_wrap=True)
        return 2
    return 0


def _rendered(scores: list[SkillScore]) -> Table:
    table = Table("group", "measure", "score")
    for line in scores:
        table.add_row(line.group, line.measure, f"{line.score:.3f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
