"""What all settings share: frozen, no unknown fields, the docstring under a field is its help everywhere."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A group of settings that belong to one unit of work."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
