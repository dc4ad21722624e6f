"""Tests of the bundle, the templates, deploy and destroy."""
