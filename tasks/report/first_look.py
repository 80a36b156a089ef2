"""What a person reads of a target's file that was checked: what it asks for, and a few answers without their words."""

from rich.console import Console
from rich.table import Table

from tasks.targets.checking import FirstLook
from tasks.targets.custom.file import TargetFile
from tasks.targets.target import Target


def print_first_look(file: TargetFile, target: Target, look: FirstLook, console: Console) -> None:
    """Form, sizes and limits of the target; scores of a few masked responses; the forget metric of a few prompts."""
    held_out = ", ".join(f"{len(examples)} {split}" for split, examples in target.forget.examples.items())
    console.print(f"A target of form {file.form}, with {held_out} prompts to measure by.")
    limits = file.limits.model_dump(exclude_none=True)
    console.print(
        f"Its limits: {', '.join(f'{name} {value:g}' for name, value in limits.items()) or 'none of its own'}."
    )
    table = Table("asked", "answered", "score", "forget pairs", title="A few responses (a dot for each character)")
    for one in look.judged:
        table.add_row(one.instruction, one.response, f"{one.relevance:.3f}", str(one.num_pairs))
    console.print(table)
    console.print(f"Forget metric ({target.forget.name}) of {look.num_held_out} held-out prompts: {look.forget:.3f}")
    if not any(one.num_pairs for one in look.judged):
        console.print("None of these responses shows the target: the search will have to find instructions that do.")
