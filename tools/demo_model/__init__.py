"""The demo model's making: facts, pictures, questions, tower, decoder, export and evaluation."""
