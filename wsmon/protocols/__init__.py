"""What a frame means: one module per protocol, pure decoders that never raise over what a peer sent."""
