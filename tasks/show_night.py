"""Task: what a night did, as a person reads it in the UI."""

from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact

from tasks.unit_task import unit_task


@unit_task(name="show-night", task_run_name="show-night")
def show_night(record: dict[str, Any]) -> None:
    """One line in the log, and a page as an artifact."""
    from tasks.register.page import night_markdown

    get_run_logger().info("night %d: %s", record["night"], record["outcome"])
    create_markdown_artifact(night_markdown(record), key="night", description="The last night on one page.")
