"""What the functions share: a layer of its own, so that a change here is uploaded once."""
