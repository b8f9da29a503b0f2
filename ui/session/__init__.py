"""What a visitor has open: banks, answers, jobs, models."""
