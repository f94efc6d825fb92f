"""SMS providers: thin clients of their HTTP interfaces. A provider is one file here and one line in `registry`."""
