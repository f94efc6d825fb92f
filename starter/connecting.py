"""Where the Temporal server of this home is."""

import os

from temporalio.client import Client

from storage.keys import Keys, load_keys
from worker.connection import connect, connect_embedded
from worker.settings import Settings


async def temporal_client(settings: Settings, keys: Keys) -> Client:
    """Connect to the server the environment names, else to the embedded one of this home."""
    known = settings.endpoints()

    def reload() -> Keys:
        return load_keys(settings.keys)

    if known is None or "TEMPORAL_ADDRESS" in os.environ or "TEMPORAL_PROFILE" in os.environ:
        return await connect(keys=keys, reload=reload)
    return await connect_embedded(keys=keys, address=known.temporal, namespace=known.namespace, reload=reload)
