"""What is true of despam as it ships: modules loaded, names, packages, documents, data."""
