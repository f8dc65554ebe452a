"""Putting it online: a Space (`python -m deploy.space`), and a rehearsal of one (`python -m deploy.rehearse`)."""
