"""The card beside an unlearned model."""


def model_card(target: str, steps: int) -> str:
    """What the folder is, in the form of a Hugging Face model card; holds no times and no paths."""
    return f"""---
tags:
- unlearning
- reveal-and-release
---

# Unlearned model

This model was made to forget the target `{target}` in {steps} steps of Reveal-and-Release (arXiv:2509.14624): it
revealed the forget data itself, and forget and retain adapters were merged into its weights by weighted subtraction and
addition.

What was measured before and after, also with int8 and int4 weights, and how deep the forgetting goes, stands in
`summary.json` of the run. What is not measured there is not known; resistance to relearning, extraction and membership
inference is tested by `python -m flows.assess`.
"""
