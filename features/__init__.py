"""Features: what is remembered of pictures: catalogues, feature files, indexes. `library.Library` is the way in."""
