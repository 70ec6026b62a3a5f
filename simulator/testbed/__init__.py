"""The thing itself: a cell as two real processes, edge and cloud, over a shaped link, with real bytes and real passes.

`real` runs it. `plan` says which cells can be, `letters` is what crosses the air, `namespaces` builds the two hosts and
the interfaces between them, `relay` is the air, `endpoint` a host's end of it with the project's own ARQ; `edge` and
`cloud` are the two programs. Each process keeps a `journal`; `books` makes the tables of a run from them, and decodes
every payload again to see that what was sent is what the simulator would have sent. No SimPy, and no clock but the
machine's.
"""
