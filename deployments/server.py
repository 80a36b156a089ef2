"""The Prefect server that deployments are registered with: named by the user, and answering."""

import httpx

from tasks.settings.errors import UserError


def server_address() -> str:
    """Address of the server's API, from PREFECT_API_URL or the Prefect profile.

    Raises:
        UserError: none is set, or no server answers there.
    """
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    if not address:
        raise UserError(
            "PREFECT_API_URL is not set; start a server with `prefect server start`, and set it to "
            "http://127.0.0.1:4200/api."
        )
    try:
        httpx.get(f"{address.rstrip('/')}/health", timeout=10).raise_for_status()
    except httpx.HTTPError:
        raise UserError(
            f"PREFECT_API_URL is {address!r}, where no Prefect server answers; start it, or name another."
        ) from None
    return address
