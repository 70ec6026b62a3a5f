"""Run of a cell as real processes on this machine: the same protocols, schemes, codec and models, over a real link.

`supervisor.real` runs it. `plan` says which cells can be run, `packet_header` what crosses the link, and each process
keeps a `journal` of what it does. `network` builds the two hosts and the emulated link between them, `transport` sends
and receives messages, `endpoints` are the programs of edge and cloud, which drive the machines of
`simulator.protocols`, and `real_tables` makes of what they have noted the tables of a simulation. `calibration`
measures what the processes take.
"""
