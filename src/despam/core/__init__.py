"""What the answer needs, from the standard library alone: repair, features, model, mail."""
