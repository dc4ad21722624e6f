"""The core: repair, features, model file, score, clues, mail."""
