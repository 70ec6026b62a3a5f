"""Another machine as the edge of a real run, over TLS. Nothing here listens unless a user has typed `sqsim edge`.

`secure_frames` is what both machines say, `edge_listener` the command at the edge, `remote_edge` the device that it
serves, and `edge_gateway` the process in the edge's host here through which that device's packets enter the link.
"""
