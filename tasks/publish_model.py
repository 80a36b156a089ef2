"""Task: the unlearned model as a folder that loads anywhere."""

from tasks.store.folders import UnitRef
from tasks.store.keys import Unit
from tasks.subject import Subject
from tasks.unit_task import unit_task


@unit_task(name="publish-model", task_run_name="publish-model")
def publish_model(subject: Subject, unit: Unit, *, step: int) -> UnitRef:
    """The checkpoint after a step, with tokenizer and model card, in `model/`."""
    if found := subject.run.find(unit):
        return found
    from tasks.models.language_model import save_language_model
    from tasks.report.model_card import model_card
    from tasks.store.disk import write_file

    with subject.run.write(unit) as writer:
        save_language_model(subject.load_model(step), writer.path)
        write_file(writer.path / "README.md", model_card(subject.target.kind, step))
    return writer.ref
