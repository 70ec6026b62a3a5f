"""Which tokens: the sessions of edge and cloud (`edge_session`, `cloud_session`, `tree_sessions`, `mirror_session`,
`hosted_session`, `local_session`), which a `decoder` makes for each request; the `nodes` and `steps` of the tree that
they leave; and the `memory` of such trees, on disk in a `round_store`, as `tree_bytes`. No clock."""
