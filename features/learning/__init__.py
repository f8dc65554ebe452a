"""Learning from a collection: classifiers, tuned spaces, fine-tuned networks, autoencoders."""
