"""The tests; folders mirror src/despam."""
