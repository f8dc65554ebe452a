"""Features: what is remembered of pictures: catalogues, feature files, indexes. Begin with `library.Library`."""
