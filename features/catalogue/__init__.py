"""Which pictures there are: folders, decoding, captions, marks and uploads."""
