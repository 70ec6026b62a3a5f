"""The thing itself: a cell as two real processes, edge and cloud, over a shaped link, with real bytes and real passes.

`supervisor.real` runs it. `plan` says which cells can be, `letters` is what crosses the air, and each process keeps a
`journal`. `air` builds the two hosts and the interfaces between them and is the relay, `endpoints` a host's end of it
with the project's own ARQ, `ends` the two programs; `books` makes the tables of a run and decodes every payload again,
to see that what was sent is what the simulator sends; `calibration` measures what the machine takes. No SimPy, and no
clock but the machine's.
"""
