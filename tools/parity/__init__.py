"""Parity: patchbay against Hugging Face, cell by cell.

A second, slow and plain implementation of what docs call MultimodalCausalTrace: HF's own model classes in
float32 with eager attention, forward hooks, one full forward pass per cell. It shares no code with the C
program; both are written from the same definitions, and `compare` holds them together.
"""
