import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from threading import Barrier

import httpx
import pytest

from tasks.models.generator import TransformersGenerator
from tasks.models.openai_generator import OpenAIGenerator
from tasks.models.sampling import Completion, Sampling
from tasks.settings.errors import UserError
from tasks.store.seeds import derive_seed
from tests.tasks.models.fake_server import fake_server
from tests.tasks.models.vllm_marks import needs_vllm

PROMPTS = ["tell my dog", "a cat and a fox in the old house", "hello"]
SAMPLING = Sampling(max_new_tokens=9, temperature=0.7, top_p=0.9)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def server():
    with fake_server() as server:
        yield server


def open_generator(codec, server, **arguments) -> OpenAIGenerator:
    return OpenAIGenerator(codec, server.url, first_wait_s=0.001, **arguments)


def seed_of(prompt: str, sample: int) -> int:
    return derive_seed(3, prompt, sample) % 2**53


def test_each_sample_is_asked_for_with_its_tokens_and_its_own_seed(chat_lm, server):
    completions = open_generator(chat_lm, server).generate(PROMPTS, n=2, sampling=SAMPLING, seed=3)
    by_seed = {body.pop("seed"): body for body in server.bodies}
    assert by_seed.keys() == {seed_of(prompt, k) for prompt in PROMPTS for k in range(2)}
    for prompt, samples in zip(PROMPTS, completions, strict=True):
        for k, completion in enumerate(samples):
            word = chat_lm.decode([5 + seed_of(prompt, k) % 100])
            assert completion == Completion(word, num_tokens=1, finished=True)
            body = by_seed[seed_of(prompt, k)]
            assert body["prompt"] == chat_lm.encode_prompt(prompt)
            assert (body["model"], body["max_tokens"], body["temperature"], body["top_p"]) == ("tiny", 9, 0.7, 0.9)
            assert body["stop_token_ids"] == chat_lm.end_token_ids
    assert max(by_seed) < 2**53 < derive_seed(3, PROMPTS[0], 0)


def test_a_prefix_is_read_and_a_base_prompt_read_on_from(base_lm, server):
    [[completion]] = open_generator(base_lm, server).generate(
        ["tell my"], sampling=SAMPLING, seed=3, response_prefixes=[" dog"]
    )
    assert server.bodies[0]["prompt"] == base_lm.encode_prompt("tell my", " dog")
    assert completion.text == " " + base_lm.decode([5 + seed_of("tell my", 0) % 100])


def test_a_server_without_token_ids_is_taken_at_its_word(chat_lm, server):
    server.token_ids = False
    [[completion]] = open_generator(chat_lm, server).generate(["hello"], sampling=SAMPLING, seed=3)
    assert completion == Completion(f" word{5 + seed_of('hello', 0) % 100} ", num_tokens=1, finished=True)


def test_requests_are_under_way_together_and_no_more_than_the_batch_size(chat_lm, server):
    server.together = Barrier(4)  # breaks, and the test fails, unless four at a time arrive
    completions = open_generator(chat_lm, server, batch_size=4).generate(["hello"], n=8, sampling=SAMPLING, seed=0)
    assert len(completions[0]) == 8


def test_busy_broken_and_absent_minded_servers_are_asked_again(chat_lm, server):
    generator = open_generator(chat_lm, server)
    server.failures = [429, 503, 0]
    assert generator.generate(["hello"], sampling=SAMPLING, seed=0)[0][0].finished
    assert len(server.bodies) == 4


def test_the_key_comes_from_the_environment(chat_lm, server, monkeypatch):
    server.key = "secret"
    with pytest.raises(UserError, match=r"^model.api_url is .*, which refuses the API key; .* OPENAI_API_KEY\.$"):
        open_generator(chat_lm, server)
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert open_generator(chat_lm, server).generate(["hello"], sampling=SAMPLING, seed=0)


@pytest.mark.parametrize(
    ("models", "wanted", "sentence"),
    [
        (["a", "b"], "", r"^model.api_url is .*, which serves a, b; name one with model.api_model\.$"),
        ([], "", r"serves nothing; name one"),
        (["a", "b"], "c", r"^model.api_model is 'c', but the server at model.api_url serves a, b\.$"),
    ],
)
def test_a_model_that_is_not_served_is_refused(chat_lm, server, models, wanted, sentence):
    server.models = models
    with pytest.raises(UserError, match=sentence):
        open_generator(chat_lm, server, model=wanted)


def test_one_of_several_models_can_be_named(chat_lm, server):
    server.models = ["a", "b"]
    open_generator(chat_lm, server, model="b").generate(["hello"], sampling=SAMPLING, seed=0)
    assert server.bodies[0]["model"] == "b"


def test_a_server_that_goes_on_failing_is_told_in_a_sentence(chat_lm, server):
    generator = open_generator(chat_lm, server)
    server.failures = [500] * 5
    with pytest.raises(UserError, match=r"^model.api_url is .*, which answers with HTTP 500, 5 times in a row; .*\.$"):
        generator.generate(["hello"], sampling=SAMPLING, seed=0)
    server.failures = [400]
    with pytest.raises(UserError, match=r"which answers /v1/completions with HTTP 400 \(.*such luck.*\); give"):
        generator.generate(["hello"], sampling=SAMPLING, seed=0)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", r"which answers /models with HTTP 404 \(.*\); give the address .* up to and with /v1\.$"),
        ("/v2", r"which answers /v2/models with HTTP 404"),
    ],
)
def test_an_address_that_is_not_the_servers_is_told(chat_lm, server, path, sentence):
    with pytest.raises(UserError, match=sentence):
        OpenAIGenerator(chat_lm, server.url.removesuffix("/v1") + path)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "localhost:8000/v1", "http://localhost:port/v1"])
def test_nothing_there_is_told(chat_lm, url):
    with pytest.raises(
        UserError, match=rf"^model.api_url is '{url}', where nothing answers \(.*\), 5 times in a row; "
    ):
        OpenAIGenerator(chat_lm, url, first_wait_s=0)


def test_embeddings_do_not_go_over_the_wire(chat_lm, server):
    with pytest.raises(UserError, match="takes text and no prompt embeddings"):
        open_generator(chat_lm, server).generate(prompt_embeddings=[chat_lm.embed([5])], sampling=SAMPLING, seed=0)


def test_what_would_not_fit_is_not_sent(chat_lm, server):
    with pytest.raises(UserError, match="lower max_new_tokens"):
        open_generator(chat_lm, server).generate(PROMPTS, sampling=Sampling(250), seed=0)
    assert server.bodies == []


@pytest.fixture(scope="module")
def vllm_url(base_folder, tmp_path_factory):
    """vLLM's own server; its model's generation config has tastes that must not show."""
    folder = shutil.copytree(base_folder, tmp_path_factory.mktemp("served") / "model")
    config = json.loads((folder / "generation_config.json").read_text())
    tastes = {"do_sample": True, "top_k": 1, "repetition_penalty": 2.0}
    (folder / "generation_config.json").write_text(json.dumps(config | tastes))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = (
        f"--model {folder} --host 127.0.0.1 --port {port} --served-model-name tiny --dtype float32 --enforce-eager "
        "--gpu-memory-utilization 0.1 --kv-cache-memory-bytes 268435456"
    )
    quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    server = subprocess.Popen(
        [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *arguments.split()],
        env=os.environ | quiet | {"VLLM_CPU_OMP_THREADS_BIND": "nobind"},
        start_new_session=True,  # it has children; they go together
    )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        while not answers(url):
            assert server.poll() is None, "the server ended"
            time.sleep(0.5)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/models", trust_env=False).is_success
    except httpx.TransportError:
        return False


class TestVllmServer:
    pytestmark = needs_vllm

    def test_greedy_text_is_that_of_transformers(self, base_lm, vllm_url):
        greedy = Sampling(24, temperature=0)
        written = OpenAIGenerator(base_lm, vllm_url).generate(PROMPTS, sampling=greedy, seed=0)
        assert written == TransformersGenerator(base_lm).generate(PROMPTS, sampling=greedy, seed=0)

    def test_samples_depend_on_seed_prompt_and_index_alone(self, base_lm, vllm_url):
        generator = OpenAIGenerator(base_lm, vllm_url)
        first = generator.generate(PROMPTS, n=4, sampling=Sampling(24), seed=1)
        assert generator.generate(PROMPTS[::-1], n=3, sampling=Sampling(24), seed=1)[::-1] == [row[:3] for row in first]
        assert generator.generate(PROMPTS, n=4, sampling=Sampling(24), seed=2) != first
        assert len({completion.text for completion in first[0]}) == 4
