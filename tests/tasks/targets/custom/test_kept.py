from tasks.models.sampling import Completion
from tasks.targets.custom.kept import CANDIDATES, Kept
from tasks.targets.retain import split_retain


class Writer:
    def generate(self, prompts, *, n, sampling, seed):
        return [[Completion(f"answer {k}", 2, True) for k in range(n)] for _ in prompts]


def test_every_prompt_is_among_what_is_trained_on_and_what_is_measured():
    prompts = [f"Question {i}?" for i in range(16)]
    candidates = Kept([], prompts, max_new_tokens=8, num_prompts={}).candidates(Writer(), size=640, seed=0)
    assert len(candidates) == CANDIDATES * 640

    retain = split_retain(candidates, size=160, held_out={"tune": 128, "report": 128})

    assert {pair.prompt for pair in retain.train} == set(prompts)
    assert {pair.prompt for pair in retain.held_out["tune"]} == set(prompts)
    assert {pair.prompt for pair in retain.held_out["report"]} == set(prompts)
