from tasks.lab.group_score import MEASURES
from tasks.lab.recipe import RECIPE
from tasks.lab.skill_table import skill_table
from tasks.lab.training import train_lab_model
from tasks.lab.vocabulary import vocabulary
from tasks.models.language_model import LanguageModel


def test_an_untrained_model_can_do_nothing_and_finds_every_word_as_likely(monkeypatch):
    monkeypatch.setitem(RECIPE, "num_steps", 1)
    monkeypatch.setitem(RECIPE, "batch_size", 1)
    table = skill_table(LanguageModel(*train_lab_model(0)), num_prompts=4)
    assert [line.group for line in table] == [*MEASURES, "polite"]
    assert all(line.score < 0.5 for line in table[:-1] if line.group != "rude")
    assert table[-1].measure == "perplexity"
    assert 0.5 * len(vocabulary()) < table[-1].score < 2 * len(vocabulary())
