"""A host's end of the link: messages cut into packets, the project's own ARQ, two UDP sockets under asyncio."""
