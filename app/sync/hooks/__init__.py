"""What a webhook is judged by besides its signature, and what is done for it regularly."""
