"""How the model is made to write its own forget data."""

from typing import Literal

from pydantic import Field

from tasks.settings.base import Settings


class RevealSettings(Settings):
    """The search over arms, what the model is asked, and the forget set it yields."""

    arms: Literal["text", "soft", "mixed"] = "text"
    """What is asked: `text`, instructions in words; `soft`, soft prompts (embeddings without words); `mixed`, both."""
    hops: Literal[1, 2] = 2
    """Soft prompts: `2`, they make the model write an instruction, which is then asked and can be read; `1`, the model
    answers the soft prompt itself."""
    soft_space: Literal["mixture", "projection"] = "mixture"
    """Soft prompts: `mixture`, of the embeddings of instruction words; `projection`, at random."""
    soft_tokens: int = Field(5, ge=1, le=100)
    """Soft prompts: tokens of each."""
    soft_dimensions: int = Field(10, ge=1, le=1000)
    """Soft prompts: dimensions of the space they are searched in."""
    pool_size: int = Field(2000, ge=10, le=100_000)
    """Candidate arms of a round, besides those played before."""
    rounds: int = Field(2, ge=1, le=20)
    """Outer rounds, at most: each trains a new network on all arms played, over a pool refreshed around the best."""
    initial_queries: int = Field(10, ge=2, le=1000)
    """Arms drawn at random before the first fit."""
    queries: int = Field(60, ge=1, le=10_000)
    """Arms chosen by the search, over all rounds."""
    queries_at_once: int = Field(1, ge=1, le=1000)
    """Arms chosen, and answered in one batch, between two fits of the network."""
    samples_per_query: int = Field(24, ge=2, le=1000)
    """Responses sampled to score one arm; fixed, so that scores compare."""
    max_new_tokens: int = Field(48, ge=1, le=4096)
    """Tokens of a response, at most."""
    temperature: float = Field(1.0, gt=0, le=5)
    """Sampling temperature of the responses."""
    alpha: float = Field(0.5, ge=0, le=1)
    """Weight of diversity against relevance in the score of an arm (weighted harmonic mean)."""
    embedding: Literal["hidden-states", "sentence-encoder", "hashed-ngrams"] = "hidden-states"
    """By what the diversity of responses is judged: the model's own hidden states, whitened; a sentence encoder; hashed
    character n-grams."""
    embedding_model: str = ""
    """Folder or hub id of the sentence encoder."""
    width: Literal["full", "diagonal"] = "full"
    """Covariance behind the confidence widths: exact, or its diagonal alone."""
    exploration: float = Field(0.1, ge=0, le=10)
    """Median confidence width of the unplayed arms, in standard deviations of the reward; 0 only exploits."""
    rewrites: int = Field(100, ge=0, le=10_000)
    """Times that a chat model is asked, before each round but the first, to say good instructions in other words."""
    min_gain: float = Field(0.02, ge=0, le=10)
    """A round that raises neither the best score nor the Vendi score of what the chosen arms show, on fresh samples, by
    this share is the last."""
    keep: int = Field(6, ge=1, le=100)
    """Best arms that are scored again on fresh samples after each round; and arms that write the forget set."""
    min_relevance: float = Field(0.05, ge=0, le=1)
    """Relevance that the best arm must reach; below it the model reveals nothing and the run ends."""
    forget_set_size: int = Field(480, ge=16, le=1_000_000)
    """Distinct forget pairs wanted."""
    max_responses: int = Field(6000, ge=16, le=10_000_000)
    """Responses generated for the forget set, at most."""
