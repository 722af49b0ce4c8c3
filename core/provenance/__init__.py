"""The back of a picture: what its file says of where it comes from."""
