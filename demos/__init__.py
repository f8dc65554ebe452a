"""How it looks: one file per tab, each runnable alone (`python -m demos.style`). Importing this loads nothing."""
