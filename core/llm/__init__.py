"""OpenAI-compatible endpoints: requests, batches, narratives written by them."""
