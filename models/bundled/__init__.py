"""The pairs whose weights come with this repository, or are made from a package and what lies here."""
