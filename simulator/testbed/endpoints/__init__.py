"""The programs of an edge device and of the cloud: they carry out what the protocols' machines command, in real time,
with real sessions and real passes."""
