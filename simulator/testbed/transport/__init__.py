"""A host's end of the link: letters cut into packets, the project's own ARQ, two UDP sockets under asyncio."""
