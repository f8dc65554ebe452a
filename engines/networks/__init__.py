"""The nets that engines run on: one file per net, and where their weights come from."""
