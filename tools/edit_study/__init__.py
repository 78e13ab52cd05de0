"""Edits of capitals, MultEdit against fine-tuning, and where to edit: run with scripts/edit-study."""
