"""How good the results are, measured on labels: retrieval, classification, and one engine against another."""
