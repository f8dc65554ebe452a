"""What the tests share: where the program is; pictures, engines, apps, hubs and databases."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
