"""What a frame means, protocol by protocol: pure classifiers, none of which ever raises."""
