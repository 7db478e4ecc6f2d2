"""Training of the embedded vision-language model: generated sentences, rendered scenes, one small network."""
