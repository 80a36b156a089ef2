"""Marks of tests that need vLLM: left out by `-m "not vllm"`, and skipped where it is not installed."""

import pytest

from tasks.models.vllm_installed import is_vllm_installed

needs_vllm = [pytest.mark.vllm, pytest.mark.skipif(not is_vllm_installed(), reason="vLLM is not installed")]
