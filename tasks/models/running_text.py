"""A prompt and what follows it as one text: where the response begins, in characters and in tokens."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RunningText:
    """The text a model reads, with its tokens."""

    text: str
    border: int
    """Character at which the response begins."""
    token_ids: list[int]
    token_ends: list[int]
    """For each token, the character after its last one."""

    @property
    def first_response_token(self) -> int:
        """Index of the first token that holds some of the response; one that straddles the border counts (ours)."""
        return self.first_token_after(0)

    def first_token_after(self, num_characters: int) -> int:
        """Index of the first token that holds some of what follows so many characters of the response."""
        begin = self.border + num_characters
        return next((i for i, end in enumerate(self.token_ends) if end > begin), len(self.token_ids))

    def response_up_to(self, num_tokens: int) -> str:
        """Text of the first `num_tokens` tokens of the response."""
        ends = self.token_ends[self.first_response_token :][:num_tokens]
        return self.text[self.border : ends[-1]] if ends else ""
