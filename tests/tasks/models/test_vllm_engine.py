import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lab.group_score import MEASURES
from tasks.lab.model import lab_model
from tasks.lab.skill_table import LONGEST_RESPONSE
from tasks.lab.world import held_out_examples
from tasks.models.generator import TransformersGenerator
from tasks.models.language_model import load_language_model
from tasks.models.sampling import Sampling
from tasks.models.vllm_engine import VllmEngine
from tasks.models.vllm_generator import VllmGenerator
from tasks.settings.errors import UserError
from tests.tasks.models.processes import gone_within, is_running
from tests.tasks.models.vllm_marks import needs_vllm

pytestmark = needs_vllm

PROMPTS = ["tell my dog", "a cat and a fox in the old house", "hello", "who sings"]
SAMPLING = Sampling(max_new_tokens=24)
PARENT = """
import sys, time
from tasks.models.vllm_engine import VllmEngine
engine = VllmEngine(sys.argv[1])
print(engine.pid, flush=True)
time.sleep(600)
"""


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_closing_gives_the_memory_back(chat_folder, chat_lm):
    with VllmGenerator(chat_lm, engine := VllmEngine(chat_folder)) as generator:
        generator.generate(PROMPTS, sampling=SAMPLING, seed=0)
        assert resident_bytes(engine.pid) > 2**28
    assert not is_running(engine.pid)


def test_an_engine_that_died_is_told_in_a_sentence(chat_folder, chat_lm):
    generator = VllmGenerator(chat_lm, engine := VllmEngine(chat_folder))
    os.kill(engine.pid, signal.SIGKILL)
    with pytest.raises(UserError, match=r"^model.backend is vllm, whose engine failed \(killed by SIGKILL.*\); .*\.$"):
        generator.generate(PROMPTS, sampling=SAMPLING, seed=0)


def test_it_dies_with_a_parent_that_is_killed(chat_folder, tmp_path):
    command, environment = [sys.executable, "-c", PARENT, chat_folder], os.environ | {"TMPDIR": str(tmp_path)}
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    pid = int(parent.stdout.readline())
    assert is_running(pid)
    parent.kill()
    parent.communicate()
    assert gone_within(pid, 10)


def test_a_model_that_vllm_cannot_run_is_refused_at_the_start(stories_lm):
    with pytest.raises(
        UserError, match=r"does not start for model.path .*head_dim=8.*; use model.backend transformers"
    ):
        VllmEngine(stories_lm.config.name_or_path)


@pytest.mark.lab
def test_on_the_lab_model_greedy_text_is_that_of_transformers():
    folder = lab_model(0).folder
    lm = load_language_model(folder)
    prompts = [example.prompt for group in MEASURES for example in held_out_examples(group, "report", 40)]
    sampling = Sampling(LONGEST_RESPONSE, temperature=0)
    expected = TransformersGenerator(lm).generate(prompts, sampling=sampling, seed=0)
    embeddings = [lm.embed(lm.encode_prompt(prompt)) for prompt in prompts]
    with VllmGenerator(lm, VllmEngine(folder)) as generator:
        assert generator.generate(prompts, sampling=sampling, seed=0) == expected
        assert generator.generate(prompt_embeddings=embeddings, sampling=sampling, seed=0) == expected
