"""From single definitions to a catalog, subject by subject. Each module says what must hold for its kinds."""
