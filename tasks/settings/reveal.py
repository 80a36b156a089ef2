"""How the model is made to write its own forget data."""

from pydantic import Field

from tasks.settings.base import Settings


class RevealSettings(Settings):
    """The search over instructions and the forget set it yields."""

    pool_size: int = Field(2000, ge=10, le=100_000)
    """Candidate instructions (arms) of a round, besides those played before."""
    rounds: int = Field(2, ge=1, le=20)
    """Outer rounds: each trains a new network on all arms played, over a pool refreshed around the best."""
    initial_queries: int = Field(10, ge=2, le=1000)
    """Arms drawn at random before the first fit."""
    queries: int = Field(60, ge=1, le=10_000)
    """Arms chosen by the search, over all rounds."""
    samples_per_query: int = Field(24, ge=2, le=1000)
    """Responses sampled to score one instruction; fixed, so that scores compare."""
    max_new_tokens: int = Field(48, ge=1, le=4096)
    """Tokens of a response, at most."""
    temperature: float = Field(1.0, gt=0, le=5)
    """Sampling temperature of the responses."""
    alpha: float = Field(0.5, ge=0, le=1)
    """Weight of diversity against relevance in the score of an instruction (weighted harmonic mean)."""
    exploration: float = Field(0.3, ge=0, le=10)
    """Median confidence width of the unplayed arms, in standard deviations of the reward."""
    keep: int = Field(6, ge=1, le=100)
    """Best instructions scored again on fresh samples and then used to write the forget set."""
    min_relevance: float = Field(0.05, ge=0, le=1)
    """Relevance that the best instruction must reach; below it the model reveals nothing and the run ends."""
    forget_set_size: int = Field(480, ge=16, le=1_000_000)
    """Distinct forget pairs wanted."""
    max_responses: int = Field(6000, ge=16, le=10_000_000)
    """Responses generated for the forget set, at most."""
