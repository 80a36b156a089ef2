"""What a model can do in the small world, group by group."""

from dataclasses import dataclass

from tasks.lab.group_score import MEASURES, group_score
from tasks.lab.splits import Split
from tasks.lab.world import held_out_examples
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import LanguageModel
from tasks.models.likelihood import perplexity
from tasks.models.pair import Pair
from tasks.models.sampling import Sampling

LONGEST_RESPONSE = 40
"""Tokens; the longest generated sample of the corpus has 36."""


@dataclass(frozen=True)
class SkillScore:
    """One line of the table."""

    group: str
    measure: str
    score: float


def skill_table(lm: LanguageModel, *, split: Split = "report", num_prompts: int = 200) -> list[SkillScore]:
    """Scores of a model on held-out prompts by greedy decoding, and the perplexity of polite answers."""
    generator = TransformersGenerator(lm, batch_size=256)
    greedy = Sampling(max_new_tokens=LONGEST_RESPONSE, temperature=0)
    table = []
    for group, measure in MEASURES.items():
        examples = held_out_examples(group, split, num_prompts)
        completions = generator.generate([example.prompt for example in examples], sampling=greedy, seed=0)
        score = group_score(group, examples, [completion.text for (completion,) in completions])
        table.append(SkillScore(group, measure, score))
    polite = [Pair(example.prompt, example.response) for example in held_out_examples("polite", split, num_prompts)]
    table.append(SkillScore("polite", "perplexity", perplexity(lm, polite)))
    return table
