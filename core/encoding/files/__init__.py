"""Where model files come from: a folder, a package, a hub."""
