"""One experiment as a value: a `cell` with its `workload`, `device_classes`, `cloud_config` and `scheme`; how a person
writes one (`as_written`, `quantities`, `dotted_names`, `settings`) and reads it (`descriptions`); `imported_files`."""
