"""From a query to results: search by vectors or words, recommendation, and what scores mean."""
