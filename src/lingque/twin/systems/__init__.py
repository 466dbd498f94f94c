"""The bank's source systems, each with its own keys, formats, delays and mistakes; one module for each."""
