"""A whole collection: duplicates, similarity of folders, outliers, the map, and pairs of faces."""
