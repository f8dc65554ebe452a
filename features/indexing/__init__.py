"""From pictures to stored vectors: embedding, in this process or on a cluster, and the feature files."""
