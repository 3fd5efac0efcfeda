"""Payload decoders: what makes text of a compressed or packed message, before its protocol is read."""
