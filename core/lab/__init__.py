"""Small SAEs of narratives: plan, train, measure, keep."""
