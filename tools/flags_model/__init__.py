"""The making of models/flags: a tower and a projector that show flags to a frozen SmolLM2."""
